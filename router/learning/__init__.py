"""From prompts with labels and scores to a router: what ``coe router train`` does."""

from router.learning.labels import OUT_OF_SCOPE, taxonomy_of
from router.learning.learn import embed, learn
from router.learning.plan import Plan, Progress, silent
from router.learning.sealing import with_report

__all__ = [
    "OUT_OF_SCOPE",
    "Plan",
    "Progress",
    "embed",
    "learn",
    "silent",
    "taxonomy_of",
    "with_report",
]
