"""How good a router is, and how sure that is. Needs numpy alone; imported only where it is used.

``evaluate`` puts all measures of :mod:`.metrics`, :mod:`.tradeoff`, :mod:`.calibration` and
:mod:`.frontier` together into one plain dictionary, ``compare`` sets two versions side by side on
the same prompts, and ``render`` makes a self-contained HTML page of either.
"""

from router.evaluation.attacks import Attack, attack
from router.evaluation.challenge import challenge, sample, steadiness, target
from router.evaluation.evaluate import Beside, Prices, compare, evaluate
from router.evaluation.intervals import Interval, bootstrap, paired
from router.evaluation.peers import aligned, expected_by_peers
from router.evaluation.predictions import Predictions, observe
from router.evaluation.remembering import remembering
from router.evaluation.report import render
from router.evaluation.robustness import robustness

__all__ = [
    "Attack",
    "Beside",
    "Interval",
    "Predictions",
    "Prices",
    "aligned",
    "attack",
    "bootstrap",
    "challenge",
    "compare",
    "evaluate",
    "expected_by_peers",
    "observe",
    "paired",
    "remembering",
    "render",
    "robustness",
    "sample",
    "steadiness",
    "target",
]
