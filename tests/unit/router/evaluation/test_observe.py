import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from router import Candidate, HashingEmbedder, build_router, starter_taxonomy
from router.evaluation import (
    Predictions,
    Prices,
    challenge,
    evaluate,
    observe,
    remembering,
    sample,
    steadiness,
    target,
)
from tests.unit.router.evaluation.cases import EXPERTS, PRICES, data

ROUTER = build_router(starter_taxonomy(), HashingEmbedder(), name="test")
CANDIDATES = [
    Candidate("small", active_parameters=3),
    Candidate("coder", tags=frozenset({"coding"}), active_parameters=7),
    Candidate("large", active_parameters=70, price_in=2.0, price_out=6.0),
]
PROMPTS = ["Write a Python function that sorts a list", "Prove that 2 is prime", "", "hello"]


def test_asks_a_real_router_as_the_service_would() -> None:
    pool = ROUTER.pool(CANDIDATES)
    seen: list[str] = []

    def progress(prompts: Sequence[str]) -> Iterator[str]:
        for prompt in prompts:
            seen.append(prompt)
            yield prompt

    found = observe(ROUTER, pool, PROMPTS, EXPERTS, progress=progress)
    assert seen == PROMPTS
    assert set(found.choices) == set(ROUTER.policies)
    assert found.categories == ROUTER.taxonomy.ids
    assert found.quality is not None
    assert np.isfinite(found.quality).all()
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    assert found.uncertainty is not None
    assert found.uncertainty[2] == 1.0
    assert found.seconds is not None
    assert len(found.seconds) == 4, "the first decision on each prompt"
    assert EXPERTS[found.choices["economy"][3]] != "large"


def test_can_be_evaluated() -> None:
    dataset = data(12)
    found = observe(ROUTER, ROUTER.pool(CANDIDATES), dataset.prompts, EXPERTS, policies=["economy"])
    report = evaluate(dataset, found, draws=20)
    assert set(report["policies"]) == {"economy"}
    assert report["decide_us"]["n"] == 12


def test_challenges_a_real_router() -> None:
    pool = ROUTER.pool(CANDIDATES)
    prompts = [f"{prompt} {number}" for number in range(6) for prompt in PROMPTS]
    texts = sample(prompts, 16)
    assert len(set(texts)) == 16
    changed = steadiness(ROUTER, pool, texts, policies=["balanced", "economy"])
    assert changed["n"] == 16
    assert changed["of"] == "balanced"
    assert set(changed["policies"]) == {"balanced", "economy", "category"}
    assert 0 < changed["unchanged"] == changed["policies"]["balanced"] <= 1
    fooled = challenge(ROUTER, pool, texts, "large", policy="balanced")
    assert (fooled.expensive, fooled.policy, fooled.searched) == ("large", "balanced", 8)
    assert fooled.queries > 100
    assert fooled == challenge(ROUTER, pool, texts, "large", policy="balanced")
    alone = steadiness(ROUTER, ROUTER.pool([]), texts, policies=[])
    assert alone["of"] == "category"
    assert alone["unchanged"] == changed["policies"]["category"]


def test_a_router_that_remembers_decides_the_same() -> None:
    pool, quick = ROUTER.pool(CANDIDATES), remembering(ROUTER)
    ours = observe(ROUTER, pool, PROMPTS, EXPERTS)
    theirs = observe(quick, quick.pool(CANDIDATES), PROMPTS, EXPERTS)
    assert all((ours.choices[name] == theirs.choices[name]).all() for name in ours.choices)
    np.testing.assert_array_equal(ours.quality, theirs.quality)
    np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
    assert quick.embedder.description() == ROUTER.embedder.description()
    assert quick.embedder.embed(PROMPTS).shape == (4, quick.embedder.dimensions)


def test_what_is_worth_attacking() -> None:
    dataset = data(200)
    often = np.arange(200) % 2  # small and coder
    said = Predictions({"quality": np.full(200, 2), "balanced": often})
    assert target(dataset, said, PRICES) == ("balanced", "coder"), "large is never chosen"
    best = EXPERTS[int(dataset.scores[:, :2].mean(axis=0).argmax())]
    assert target(dataset, said, Prices()) == ("balanced", best)
    alone = Predictions({"quality": np.full(200, 2)})
    assert target(dataset, alone, PRICES) == ("quality", "large")
    assert target(dataset, Predictions({}), PRICES) is None


def test_an_expert_without_scores_is_an_error() -> None:
    pool = ROUTER.pool([Candidate("stranger")])
    with pytest.raises(ValueError, match="no scores of 'stranger'"):
        observe(ROUTER, pool, PROMPTS, EXPERTS)


def test_importing_needs_numpy_alone() -> None:
    code = (
        "import sys, router.evaluation, router.evaluation.baselines\n"
        "heavy = {'sklearn', 'scipy', 'matplotlib', 'pandas', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "import router\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    bare = "import sys, router; assert 'router.evaluation' not in sys.modules"
    subprocess.run([sys.executable, "-c", bare], check=True)
