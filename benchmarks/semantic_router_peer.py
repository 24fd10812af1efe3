"""Runs the package semantic-router on given prompts; started by bench_peers.py in the peers' environment.

Reads one JSON object from standard input (train and test texts, train labels) and writes one with
the label found for each test text, its confidence, and the microseconds of each call. The embedder
is this project's static one, so that both routers see the same vectors.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from semantic_router import IndexedRouter, Route, __version__
from semantic_router.encoders import DenseEncoder

from router.embedding.static import StaticEmbedder

EMBEDDER = StaticEmbedder()


class Static(DenseEncoder):
    """This project's static embedder, as semantic-router wants it."""

    name: str = "static"

    def __call__(self, docs: list[str]) -> list[list[float]]:
        """Embed texts."""
        return EMBEDDER.embed(docs).tolist()


def run(task: dict[str, list[str]], aggregation: str) -> dict[str, object]:
    utterances: dict[str, list[str]] = {}
    for text, label in zip(task["train"], task["labels"], strict=True):
        utterances.setdefault(label, []).append(text)
    started = time.perf_counter()
    routes = [Route(name=name, utterances=texts) for name, texts in utterances.items()]
    router = IndexedRouter(Static(), routes, aggregation=aggregation)
    built = time.perf_counter() - started
    found, confidence, spent = [], [], []
    for text in task["test"]:
        started = time.perf_counter()
        choice = router(text)
        spent.append((time.perf_counter() - started) * 1e6)
        found.append(choice.name)
        confidence.append(choice.confidence or 0.0)
    return {"built_s": built, "found": found, "confidence": confidence, "us": spent}


def main() -> None:
    logging.disable(logging.WARNING)
    task = json.load(sys.stdin)
    runs = {aggregation: run(task, aggregation) for aggregation in ("mean", "sum")}
    json.dump({"version": __version__, "runs": runs}, sys.stdout)


if __name__ == "__main__":
    main()
