"""The strategies. A new one is a module here and its entry in :data:`STRATEGIES`."""

from orchestrator.conductor.strategies import conductor, direct
from orchestrator.conductor.strategies.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {each.name: each for each in (direct.DIRECT, conductor.CONDUCTOR)}

__all__ = ["STRATEGIES", "Strategy"]
