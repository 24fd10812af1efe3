"""What panels pay: right answers against active parameters, replayed on what experts really said.

Reads ``mmlu_pro_13models.jsonl.gz`` in the folder named by ``COE_TEST_DATA``, or in
``../shared/data`` beside the repository: what 13 open models answered to 6,261 questions of up to
ten options. Five-fold: classifier, quality model, option prior and reliability are learnt from four
parts and decide on the fifth; what the reliability model is taught with comes from models that were
not shown the row either (for each two parts, models of the other three).

Compared in the same run: the best single expert, the router's pick at several prices, a vote of all
experts weighed by what they are expected to be worth, and the adaptive panel: untaught, taught by
answers alone, and taught with the prior of the options. Then a sample of one part goes through the
engine (strategy ``cascade``, provider ``replay``), which must ask and answer the same.

All are compared at equal cost, too: with the frontier of the best single expert and the router's
picks, drawn with ``--html``.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/bench_panel.py
        [--cache FILE.npz] [--sample 200] [--json FILE] [--html FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_router_quality import folder
from panel_data import FOLDS, MOST, Floats, Questions, Rows, read
from panel_engine import through_engine

from orchestrator.conductor.evaluation.drawing import Spot, drawn
from orchestrator.conductor.evaluation.frontier import Policy, beyond, corners
from orchestrator.conductor.panel.belief import best, heard
from orchestrator.conductor.panel.fitting import Record, ReliabilitySettings, fit_reliability
from orchestrator.conductor.panel.option_fitting import fit_options
from orchestrator.conductor.panel.reliability import Reliability, untaught
from orchestrator.conductor.panel.simulation import Played, play
from router.embedding import StaticEmbedder
from router.evaluation.intervals import bootstrap, paired, wilson
from router.evaluation.pieces import figure_of, section
from router.evaluation.style import CSS
from router.learned.fitting import fit_classifier
from router.quality import fit_quality
from router.reading import Fields, read_dataset

FILE = "mmlu_pro_13models.jsonl.gz"
PRICES = (
    0.008,
    0.004,
    0.0035,
    0.0032,
    0.003,
    0.0025,
    0.002,
    0.0015,
    0.001,
    0.0005,
    0.0002,
    0.0001,
    0.0,
)
EVERYBODY = ReliabilitySettings(
    draws=1, sizes=(0.0,) * 12 + (1.0,), pair_penalty=10.0, iterations=150, prices=()
)
"""Learnt for panels of all thirteen: what there is to be known from all answers together."""
VARIANTS = ("untaught", "answers", "options")


def left_out() -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield which parts to leave out, and in the worlds of which parts it counts."""
    for one in range(FOLDS):
        yield (one,), [one]
    for one in range(FOLDS):
        for other in range(one + 1, FOLDS):
            yield (one, other), [one, other]


def held_out(path: Path, data: Questions) -> tuple[Floats, Floats]:
    """Return qualities (F, n, E) and log-priors (F, n, K).

    In the world of part f, each row's come from models that were shown neither its part nor f.
    """
    dataset = read_dataset([path], Fields(category="category"))
    vectors = StaticEmbedder().embed(dataset.prompts)
    categories = sorted({str(label) for label in dataset.categories})
    qualities = np.full((FOLDS, len(dataset), len(data.experts)), np.nan)
    priors = np.full((FOLDS, len(dataset), MOST), -np.inf)
    for parts, worlds in left_out():
        started = time.perf_counter()
        shown = np.flatnonzero(~np.isin(data.part, parts))
        hidden = np.flatnonzero(np.isin(data.part, parts))
        train, test = dataset.rows(shown), dataset.rows(hidden)
        fitted = fit_classifier(train.prompts, vectors[shown], train.categories, categories, seed=0)
        model, _ = fit_quality(
            train.prompts,
            vectors[shown],
            fitted.held_out.probabilities,
            labels=fitted.labels.tolist(),
            scores=train.scores,
            experts=train.experts,
            seed=0,
        )
        probabilities = fitted.classifier.many(test.prompts, vectors[hidden])[0]
        said = model.many(test.prompts, vectors[hidden], probabilities)
        prior = fit_options([data.told[row] for row in shown], data.truths[shown])
        for world in worlds:
            # In the world of one part its own rows come from models of the other four.
            use = (data.part[hidden] != world) | (len(parts) == 1)
            qualities[world, hidden[use]] = said[use]
            for row in hidden[use]:
                priors[world, row, : len(data.told[row])] = prior.told(data.told[row])
        print(f"without {parts}: {time.perf_counter() - started:.0f} s", flush=True)
    return qualities, priors


@dataclass
class Point:
    """One way to answer, over all prompts."""

    name: str
    right: Floats
    billions: Floats
    calls: Floats
    confidence: Floats
    price: float | None = None
    calibrated: bool = False


def single(data: Questions) -> Point:
    scores = (data.answers == data.truths[:, None]).astype(float)
    chosen = np.zeros(len(data.truths), dtype=np.intp)
    for part in range(FOLDS):
        chosen[data.part == part] = scores[data.part != part].mean(axis=0).argmax()
    return _picked("best single", data, chosen)


def _picked(name: str, data: Questions, chosen: Rows, price: float | None = None) -> Point:
    every = np.arange(len(chosen))
    right = (data.answers[every, chosen] == data.truths).astype(float)
    ones = np.ones(len(chosen))
    return Point(name, right, data.costs[chosen], ones, ones, price)


def routed(data: Questions, qualities: Floats, price: float) -> Point:
    own = qualities[data.part, np.arange(len(data.part))]
    chosen = (own - price * data.costs).argmax(axis=1)
    return _picked("direct", data, chosen, price)


def weighted_vote(data: Questions, qualities: Floats) -> Point:
    own = qualities[data.part, np.arange(len(data.part))]
    votes = np.array(
        [np.where(data.answers == place, own, 0.0).sum(axis=1) for place in range(MOST)]
    )
    right = (votes.argmax(axis=0) == data.truths).astype(float)
    count = len(right)
    ones = np.ones(count)
    return Point("vote of all", right, ones * data.costs.sum(), ones * len(data.experts), ones)


def learnt(
    data: Questions,
    qualities: Floats,
    priors: Floats,
    variant: str,
    settings: ReliabilitySettings | None = None,
) -> list[Reliability]:
    """Return the reliability model of each part."""
    if variant == "untaught":
        return [untaught(data.experts)] * FOLDS
    models = []
    for part in range(FOLDS):
        shown = np.flatnonzero(data.part != part)
        record = Record(qualities[part], priors[part], data.answers, data.truths)
        models.append(
            fit_reliability(record.rows(shown), data.experts, data.costs, settings=settings)
        )
    return models


def adaptive(
    data: Questions,
    qualities: Floats,
    priors: Floats,
    models: Sequence[Reliability],
    price: float,
    variant: str,
) -> Point:
    count = len(data.truths)
    point = Point(variant, *(np.zeros(count) for _ in range(4)), price, calibrated=True)
    for part, model in enumerate(models):
        rows = np.flatnonzero(data.part == part)
        played = play(
            model,
            qualities[part, rows],
            priors[part, rows],
            data.answers[rows],
            costs=data.costs,
            price=price,
        )
        _note(point, rows, played, data)
    return point


def heard_all(
    data: Questions,
    qualities: Floats,
    priors: Floats,
    models: Sequence[Reliability],
    experts: Sequence[int],
    name: str,
) -> Point:
    """Return what becomes of it if always the same experts are asked: the ceiling of decisions."""
    count = len(data.truths)
    point = Point(name, *(np.zeros(count) for _ in range(4)), calibrated=True)
    for part, model in enumerate(models):
        rows = np.flatnonzero(data.part == part)
        belief = model.opening(qualities[part, rows], priors[part, rows])
        for expert in experts:
            everywhere = np.full(len(rows), expert)
            heard(belief, everywhere, data.answers[rows, expert], model.pairs)
        _note(point, rows, Played(*best(belief), belief.asked), data)
    return point


def _note(point: Point, rows: Rows, played: Played, data: Questions) -> None:
    point.right[rows] = played.answers == data.truths[rows]
    point.billions[rows] = played.asked @ data.costs
    point.calls[rows] = played.asked.sum(axis=1)
    point.confidence[rows] = played.confidence


def calibration_error(confidence: Floats, right: Floats, bins: int = 15) -> float:
    """Return the expected calibration error, bins of equal size (Naeini and others, 2015)."""
    order = confidence.argsort()
    parts = zip(
        np.array_split(confidence[order], bins), np.array_split(right[order], bins), strict=True
    )
    gaps = [len(said) * abs(float(said.mean() - was.mean())) for said, was in parts]
    return sum(gaps) / len(confidence)


def policy(point: Point) -> Policy:
    """Return a way to answer as the frontier knows it; costs are billions of parameters."""
    return Policy(point.name, point.right, point.billions)


def summary(
    point: Point, alone: Point, direct: Point, baselines: Sequence[Policy]
) -> dict[str, Any]:
    over_single, over_direct = paired(point.right, alone.right), paired(point.right, direct.right)
    over_frontier, spent = beyond(policy(point), baselines), bootstrap(point.billions)
    found: dict[str, Any] = {
        "name": point.name,
        "price": point.price,
        "quality": float(point.right.mean()),
        "quality_ci95": wilson(point.right.sum(), len(point.right)),
        "billions": spent.mean,
        "billions_ci95": [spent.low, spent.high],
        "calls": float(point.calls.mean()),
        "over_single": [over_single.mean, over_single.low, over_single.high],
        "over_direct": [over_direct.mean, over_direct.low, over_direct.high],
        "over_frontier": None,
    }
    if over_frontier is not None:
        gain = over_frontier.gain
        found["over_frontier"] = [gain.mean, gain.low, gain.high]
    if point.calibrated:
        found["confidence"] = float(point.confidence.mean())
        found["calibration_error"] = calibration_error(point.confidence, point.right)
    return found


def page(found: Sequence[dict[str, Any]], baselines: Sequence[Policy]) -> str:
    """Return a page with the frontier; baselines and points of a curve carry no name."""
    names = {policy.name for policy in baselines}
    spots = [
        Spot(
            each["name"],
            each["billions"],
            each["quality"],
            "peer" if each["name"] in names else "ours",
            each["billions_ci95"],
            each["quality_ci95"],
            minor=each["price"] is not None,
        )
        for each in found
    ]
    hull = [policy.point for policy in corners(baselines)]
    plot = figure_of(drawn(spots, hull, "billions of active parameters"))
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Panels</title>"
        f"<style>{CSS}</style></head><body><main>{section('Accuracy and cost', plot)}</main></body></html>"
    )


def show(found: dict[str, Any]) -> None:
    price = "" if found["price"] is None else f"{found['price']:g}"
    single_, direct, frontier = (
        "{:+.4f} [{:+.4f}, {:+.4f}]".format(*found[key]) if found[key] else f"{'-':25}"
        for key in ("over_single", "over_direct", "over_frontier")
    )
    calibration = f"{found['calibration_error']:.3f}" if "calibration_error" in found else "     "
    print(
        f"{found['name']:18} {price:>7} {found['quality']:.4f} {found['billions']:6.1f} "
        f"{found['calls']:5.2f}  {single_}  {direct}  {frontier}  {calibration}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Five-fold frontier of adaptive panels.")
    parser.add_argument("--cache", type=Path, help="where qualities and priors are kept")
    parser.add_argument("--sample", type=int, default=200, help="questions through the engine")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--html", type=Path, help="where the frontier is drawn")
    given = parser.parse_args()
    path = folder() / FILE
    if not path.is_file():
        print(f"{FILE} is not there: set COE_TEST_DATA to its folder.")
        return
    data = read(path)
    if given.cache and given.cache.is_file():
        kept = np.load(given.cache)
        qualities, priors = kept["qualities"], kept["priors"]
    else:
        qualities, priors = held_out(path, data)
        if given.cache:
            np.savez(given.cache, qualities=qualities, priors=priors)
    report(data, path, qualities, priors, given.sample, given.json, given.html)


def report(
    data: Questions,
    path: Path,
    qualities: Floats,
    priors: Floats,
    sample: int,
    file: Path | None,
    html: Path | None,
) -> None:
    alone, direct = single(data), routed(data, qualities, 0.0)
    routes = [routed(data, qualities, price) for price in PRICES]
    baselines = [policy(point) for point in (alone, *routes)]
    points = [alone, weighted_vote(data, qualities), *routes]
    found = [summary(point, alone, direct, baselines) for point in points]
    print(
        f"n {len(data.truths)}; price per billion; quality; billions; calls; over the best "
        "single, the router's pick and the frontier of both at equal cost; calibration error"
    )
    for each in found:
        show(each)
    flat = np.broadcast_to(data.open_priors(), priors.shape)
    for variant in VARIANTS:
        prior = priors if variant == "options" else flat
        models = learnt(data, qualities, prior, variant)
        every = range(len(data.experts))
        full = learnt(data, qualities, prior, variant, EVERYBODY)
        for experts, taught, name in (((0, 1), models, "two best"), (every, full, "all")):
            point = heard_all(data, qualities, prior, taught, experts, f"{variant}: {name}")
            found.append(summary(point, alone, direct, baselines))
            show(found[-1])
        for price in PRICES:
            point = adaptive(data, qualities, prior, models, price, variant)
            found.append(summary(point, alone, direct, baselines))
            show(found[-1])
    if html:
        html.write_text(page(found, baselines))
    shown = np.flatnonzero(data.part != 0)
    prior = fit_options([data.told[row] for row in shown], data.truths[shown])
    model = replace(models[0], options=prior)
    engine = asyncio.run(through_engine(data, path, qualities[0], model, sample))
    print(json.dumps(engine))
    if file:
        file.write_text(json.dumps({"n": len(data.truths), "points": found, "engine": engine}))


if __name__ == "__main__":
    main()
