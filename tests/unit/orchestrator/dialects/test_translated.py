"""A translated stream ends with the one it is made of, however either ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Any

import msgspec
import pytest

from experts.errors import ExpertAnswerInvalid, ExpertError
from experts.providers.sse import write_event
from orchestrator.chat.errors import api_error
from orchestrator.dialects.messages.request import read_request
from orchestrator.dialects.messages.stream import MessageStream
from orchestrator.dialects.streams import translated

from .answers import Answer
from .reading import named_events

ASKED = read_request(
    msgspec.json.encode(
        {"model": "coe", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    )
)
NO_CHUNK = b'data: {"choices": "none"}\n\n'


class Source:
    """Blocks of chat, and how they came to their end."""

    def __init__(self, blocks: Iterable[bytes], *, answers_failures: bool = True) -> None:
        self._blocks = blocks
        self._answers_failures = answers_failures
        self.ended: str | None = None

    async def run(self) -> AsyncGenerator[bytes, None]:
        try:
            for block in self._blocks:
                yield block
            self.ended = "ok"
        except ExpertError as error:
            self.ended = error.code
            if not self._answers_failures:
                raise
            yield write_event(msgspec.json.encode(api_error(error).body("req_1")))
        except GeneratorExit:
            self.ended = "cancelled"
            raise


async def events_of(source: Source) -> list[tuple[str, dict[str, Any]]]:
    blocks = translated(source.run(), MessageStream(ASKED, "req_1"))
    return named_events(b"".join([block async for block in blocks]))


async def test_a_whole_stream() -> None:
    source = Source(Answer(said=("Hi",)).events())
    assert [name for name, _ in await events_of(source)][-1] == "message_stop"
    assert source.ended == "ok"


async def test_leaving_early_closes_the_source() -> None:
    source = Source(Answer(said=("Hel", "lo")).events())
    blocks = translated(source.run(), MessageStream(ASKED, "req_1"))
    assert (await anext(blocks)).startswith(b"event: message_start")
    await blocks.aclose()
    assert source.ended == "cancelled"


@pytest.mark.parametrize("answers_failures", [True, False])
async def test_what_cannot_be_read_fails_at_its_source(answers_failures: bool) -> None:
    begun, *_ = Answer(said=("Hi",)).events()
    source = Source([begun, NO_CHUNK, begun], answers_failures=answers_failures)
    (*_, (name, fields)) = await events_of(source)
    assert name == "error"
    assert fields["error"]["code"] == source.ended == ExpertAnswerInvalid.code
    assert fields["request_id"] == "req_1"


async def test_the_first_block_comes_with_the_first() -> None:
    """What answers with it must not have to wait: see :class:`StreamResponse`."""
    blocks = translated(Source(Answer(said=("Hi",)).events()).run(), MessageStream(ASKED, "req_1"))
    waiting = anext(blocks).__await__()
    with pytest.raises(StopIteration) as done:
        next(waiting)
    assert done.value.value.startswith(b"event: message_start")
    await blocks.aclose()
