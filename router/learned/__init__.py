"""A classifier learned from evidence: its gate, and categories that grow, appear and are added."""

from router.learned.addition import Addition, Prompts, add_category, regression_set
from router.learned.classifier import LearnedClassifier
from router.learned.coherence import Split, incoherent
from router.learned.discovery import Discovered, discover
from router.learned.fitting import Fitted, LearnedSettings, fit_classifier
from router.learned.gate import LearnedGate, LearnedGateSettings, learn_gate, risk_coverage
from router.learned.growth import Growth, GrowthSettings, grow
from router.learned.seeding import Seeded, grow_from_seed

__all__ = [
    "Addition",
    "Discovered",
    "Fitted",
    "Growth",
    "GrowthSettings",
    "LearnedClassifier",
    "LearnedGate",
    "LearnedGateSettings",
    "LearnedSettings",
    "Prompts",
    "Seeded",
    "Split",
    "add_category",
    "discover",
    "fit_classifier",
    "grow",
    "grow_from_seed",
    "incoherent",
    "learn_gate",
    "regression_set",
    "risk_coverage",
]
