"""The strategies. A new one is a module here and its entry in :data:`STRATEGIES`."""

from orchestrator.conductor.strategies.conductor import CONDUCTOR
from orchestrator.conductor.strategies.correct import CORRECT
from orchestrator.conductor.strategies.decompose import DECOMPOSE
from orchestrator.conductor.strategies.direct import DIRECT
from orchestrator.conductor.strategies.guide import GUIDE
from orchestrator.conductor.strategies.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        DIRECT,
        GUIDE,
        CORRECT,
        DECOMPOSE,
        CONDUCTOR,
    )
}

__all__ = ["STRATEGIES", "Strategy"]
