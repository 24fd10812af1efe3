"""Compares with peers: their methods on the same vectors, and semantic-router as it is installed.

Methods (kNN, k-means regions, matrix factorisation, similarity-weighted ranking) are re-implemented
in ``router.evaluation.baselines`` and run on MMLU-Pro with 13 models, five folds, static embedder.

The package semantic-router is compared for category accuracy and speed on the 150 intents of
CLINC150 and the 14 subjects of MMLU-Pro (a fifth held out), with the same embedder. It runs in an
environment of its own (``make bench-peers``), so that the project does not depend on it. Where that
is not there, the part is skipped and says so.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import peers

from router import Candidate, StaticEmbedder
from router.assembly import router_of
from router.data import Dataset
from router.evaluation import (
    Beside,
    Predictions,
    bootstrap,
    evaluate,
    observe,
    paired,
    remembering,
)
from router.evaluation.baselines import Baseline, Majority, RandomExpert
from router.evaluation.calibration import auroc
from router.evaluation.metrics import Floats
from router.evaluation.peers import PEERS
from router.learned import fit_classifier
from router.learning import learn

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("COE_TEST_DATA", ROOT.parent / "shared" / "data"))
MMLU_PRO, CLINC = "mmlu_pro_13models.jsonl.gz", "clinc150.jsonl.gz"
METHODS: dict[str, Baseline] = {**PEERS, "majority": Majority(), "random": RandomExpert()}


def read(name: str) -> list[dict[str, Any]] | None:
    path = DATA / name
    if not path.exists():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def dataset(rows: list[dict[str, Any]]) -> Dataset:
    experts = tuple(rows[0]["scores"])
    return Dataset(
        ids=tuple(str(row["id"]) for row in rows),
        prompts=tuple("\n".join([row["prompt"], *row["options"]]) for row in rows),
        categories=tuple(row["category"].replace(" ", "-") for row in rows),
        experts=experts,
        scores=np.array([[row["scores"][e] for e in experts] for row in rows], dtype=np.float64),
    )


def methods(rows: list[dict[str, Any]], folds: int = 5) -> dict[str, Any]:
    """Cross-validate this router and its peers on the same folds."""
    data, embedder = dataset(rows), StaticEmbedder()
    vectors = embedder.embed(data.prompts)
    fold = np.random.default_rng(0).permutation(len(data)) % folds
    predicted: dict[str, Floats] = {name: np.zeros(data.scores.shape) for name in METHODS}
    seconds = dict.fromkeys([*METHODS, "this router"], 0.0)
    chosen = np.zeros(len(data), dtype=np.intp)
    for number in range(folds):
        shown, hidden = fold != number, fold == number
        for name, method in METHODS.items():
            started = time.process_time()
            fitted = method.fit(vectors[shown], data.scores[shown], seed=number)
            predicted[name][hidden] = fitted(vectors[hidden])
            seconds[name] += time.process_time() - started
        started = time.process_time()
        router = remembering(router_of(learn(data.rows(shown), embedder), embedder))
        pool = router.pool([Candidate(expert) for expert in data.experts])
        part = data.rows(hidden)
        said = observe(router, pool, part.prompts, data.experts, policies=["quality"])
        chosen[hidden] = said.choices["quality"]
        seconds["this router"] += time.process_time() - started
    report = evaluate(data, Predictions({"quality": chosen}), None, Beside(baselines=predicted))
    entries = {"this router": report["policies"]["quality"], **report["baselines"]}
    for name in predicted:
        gap = entries[name]["against"]["quality"]
        entries[name]["ours_less_theirs"] = [gap["difference"], *gap["ci95"]]
    return {
        "n": report["n"],
        "best_single": report["best_single"]["quality"],
        "perfect_category": report["perfect_category"],
        "oracle": report["oracle"],
        "methods": {
            name: {key: entry[key] for key in ("quality", "gain", "ci95", "verdict")}
            | {"ours_less_theirs": entry.get("ours_less_theirs"), "cpu_seconds": seconds[name]}
            for name, entry in entries.items()
        },
    }


def intents(rows: list[dict[str, Any]], tested: int) -> tuple[dict[str, list[str]], np.ndarray]:
    """Return the task of CLINC150's intents, and the truth."""
    train = [row for row in rows if row["split"] == "train"]
    inside = [row for row in rows if row["split"] == "val"]
    order = np.random.default_rng(0).permutation(len(inside))[:tested]
    asked = [inside[i] for i in order] + [row for row in rows if row["intent"] == "oos"]
    task = {
        "train": [row["text"] for row in train],
        "labels": [row["intent"] for row in train],
        "test": [row["text"] for row in asked],
    }
    return task, np.array([row["intent"] for row in asked])


def subjects(rows: list[dict[str, Any]], tested: int) -> tuple[dict[str, list[str]], np.ndarray]:
    """Return the task of MMLU-Pro's subjects, and the truth."""
    data = dataset(rows)
    order = np.random.default_rng(0).permutation(len(data))
    held_out = len(data) // 5
    asked, train = order[: min(tested, held_out)].tolist(), order[held_out:].tolist()
    task = {
        "train": [data.prompts[i] for i in train],
        "labels": [str(data.categories[i]) for i in train],
        "test": [data.prompts[i] for i in asked],
    }
    return task, np.array([str(data.categories[i]) for i in asked])


def packaged(task: dict[str, list[str]], truth: np.ndarray, python: Path) -> dict[str, Any]:
    """Compare with semantic-router: accuracy, out-of-scope AUROC, time a call."""
    done = subprocess.run(
        [str(python), str(ROOT / "benchmarks" / "semantic_router_peer.py")],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
        env={**peers.quiet(), "PYTHONPATH": str(ROOT)},
    )
    answer = json.loads(done.stdout)
    ours = classify(task)
    scope = truth != "oos"
    right = {"this router": ours["found"] == truth}
    report: dict[str, Any] = {"n": int(scope.sum()), "out_of_scope": int((~scope).sum())}
    report["this router"] = judged(ours, truth)
    for aggregation, run in answer["runs"].items():
        name = f"semantic-router {answer['version']}, {aggregation}"
        right[name] = np.array(run["found"]) == truth
        report[name] = judged(run, truth)
        gap = paired(right["this router"][scope] * 1.0, right[name][scope] * 1.0)
        report[name] |= {"ours_less_theirs": gap.mean, "ci95": [gap.low, gap.high]}
    return report


def classify(task: dict[str, list[str]]) -> dict[str, Any]:
    """Classify the test texts by this project's learned classifier, one by one."""
    embedder = StaticEmbedder()
    names = sorted(set(task["labels"]))
    started = time.perf_counter()
    vectors = embedder.embed(task["train"])
    fitted = fit_classifier(task["train"], vectors, task["labels"], names, may_be_empty=())
    built = time.perf_counter() - started
    found, confidence, spent = [], [], []
    for text in task["test"]:
        started = time.perf_counter()
        evidence = fitted.classifier(text, embedder.embed([text])[0])
        spent.append((time.perf_counter() - started) * 1e6)
        found.append(names[int(evidence.probabilities.argmax())])
        confidence.append(float(evidence.nearest))
    return {"built_s": built, "found": np.array(found), "confidence": confidence, "us": spent}


def judged(run: dict[str, Any], truth: np.ndarray) -> dict[str, Any]:
    scope, confidence = truth != "oos", np.array(run["confidence"])
    right = bootstrap((np.array(run["found"]) == truth)[scope].astype(np.float64))
    p50, p99 = np.quantile(run["us"], [0.5, 0.99])
    return {
        "accuracy": right.mean,
        "accuracy_ci95": [right.low, right.high],
        "auroc": auroc(-confidence[~scope], -confidence[scope]) if (~scope).any() else None,
        "p50_us": float(p50),
        "p99_us": float(p99),
        "built_s": run["built_s"],
    }


def show(report: dict[str, Any]) -> None:
    found = report.get("methods")
    if found:
        print(
            f"MMLU-Pro, 13 models, 5 folds, n={found['n']}: best single {found['best_single']:.3f}, "
            f"perfect categories {found['perfect_category']:.3f}, oracle {found['oracle']:.3f}"
        )
        for name, each in sorted(found["methods"].items(), key=lambda item: -item[1]["quality"]):
            low, high = each["ci95"]
            gap = each["ours_less_theirs"]
            against = (
                f"  ours less this {gap[0]:+.3f} ({gap[1]:+.3f} to {gap[2]:+.3f})" if gap else ""
            )
            print(
                f"  {name:30} {each['quality']:.3f}  gain {each['gain']:+.3f} "
                f"({low:+.3f} to {high:+.3f})  {each['cpu_seconds']:5.1f} s{against}"
            )
    for part, title in (
        ("intents", "CLINC150, 150 intents"),
        ("subjects", "MMLU-Pro, 14 subjects"),
    ):
        if part in report:
            show_packaged(report[part], title)
    for line in report["skipped"]:
        print(f"skipped: {line}")


def show_packaged(found: dict[str, Any], title: str) -> None:
    print(f"{title}, n={found['n']} and {found['out_of_scope']} out of scope")
    for name, each in found.items():
        if isinstance(each, dict):
            strangers = "" if each["auroc"] is None else f"  AUROC {each['auroc']:.3f}"
            low, high = each.get("ci95", (None, None))
            gap = "" if low is None else f"  ours less it {each['ours_less_theirs']:+.3f}"
            against = "" if low is None else f"{gap} ({low:+.3f} to {high:+.3f})"
            print(
                f"  {name:30} accuracy {each['accuracy']:.3f}{strangers}  "
                f"p50 {each['p50_us']:.0f} us  p99 {each['p99_us']:.0f} us  "
                f"built in {each['built_s']:.1f} s{against}"
            )


def run(only: str | None, tested: int) -> dict[str, Any]:
    """Run all parts, or one; what cannot be run is named under ``skipped``."""
    skipped: list[str] = []
    report: dict[str, Any] = {"skipped": skipped}
    sources = {"methods": MMLU_PRO, "intents": CLINC, "subjects": MMLU_PRO}
    tasks = {"intents": intents, "subjects": subjects}
    for part, name in sources.items():
        if only not in (None, part):
            continue
        rows = read(name)
        if rows is None:
            skipped.append(f"{part}: {name} is not there; set COE_TEST_DATA to its folder")
            continue
        if part == "methods":
            report[part] = methods(rows)
            continue
        python = peers.python()
        if python is None:
            skipped.append(f"{part}: {peers.MISSING}")
            continue
        try:
            report[part] = packaged(*tasks[part](rows, tested), python)
        except (OSError, subprocess.SubprocessError) as error:
            skipped.append(f"{part}: semantic-router did not run ({error})")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--tested", type=int, default=1000, help="prompts of known categories")
    parser.add_argument("--only", choices=["methods", "intents", "subjects"], help="one part alone")
    options = parser.parse_args()
    report = run(options.only, options.tested)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
