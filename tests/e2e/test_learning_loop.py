"""From requests and what callers thought of their answers to the router that decides, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests import command
from tests.e2e.conftest import Server
from tests.e2e.support import eventually, question

SUBJECTS = {
    "law": ("contracts", "leases", "patents", "lawsuits", "courts", "treaties", "wills", "bail"),
    "health": ("fever", "coughs", "rashes", "vaccines", "allergies", "asthma", "pills", "flu"),
}
QUESTIONS = ("How do I best deal with {}?", "Tell me all about {}.", "What should I know of {}?")
BEST = {"law": "generalist", "health": "coder"}


def coe(server: Server, *arguments: str) -> Result:
    return command.coe(*arguments, environ={"COE_BASE_URL": server.url, "COE_API_KEY": server.key})


def said(server: Server, *arguments: str) -> Any:
    done = coe(server, *arguments, "--json")
    assert done.exit_code == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def storing(server: Server) -> Iterator[None]:
    assert said(server, "feedback", "content", "default", "--store")["store"]
    yield
    assert not said(server, "feedback", "content", "default", "--erase")["store"]


def judge(server: Server) -> None:
    """Ask both experts everything, and rate the answers of one of them well in each subject."""
    with server.client() as client:
        for subject, words in SUBJECTS.items():
            for text in (one.format(word) for word in words for one in QUESTIONS):
                for expert in BEST.values():
                    answer = client.post("/v1/chat/completions", json=question(expert, text))
                    opinion = {
                        "request_id": answer.headers["x-coe-request-id"],
                        "rating": 1 if BEST[subject] == expert else -1,
                        "corrected_category": subject if text.endswith(".") else None,
                    }
                    given = client.post("/v1/feedback", json=opinion)
                    assert given.status_code == 200, given.text


@pytest.mark.usefixtures("storing")
def test_feedback_trains_the_next_router(server: Server, tmp_path: Path) -> None:
    judge(server)
    data, artifact = tmp_path / "feedback.jsonl", tmp_path / "artefact"
    exported = coe(server, "feedback", "export", "--out", str(data), "--days", "1")
    assert exported.exit_code == 0, exported.stderr
    assert "48 prompts" in exported.stderr
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    assert {tuple(sorted(row["scores"].values())) for row in rows} == {(0.0, 1.0)}
    trained = said(server, "router", "train", "--data", str(data), "--out", str(artifact))
    version = said(server, "router", "import", trained["artifact"], "--note", "of feedback")["id"]
    with server.client() as client:

        def route(**headers: str) -> dict[str, Any]:
            body = {"input": "Tell me all about fever.", "model": "coe-quality"}
            decision: dict[str, Any] = client.post("/v1/route", json=body, headers=headers).json()
            return decision

        # Beside the live one, unused.
        assert said(server, "router", "shadow", version, "--share", "1")["status"] == "shadow"
        assert route()["router_version"] != trained["version"]
        comparison = f"/admin/api/routers/{version}/comparison"
        assert eventually(lambda: client.get(comparison).json()["n"]) == 1
        # For a share of the sessions.
        assert said(server, "router", "canary", version, "--share", "0.5")["status"] == "canary"
        sessions = {route(**{"x-coe-session": f"s{n}"})["router_version"] for n in range(20)}
        assert len(sessions) == 2
        assert trained["version"] in sessions
        try:
            assert said(server, "router", "promote", version)["status"] == "active"
            for subject, words in SUBJECTS.items():
                body = question("coe-quality", f"What about {words[0]} and {words[1]}?")
                answer = client.post("/v1/chat/completions", json=body)
                assert answer.headers["x-coe-router-version"] == trained["version"]
                assert answer.headers["x-coe-expert"] == BEST[subject]
            assert said(server, "router", "show", version)["infeasible"] == {}
        finally:
            assert said(server, "router", "rollback")["id"] == "starter"
        assert route()["router_version"] != trained["version"]


def test_nothing_to_export_is_said(server: Server, tmp_path: Path) -> None:
    done = coe(server, "feedback", "export", "--out", str(tmp_path / "none.jsonl"))
    assert done.exit_code == 1
    assert "coe feedback content TENANT --store" in done.stderr
    assert not (tmp_path / "none.jsonl").exists()
