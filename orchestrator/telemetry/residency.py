"""Local models in memory, as metrics: what a manager tells, and how full memory is."""

from __future__ import annotations

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from experts.residency.views import MemoryView
from orchestrator.telemetry.counting import Counts, Times


class ResidencyMetrics:
    """Counts loads and waiting; a :class:`experts.residency.watching.Watch`."""

    def __init__(self) -> None:
        self._loads = Counts(
            "coe_residency_loads",
            "Loads of local models, by expert and by what came of them.",
            ("expert", "outcome"),
        )
        self._evictions = Counts(
            "coe_residency_evictions", "Local models taken out of memory, by expert.", ("expert",)
        )
        self._load = Times(
            "coe_residency_load_seconds", "Time that loads of local models took.", ("expert",)
        )
        self._wait = Times(
            "coe_residency_wait_seconds",
            "Time from a call of a local model until it was there with a place for it.",
            ("expert",),
        )

    def waited(self, expert: str, seconds: float) -> None:
        """Note how long a request waited for its model."""
        self._wait.add(expert, seconds=seconds)

    def loaded(self, expert: str, seconds: float) -> None:
        """Count a load."""
        self._loads.add(expert, "ok")
        self._load.add(expert, seconds=seconds)

    def not_loaded(self, expert: str) -> None:
        """Count a load that failed."""
        self._loads.add(expert, "failed")

    def evicted(self, expert: str) -> None:
        """Count an eviction."""
        self._evictions.add(expert)

    def families(self) -> list[Metric]:
        """Return all of them as Prometheus reads them; from any thread."""
        return [each.family() for each in (self._loads, self._evictions, self._load, self._wait)]


def memory_gauges(memory: MemoryView) -> list[GaugeMetricFamily]:
    """Return how full memory is; a budget that is not there is infinite."""
    models = GaugeMetricFamily(
        "coe_residency_models", "Local models in memory, by state.", labels=("state",)
    )
    for state, count in memory.states.items():
        models.add_metric((state,), count)
    plain = (
        ("coe_residency_used_bytes", "Bytes that local models take.", memory.used),
        ("coe_residency_waiting", "Requests that wait for a local model.", memory.waiting),
        (
            "coe_residency_budget_bytes",
            "Bytes that local models may take together, +Inf where that is not limited.",
            memory.budget,
        ),
    )
    return [models, *(GaugeMetricFamily(name, what, value=value) for name, what, value in plain)]
