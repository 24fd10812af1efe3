"""From prompts with labels and scores to a router: what ``coe router train`` does."""

from router.learning.adding import Added, AdditionRefused, add_to
from router.learning.labels import OUT_OF_SCOPE, taxonomy_of
from router.learning.learn import embed, learn
from router.learning.measuring import NotMeasured, measured, remembered, usual_folds
from router.learning.plan import Plan, Progress, silent
from router.learning.sealing import with_report

__all__ = [
    "OUT_OF_SCOPE",
    "Added",
    "AdditionRefused",
    "NotMeasured",
    "Plan",
    "Progress",
    "add_to",
    "embed",
    "learn",
    "measured",
    "remembered",
    "silent",
    "taxonomy_of",
    "usual_folds",
    "with_report",
]
