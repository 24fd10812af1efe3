"""How far each expert's answer is to be believed, given what the router expects of it.

    boost(e) = first_e + second_e * (logit q_e - d) + third_e * d,   d = mean of logit q over experts

with q the router's expected quality on the prompt. Untaught it is the log-likelihood ratio of an
expert that is right with probability q and else spreads over nine other answers, and every two
experts that agree count less than double. Taught (:mod:`orchestrator.conductor.panel.fitting`) it
has its own numbers for each expert, and for each two of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator.conductor.panel.belief import LEAST_BOOST, Belief, Floats
from orchestrator.conductor.panel.choosing import Rules
from orchestrator.conductor.panel.options import OptionPrior

TERMS = 3
_LOWEST, _HIGHEST = 0.05, 0.97
"""Expected qualities are cut here: nobody is that bad, or that good."""
_USUAL = (math.log(9.0), 1.0, 1.0)
_USUAL_PAIR = -0.25
"""About the mean of what is learnt on real answers."""
_USUAL_SILENT = 0.02


@dataclass(frozen=True, slots=True)
class Reliability:
    """What an answer is worth, by who gives it. E experts.

    Args:
        experts: Their ids.
        weights: Of the terms above, (E, 3).
        pairs: What it adds if two give the same answer, symmetric, zero diagonal, (E, E).
        silent: How often each gives nothing that can be read, (E,).
        trust: In the prior of the options.
        options: What the options of a multiple-choice question tell by themselves.
    """

    experts: tuple[str, ...]
    weights: Floats
    pairs: Floats
    silent: Floats
    trust: float = 1.0
    options: OptionPrior | None = None

    def opening(self, qualities: Floats, log_prior: Floats) -> Belief:
        """Return what is believed before anybody is asked.

        Args:
            qualities: Expected of each expert on the prompt, 0..1, (..., E).
            log_prior: Of each possible answer, ``-inf`` where it is none, (..., K).
        """
        boosts = np.maximum((terms(qualities) * self.weights).sum(axis=-1), LEAST_BOOST)
        shape = (*boosts.shape, log_prior.shape[-1])
        return Belief(
            self.trust * log_prior,
            np.array(np.broadcast_to(boosts[..., None], shape)),
            np.zeros(boosts.shape, dtype=bool),
            np.zeros(log_prior.shape, dtype=bool),
        )

    def rules(self, costs: Floats, price: float) -> Rules:
        """Return what decisions between these experts go by."""
        return Rules(costs, self.silent, self.pairs, price)

    def log_prior(self, question: str, options: Sequence[str]) -> Floats:
        """Return the log-probability that each option is right before anybody is asked, (K,)."""
        if self.options is None:
            return np.full(len(options), -math.log(max(len(options), 1)))
        return self.options(question, options)

    def of(self, experts: Sequence[str]) -> Reliability:
        """Return the same for these experts: those not known get what is usual."""
        known = {expert: place for place, expert in enumerate(self.experts)}
        places = np.array([known.get(expert, -1) for expert in experts], dtype=np.intp)
        if tuple(experts) == self.experts:
            return self
        usual = untaught(experts)
        both = (places[:, None] >= 0) & (places >= 0)
        if not self.experts:
            return usual
        return Reliability(
            tuple(experts),
            np.where(places[:, None] >= 0, self.weights[places], usual.weights),
            np.where(both, self.pairs[places[:, None], places], usual.pairs),
            np.where(places >= 0, self.silent[places], usual.silent),
            self.trust,
            self.options,
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything learnt, by name, for an artefact of safetensors and JSON."""
        own = {
            "weights": self.weights,
            "pairs": self.pairs,
            "silent": self.silent,
            "trust": np.array([self.trust]),
        }
        prior = self.options.arrays() if self.options else {}
        return {**own, **{f"options.{name}": array for name, array in prior.items()}}

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], experts: Sequence[str]) -> Reliability:
        """Return the model of these :meth:`arrays`.

        Raises:
            KeyError: If a part is missing.
            ValueError: If the parts do not fit together, or hold what is not a finite number.
        """
        own = {
            name: np.asarray(arrays[name], dtype=np.float64)
            for name in ("weights", "pairs", "silent", "trust")
        }
        count = len(experts)
        shapes = {"weights": (count, TERMS), "pairs": (count, count), "silent": (count,)}
        for name, shape in {**shapes, "trust": (1,)}.items():
            if own[name].shape != shape or not np.isfinite(own[name]).all():
                raise ValueError(f"reliability: {name} are not {shape} finite numbers")
        prior = {
            name.removeprefix("options."): array
            for name, array in arrays.items()
            if name.startswith("options.")
        }
        options = OptionPrior.load(prior) if prior else None
        weights, pairs, silent = own["weights"], own["pairs"], own["silent"]
        return cls(tuple(experts), weights, pairs, silent, float(own["trust"][0]), options)


def untaught(experts: Sequence[str]) -> Reliability:
    """Return what can be said without recorded answers: the router's qualities are taken at their word."""
    count = len(experts)
    return Reliability(
        tuple(experts),
        np.tile(_USUAL, (count, 1)),
        _USUAL_PAIR * (1.0 - np.eye(count)),
        np.full(count, _USUAL_SILENT),
    )


def terms(qualities: Floats) -> Floats:
    """Return the terms that boosts are made of, (..., E, 3)."""
    cut = np.clip(qualities, _LOWEST, _HIGHEST)
    logits = np.log(cut / (1.0 - cut))
    mean = np.broadcast_to(logits.mean(axis=-1, keepdims=True), logits.shape)
    return np.stack([np.ones_like(logits), logits - mean, mean], axis=-1)
