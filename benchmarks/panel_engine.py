"""A sample of recorded questions through the engine, compared with what the arrays decide."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_router_quality import BILLIONS
from panel_data import MOST, Floats, Questions, Rows

from experts.calling.call import ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Expert
from experts.providers.replay import question
from orchestrator.catalogue.service import Catalogue, candidate_of
from orchestrator.conductor.answers import options_in, question_in, read_answer
from orchestrator.conductor.engine import execute
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.nodes.weighing import PRICES as PRICES_BY_POLICY
from orchestrator.conductor.panel.reliability import Reliability
from orchestrator.conductor.panel.simulation import Played, play
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Task
from orchestrator.routers.service import ActiveRouter
from router import starter_router


@dataclass(frozen=True, slots=True)
class Scored(CatalogueExperts):
    """The catalogue's experts, ranked by the qualities of the fold."""

    qualities: dict[str, dict[str, float]] = field(default_factory=dict)

    def ranked(self, task: Task, *, policy: str | None = None) -> tuple[tuple[str, float], ...]:
        """Return who could answer, best first."""
        del policy
        return tuple(sorted(self.qualities[task.text].items(), key=lambda each: -each[1]))


def catalogue_of(data: Questions, path: Path) -> Catalogue:
    entries = [
        Expert.model_validate(
            {
                "id": expert.lower(),
                "provider": "replay",
                "model": expert,
                "endpoints": [{"url": str(path)}],
                "active_parameters": BILLIONS[expert],
            }
        )
        for expert in data.experts
    ]
    return Catalogue(
        revision=0,
        experts={each.id: each for each in entries},
        versions={each.id: 1 for each in entries},
        candidates=tuple(candidate_of(each) for each in entries),
    )


async def through_engine(
    data: Questions, path: Path, qualities: Floats, model: Reliability, count: int
) -> dict[str, Any]:
    """Run a sample through the engine and compare with the arrays: answers, and who was asked."""
    part = np.flatnonzero(data.part == 0)
    rows = np.sort(np.random.default_rng(0).choice(part, min(count, len(part)), replace=False))
    texts = [question(data.rows[row]["prompt"], data.rows[row]["options"]) for row in rows]
    ids = [expert.lower() for expert in data.experts]
    known = {
        t: dict(zip(ids, qualities[row].tolist(), strict=True))
        for t, row in zip(texts, rows, strict=True)
    }
    caller = ExpertCaller(ProviderRegistry(), lambda _: "")
    experts = Scored(
        catalogue_of(data, path), ActiveRouter(starter_router()), caller, "bench", qualities=known
    )
    model = replace(model, experts=tuple(ids))
    arrays = _by_arrays(data, rows, qualities, model, texts)
    found: dict[str, Any] = {"n": len(rows), "same_answer": 0, "same_experts": 0, "right": 0}
    seconds = []
    for place, text in enumerate(texts):
        message = {"role": "user", "content": text}
        run = Run(Task((message,), text, policy="balanced"), experts, _NoCode(), reliability=model)
        started = time.perf_counter()
        outcome = await execute("cascade", run)
        seconds.append(time.perf_counter() - started)
        read = read_answer(outcome.text, data.rows[rows[place]]["options"])
        chosen = ord(read.value) - ord("A") if read else -1
        asked = {step.expert for step in outcome.steps if step.kind == "expert"}
        wanted = {ids[each] for each in np.flatnonzero(arrays.asked[place])}
        found["same_answer"] += int(chosen == arrays.answers[place])
        found["same_experts"] += int(asked == wanted)
        found["right"] += int(chosen == data.truths[rows[place]])
    await caller.aclose()
    return {**found, "median_ms": 1000.0 * float(np.median(seconds))}


def _by_arrays(
    data: Questions, rows: Rows, qualities: Floats, model: Reliability, texts: list[str]
) -> Played:
    priors = np.full((len(rows), MOST), -np.inf)
    for place, text in enumerate(texts):
        prior = model.log_prior(question_in(text), options_in(text))
        priors[place, : len(prior)] = prior
    price = PRICES_BY_POLICY["balanced"]
    return play(model, qualities[rows], priors, data.answers[rows], costs=data.costs, price=price)


class _NoCode:
    async def run(self, code: str) -> str:
        """Run nothing: no strategy here asks for it."""
        del code
        return ""
