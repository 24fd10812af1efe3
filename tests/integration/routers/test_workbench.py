"""The workbench over real stores: what is shown of a version, and what is made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from httpx import ASGITransport, AsyncClient

from coe_client import APIStatusError, AsyncCoe
from experts.catalogue.expert import Expert, Price
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Router, Taxonomy, build_router
from router.artifact import pack
from router.data import Dataset
from router.learning import learn, with_report
from router.uncertainty import GateSettings

WORDS = {
    "cooking": "oven flour butter simmer garlic recipe roast dough sauce spice",
    "sailing": "mast harbour keel tide rudder anchor knot spinnaker jib wind",
}
EXPERTS = (("small", 0.1, 3.0), ("middle", 1.0, 30.0), ("large", 10.0, 300.0))


class Bench(NamedTuple):
    """The service with its clients."""

    services: Services
    http: AsyncClient
    coe: AsyncCoe
    viewer: AsyncCoe


def prompts(words: str, count: int) -> list[str]:
    """Return prompts of some words, all different and always the same."""
    rng = np.random.default_rng(0)
    return [f"{' '.join(rng.choice(words.split(), 6))} {number}" for number in range(count)]


@pytest.fixture(scope="module")
def starter() -> Router:
    """A router made like the one that comes with the package, of less."""
    categories = [
        Category(name, name.capitalize(), f"About {name}.", tuple(prompts(words, 30)))
        for name, words in {
            "law": "court judge contract tenant lawsuit appeal verdict statute clause liability",
            "math": "derivative integral proof sum equation root prime matrix limit angle",
            "general": "weather music holiday news letter party film name joke hello",
        }.items()
    ]
    gate = GateSettings(threshold=0.97)
    return build_router(
        Taxonomy(tuple(categories)), HashingEmbedder(64), name="starter-1", gate_settings=gate
    )


@pytest.fixture
async def bench(
    postgres_url: str, redis_url: str, tmp_path: Path, starter: Router
) -> AsyncIterator[Bench]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, starter, {}) as services:
        for name, price, size in EXPERTS:
            expert = Expert(
                id=name,
                provider="scripted",
                model="echo",
                price=Price(input=price, output=price),
                active_parameters=size,
            )
            await services.catalogue.create(expert, by="test")
        transport = ASGITransport(create_app(services))
        async with AsyncClient(transport=transport, base_url="http://test") as http:
            clients = []
            for role in (Role.ADMIN, Role.VIEWER):
                _, key = await services.keys.create(name=role.value, role=role, created_by="test")
                clients.append(AsyncCoe(base_url="http://test", api_key=key, http_client=http))
            yield Bench(services, http, *clients)


async def refused(call: Any) -> tuple[int, str | None, str]:
    """Return status, code and message of the error that a call ends with."""
    with pytest.raises(APIStatusError) as told:
        await call
    return told.value.status, told.value.code, str(told.value)


async def test_half_the_budget_on_a_fresh_installation(bench: Bench) -> None:
    routers = bench.coe.routers
    [policy] = [p for p in (await routers.policies("starter")).data if p.name == "balanced"]
    assert (policy.budget, policy.message) == (None, None)
    assert policy.present is not None
    spent = policy.present.expected_cost_usd
    frontier = await bench.viewer.routers.frontier("starter", "balanced")
    assert frontier.present is not None
    assert frontier.present.limit is None
    assert frontier.present.spent == pytest.approx(spent)
    assert frontier.lowest == pytest.approx(9e-5)
    assert frontier.highest == pytest.approx(spent)
    assert [point.spent for point in frontier.points] == sorted(p.spent for p in frontier.points)

    solved = await bench.viewer.routers.solve("starter", "balanced", money_usd=spent / 2)
    assert solved.feasible
    assert solved.before is not None
    assert solved.after is not None
    assert solved.after.expected_cost_usd <= spent / 2
    assert solved.after.expected_quality < solved.before.expected_quality
    assert solved.moved == sum(c.moved for c in solved.categories) > 0
    assert all(c.moved == (c.expert != c.expert_before) for c in solved.categories)
    as_it_is = await routers.solve("starter", "balanced")
    assert (as_it_is.moved, as_it_is.after) == (0, as_it_is.before)
    assert (await routers.solve("starter", "balanced", unlimited=True)).moved == 0

    made = await routers.set_budget("starter", "balanced", money_usd=spent / 2)
    assert made.version.status == "candidate"
    assert made.version.note.startswith("Budget of 'balanced': money_usd ")
    assert made.solved.after == solved.after
    again = await routers.set_budget("starter", "balanced", money_usd=spent / 2, note="other")
    assert again.version.id == made.version.id, "the same content is stored once"
    assert (await routers.get(made.version.id)).infeasible is None

    await routers.promote(made.version.id)
    mapping = {category.id: category.expert for category in solved.categories}
    assert (await bench.coe.router.get()).policies["balanced"] == mapping
    decision = await bench.coe.route(
        "the derivative of a sum, an integral and a proof", model="coe-balanced"
    )
    assert decision.router_version == made.version.version
    assert decision.expert == mapping[decision.category]
    compared = await routers.compare(made.version.id, "starter")
    assert (compared.base.id, compared.version.id) == ("starter", made.version.id)
    [there] = [p for p in compared.policies if p.policy == "balanced"]
    assert (there.moved, there.base, there.version) == (solved.moved, solved.before, solved.after)
    assert there.budget_version is not None
    assert there.budget_version.money_usd == spent / 2
    assert (compared.scores.differing, compared.categories.changed) == (0, [])
    assert (await routers.rollback()).id == "starter"
    lifted = await routers.set_budget(made.version.id, "balanced")
    assert lifted.solved.budget is None
    assert lifted.solved.after == solved.before


async def test_what_cannot_be_asked_is_told(bench: Bench) -> None:
    routers = bench.coe.routers
    little = await routers.solve("starter", "quality", money_usd=1e-6)
    assert not little.feasible
    assert little.limits[0].nearest == pytest.approx(9e-5)
    assert "at least 9e-05 is needed" in (little.message or "")
    refusals: Mapping[tuple[int, str], Any] = {
        (409, "router_budget_infeasible"): routers.set_budget("starter", "quality", money_usd=1e-6),
        (404, "router_policy_not_found"): routers.solve("starter", "no-such"),
        (404, "router_version_not_found"): routers.policies("rv_" + "0" * 32),
        (404, "router_category_not_found"): routers.category("starter", "no-such"),
        (400, "invalid_taxonomy"): routers.change_taxonomy(
            "starter", [{"op": "remove", "id": "x"}]
        ),
        (403, "insufficient_role"): bench.viewer.routers.set_budget("starter", "quality"),
        (400, "invalid_request"): routers.solve("starter", "quality", money_usd=1, unlimited=True),
    }
    for expected, call in refusals.items():
        status, code, message = await refused(call)
        assert (status, code) == expected, message
    assert (await refused(routers.set_budget("starter", "quality", money_usd=-1)))[0] == 400
    assert (await refused(routers.frontier("starter", "quality", points=1)))[0] == 400
    wrong = [{"op": "add", "id": "Not An Id", "name": "n", "description": "d"}]
    assert (await refused(routers.change_taxonomy("starter", wrong)))[:2] == (
        400,
        "invalid_taxonomy",
    )
    assert [version.id async for version in routers.list()] == ["starter"], "nothing was stored"


async def test_a_category_of_ones_own(bench: Bench) -> None:
    routers = bench.coe.routers
    taxonomy = await bench.viewer.routers.taxonomy("starter", q="law", examples=2)
    assert not taxonomy.learned
    assert taxonomy.possible.remove_category.possible
    [law] = [category for category in taxonomy.data if category.id == "law"]
    assert (law.origin, len(law.examples), law.example_count) == ("starter", 2, 30)
    change: list[dict[str, Any]] = [
        {
            "op": "add",
            "id": "sailing",
            "name": "Sailing",
            "description": "Boats under sail, wind and knots.",
            "examples": prompts(WORDS["sailing"], 20),
        },
        {"op": "change", "id": "law", "name": "Law and courts"},
    ]
    tried = await routers.change_taxonomy("starter", change, preview=True)
    assert tried.version is None
    assert (tried.regression.examples, tried.regression.recognised) == (20, 20)
    assert tried.regression.tried == tried.regression.kept + tried.regression.changed == 90
    made = await routers.change_taxonomy("starter", change, note="boats")
    assert made.regression == tried.regression
    assert made.version is not None
    version = made.version.id
    origins = {c.id: c.origin for c in (await routers.taxonomy(version)).data}
    assert (origins["sailing"], origins["law"], origins["math"]) == ("own", "changed", "starter")
    assert (await routers.category(version, "sailing")).examples == change[0]["examples"]
    await routers.promote(version)
    decision = await bench.coe.route("an anchor, a rudder and the wind")
    assert decision.category == "sailing"
    compared = await routers.compare(version, "starter")
    assert (compared.categories.added, compared.categories.changed) == (["sailing"], ["law"])


async def test_what_is_known_of_the_version_that_decides(bench: Bench) -> None:
    coe = bench.coe
    measured = await bench.viewer.routers.diagnostics("starter")
    assert measured.source == "held_out_examples"
    assert measured.accuracy is not None
    assert measured.accuracy.low is not None
    assert measured.accuracy.low < measured.accuracy.value <= 1.0
    assert measured.confusion is not None
    assert sum(map(sum, measured.confusion.counts)) == measured.prompts
    assert measured.reliability is not None
    assert all(b.accuracy_low <= b.accuracy <= b.accuracy_high for b in measured.reliability.bins)
    assert measured.live.requests == 0

    _, other = await bench.services.keys.create(
        name="silent", role=Role.USER, tenant="silent", created_by="test"
    )
    silent = AsyncCoe(base_url="http://test", api_key=other, http_client=bench.http)
    await coe.feedback.store_content("default", level="prompts")
    asked = await coe.chat.create("the derivative of a sum, an integral and a proof")
    unkept = await silent.chat.create("a judge and a verdict of the court")
    for client, answer in ((coe, asked), (silent, unkept)):  # waits until it is on record
        assert answer.route.request_id is not None
        await client.feedback.give(answer.route.request_id, rating=0.5, corrected_category="law")
    live = (await coe.routers.diagnostics("starter")).live
    assert (live.requests, live.rated, live.mean_rating, live.corrected) == (2, 2, 0.5, 2)
    assert {c.corrected for c in live.corrections} == {"law"}

    drawn = await coe.routers.projection("starter")
    assert (drawn.requests, drawn.examples) == (1, measured.prompts)
    assert len(drawn.points) == drawn.examples + 1
    [point] = [point for point in drawn.points if point.kind == "request"]
    assert (point.request_id, point.text) == (asked.route.request_id, None)
    assert all(p.text for p in drawn.points if p.kind == "example")
    assert drawn == await coe.routers.projection("starter")

    scores = [row async for row in coe.routers.scores("starter", sort="cost", page_size=1)]
    assert [row.expert for row in scores] == ["small", "middle", "large"]
    assert {cell.source for row in scores for cell in row.cells} == {"prior"}
    assert scores[0].cells[0].low is None
    [found] = [row async for row in coe.routers.scores("starter", q="MID")]
    assert found.expert == "middle"
    assert (await refused(anext(aiter(coe.routers.scores("starter", sort="colour")))))[0] == 400


async def test_a_version_that_was_learned(bench: Bench) -> None:
    labels = [name for name in WORDS for _ in range(40)]
    texts = [text for words in WORDS.values() for text in prompts(words, 40)]
    good = {"cooking": "small", "sailing": "middle"}
    scores = [[float(good[c] == e) for e in ("small", "middle")] for c in labels]
    data = Dataset(
        tuple(map(str, range(80))),
        tuple(texts),
        tuple(labels),
        ("small", "middle"),
        np.array(scores),
    )
    report = {
        "n": 80,
        "category_accuracy": 0.9,
        "confusion": {"labels": ["cooking", "sailing"], "counts": [[40]]},
        "policies": {"quality": {"quality": 0.8, "cost": None}},
    }
    artifact = with_report(learn(data, HashingEmbedder(64)), report)
    routers = bench.coe.routers
    stored = await routers.upload(pack(artifact))

    found = await routers.diagnostics(stored.id)
    assert (found.source, found.prompts, found.risk_coverage) == ("report", 80, None)
    assert found.confusion is None, "it is no square"
    assert found.accuracy is not None
    assert (found.accuracy.value, found.accuracy.low, found.accuracy.observations) == (
        0.9,
        None,
        80,
    )
    rows = {row.expert: row async for row in routers.scores(stored.id)}
    assert (rows["small"].measured, rows["large"].measured) == (True, False)
    cell = rows["small"].cells[0]
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < cell.quality <= cell.high
    assert (cell.source, round(cell.observations)) == ("measured", 40)
    taxonomy = await routers.taxonomy(stored.id)
    assert taxonomy.learned
    assert not taxonomy.possible.change_examples.possible
    assert taxonomy.possible.add_category.least_examples == 5
    status, code, message = await refused(
        routers.change_taxonomy(stored.id, [{"op": "remove", "id": "cooking"}])
    )
    assert (status, code) == (409, "router_taxonomy_fixed")
    assert "Train it again" in message
    few = [{"op": "add", "id": "few", "name": "Few", "description": "Few.", "examples": ["one"]}]
    assert "from 5 or more" in (await refused(routers.change_taxonomy(stored.id, few)))[2]
    named = await routers.change_taxonomy(
        stored.id, [{"op": "change", "id": "cooking", "name": "The kitchen"}]
    )
    assert named.version is not None
    assert named.version.experts == ["small", "middle"]

    before = await routers.solve(stored.id, "quality")
    assert before.per_prompt
    made = await routers.set_budget(stored.id, "quality", money_usd=9.1e-5)
    assert not made.solved.per_prompt
    assert {category.expert for category in made.solved.categories} == {"small"}
    compared = await routers.compare(made.version.id, stored.id)
    assert {f.name: (f.base, f.version) for f in compared.figures} == {
        "category_accuracy": (0.9, 0.9),
        "quality: quality": (0.8, None),
    }
    beside = await routers.compare(stored.id, "starter")
    assert beside.scores.differing > 0
    assert beside.categories.added == ["cooking", "sailing"]
    assert beside.categories.removed == ["law", "math"]
