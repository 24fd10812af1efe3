"""Metrics of several worker processes as one page: any of them is asked, and tells those of all.

Each series carries the number of its process. Sums over processes would fall when one of them starts again, which
Prometheus takes for a new beginning of all; with a label of its own each begins anew for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar

LABEL = "worker"


class _Example(msgspec.Struct, array_like=True, frozen=True):
    labels: dict[str, str]
    value: float
    timestamp: float | None


class _Sample(msgspec.Struct, array_like=True, frozen=True):
    name: str
    labels: dict[str, str]
    value: float
    example: _Example | None


class _Family(msgspec.Struct, array_like=True, frozen=True):
    name: str
    what: str
    kind: str
    unit: str
    samples: list[_Sample]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Family])


def packed(families: Iterable[Metric]) -> bytes:
    """Return metrics as another process reads them."""
    return _encoder.encode([_family(one) for one in families])


def joined(states: Mapping[int, bytes | None]) -> list[Metric]:
    """Return the metrics of all processes, each series with the number of its own.

    Args:
        states: What each told, by number; ``None``: nothing.
    """
    up = GaugeMetricFamily(
        "coe_worker_up", "Whether a worker process tells of itself.", labels=(LABEL,)
    )
    found: dict[str, Metric] = {up.name: up}
    for number, state in states.items():
        up.add_metric((str(number),), 0 if state is None else 1)
        for family in [] if state is None else _decoder.decode(state):
            metric = found.get(family.name)
            if metric is None:
                metric = Metric(family.name, family.what, family.kind, family.unit)
                found[family.name] = metric
            for one in family.samples:
                example = one.example
                metric.add_sample(
                    one.name,
                    {**one.labels, LABEL: str(number)},
                    one.value,
                    exemplar=None
                    if example is None
                    else Exemplar(example.labels, example.value, example.timestamp),
                )
    return list(found.values())


def _family(metric: Metric) -> _Family:
    samples = [
        _Sample(one.name, one.labels, float(one.value), _example(one.exemplar))
        for one in metric.samples
    ]
    return _Family(metric.name, metric.documentation, metric.type, metric.unit, samples)


def _example(exemplar: Exemplar | None) -> _Example | None:
    if exemplar is None:
        return None
    moment = exemplar.timestamp
    return _Example(exemplar.labels, exemplar.value, None if moment is None else float(moment))
