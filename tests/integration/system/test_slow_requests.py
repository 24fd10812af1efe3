"""The log of slow requests within the service as it is put together."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from experts.catalogue.expert import Expert
from orchestrator.app import create_app
from orchestrator.bootstrap import open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.tenants.keys import Role
from tests.integration.runs.conftest import ROUTER

SAID = "a-canary-in-what-is-said"


async def test_a_slow_request_is_logged_with_its_stages_and_not_with_what_was_said(
    postgres_url: str, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tmp_path, slow_request_seconds=1e-9)
    urls = StoreUrls(postgres_url, redis_url, exclusive=False)
    async with open_services(settings, urls, ROUTER, {}) as services:
        entry = {"id": "echo", "provider": "scripted", "model": "echo"}
        await services.catalogue.create(Expert.model_validate(entry), by="test")
        _, key = await services.keys.create(name="a test's", role=Role.USER, created_by="test")
        async with AsyncClient(
            transport=ASGITransport(create_app(services)),
            base_url="http://test",
            headers={"authorization": f"Bearer {key}"},
        ) as client:
            body = {"model": "echo", "messages": [{"role": "user", "content": SAID}]}
            with caplog.at_level(logging.WARNING, "orchestrator.telemetry.slow"):
                answers = [
                    await client.post("/v1/chat/completions", json={**body, "stream": stream})
                    for stream in (False, True)
                ]
    whole, stream = [one.__dict__["facts"] for one in caplog.records if "facts" in one.__dict__]
    for told, answer in zip((whole, stream), answers, strict=True):
        assert told["request_id"] == answer.headers["x-coe-request-id"]
        assert list(told["stages"]) == ["read", "route", "limits", "expert", "rest"]
        assert sum(told["stages"].values()) == pytest.approx(told["seconds"], abs=0.005)
        assert (told["expert"], told["status"], told["tenant"]) == ("echo", "ok", "default")
    assert whole["first_token_seconds"] is None
    assert 0 < stream["first_token_seconds"] <= stream["seconds"]
    assert SAID not in caplog.text
