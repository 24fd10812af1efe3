"""The strategies. A new one is a module here and its entry in :data:`STRATEGIES`."""

from orchestrator.conductor.strategies.auto import AUTO
from orchestrator.conductor.strategies.cascade import CASCADE
from orchestrator.conductor.strategies.conductor import CONDUCTOR
from orchestrator.conductor.strategies.correct import CORRECT
from orchestrator.conductor.strategies.cot import COT
from orchestrator.conductor.strategies.cot_python import COT_PYTHON
from orchestrator.conductor.strategies.decompose import DECOMPOSE
from orchestrator.conductor.strategies.direct import DIRECT
from orchestrator.conductor.strategies.guide import GUIDE
from orchestrator.conductor.strategies.panel import PANEL
from orchestrator.conductor.strategies.self_consistency import SELF_CONSISTENCY
from orchestrator.conductor.strategies.strategy import Strategy
from orchestrator.conductor.strategies.walk import WALK

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        AUTO,
        DIRECT,
        COT,
        COT_PYTHON,
        SELF_CONSISTENCY,
        CASCADE,
        PANEL,
        GUIDE,
        CORRECT,
        DECOMPOSE,
        CONDUCTOR,
        WALK,
    )
}

__all__ = ["STRATEGIES", "Strategy"]
