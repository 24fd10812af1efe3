"""A router learned from data, from its artefact to the requests it decides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from httpx import ASGITransport, AsyncClient

from coe_client import AsyncCoe
from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from router import StaticEmbedder, starter_router
from router.artifact import Artifact, pack
from router.data import Dataset
from router.learning import learn, with_report

SUBJECTS = {
    "cooking": [
        "soup",
        "bread",
        "rice",
        "beans",
        "curry",
        "pasta",
        "salad",
        "stew",
        "cake",
        "tofu",
    ],
    "gardening": ["roses", "lawn", "seeds", "hedge", "compost", "tulips", "weeds", "soil", "ivy"],
    "general": ["weather", "music", "holiday", "news", "letter", "party", "film", "name", "joke"],
}
QUESTIONS = ("How do I best treat {}?", "Tell me all about {}.", "What should I know of {}?")


@pytest.fixture(scope="module")
def learned() -> Artifact:
    prompts, labels = [], []
    for label, words in SUBJECTS.items():
        for word in words:
            for question in QUESTIONS:
                prompts.append(question.format(word))
                labels.append(label)
    best = {"cooking": "chef", "gardening": "gardener"}
    experts = ("chef", "gardener")
    scores = [[float(best.get(label, "chef") == expert) for expert in experts] for label in labels]
    data = Dataset(
        ids=tuple(map(str, range(len(prompts)))),
        prompts=tuple(prompts),
        categories=tuple(labels),
        experts=experts,
        scores=np.array(scores),
    )
    return with_report(learn(data, StaticEmbedder()), {"n": len(prompts)})


@pytest.fixture
async def coe(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[AsyncCoe]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, starter_router(), {}) as services:
        for name in ("chef", "gardener"):
            expert = Expert(id=name, provider="scripted", model="echo", active_parameters=7.0)
            await services.catalogue.create(expert, by="test")
        _, key = await services.keys.create(name="admin", role=Role.ADMIN, created_by="test")
        transport = ASGITransport(create_app(services))
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            yield AsyncCoe(base_url="http://test", api_key=key, http_client=client)


async def test_it_is_imported_promoted_and_decides(coe: AsyncCoe, learned: Artifact) -> None:
    stored = await coe.routers.upload(pack(learned), note="learned from sixty prompts")
    assert stored.experts == ["chef", "gardener"]
    assert (await coe.routers.get(stored.id)).scores["cooking"]["chef"] > 0.8
    await coe.routers.promote(stored.id)
    for text, expert in (("Tell me about soup and bread", "chef"), ("My roses", "gardener")):
        decision = await coe.route(text, model="coe-quality")
        assert (decision.router_version, decision.expert) == (stored.version, expert)
    answer = await coe.chat.create("How do I bake bread?")
    assert answer.route.router_version == stored.version
    assert "cooking" in {category.id for category in (await coe.router.get()).categories}
    assert (await coe.routers.report_page(stored.id)).startswith("<!doctype html>")
    assert (await coe.routers.rollback()).id == "starter"
    assert (await coe.route("My roses")).router_version.startswith("starter-1")
