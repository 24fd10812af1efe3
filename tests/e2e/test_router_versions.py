"""``coe router`` and ``coe feedback`` against the running service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import Result

from tests.command import coe
from tests.e2e.conftest import Server
from tests.e2e.support import eventually, question

CATEGORIES = {
    "cooking": ("soup", "bread", "rice", "beans", "curry", "pasta", "salad", "stew"),
    "gardening": ("roses", "lawn", "seeds", "hedge", "compost", "tulips", "weeds", "ivy"),
}
QUESTIONS = ("How do I best treat {}?", "Tell me all about {}.", "What should I know of {}?")


def _run(server: Server, *arguments: str) -> Result:
    return coe(*arguments, environ={"COE_BASE_URL": server.url, "COE_API_KEY": server.key})


def _coe(server: Server, *arguments: str) -> Any:
    done = _run(server, *arguments, "--json")
    assert done.exit_code == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _refused(server: Server, *arguments: str) -> str:
    done = _run(server, *arguments)
    assert done.exit_code == 1, done.stdout + done.stderr
    return done.stderr


def _trained(server: Server, directory: Path, experts: tuple[str, str]) -> dict[str, Any]:
    """Learn that cooking is the first expert's and gardening the second's."""
    rows = [
        {
            "id": f"{category}-{word}-{number}",
            "prompt": text.format(word),
            "category": category,
            "scores": dict(zip(experts, scores, strict=True)),
        }
        for (category, words), scores in zip(CATEGORIES.items(), ((1, 0), (0, 1)), strict=True)
        for word in words
        for number, text in enumerate(QUESTIONS)
    ]
    data = directory / "scores.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    out = str(directory / "artefact")
    arguments = ("router", "train", "--data", str(data), "--out", out, "--folds", "0")
    trained: dict[str, Any] = _coe(server, *arguments)
    return trained


def test_from_a_file_of_scores_to_requests_and_back(server: Server, tmp_path: Path) -> None:
    trained = _trained(server, tmp_path, ("generalist", "coder"))
    imported = _coe(server, "router", "import", trained["artifact"], "--note", "by hand")
    assert (imported["status"], imported["version"]) == ("candidate", trained["version"])
    version = imported["id"]
    assert _coe(server, "router", "shadow", version, "--share", "1")["share"] == 1
    with server.client() as client:
        assert client.post("/v1/route", json={"input": "My roses"}).status_code == 200
        comparison = f"/admin/api/routers/{version}/comparison"
        assert eventually(lambda: client.get(comparison).json()["n"]) == 1
        assert _coe(server, "router", "show", version)["comparison"]["n"] == 1
        try:
            assert _coe(server, "router", "promote", version)["status"] == "active"
            body = question("coe-quality", "Tell me all about roses.")
            answer = client.post("/v1/chat/completions", json=body)
            assert answer.headers["x-coe-router-version"] == trained["version"]
            assert answer.headers["x-coe-expert"] == "coder"
        finally:
            assert _coe(server, "router", "rollback")["id"] == "starter"
    listed = {one["id"]: one["status"] for one in _coe(server, "router", "list")}
    assert (listed[version], listed["starter"]) == ("retired", "active")
    request = answer.headers["x-coe-request-id"]
    assert _coe(server, "feedback", "give", request, "--stars", "5")["rating"] == 1.0
    scores = _coe(server, "feedback", "scores", "--compute")["data"]
    assert ("gardening", "coder", 1) in [(s["category"], s["expert"], s["n"]) for s in scores]
    assert _coe(server, "feedback", "list")[0]["request_id"] == request


def test_what_cannot_be_used_is_refused_in_a_sentence(server: Server, tmp_path: Path) -> None:
    directory = Path(_trained(server, tmp_path, ("generalist", "nobody"))["artifact"])
    version = _coe(server, "router", "import", str(directory))["id"]
    assert "nobody" in _refused(server, "router", "promote", version)
    assert "without an evaluation report" in _refused(server, "router", "report", version)
    (directory / "tensors.safetensors").write_bytes(b"damaged")
    assert "changed or damaged" in _refused(server, "router", "import", str(directory))
    (tmp_path / "file").write_bytes(b"anything")
    assert "not a router artefact" in _refused(server, "router", "import", str(tmp_path / "file"))
    assert "No such file" in _refused(server, "router", "import", str(tmp_path / "none"))
