"""Data that is odd but must do, and data that cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router.artifact import pack, unpack
from router.assembly import router_of
from router.data import Dataset, DatasetInvalid
from router.learning import Plan, learn
from tests.unit.router.learning.conftest import EMBEDDER, make_data, relabelled


def test_a_category_with_one_example_is_learned() -> None:
    artifact = learn(relabelled(make_data(90), 0, "rare"), EMBEDDER)
    assert "rare" in [entry["id"] for entry in artifact.manifest["taxonomy"]]
    assert router_of(unpack(pack(artifact)), EMBEDDER).classify("court judge").probabilities.all()


def test_nothing_but_categories_with_one_example_is_learned() -> None:
    data = make_data(6)
    labels = tuple(f"kind-{number}" for number in range(6))
    artifact = learn(replace(data, categories=labels), EMBEDDER)
    assert len(artifact.manifest["taxonomy"]) == 7


def test_an_empty_category_of_the_labels_cannot_be_and_one_of_a_taxonomy_starts() -> None:
    """Labels name only categories that have prompts; see the taxonomy's tests for the others."""
    ids = [entry["id"] for entry in learn(make_data(60), EMBEDDER).manifest["taxonomy"]]
    assert ids == ["cooking", "law", "sailing", "general"]


def test_a_prompt_of_a_megabyte_is_learned_from() -> None:
    data = make_data(90)
    long = "court judge " * 87_000
    prompts = (long, *data.prompts[1:])
    artifact = learn(replace(data, prompts=prompts), EMBEDDER)
    assert len(long) > 1_000_000
    assert len(pack(artifact)) < 20_000_000
    assert all(len(e) <= 1000 for entry in artifact.manifest["taxonomy"] for e in entry["examples"])
    router = router_of(artifact, EMBEDDER)
    assert router.taxonomy.ids[router.classify(long).top] == "law"


def test_a_prompt_that_cannot_be_stored_is_no_example() -> None:
    data = make_data(90)
    prompts = ("court\x00judge", *data.prompts[1:])
    artifact = learn(replace(data, prompts=prompts), EMBEDDER)
    assert "\x00" not in str(artifact.manifest["taxonomy"])


def test_an_expert_without_any_score_is_named() -> None:
    data = make_data(60)
    scores = data.scores.copy()
    scores[:, 1] = np.nan
    with pytest.raises(DatasetInvalid, match="no scores of lawyer"):
        learn(replace(data, scores=scores), EMBEDDER)


def test_the_same_prompt_twice_with_two_labels_is_learned() -> None:
    data = make_data(90)
    prompts = (data.prompts[1], *data.prompts[1:])
    artifact = learn(replace(data, prompts=prompts), EMBEDDER)
    examples = [e for entry in artifact.manifest["taxonomy"] for e in entry["examples"]]
    assert len(examples) == len(set(examples))


@pytest.mark.parametrize("part", ["scores", "ids", "categories"])
def test_parts_that_are_not_equally_many_are_refused(part: str) -> None:
    data = make_data(30)
    with pytest.raises(DatasetInvalid):
        replace(data, **{part: getattr(data, part)[:-1]})


def test_one_prompt_is_too_few_to_discover_in() -> None:
    one = make_data(30).rows([0])
    with pytest.raises(DatasetInvalid, match="too few"):
        learn(replace(one, categories=(None,)), EMBEDDER, Plan(discover=0))


def test_no_prompt_is_no_data() -> None:
    nothing = Dataset((), (), (), (), np.empty((0, 0)))
    with pytest.raises(DatasetInvalid):
        learn(nothing, EMBEDDER)
