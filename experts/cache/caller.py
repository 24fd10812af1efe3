"""Experts asked through the cache: the answer that is kept, or theirs, which then is kept.

One :class:`CachedCall` serves one request. It is looked first (:meth:`CachedCall.look`), so that who lets
requests through their limits knows whether an expert will be asked. It is left (``async with``) once its
answer has been let through: an answer that is refused afterwards is not kept, and whoever waits for it
asks anew. A stream settles that by itself, when its end has been passed on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgspec

from experts.cache.controls import Controls
from experts.cache.entry import Entry, is_finished
from experts.cache.flights import Flights, Turn
from experts.cache.forms import blocks_of, is_told, whole_of
from experts.cache.key import Asked, cache_key, is_sampled
from experts.cache.recording import AnswerStream, RecordedStream, Recording, ReplayedStream
from experts.cache.similar.protocol import Found, Similar
from experts.calling.attempts import Attempt
from experts.calling.call import Answer, CallOptions, ExpertCaller
from experts.catalogue.expert import Expert
from experts.providers.protocol import Usage
from experts.providers.wire import UNREADABLE, plain

State = Literal["hit", "shared", "similar", "miss", "bypass"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with caches for one request.

    Args:
        tenant: Whose it is.
        kind: ``chat`` or ``embeddings``.
        versions: Versions in force of the experts' entries, by id.
        controls: What the request and its tenant allow, taken together.
        ttl: Seconds to keep the answer.
        sampled: Whether answers are kept that might come out otherwise each time.
        category: What the request is about, if a router said so.
        similar: Finds the answer to a request that is only like this one; ``None``: that will not do.
        patience: Seconds to wait for the answer that another request has asked for.
    """

    tenant: str
    kind: Literal["chat", "embeddings"]
    versions: Mapping[str, int]
    controls: Controls
    ttl: float
    sampled: bool = False
    category: str | None = None
    similar: Similar | None = None
    patience: float = 600.0


@dataclass(slots=True)
class CachedCall:
    """The way of one request to its answer.

    Args:
        caller: Asks experts.
        flights: Kept answers, and who asks for them.
        plan: What is done for this request.
        experts: Who may answer, best first.
        fields: The request by field; values are plain or ``msgspec.Raw``.
    """

    caller: ExpertCaller
    flights: Flights
    plan: Plan
    experts: Sequence[Expert]
    fields: Mapping[str, Any]
    state: State = "bypass"
    """What became of it: ``hit`` (kept), ``shared`` (asked for by another at the same moment), ``similar``
    (kept of a request like it), ``miss`` (an expert is asked), ``bypass`` (not looked)."""
    entry: Entry | None = None
    """The answer, unless an expert is asked."""
    key: bytes | None = None
    """Names the entry, where there is one or could be one."""
    found: Found | None = None
    """What came of looking for an answer to a request like it."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _turn: Turn | None = None
    _streamed: bool = False
    _given: Entry | None = None
    _refused: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.refuse()
        elif not self._streamed:
            self._learned()
        await self._stack.aclose()

    @property
    def age(self) -> int:
        """Of the answer, in whole seconds."""
        return 0 if self.entry is None else int(self.entry.age(time.time()))

    @property
    def kept_under(self) -> bytes | None:
        """What names the entry that answers, or that will hold the answer."""
        if self.state == "similar" and self.found is not None:
            return self.found.verdict.name
        return self.key

    def refuse(self) -> None:
        """Say that the answer may not be given: it is not kept."""
        self._refused = True
        if self._turn is not None:
            self._turn.answered_nothing()

    async def look(self) -> None:
        """Find the answer, or see to it that this request is the one that asks.

        Waits for another request that asks for the same.
        """
        plan, first = self.plan, self.experts[0]
        if not (plan.controls.read or plan.controls.write):
            return
        if plan.kind == "chat" and not plan.sampled and is_sampled(self.fields, first.parameters):
            return
        self.state = "miss"
        self.key = cache_key(self._asked(first), self.fields)
        if not plan.controls.read:
            alone = self.flights.alone(plan.tenant, self.key)
            self._turn = await self._stack.enter_async_context(alone)
            return
        entered = self.flights.entered(plan.tenant, self.key, plan.patience)
        turn = await self._stack.enter_async_context(entered)
        self._turn = turn if plan.controls.write else None
        if self._take(turn.entry):
            self.state = "shared" if turn.shared else "hit"
        elif plan.similar is not None:
            await self._look_for_similar(plan.similar)

    async def complete(self, options: CallOptions, fields: Mapping[str, Any]) -> Answer:
        """Return the whole answer.

        Args:
            options: Deadlines and names of a call.
            fields: What an expert is asked, where that is told otherwise than the request.

        Raises:
            ExpertError: As ``ExpertCaller.complete`` does.
        """
        if self.entry is not None:
            entry = self.entry
            usage = Usage(entry.prompt_tokens, entry.completion_tokens)
            expert = self._expert(entry)
            call = Attempt(expert, "", 0.0, outcome="skipped")
            return Answer(whole_of(entry), usage, expert, call)
        answer = await self.caller.complete(self.experts, fields, options)
        if self._worth(answer.body):
            self._made(self._turn, answer.expert, answer.usage, whole=answer.body)
        return answer

    async def stream(self, options: CallOptions, fields: Mapping[str, Any]) -> AnswerStream:
        """Return the answer as a stream; takes what :meth:`complete` does.

        Raises:
            ExpertError: As ``ExpertCaller.stream`` does.
        """
        if self.entry is not None:
            wanted = plain(self.fields.get("stream_options"))
            usage_wanted = isinstance(wanted, dict) and wanted.get("include_usage") is True
            blocks = blocks_of(self.entry, usage_wanted=usage_wanted)
            return ReplayedStream(self._expert(self.entry), blocks)
        stream = await self.caller.stream(self.experts, fields, options)
        turn = self._turn
        if turn is None:
            return stream

        def recorded(events: bytes, usage: Usage | None) -> None:
            if not self._refused:
                self._made(turn, stream.expert, usage, streamed=events)
                self._learned()

        self._streamed = True
        # From here on the stream settles its turn, not who made it.
        stack, self._stack = self._stack.pop_all(), AsyncExitStack()
        return RecordedStream(stream, Recording(), recorded, stack)

    async def _look_for_similar(self, similar: Similar) -> None:
        """Look whether the answer to another request will do."""
        self.found = await similar.find(self._asked(self.experts[0]), self.fields)
        if self.found is not None and self._take(self.found.entry):
            self.state = "similar"

    def _take(self, entry: Entry | None) -> bool:
        """Take an answer if it is young enough, and of somebody who may answer this request.

        Where one fell back on another expert, who waited may not want that one.
        """
        if entry is None or not any(one.id == entry.expert for one in self.experts):
            return False
        most = self.plan.controls.max_age
        if most is not None and entry.age(time.time()) > most:
            return False
        self.entry, self._turn = entry, None
        return True

    def _asked(self, expert: Expert) -> Asked:
        plan = self.plan
        return Asked(plan.tenant, expert.id, plan.versions[expert.id], plan.kind)

    def _expert(self, entry: Entry) -> Expert:
        return next(one for one in self.experts if one.id == entry.expert)

    def _worth(self, body: bytes) -> bool:
        """Tell whether an answer is all there, and can be told as a stream."""
        if self.plan.kind == "embeddings":
            return True
        try:
            answer = msgspec.json.decode(body)
        except UNREADABLE:
            return False
        return isinstance(answer, dict) and is_finished(answer) and is_told(answer)

    def _made(
        self,
        turn: Turn | None,
        expert: Expert,
        usage: Usage | None,
        *,
        whole: bytes | None = None,
        streamed: bytes | None = None,
    ) -> None:
        """Say what the answer is; it is kept under the name of who gave it."""
        if turn is None:
            return
        asked = self._asked(expert)
        entry = Entry(
            expert=expert.id,
            version=asked.version,
            made_at=time.time(),
            whole=whole,
            streamed=streamed,
            prompt_tokens=0 if usage is None else usage.prompt_tokens,
            completion_tokens=0 if usage is None else usage.completion_tokens,
            category=self.plan.category,
        )
        own = expert.id == self.experts[0].id
        turn.answered(entry, self.plan.ttl, None if own else cache_key(asked, self.fields))
        self._given = entry if own else None

    def _learned(self) -> None:
        """Let it be known which answer was given, where that may do for other requests."""
        similar, key, entry = self.plan.similar, self.key, self._given
        if similar is not None and key is not None and entry is not None:
            asked = self._asked(self.experts[0])
            similar.answered(key, entry, self.plan.ttl, asked, self.fields, self.found)
