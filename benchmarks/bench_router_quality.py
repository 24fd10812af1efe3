"""How good the experts are that the quality model picks: five-fold, on prompts it was not shown.

Reads the data sets in the folder named by ``COE_TEST_DATA``, or in ``../shared/data`` beside the
repository. In each fold the classifier of categories and the quality model are learnt from four
parts, prices that keep a budget are set on the same four, and the fifth is routed. Compared are, in
the same run: the best single expert (of the four parts), perfect category labels with the mean
scores of categories, the soft two-step router (categories alone), and the model. Differences to the
best single expert, and to the two-step router within the same budget, come with paired bootstrap
intervals.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/bench_router_quality.py [--sets mmlu-pro ...]
        [--folds N] [--vectors FILE.npy] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.data import Dataset
from router.embedding import FloatArray, StaticEmbedder
from router.evaluation.intervals import paired
from router.evaluation.tradeoff import apgr_interval, two_experts
from router.learned.fitting import fit_classifier
from router.mapping.frontier import price_for
from router.quality import fit_quality
from router.reading import Fields, read_dataset

Floats = npt.NDArray[np.float64]

BUDGETS = (31.0, 26.0, 24.0, 22.0, 20.0)
STRONG = "gpt-4-1106-preview"
BILLIONS = {
    "Meta-Llama-3_1-70B-Instruct": 70.0,
    "DeepSeek-Coder-V2": 21.0,
    "jamba-1.5-large": 94.0,
    "Qwen1.5-72B-Chat": 72.0,
    "Meta-Llama-3_1-8B-Instruct": 8.0,
    "Phi-3-mini-4k-instruct": 3.8,
    "Mixtral-8x7B-Instruct-v0.1": 12.9,
    "mathstral-7B": 7.0,
    "c4ai-command-r-v01": 35.0,
    "Mistral-7B-Instruct-v0.2": 7.0,
    "Yi-6b-Chat": 6.0,
    "Qwen1.5-7B-Chat": 7.0,
    "Mistral-7B-Instruct-v0.1": 7.0,
    "llama-3.1-nemotron-51b-instruct": 51.0,
    "llama-3.3-nemotron-super-49b-v1": 49.0,
    "llama-3.1-8b-instruct": 8.0,
    "gemma-2-9b-it": 9.0,
    "qwen2.5-7b-instruct": 7.0,
    "mistral-7b-instruct-v0.3": 7.0,
    "codegemma-7b": 7.0,
    "llama3-chatqa-1.5-70b": 70.0,
    "llama3-chatqa-1.5-8b": 8.0,
}


@dataclass(frozen=True)
class Source:
    """A data set: its file, and the field its categories are in."""

    file: str
    category: str


SOURCES = {
    "mmlu-pro": Source("mmlu_pro_13models.jsonl.gz", "category"),
    "llmrouter": Source("llmrouter_9models.jsonl.gz", "task"),
    "routellm-mmlu": Source("routellm_mmlu.jsonl.gz", "subject"),
}


@dataclass
class HeldOut:
    """What was predicted and paid for prompts not shown. Arrays over prompts, in file order."""

    predicted: Floats
    two_step: Floats
    perfect: Floats
    single: Floats
    """Score of the expert that was best on the other parts."""
    correct: npt.NDArray[np.bool_]
    budgets: dict[str, dict[float, npt.NDArray[np.intp]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def folder() -> Path:
    named = os.environ.get("COE_TEST_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def folds(labels: Sequence[str | None], count: int, seed: int) -> npt.NDArray[np.intp]:
    """Return each row's fold; every category is spread evenly."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(np.array([labels[i] or "" for i in order]), kind="stable")]
    part = np.empty(len(labels), dtype=np.intp)
    part[order] = np.arange(len(labels)) % count
    return part


def run(data: Dataset, vectors: FloatArray, count: int, seed: int) -> HeldOut:
    n, experts = data.scores.shape
    predicted, two_step, perfect = (np.zeros((n, experts)) for _ in range(3))
    out = HeldOut(predicted, two_step, perfect, np.zeros(n), np.zeros(n, dtype=bool))
    costs = np.array([BILLIONS.get(expert, 0.0) for expert in data.experts])
    budgets = BUDGETS if costs.all() else ()
    out.budgets = {
        who: {limit: np.zeros(n, dtype=np.intp) for limit in budgets} for who in ("model", "two")
    }
    part = folds(data.categories, count, seed)
    for each in range(count):
        shown, hidden = np.flatnonzero(part != each), np.flatnonzero(part == each)
        one_fold(data, vectors, shown, hidden, costs, out, seed)
    return out


def one_fold(
    data: Dataset,
    vectors: FloatArray,
    shown: npt.NDArray[np.intp],
    hidden: npt.NDArray[np.intp],
    costs: Floats,
    out: HeldOut,
    seed: int,
) -> None:
    train, test = data.rows(shown), data.rows(hidden)
    categories = sorted({label for label in train.categories if label is not None})
    fitted = fit_classifier(train.prompts, vectors[shown], train.categories, categories, seed=seed)
    held_out = fitted.held_out.probabilities
    started = time.perf_counter()
    model, expected = fit_quality(
        train.prompts,
        vectors[shown],
        held_out,
        labels=fitted.labels.tolist(),
        scores=train.scores,
        experts=train.experts,
        seed=seed,
    )
    out.seconds.append(time.perf_counter() - started)
    probabilities = fitted.classifier.many(test.prompts, vectors[hidden])[0]
    table = model.category_scores.mean
    places = np.array([categories.index(label or "") for label in test.categories])
    out.predicted[hidden] = model.many(test.prompts, vectors[hidden], probabilities)
    out.two_step[hidden] = probabilities @ table
    out.perfect[hidden] = table[places]
    out.single[hidden] = test.scores[:, int(np.nanmean(train.scores, axis=0).argmax())]
    out.correct[hidden] = probabilities.argmax(axis=1) == places
    seen = {"model": expected, "two": held_out @ table}
    now = {"model": out.predicted[hidden], "two": out.two_step[hidden]}
    for who, chosen in out.budgets.items():
        for limit, choices in chosen.items():
            price = price_for(seen[who], costs, limit, name="active_parameters").price
            choices[hidden] = (now[who] - price * costs).argmax(axis=1)


def summary(data: Dataset, out: HeldOut) -> dict[str, Any]:
    n = len(data)
    rows = np.arange(n)
    costs = np.array([BILLIONS.get(expert, float("nan")) for expert in data.experts])

    def policy(choices: npt.NDArray[np.intp], two_step: npt.NDArray[np.intp]) -> dict[str, Any]:
        got = data.scores[rows, choices]
        gain, over = paired(got, out.single), paired(got, data.scores[rows, two_step])
        return {
            "quality": float(got.mean()),
            "active_parameters": float(costs[choices].mean()),
            "gain": gain.mean,
            "gain_ci95": [gain.low, gain.high],
            "over_two_step": over.mean,
            "over_two_step_ci95": [over.low, over.high],
        }

    two = out.two_step.argmax(axis=1)
    policies = {
        "perfect category": policy(out.perfect.argmax(axis=1), two),
        "two-step": policy(two, two),
        "model": policy(out.predicted.argmax(axis=1), two),
    }
    for limit, within in out.budgets["two"].items():
        policies[f"two-step <= {limit:g} B"] = policy(within, within)
        policies[f"model <= {limit:g} B"] = policy(out.budgets["model"][limit], within)
    return {
        "n": n,
        "best_single": float(out.single.mean()),
        "oracle": float(data.scores.max(axis=1).mean()),
        "category_accuracy": float(out.correct.mean()),
        "policies": policies,
        "apgr": apgrs(data, out),
        "fit_seconds": float(np.mean(out.seconds)),
    }


def apgrs(data: Dataset, out: HeldOut) -> dict[str, Any] | None:
    if len(data.experts) != 2:
        return None
    strong = data.experts.index(STRONG)
    weak = 1 - strong
    found: dict[str, Any] = {}
    parts = {"perfect category": out.perfect, "two-step": out.two_step, "model": out.predicted}
    for name, said in parts.items():
        curve = two_experts(
            data.scores[:, weak], data.scores[:, strong], said[:, strong] - said[:, weak]
        )
        found[name] = {"apgr": curve.apgr, "ci95": list(apgr_interval(curve))}
    return found


def show(name: str, found: dict[str, Any]) -> None:
    print(
        f"\n{name}: n {found['n']}, best single {found['best_single']:.4f}, oracle "
        f"{found['oracle']:.4f}, category accuracy {found['category_accuracy']:.3f}, "
        f"fit {found['fit_seconds']:.1f} s"
    )
    if found["apgr"]:
        for who, value in found["apgr"].items():
            low, high = value["ci95"]
            print(f"  {who:20} APGR {value['apgr']:.4f}  [{low:.3f}, {high:.3f}]")
        return
    print(f"  {'':20} {'quality':>7} {'B':>5}   over best single        over two-step")
    for who, value in found["policies"].items():
        single = "{:+.4f} [{:+.4f}, {:+.4f}]".format(value["gain"], *value["gain_ci95"])
        over = "{:+.4f} [{:+.4f}, {:+.4f}]".format(
            value["over_two_step"], *value["over_two_step_ci95"]
        )
        billions = value["active_parameters"]
        print(f"  {who:20} {value['quality']:7.4f} {billions:5.1f}   {single}   {over}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Five-fold quality of the router's picks.")
    parser.add_argument("--sets", nargs="+", choices=sorted(SOURCES), default=list(SOURCES))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vectors", type=Path, help="other vectors of one set, rows in file order")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    for name in given.sets:
        source = SOURCES[name]
        path = folder() / source.file
        if not path.is_file():
            print(f"{source.file} is not there: set COE_TEST_DATA to its folder. {name}: skipped.")
            continue
        data = read_dataset([path], Fields(category=source.category))
        vectors = (
            np.load(given.vectors).astype(np.float32)
            if given.vectors
            else StaticEmbedder().embed(data.prompts)
        )
        found[name] = summary(data, run(data, vectors, given.folds, given.seed))
        if not given.json:
            show(name, found[name])
    if given.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
