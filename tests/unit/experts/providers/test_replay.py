"""Recorded answers: found by text or id, served whole and as a stream, and refused where unknown."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Expert
from experts.errors import ExpertMisconfigured, RequestRefused
from experts.providers.protocol import ExpertCall
from experts.providers.replay import NOTHING_READ, ReplayProvider, question, read_record
from experts.providers.sse import DONE

LINES: list[dict[str, Any]] = [
    {"id": "7", "prompt": "Which?", "options": ["one", "two"], "answers": {"m": "B", "n": None}},
    {"id": 8, "prompt": "Say hello.", "answers": {"m": "Hello to all of you."}, "more": 1},
]


@pytest.fixture(params=["record.jsonl", "record.jsonl.gz"])
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path: Path = tmp_path / request.param
    data = "\n".join(json.dumps(line) for line in LINES).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def call(url: str | None, text: str, model: str = "m") -> ExpertCall:
    expert = Expert.model_validate({"id": "e", "provider": "replay", "model": model})
    return ExpertCall(expert, {"messages": [{"role": "user", "content": text}]}, url=url)


async def said(url: Path, text: str, model: str = "m") -> str:
    answer = await ReplayProvider().complete(call(str(url), text, model))
    body = msgspec.json.decode(answer.body)
    assert answer.usage is not None
    assert body["usage"]["completion_tokens"] == answer.usage.completion_tokens
    return str(body["choices"][0]["message"]["content"])


async def test_a_question_is_found_by_its_text_or_its_id(record: Path) -> None:
    asked = question("Which?", ["one", "two"])
    assert asked == "Which?\n\nA. one\nB. two"
    assert await said(record, asked) == "The answer is (B)."
    assert await said(record, asked, "n") == NOTHING_READ
    assert await said(record, "Whatever it says:\nreplay-id: 7\n") == "The answer is (B)."
    assert await said(record, " Say hello. \n") == "Hello to all of you."
    assert await said(record, "replay-id: 8") == "Hello to all of you."


async def test_a_stream_says_the_same(record: Path) -> None:
    provider = ReplayProvider()
    blocks = [block async for block in provider.stream(call(str(record), "Say hello."))]
    assert blocks[-1] == DONE
    pieces = [msgspec.json.decode(block[len(b"data: ") :]) for block in blocks[:-1]]
    text = "".join(c["delta"].get("content", "") for p in pieces for c in p["choices"])
    assert text == "Hello to all of you."
    await provider.aclose()


async def test_what_was_never_asked_is_refused(record: Path) -> None:
    for text in ("Which?", "replay-id: 9", ""):
        with pytest.raises(RequestRefused, match="no recorded answer"):
            await said(record, text)
    with pytest.raises(ExpertMisconfigured, match="no answers of model 'other'"):
        await said(record, "Say hello.", "other")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "line 1"),
        (b'{"prompt": "p"}', "line 1"),
        (
            b'{"id": 1, "prompt": "p", "answers": {}}\n\n{"id": "1", "prompt": "q", "answers": {}}',
            "line 3",
        ),
        (json.dumps({"prompt": "p", "answers": {}, "options": ["o"] * 27}).encode(), "26 options"),
    ],
)
async def test_a_bad_record_is_the_operators_fault(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        read_record(path)
    with pytest.raises(ExpertMisconfigured, match=problem):
        await ReplayProvider().complete(call(str(path), "p"))


async def test_no_record_is_the_operators_fault(tmp_path: Path) -> None:
    with pytest.raises(ExpertMisconfigured, match="'url'"):
        await ReplayProvider().complete(call(None, "p"))
    with pytest.raises(ExpertMisconfigured, match="cannot be read"):
        await ReplayProvider().complete(call(str(tmp_path / "none"), "p"))


def test_it_has_its_name() -> None:
    assert isinstance(ProviderRegistry().get("replay"), ReplayProvider)
