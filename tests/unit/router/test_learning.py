"""A router learned from prompts whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from router import Candidate, HashingEmbedder, Router, routing_text
from router.artifact import Artifact, ArtifactInvalid, pack, seal, unpack
from router.assembly import router_of
from router.data import Dataset, DatasetInvalid
from router.learning import Plan, learn, taxonomy_of, with_report

EMBEDDER = HashingEmbedder(128)
WORDS = {
    "law": "court judge contract tenant lawsuit appeal verdict statute clause liability",
    "cooking": "oven flour butter simmer garlic recipe roast dough sauce spice",
    "sailing": "mast harbour keel tide rudder anchor knot spinnaker jib wind",
}
# Who is good at what: large is good everywhere, each small one in one field.
QUALITY = {
    "large": {"law": 0.8, "cooking": 0.8, "sailing": 0.8},
    "lawyer": {"law": 0.95, "cooking": 0.2, "sailing": 0.2},
    "cook": {"law": 0.2, "cooking": 0.8, "sailing": 0.2},
}
BILLIONS = (("cook", 4.0), ("large", 70.0), ("lawyer", 8.0))


def _data(rows: int = 300, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    names = list(WORDS)
    labels = [names[number % len(names)] for number in range(rows)]
    prompts = [
        f"{' '.join(rng.choice(WORDS[label].split(), 6))} question {number}"
        for number, label in enumerate(labels)
    ]
    scores = np.array(
        [[float(rng.random() < QUALITY[e][label]) for e in QUALITY] for label in labels]
    )
    ids = tuple(str(number) for number in range(rows))
    return Dataset(ids, tuple(prompts), tuple(labels), tuple(QUALITY), scores)


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return learn(_data(), EMBEDDER, Plan(budgets=(("small", 20.0),), active_parameters=BILLIONS))


@pytest.fixture(scope="module")
def router(artifact: Artifact) -> Router:
    return router_of(unpack(pack(artifact)), EMBEDDER)


def _decide(router: Router, text: str, policy: str = "quality") -> str:
    pool = router.pool(
        [Candidate(id=name, active_parameters=billions) for name, billions in BILLIONS]
    )
    return router.decide(routing_text(text).request(policy), pool).expert


def test_it_knows_the_categories_and_who_is_best_in_them(router: Router) -> None:
    assert router.taxonomy.ids == ("cooking", "law", "sailing", "general")
    held_out = _data(120, seed=1)
    found = [router.classify(prompt) for prompt in held_out.prompts]
    right = [
        router.taxonomy.ids[f.top] == c for f, c in zip(found, held_out.categories, strict=True)
    ]
    assert np.mean(right) > 0.95
    assert _decide(router, "the judge and the verdict of the court on this contract") == "lawyer"
    assert _decide(router, "rudder and keel in the harbour at low tide, mast and jib") == "large"


def test_a_budget_is_kept_on_prompts_like_those_learned_from(router: Router) -> None:
    held_out = _data(150, seed=2)
    chosen = [_decide(router, prompt, "small") for prompt in held_out.prompts]
    assert np.mean([dict(BILLIONS)[expert] for expert in chosen]) <= 20.0 * 1.15
    assert set(chosen) >= {"lawyer", "cook"}


def test_the_same_seed_learns_the_same_router(artifact: Artifact) -> None:
    plan = Plan(budgets=(("small", 20.0),), active_parameters=BILLIONS)
    assert pack(learn(_data(), EMBEDDER, plan)) == pack(artifact)


def test_the_version_follows_the_content(artifact: Artifact, router: Router) -> None:
    assert router.version == f"learned-{artifact.content_hash[:8]}"
    told = with_report(artifact, {"n": 3})
    assert router_of(told, EMBEDDER).version != router.version
    assert told.manifest["report"] == {"n": 3}


def test_another_embedder_is_refused(artifact: Artifact) -> None:
    with pytest.raises(ArtifactInvalid, match="embedder"):
        router_of(artifact, HashingEmbedder(64))


@pytest.mark.parametrize("part", ["policies", "taxonomy", "classifier", "quality", "name"])
def test_a_missing_part_is_named(artifact: Artifact, part: str) -> None:
    manifest = {name: value for name, value in artifact.manifest.items() if name != part}
    with pytest.raises(ArtifactInvalid, match=part):
        router_of(seal(manifest, artifact.tensors), EMBEDDER)


@pytest.mark.parametrize("part", ["policies", "taxonomy", "classifier", "quality"])
@pytest.mark.parametrize("value", [None, [], {}, 3, [{"x": 1}], "text"])
def test_a_part_of_another_kind_is_refused(artifact: Artifact, part: str, value: object) -> None:
    if part == "policies" and value in ([], {}):
        return  # a router without policies can be built; it answers no request
    with pytest.raises(ArtifactInvalid):
        router_of(seal({**artifact.manifest, part: value}, artifact.tensors), EMBEDDER)


def test_tensors_that_do_not_fit_are_refused(artifact: Artifact) -> None:
    for name, array in artifact.tensors.items():
        if array.ndim != 2 or name == "gate/usual":  # quantiles, as many as one likes
            continue
        cut = {**artifact.tensors, name: np.ascontiguousarray(array[:, :-1])}
        with pytest.raises(ArtifactInvalid):
            router_of(seal(artifact.manifest, cut), EMBEDDER)


def test_out_of_scope_is_no_category() -> None:
    labels = ("law", "oos", None, "cooking")
    assert taxonomy_of(("a", "b", "c", "d"), [None if x == "oos" else x for x in labels]).ids == (
        "cooking",
        "law",
        "general",
    )


def test_labels_alone_teach_categories() -> None:
    data = _data(90)
    unscored = Dataset(data.ids, data.prompts, data.categories, (), np.empty((len(data), 0)))
    router = router_of(unpack(pack(learn(unscored, EMBEDDER))), EMBEDDER)
    assert router.quality is None
    assert router.taxonomy.ids[router.classify("court judge contract verdict").top] == "law"
    pool = router.pool([Candidate("generalist"), Candidate("counsel", tags=frozenset({"law"}))])
    request = routing_text("court judge contract verdict").request("quality")
    assert router.decide(request, pool).expert == "counsel"
    with pytest.raises(DatasetInvalid, match="needs scores"):
        learn(unscored, EMBEDDER, Plan(budgets=(("small", 20.0),)))


def test_what_cannot_be_learned_from_is_said() -> None:
    data = _data(30)
    one = Dataset(data.ids, data.prompts, ("law",) * 30, data.experts, data.scores)
    with pytest.raises(DatasetInvalid, match="no two categories"):
        learn(one, EMBEDDER)
    part = data.scores.copy()
    part[:, 1] = np.nan
    with pytest.raises(DatasetInvalid, match="no scores of lawyer"):
        learn(Dataset(data.ids, data.prompts, data.categories, data.experts, part), EMBEDDER)
    with pytest.raises(DatasetInvalid, match=r"active parameters.*large"):
        learn(data, EMBEDDER, Plan(budgets=(("small", 20.0),)))
