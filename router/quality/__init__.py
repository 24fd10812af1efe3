"""What a prompt's answers can be expected to be worth, expert by expert, learnt from scores."""

from router.quality.comparison import specialists
from router.quality.fitting import FittedQuality, QualitySettings, fit_quality
from router.quality.judgements import Judgement, win_rates
from router.quality.model import QualityModel
from router.quality.scores import ScoreTable, fit_scores

__all__ = [
    "FittedQuality",
    "Judgement",
    "QualityModel",
    "QualitySettings",
    "ScoreTable",
    "fit_quality",
    "fit_scores",
    "specialists",
    "win_rates",
]
