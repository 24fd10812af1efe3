"""The starter router on exam questions it never saw, and its speed.

Reads the questions of MMLU-Pro (TIGER-AI-Lab, Apache-2.0) from the file
``mmlu_pro_13models.jsonl.gz`` in the folder named by ``COE_TEST_DATA``, or in ``../shared/data``
beside the repository. Nothing is learnt from them, but for one line that says so: a classifier
trained on the questions themselves, as the limit of what these vectors and words can do.

    python benchmarks/bench_starter_router.py [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router import Candidate, Category, Router, Taxonomy, build_router, routing_text, starter_router
from router.classifier import Rows, Settings, fit
from router.decision import RouteRequest

FILE = "mmlu_pro_13models.jsonl.gz"
TO_STARTER = {
    "math": "math",
    "physics": "science",
    "chemistry": "science",
    "biology": "science",
    "engineering": "science",
    "law": "law",
    "economics": "finance",
    "business": "finance",
    "health": "health",
    "psychology": "humanities",
    "philosophy": "humanities",
    "history": "humanities",
    "computer science": "coding",
    "other": "general",
}
PROMPTS = (
    "Can you tell me how I should go about proving that the square root of two is irrational?",
    "Write a function that merges two sorted lists and say what its running time is, please.",
    "My landlord does not want to give back the deposit after I moved out, what can I do now?",
)


@dataclass
class Found:
    """What the router made of every question."""

    subjects: list[str]
    texts: list[str]
    expected: npt.NDArray[np.str_]
    top: npt.NDArray[np.str_]
    """Most probable category."""
    used: npt.NDArray[np.str_]
    """Category whose mapping is used: ``general`` where the gate abstains."""
    confidence: npt.NDArray[np.float64]
    abstained: npt.NDArray[np.bool_]


def read_questions() -> list[dict[str, Any]] | None:
    """Return the questions, or None where the file is not there."""
    named = os.environ.get("COE_TEST_DATA")
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    path = (Path(named) if named else beside) / FILE
    if not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def as_pasted(question: dict[str, Any]) -> str:
    """Write a question and its options as a person would paste them."""
    options = [f"{chr(65 + i)}. {option}" for i, option in enumerate(question["options"])]
    return "\n".join([question["prompt"], *options])


def classify_all(router: Router, questions: list[dict[str, Any]]) -> Found:
    texts = [routing_text(as_pasted(question)).text for question in questions]
    ids = router.taxonomy.ids
    top, used, confidence, abstained = [], [], [], []
    for text in texts:
        kind = router.classify(text)
        top.append(ids[kind.top])
        used.append(ids[kind.category])
        confidence.append(float(kind.probabilities.max()))
        abstained.append(kind.uncertainty > router.gate.settings.threshold)
    subjects = [question["category"] for question in questions]
    return Found(
        subjects=subjects,
        texts=texts,
        expected=np.array([TO_STARTER[subject] for subject in subjects]),
        top=np.array(top),
        used=np.array(used),
        confidence=np.array(confidence),
        abstained=np.array(abstained),
    )


def calibration_error(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over equal bins."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for each in range(bins):
        chosen = index == each
        if chosen.any():
            total += chosen.mean() * abs(right[chosen].mean() - confidence[chosen].mean())
    return float(total)


def quality(found: Found) -> dict[str, Any]:
    right, kept = found.top == found.expected, ~found.abstained
    named = found.expected != "general"
    confusion = {
        subject: Counter(
            str(t) for s, t in zip(found.subjects, found.top, strict=True) if s == subject
        )
        for subject in TO_STARTER
    }
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "accuracy_with_gate": float((found.used == found.expected).mean()),
        "accuracy_where_it_did_not_abstain": float(right[kept].mean()),
        "accuracy_where_it_abstained": float(right[~kept].mean()) if (~kept).any() else 0.0,
        "abstention_rate": float(found.abstained.mean()),
        "n_without_other": int(named.sum()),
        "accuracy_without_other": float(right[named].mean()),
        "accuracy_without_other_with_gate": float((found.used == found.expected)[named].mean()),
        "calibration_error": calibration_error(found.confidence, right),
        "calibration_error_without_other": calibration_error(found.confidence[named], right[named]),
        "confusion": {subject: dict(counts.most_common()) for subject, counts in confusion.items()},
    }


def limit(router: Router, found: Found, folds: int = 5) -> float:
    """Accuracy of the same classifier trained on the questions themselves, cross-validated."""
    names = sorted(set(found.expected.tolist()))
    labels = np.array([names.index(name) for name in found.expected.tolist()])
    vectors = router.embedder.embed(found.texts)
    order = np.random.default_rng(0).permutation(len(labels))
    right = 0
    for fold in range(folds):
        hidden = np.zeros(len(labels), dtype=bool)
        hidden[order[fold::folds]] = True
        shown = np.flatnonzero(~hidden)
        rows = Rows(
            tuple(found.texts[i] for i in shown),
            vectors[shown],
            labels[shown],
            np.ones(len(shown), dtype=np.float32),
        )
        classifier = fit(rows, len(names), Settings()).classifier
        for index in np.flatnonzero(hidden):
            evidence = classifier(found.texts[index], vectors[index])
            right += int(evidence.probabilities.argmax() == labels[index])
    return right / len(labels)


def candidates(count: int, ids: tuple[str, ...]) -> list[Candidate]:
    """Make up a catalogue: every third expert is a specialist."""
    return [
        Candidate(
            f"expert-{i}",
            tags=frozenset({ids[i % len(ids)]}) if i % 3 == 0 else frozenset(),
            active_parameters=1.0 + i % 90,
            price_in=0.01 * (i % 50),
            price_out=0.03 * (i % 50),
        )
        for i in range(count)
    ]


def many_categories(router: Router, count: int) -> Taxonomy:
    """Cut the starter examples into small categories, six examples each."""
    general = next(c for c in router.taxonomy.categories if c.id == "general")
    examples = [e for c in router.taxonomy.categories if c is not general for e in c.examples]
    pieces = [tuple(examples[i * 6 : i * 6 + 6]) for i in range(count - 1)]
    small = [Category(f"c{i}", f"Kind {i}", piece[0], piece) for i, piece in enumerate(pieces)]
    return Taxonomy((*small, general))


def microseconds(router: Router, experts: int, rounds: int = 3000) -> dict[str, float]:
    pool = router.pool(candidates(experts, router.taxonomy.ids))
    requests = [RouteRequest(text, prompt_tokens=25) for text in PROMPTS]
    for index in range(300):
        router.decide(requests[index % 3], pool)
    seconds = []
    for index in range(rounds):
        started = time.perf_counter()
        router.decide(requests[index % 3], pool)
        seconds.append(time.perf_counter() - started)
    p10, p50, p99 = np.quantile(seconds, [0.1, 0.5, 0.99]) * 1e6
    return {"p10": float(p10), "p50": float(p50), "p99": float(p99)}


def embedding_microseconds(router: Router, rounds: int = 3000) -> float:
    """Time the embedder alone, as a yardstick for how busy the machine is."""
    seconds = []
    for index in range(rounds):
        started = time.perf_counter()
        router.embedder.embed([PROMPTS[index % 3]])
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds) * 1e6)


def speed(router: Router, build_seconds: float) -> dict[str, Any]:
    large = build_router(many_categories(router, 300), router.embedder, name="large")
    return {
        "build_cpu_seconds": build_seconds,
        "embed_p50_us": embedding_microseconds(router),
        "decide_10x10_us": microseconds(router, 10),
        "decide_300x1000_us": microseconds(large, 1000),
    }


def show(report: dict[str, Any]) -> None:
    found, fast = report.get("mmlu_pro"), report["speed"]
    print(f"router {report['router_version']}")
    if found is None:
        print(f"{FILE} is not there: set COE_TEST_DATA to its folder. Quality is not measured.")
    else:
        print(f"MMLU-Pro, question and options as pasted, nothing learnt from it (n={found['n']})")
        for name in ("accuracy", "accuracy_with_gate", "accuracy_where_it_did_not_abstain"):
            print(f"  {name.replace('_', ' '):42} {found[name]:.3f}")
        print(
            f"  {'accuracy of what it abstained from':42} {found['accuracy_where_it_abstained']:.3f}"
        )
        print(f"  {'abstention rate':42} {found['abstention_rate']:.3f}")
        print(f"  {'expected calibration error':42} {found['calibration_error']:.3f}")
        print(f"  without 'other' (n={found['n_without_other']})")
        print(f"  {'  accuracy':42} {found['accuracy_without_other']:.3f}")
        print(f"  {'  accuracy with gate':42} {found['accuracy_without_other_with_gate']:.3f}")
        error = found["calibration_error_without_other"]
        print(f"  {'  expected calibration error':42} {error:.3f}")
        print(f"  {'limit: trained on it, 5-fold':42} {found['limit_trained_on_it']:.3f}")
        print("  per subject: right, then what was found")
        for subject, counts in found["confusion"].items():
            n, wanted = sum(counts.values()), TO_STARTER[subject]
            top = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:5])
            share = counts.get(wanted, 0) / max(n, 1)
            print(f"    {subject:17} -> {wanted:10} {share:5.2f}  n={n:<4} {top}")
    print(
        f"build: {fast['build_cpu_seconds']:.3f} s of CPU; embed p50 {fast['embed_p50_us']:.0f} us"
    )
    for name in ("10x10", "300x1000"):
        times = fast[f"decide_{name}_us"]
        print(
            f"decide, {name} (categories x experts): p10 {times['p10']:.0f}  "
            f"p50 {times['p50']:.0f}  p99 {times['p99']:.0f} us"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    started = time.process_time()
    router = starter_router()
    built = time.process_time() - started
    report: dict[str, Any] = {"router_version": router.version}
    questions = read_questions()
    if questions is not None:
        found = classify_all(router, questions)
        report["mmlu_pro"] = quality(found) | {"limit_trained_on_it": limit(router, found)}
    report["speed"] = speed(router, built)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
