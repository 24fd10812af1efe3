"""Categories from few labels, from descriptions, and from nothing but prompts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router import Router
from router.artifact import Artifact, pack, unpack
from router.assembly import router_of
from router.data import Dataset, DatasetInvalid
from router.learning import Plan, learn
from router.taxonomy import Category, InvalidTaxonomy, Taxonomy
from tests.unit.router.learning.conftest import EMBEDDER, WORDS, make_data, prompts_of, relabelled

TAXONOMY = Taxonomy(
    (
        Category("trades", "Trades", "What people do for a living."),
        Category("law", "Law", "A contract, a court and a judge.", parent="trades"),
        Category(
            "cooking",
            "In the kitchen",
            "Roast and simmer.",
            ("garlic and butter in the sauce", "flour for the dough"),
            ("oven, recipe, spice",),
        ),
        Category("sailing", "Sailing", "Mast, rudder and anchor in the harbour."),
        Category("general", "General", "All else."),
    )
)


def _router(artifact: Artifact) -> Router:
    return router_of(unpack(pack(artifact)), EMBEDDER)


def _accuracy(router: Router) -> float:
    """Return how many unseen prompts are classified rightly."""
    test = make_data(90, seed=5)
    found = [router.taxonomy.ids[router.classify(prompt).top] for prompt in test.prompts]
    return float(np.mean([a == b for a, b in zip(found, test.categories, strict=True)]))


def test_prompts_without_a_label_join_and_it_is_said_how_many() -> None:
    artifact = learn(make_data(240, labelled=30), EMBEDDER)
    growth = artifact.manifest["growth"]
    assert (growth["labelled"], growth["unlabelled"]) == (30, 210)
    assert growth["joined"] > 100
    assert growth["joined"] + growth["left"] == 210
    assert growth["categories"]["law"]["labelled"] == 10
    assert sum(each["joined"] for each in growth["categories"].values()) == growth["joined"]
    assert growth["held_out"]["after"] >= growth["held_out"]["before"] - 0.1
    assert _accuracy(_router(artifact)) > 0.9


def test_growth_can_be_forbidden() -> None:
    growth = learn(make_data(240, labelled=30), EMBEDDER, Plan(grow=False)).manifest["growth"]
    assert (growth["joined"], growth["left"]) == (0, 210)


def test_prompts_out_of_scope_never_join() -> None:
    data = make_data(240, labelled=30)
    for row in range(200, 240):
        data = relabelled(data, row, "oos")
    growth = learn(data, EMBEDDER).manifest["growth"]
    assert growth["unlabelled"] == 170
    assert growth["joined"] <= 170


def test_descriptions_are_enough_with_prompts_that_nobody_labelled() -> None:
    artifact = learn(make_data(240, labelled=0), EMBEDDER, Plan(taxonomy=TAXONOMY))
    growth = artifact.manifest["growth"]
    assert (growth["labelled"], growth["held_out"]) == (0, None)
    assert growth["categories"]["sailing"]["joined"] >= 3
    router = _router(artifact)
    assert _accuracy(router) > 0.8
    assert router.taxonomy == TAXONOMY


def test_examples_are_enough_by_themselves() -> None:
    """A prompt goes to its category, not to ``general`` because nothing could be held out."""
    taxonomy = Taxonomy(
        (
            *(
                Category(name, name.title(), f"What is about {name}.", prompts_of(words, 3, 9))
                for name, words in WORDS.items()
            ),
            TAXONOMY.categories[-1],
        )
    )
    artifact = learn(make_data(240, labelled=0), EMBEDDER, Plan(taxonomy=taxonomy, grow=False))
    router = _router(artifact)
    kind = router.classify("mast and rudder in the harbour, jib and keel in the wind")
    assert router.taxonomy.ids[kind.category] == "sailing"


def test_a_taxonomy_goes_together_with_some_labels() -> None:
    """One category has labelled prompts, the others only their description."""
    data = make_data(240)
    labels = tuple(c if c == "law" and n < 60 else None for n, c in enumerate(data.categories))
    artifact = learn(replace(data, categories=labels), EMBEDDER, Plan(taxonomy=TAXONOMY))
    growth = artifact.manifest["growth"]
    assert growth["categories"]["law"]["labelled"] == 20
    assert growth["categories"]["cooking"] == {
        "labelled": 0,
        "joined": growth["categories"]["cooking"]["joined"],
    }
    assert growth["categories"]["cooking"]["joined"] > 0
    assert _accuracy(_router(artifact)) > 0.8


def test_a_label_may_be_the_name_of_a_category_and_must_be_known() -> None:
    data = relabelled(make_data(60), 1, "in-the-kitchen")
    assert learn(data, EMBEDDER, Plan(taxonomy=TAXONOMY)).manifest["growth"]["labelled"] == 60
    with pytest.raises(DatasetInvalid, match=r"row 5 \(id '4'\): its category 'fishing'"):
        learn(relabelled(make_data(60), 4, "fishing"), EMBEDDER, Plan(taxonomy=TAXONOMY))


def test_categories_are_discovered_and_named_by_their_prompts() -> None:
    data = make_data(240, labelled=0)
    artifact = learn(data, EMBEDDER, Plan(discover=3))
    found = [entry for entry in artifact.manifest["taxonomy"] if entry["id"] != "general"]
    assert len(found) == 3
    words = [set(own.split()) for own in WORDS.values()]
    for entry in found:
        kinds = [own for own in words if set(entry["id"].split("-")) <= own]
        assert len(kinds) == 1, f"{entry['id']} is not named by the words of one kind"
        assert set(entry["examples"]) <= set(data.prompts)
        assert entry["examples"][0][:10] in entry["description"]
    assert _router(artifact).quality is not None
    assert len(learn(data, EMBEDDER, Plan(discover=0)).manifest["taxonomy"]) >= 3


@pytest.mark.parametrize(
    ("data", "plan", "says"),
    [
        (make_data(30, labelled=0), Plan(), "--category-field.*--taxonomy.*--discover"),
        (make_data(30), Plan(discover=0), "not discovered .* beside labels"),
        (make_data(30, labelled=0), Plan(discover=0, taxonomy=TAXONOMY), "beside a taxonomy"),
        (make_data(30, labelled=1), Plan(), "no two categories among the labels"),
        (
            make_data(30),
            Plan(taxonomy=Taxonomy((TAXONOMY.categories[1], TAXONOMY.categories[0]
                                    , TAXONOMY.categories[4]))),
            "is not in the taxonomy",
        ),
        (
            make_data(30, labelled=0),
            Plan(taxonomy=Taxonomy((TAXONOMY.categories[3], TAXONOMY.categories[4]))),
            "no two categories in the taxonomy",
        ),
    ],
)  # fmt: skip
def test_what_says_too_little_is_refused(data: Dataset, plan: Plan, says: str) -> None:
    with pytest.raises(DatasetInvalid, match=says):
        learn(data, EMBEDDER, plan)


def test_the_same_seed_learns_the_same_whatever_the_categories_come_from() -> None:
    for plan in (Plan(taxonomy=TAXONOMY), Plan(discover=0)):
        data = make_data(90, labelled=0)
        assert learn(data, EMBEDDER, plan).content_hash == learn(data, EMBEDDER, plan).content_hash
    few = make_data(120, labelled=24)
    assert learn(few, EMBEDDER).content_hash == learn(few, EMBEDDER).content_hash


def test_a_category_without_a_parent_there_is_refused() -> None:
    with pytest.raises(InvalidTaxonomy, match="no parent 'trades'"):
        Taxonomy(TAXONOMY.categories[1:])
