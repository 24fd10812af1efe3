"""A scripted expert in-process, for tests, demonstrations and documentation: no key, no network.

The script is ``parameters.script`` of the catalogue entry or, where there is none, its ``model``
(:mod:`experts.providers.scripts`). Replies are checked like those of any server, so that every
scripted fault surfaces as the error a real one would cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus

from experts.errors import ExpertMisconfigured
from experts.providers.answers import StreamCheck, check_answer, check_embeddings
from experts.providers.playing import EVENT_STREAM, JSON, ConnectionBroken, Reply, play
from experts.providers.playing_vectors import play_embeddings
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.providers.scripts import Script, parse_script
from experts.providers.upstream import Upstream


class ScriptedProvider:
    """Answers by script; :attr:`calls` counts what each expert was asked."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        upstream = Upstream(call.expert.id, call.expert.model, call.api_key)
        async with aclosing(await self._reply(call, upstream, JSON)) as chunks:
            try:
                body = b"".join([chunk async for chunk in chunks])
            except ConnectionBroken as error:
                raise upstream.invalid("broke off in the middle of its answer") from error
        return check_answer(body, upstream)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        upstream = Upstream(call.expert.id, call.expert.model, call.api_key)
        check = StreamCheck(upstream)
        async with aclosing(await self._reply(call, upstream, EVENT_STREAM)) as chunks:
            try:
                async for chunk in chunks:
                    block = check.feed(chunk)
                    if block:
                        yield block
            except ConnectionBroken as error:
                raise upstream.invalid("broke off in the middle of its answer") from error
        if not check.done:
            yield check.end()

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        name = call.expert.id
        upstream = Upstream(name, call.expert.model, call.api_key)
        reply = play_embeddings(_script_of(call), call.body, model=call.expert.model or name)
        self.calls[name] += 1
        body = await _whole_body(reply)
        if reply.status != HTTPStatus.OK:
            raise upstream.error(reply.status, body, reply.headers.get("Retry-After"))
        return check_embeddings(body, upstream)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    async def _reply(
        self, call: ExpertCall, upstream: Upstream, content_type: str
    ) -> AsyncGenerator[bytes, None]:
        name = call.expert.id
        body = {**call.body, "stream": content_type == EVENT_STREAM}
        reply = play(
            _script_of(call), body, model=call.expert.model or name, attempt=self.calls[name]
        )
        self.calls[name] += 1
        if reply.status != HTTPStatus.OK:
            said = await _whole_body(reply)
            raise upstream.error(reply.status, said, reply.headers.get("Retry-After"))
        if reply.content_type != content_type:
            await reply.body.aclose()
            raise upstream.invalid(f"answered with content type {reply.content_type!r}")
        return reply.body


async def _whole_body(reply: Reply) -> bytes:
    return b"".join([chunk async for chunk in reply.body])


def _script_of(call: ExpertCall) -> Script:
    source = call.expert.parameters.get("script", call.expert.model) or "echo"
    try:
        return parse_script(source)
    except ValueError as error:
        message = f"expert '{call.expert.id}': {error}"
        raise ExpertMisconfigured(message, expert=call.expert.id) from error
