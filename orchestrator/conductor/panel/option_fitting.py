"""Learns from answered questions what options tell by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.conductor.panel.belief import Bools, Floats, Integers
from orchestrator.conductor.panel.options import INPUTS, OptionPrior, inputs

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OptionSettings:
    """How the prior is learnt.

    Args:
        networks: That are averaged.
        units: Hidden ones of each.
        penalty: On the squares of their weights.
        iterations: Of the optimiser.
        seed: Of the first weights.
    """

    networks: int = 3
    units: int = 32
    penalty: float = 30.0
    iterations: int = 80
    seed: int = 0


def fit_options(
    told: Sequence[Floats],
    truths: Integers,
    *,
    settings: OptionSettings | None = None,
) -> OptionPrior:
    """Learn the prior.

    Args:
        told: Of the options of n questions, :func:`~orchestrator.conductor.panel.options.traces`.
        truths: Place of the right option, (n,).
        settings: How.

    Raises:
        ValueError: If there are none, or a right option is none of them.
    """
    settings = settings or OptionSettings()
    if not told or any(
        not 0 <= right < len(each) for right, each in zip(truths, told, strict=True)
    ):
        raise ValueError("option prior: a question's right option is none of its options")
    scales = _scales(told)
    most = max(map(len, told))
    given = np.zeros((len(told), most, INPUTS), dtype=np.float32)
    possible = np.zeros((len(told), most), dtype=bool)
    for row, each in enumerate(told):
        own = inputs(each, scales)
        given[row, : len(own)] = own
        possible[row, : len(own)] = True
    generator = np.random.default_rng(settings.seed)
    networks = [
        _network(given, possible, truths, settings, generator) for _ in range(settings.networks)
    ]
    parts = zip(*networks, strict=True)
    hidden, bias, out, straight = (np.stack(part).astype(np.float32) for part in parts)
    return OptionPrior(scales, hidden, bias, out, straight)


def _scales(told: Sequence[Floats]) -> Floats:
    every = np.concatenate(told)
    within = np.concatenate([own - own.mean(axis=0) for own in told])
    deviation = np.sqrt((within**2).mean(axis=0)) + 1e-6
    return np.stack([deviation, every.mean(axis=0), every.std(axis=0) + 1e-6])


def _network(
    given: FloatArray,
    possible: Bools,
    truths: Integers,
    settings: OptionSettings,
    generator: np.random.Generator,
) -> tuple[Floats, Floats, Floats, Floats]:
    from scipy.optimize import minimize

    units = settings.units
    start = np.concatenate(
        [
            (generator.normal(size=(INPUTS, units)) / np.sqrt(INPUTS)).ravel(),
            np.zeros(units),
            0.1 * generator.normal(size=units),
            np.zeros(INPUTS),
        ]
    )
    penalty = np.concatenate(
        [
            np.full(INPUTS * units, settings.penalty),
            np.zeros(units),
            np.full(units, settings.penalty),
            np.full(INPUTS, 3.0 * settings.penalty),
        ]
    )
    flat = given.reshape(-1, INPUTS)
    rows = np.arange(len(truths))

    def loss(weights: Floats) -> tuple[float, Floats]:
        hidden, bias, out, straight = _parts(weights.astype(np.float32), units)
        active = np.tanh(flat @ hidden + bias)
        scores = (active @ out + flat @ straight).reshape(possible.shape).astype(np.float64)
        scores = np.where(possible, scores, -1e9)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        value = -float(np.log(chances[rows, truths] + 1e-12).sum())
        chances[rows, truths] -= 1.0
        errors = chances.reshape(-1).astype(np.float32)
        back = errors[:, None] * out * (1.0 - active * active)
        gradient = [(flat.T @ back).ravel(), back.sum(axis=0), active.T @ errors, flat.T @ errors]
        shrunk = 0.5 * float((penalty * weights**2).sum())
        return value + shrunk, np.concatenate(gradient).astype(np.float64) + penalty * weights

    limits = {"maxiter": settings.iterations, "maxcor": 12}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=limits).x
    return _parts(found, units)


def _parts(weights: npt.NDArray[np.floating], units: int) -> tuple[Floats, Floats, Floats, Floats]:
    sizes = np.cumsum([INPUTS * units, units, units])
    hidden, bias, out, straight = np.split(weights, sizes)
    return hidden.reshape(INPUTS, units), bias, out, straight
