"""One more category, and the proof that the others route as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router.artifact import Artifact, pack, seal, unpack
from router.assembly import part_of, router_of
from router.data import Dataset, DatasetInvalid
from router.learning import AdditionRefused, Plan, add_to, learn, with_report
from router.learning.regression import Stored
from router.taxonomy import Category, InvalidTaxonomy
from tests.unit.router.learning.conftest import EMBEDDER, make_data, prompts_of

SPACE = "rocket orbit planet comet telescope galaxy star moon crater lens"
NEW = Category("astronomy", "Astronomy", "Stars and planets.")


def _examples(count: int = 8, cook: float | None = None, seed: int = 3) -> Dataset:
    prompts = prompts_of(SPACE, count, seed)
    experts = () if cook is None else ("cook", "large")
    scores = np.tile([cook or 0.0, 0.5], (count, 1)) if experts else np.empty((count, 0))
    ids = tuple(map(str, range(count)))
    return Dataset(ids, prompts, (None,) * count, experts, scores)


def test_it_is_recognised_and_everything_else_routes_as_before(learned: Artifact) -> None:
    added = add_to(with_report(learned, {"n": 1}), EMBEDDER, NEW, _examples())
    assert (added.examples, added.recognised, added.overlaps) == (8, 8, {})
    assert sum(added.before.values()) == 8
    assert added.stored == len(Stored.load(part_of(learned, "stored")).texts) == 60
    before, after = router_of(learned, EMBEDDER), router_of(unpack(pack(added.artifact)), EMBEDDER)
    assert after.taxonomy.ids == (*before.taxonomy.ids, "astronomy")
    unseen = prompts_of(SPACE, 20, seed=4)
    found = [after.taxonomy.ids[after.classify(prompt).category] for prompt in unseen]
    assert found.count("astronomy") >= 18
    for prompt in make_data(90, seed=6).prompts:
        assert before.classify(prompt).category == after.classify(prompt).category
    manifest = added.artifact.manifest
    assert "report" not in manifest, "the report was of another router"
    assert manifest["added"] == [{"category": "astronomy", "examples": 8}]
    assert manifest["taxonomy"][-1]["description"] == "Stars and planets."
    assert len(manifest["taxonomy"][-1]["examples"]) == 5


def test_scores_of_the_examples_count_and_are_shrunk(learned: Artifact) -> None:
    without = add_to(learned, EMBEDDER, NEW, _examples()).artifact.manifest["scores"]["astronomy"]
    good = add_to(learned, EMBEDDER, NEW, _examples(cook=1.0)).artifact
    scores = good.manifest["scores"]["astronomy"]
    assert without["cook"] < scores["cook"] < 1.0
    assert scores["lawyer"] == pytest.approx(without["lawyer"])
    router = router_of(good, EMBEDDER)
    assert router.quality is not None
    expected = []
    for prompt in prompts_of(SPACE, 20, seed=4):
        vector = EMBEDDER.embed([prompt])[0]
        probabilities = router.classifier(prompt, vector).probabilities
        expected.append(router.quality(prompt, vector, probabilities))
    cook = list(good.manifest["experts"]).index("cook")
    assert np.mean(expected, axis=0)[cook] == pytest.approx(scores["cook"], abs=0.1)


def test_a_solved_mapping_gets_an_expert_it_has_already(learned: Artifact) -> None:
    added = add_to(learned, EMBEDDER, NEW, _examples(cook=1.0)).artifact
    old, new = ({p["name"]: p for p in a.manifest["policies"]}["both"] for a in (learned, added))
    assert {c: e for c, e in new["mapping"].items() if c != "astronomy"} == old["mapping"]
    assert new["mapping"]["astronomy"] in old["mapping"].values()


def test_two_categories_one_after_the_other(learned: Artifact) -> None:
    once = add_to(learned, EMBEDDER, NEW, _examples()).artifact
    knit = prompts_of("yarn needle stitch wool scarf purl gauge hat mitten loom", 8, 3)
    data = replace(_examples(), prompts=knit)
    twice = add_to(once, EMBEDDER, Category("knitting", "Knitting", "Wool."), data)
    assert twice.stored == 60 + 8
    ids = router_of(twice.artifact, EMBEDDER).taxonomy.ids
    assert ids[-2:] == ("astronomy", "knitting")


def test_the_same_examples_give_the_same_artefact(learned: Artifact) -> None:
    one, two = (add_to(learned, EMBEDDER, NEW, _examples()).artifact for _ in range(2))
    assert one.content_hash == two.content_hash != learned.content_hash


def test_what_would_change_other_routes_is_refused(learned: Artifact) -> None:
    """A stored route that is not the router's own can never be kept."""
    tensors = dict(learned.tensors)
    tensors["stored/categories"] = tensors["stored/categories"].copy()
    tensors["stored/categories"][:3] = (tensors["stored/categories"][:3] + 1) % 3
    changed = seal(learned.manifest, tensors)
    with pytest.raises(AdditionRefused, match="3 of 60 stored prompts"):
        add_to(changed, EMBEDDER, NEW, _examples())


def test_what_cannot_be_added_is_said(learned: Artifact) -> None:
    with pytest.raises(DatasetInvalid, match=r"4 different prompts: .* from 5"):
        add_to(learned, EMBEDDER, NEW, _examples(4))
    repeated = replace(_examples(8), prompts=("a rocket",) * 8)
    with pytest.raises(DatasetInvalid, match="1 different prompts"):
        add_to(learned, EMBEDDER, NEW, repeated)
    with pytest.raises(InvalidTaxonomy, match="used twice: law"):
        add_to(learned, EMBEDDER, replace(NEW, id="law"), _examples())
    with pytest.raises(InvalidTaxonomy, match="no parent 'nothing'"):
        add_to(learned, EMBEDDER, replace(NEW, parent="nothing"), _examples())
    stranger = replace(_examples(8, cook=1.0), experts=("cook", "nobody"))
    with pytest.raises(DatasetInvalid, match="nobody"):
        add_to(learned, EMBEDDER, NEW, stranger)
    stored = Stored.load(part_of(learned, "stored")).texts
    taken = replace(_examples(8), prompts=(*_examples(7).prompts, stored[0]))
    with pytest.raises(DatasetInvalid, match="example 7 of the new category belongs"):
        add_to(learned, EMBEDDER, NEW, taken)


def test_without_stored_prompts_nothing_can_be_proved() -> None:
    artifact = learn(make_data(60), EMBEDDER, Plan(stored=0))
    assert not part_of(artifact, "stored")
    with pytest.raises(DatasetInvalid, match="no prompts to prove"):
        add_to(artifact, EMBEDDER, NEW, _examples())


def test_without_scores_too() -> None:
    data = make_data(90)
    data = replace(data, experts=(), scores=np.empty((90, 0)))
    added = add_to(learn(data, EMBEDDER), EMBEDDER, NEW, _examples())
    assert added.recognised == 8
    assert added.artifact.manifest["scores"] == {}


def test_the_store_is_bounded_and_reads_back_as_it_was() -> None:
    prompts = ("é" * 1500, "x" * 3000, *make_data(90).prompts[2:])
    data = replace(make_data(90), prompts=prompts)
    stored = Stored.load(part_of(learn(data, EMBEDDER, Plan(stored=4)), "stored"))
    assert len(stored.texts) <= 12
    assert max(map(len, stored.texts)) <= 2000
    assert set(stored.texts) <= set(prompts)
    again = Stored.load(stored.arrays())
    assert again.texts == stored.texts
    assert not len(stored.changed(again))


@pytest.mark.parametrize("name", ["text", "ends", "categories", "experts"])
def test_a_damaged_store_is_refused(learned: Artifact, name: str) -> None:
    arrays = part_of(learned, "stored")
    with pytest.raises(ValueError, match="stored prompts"):
        Stored.load({**arrays, name: arrays[name][:-1]})
