"""Routers changed without being learned anew."""

from __future__ import annotations

import numpy as np
import pytest

from router import HashingEmbedder, InvalidTaxonomy, Router, build_router
from router.artifact import Artifact, ArtifactInvalid, pack, seal, unpack
from router.assembly import router_of
from router.data import DatasetInvalid
from router.learning import with_report
from router.learning.changing import NeedsData, with_budget, with_categories
from router.learning.describing import described
from router.learning.editing import Add, Change, Edit, Remove, edited
from router.mapping import Budget, Policy
from router.taxonomy import Category, Taxonomy
from router.uncertainty import GateSettings
from tests.unit.router.learning.conftest import EMBEDDER, prompts_of

SPACE = "rocket orbit planet comet telescope galaxy star moon crater lens"
KITCHEN = Category(
    "kitchen",
    "Kitchen",
    "Cooking and baking.",
    ("how long do I bake bread", "a soup of beans", "what to do with old bread", "knead dough"),
    ("oven pan", "flour"),
)
COURT = Category(
    "court",
    "Court",
    "Law and lawyers.",
    ("may a landlord do that", "is a contract by mail valid", "what does a judge earn", "appeal"),
)
GENERAL = Category("general", "General", "Everything else.", ("hello", "tell me a joke"))
STARS = Category("stars", "Stars", "Astronomy.", tuple(prompts_of(SPACE, 6, seed=1)))


@pytest.fixture(scope="module")
def made() -> Router:
    return build_router(
        Taxonomy((KITCHEN, COURT, GENERAL)),
        HashingEmbedder(64),
        name="made-1",
        gate_settings=GateSettings(threshold=0.94),
    )


@pytest.fixture(scope="module")
def artifact(made: Router) -> Artifact:
    return described(made, "made-1")


def test_a_described_router_decides_as_the_one_it_was_made_of(
    made: Router, artifact: Artifact
) -> None:
    read = router_of(unpack(pack(artifact)), made.embedder)
    for text in ("bread and soup", "a contract", "hello", "galaxy"):
        ours, theirs = read.classify(text), made.classify(text)
        assert np.array_equal(ours.probabilities, theirs.probabilities)
        assert (ours.uncertainty, ours.category) == (theirs.uncertainty, theirs.category)
    assert read.version == f"made-1-{artifact.content_hash[:8]}"
    assert read.policies == made.policies


def test_one_that_was_learned_is_not_described(learned: Artifact) -> None:
    with pytest.raises(TypeError, match="learned from data"):
        described(router_of(learned, EMBEDDER), "made")


@pytest.mark.parametrize(
    "wrong",
    [
        {"classifier": {"settings": {}}},
        {"classifier": {"settings": {"colour": 1}, "temperature": 1.0}},
        {"gate": {"settings": {}}},
        {"classifier": None},
        {"taxonomy": []},
    ],
)
def test_what_is_not_described_well_is_refused(
    made: Router, artifact: Artifact, wrong: dict[str, object]
) -> None:
    broken = seal({**artifact.manifest, **wrong}, artifact.tensors)
    with pytest.raises(ArtifactInvalid):
        router_of(broken, made.embedder)


def test_a_taxonomy_too_large_to_be_learnt_while_others_wait_is_refused(
    made: Router, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.described.MOST_TEXTS", 5)
    with pytest.raises(ArtifactInvalid, match="more than 1000 categories or 5 texts"):
        router_of(artifact, made.embedder)


def test_a_budget_takes_the_place_of_a_mapping_and_leaves_the_rest(learned: Artifact) -> None:
    report = {"n": 3, "policies": {"both": {"quality": 1.0}, "economy": {"quality": 0.5}}}
    before = with_report(learned, {**report, "comparison": {"n": 3}})
    changed = with_budget(before, "both", Budget(money_usd=0.002))
    policies = router_of(changed, EMBEDDER).policies
    old = router_of(learned, EMBEDDER).policies
    assert old["both"].mapping, "it was solved when it was learned"
    assert policies["both"].mapping is None
    assert policies["both"].budget == Budget(money_usd=0.002)
    assert (
        policies["both"].description
        == "The best answers within 0.002 dollars a request on average."
    )
    assert {name: policies[name] for name in old if name != "both"} == {
        name: old[name] for name in old if name != "both"
    }
    assert changed.manifest["report"] == {"n": 3, "policies": {"economy": {"quality": 0.5}}}
    assert changed.tensors.keys() == before.tensors.keys()
    assert before.manifest["report"]["comparison"], "what was given is not changed"
    lifted = router_of(with_budget(changed, "both", None), EMBEDDER).policies["both"]
    assert (lifted.budget, lifted.description) == (None, "The best answers.")
    with pytest.raises(KeyError):
        with_budget(learned, "no-such", None)


def test_a_price_goes_with_the_budget_it_kept() -> None:
    priced = Policy("p", "d", cost_weight=0.5, price=3.0, cost="latency_s")
    changed = priced.within(Budget(money_usd=1.0))
    assert (changed.weight, changed.paid_in, changed.price) == (0.5, "effort", None)
    assert priced.within(Budget()).budget is None


def test_a_described_router_is_learnt_anew_from_what_is_said(
    made: Router, artifact: Artifact
) -> None:
    edits: list[Edit] = [
        Add(STARS),
        Change("kitchen", name="Food", add_examples=("roast a chicken",), keywords=("stove",)),
        Remove("court"),
    ]
    changed, effect = with_categories(artifact, made.embedder, edits)
    after = router_of(changed, made.embedder)
    assert after.taxonomy.ids == ("kitchen", "stars", "general")
    kitchen = after.taxonomy.categories[0]
    assert (kitchen.name, kitchen.keywords) == ("Food", ("stove",))
    assert kitchen.examples == (*KITCHEN.examples, "roast a chicken")
    assert after.taxonomy.ids[after.classify(" ".join(SPACE.split()[:6])).top] == "stars"
    assert effect.tried == len(KITCHEN.examples) + len(GENERAL.examples)
    assert effect.examples == 7
    assert effect.recognised + sum((effect.overlaps or {}).values()) == 7
    assert router_of(artifact, made.embedder).taxonomy.ids == made.taxonomy.ids
    for moved in effect.moved:
        assert moved.before != moved.after


def test_prompts_that_move_are_named(made: Router, artifact: Artifact) -> None:
    text = KITCHEN.examples[0]
    taken = Category("bread", "Bread", text, tuple(text + "?" * n for n in range(1, 9)))
    changed, effect = with_categories(artifact, made.embedder, [Add(taken)])
    after = router_of(changed, made.embedder)

    def route(router: Router, text: str) -> str:
        return router.taxonomy.ids[router.classify(text).category]

    kept = [text for category in made.taxonomy.categories for text in category.examples]
    routes = [(text, route(made, text), route(after, text)) for text in kept]
    expected = [each for each in routes if each[1] != each[2]]
    assert [(m.text, m.before, m.after) for m in effect.moved] == expected
    assert (text, "kitchen", "general") in expected, "the case must move something"


def test_an_example_given_to_another_category_is_no_regression(
    made: Router, artifact: Artifact
) -> None:
    text = COURT.examples[-1]
    edits = [Change("court", remove_examples=(text,)), Change("kitchen", add_examples=(text,))]
    _, effect = with_categories(artifact, made.embedder, edits)
    assert (effect.tried, effect.examples) == (9, 1)
    assert text not in {moved.text for moved in effect.moved}


def test_names_of_a_learned_router_are_for_people(learned: Artifact) -> None:
    changed, effect = with_categories(
        learned, EMBEDDER, [Change("law", name="Law", description="Courts and contracts.")]
    )
    before, after = router_of(learned, EMBEDDER), router_of(changed, EMBEDDER)
    assert after.taxonomy.ids == before.taxonomy.ids
    named = {category.id: category for category in after.taxonomy.categories}
    assert (named["law"].name, named["law"].description) == ("Law", "Courts and contracts.")
    assert effect.tried == 0
    for text in prompts_of(SPACE, 5, seed=2):
        assert np.array_equal(
            before.classify(text).probabilities, after.classify(text).probabilities
        )


def test_a_category_joins_a_learned_router_if_nothing_else_moves(learned: Artifact) -> None:
    changed, effect = with_categories(
        learned, EMBEDDER, [Add(STARS), Change("law", name="The law")]
    )
    after = router_of(changed, EMBEDDER)
    assert after.taxonomy.ids[-1] == "stars"
    assert {category.name for category in after.taxonomy.categories} >= {"Stars", "The law"}
    assert (effect.tried, effect.moved, effect.examples, effect.recognised) == (60, (), 6, 6)
    few = Category("few", "Few", "Of these.", STARS.examples[:2])
    with pytest.raises(DatasetInvalid, match="from 5 or more"):
        with_categories(learned, EMBEDDER, [Add(few)])


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Remove("law"), "'law' cannot be removed"),
        (Change("law", add_examples=("a court",)), "Examples of 'law' cannot be changed"),
        (Change("law", remove_examples=("a court",)), "Examples of 'law' cannot be changed"),
        (Change("law", keywords=("court",)), "Keywords of 'law' cannot be changed"),
    ],
)
def test_what_needs_the_data_is_refused(learned: Artifact, edit: Edit, said: str) -> None:
    with pytest.raises(NeedsData, match=said):
        with_categories(learned, EMBEDDER, [edit])


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([Add(COURT)], "there is a category 'court' already"),
        ([Change("x")], "there is no category 'x'"),
        ([Remove("x")], "there is no category 'x'"),
        ([Remove("general")], "holds the category 'general'"),
        ([Change("court", remove_examples=("x",))], "has no example 'x'"),
        ([Change("court", name=" ")], "needs a name"),
        ([Change("court", add_examples=("hello",))], "is an example of 'court' and of 'general'"),
    ],
)
def test_what_makes_no_taxonomy_is_refused(edits: list[Edit], said: str) -> None:
    with pytest.raises(InvalidTaxonomy, match=said):
        edited(Taxonomy((KITCHEN, COURT, GENERAL)), edits)


def test_the_order_of_categories_stays() -> None:
    taxonomy = Taxonomy((GENERAL, COURT, KITCHEN))
    assert edited(taxonomy, [Change("court", name="Courts")]).ids == taxonomy.ids
    assert edited(taxonomy, [Add(STARS)]).ids == ("general", "court", "kitchen", "stars")
