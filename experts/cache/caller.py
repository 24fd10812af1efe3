"""Experts asked through the cache: the answer that is kept, or theirs, which then is kept.

One :class:`CachedCaller` serves one request. It is left (``async with``) once its answer has been
let through: an answer that is refused afterwards is not kept, and whoever waits for it asks anew.
A stream settles that by itself, when its end has been passed on.
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
from experts.cache.forms import AnswerUnreadable, blocks_of, whole_of
from experts.cache.key import Asked, cache_key, is_sampled
from experts.cache.recording import RecordedStream, Recording, ReplayedStream
from experts.calling.attempts import Attempt
from experts.calling.call import Answer, CallOptions, ExpertCaller, ExpertStream
from experts.catalogue.expert import Expert
from experts.providers.protocol import Usage
from experts.providers.wire import UNREADABLE, plain

State = Literal["hit", "miss", "bypass"]


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
    """

    tenant: str
    kind: Literal["chat", "embeddings"]
    versions: Mapping[str, int]
    controls: Controls
    ttl: float
    sampled: bool = False
    category: str | None = None


@dataclass(slots=True)
class CachedCaller:
    """The way of one request to its answer.

    Args:
        caller: Asks experts.
        flights: Kept answers, and who asks for them.
        plan: What is done for this request; ``None``: nothing.
    """

    caller: ExpertCaller
    flights: Flights
    plan: Plan | None
    state: State = "bypass"
    """What became of it: ``hit`` (answered from the cache), ``miss``, ``bypass`` (not looked)."""
    age: float | None = None
    """Of the answer in seconds, on a hit."""
    shared: bool = False
    """Whether the answer is that of another request of the same moment."""
    key: bytes | None = None
    """Names the entry, where there is one or could be one."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _turn: Turn | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._turn is not None:
            self._turn.answered_nothing()
        await self._stack.aclose()

    async def complete(
        self, experts: Sequence[Expert], fields: Mapping[str, Any], options: CallOptions
    ) -> Answer:
        """Return the whole answer to a request; takes what ``ExpertCaller.complete`` does.

        Raises:
            ExpertError: As there.
        """
        entry = await self._entered(experts, fields)
        if entry is not None:
            try:
                return self._kept(experts, entry, whole_of(entry))
            except AnswerUnreadable:
                self._missed()
        answer = await self.caller.complete(experts, fields, options)
        if self._turn is not None and self.plan is not None and self._worth(answer.body):
            made = self._made(answer.expert, answer.usage, whole=answer.body)
            self._turn.answered(made, self.plan.ttl, self._place(answer.expert, experts, fields))
        return answer

    async def stream(
        self, experts: Sequence[Expert], fields: Mapping[str, Any], options: CallOptions
    ) -> ExpertStream | RecordedStream | ReplayedStream:
        """Return the answer as a stream; takes what ``ExpertCaller.stream`` does.

        Raises:
            ExpertError: As there.
        """
        entry = await self._entered(experts, fields)
        if entry is not None:
            wanted = plain(fields.get("stream_options"))
            usage = isinstance(wanted, dict) and wanted.get("include_usage") is True
            try:
                blocks = list(blocks_of(entry, usage_wanted=usage))
                return ReplayedStream(self._expert(experts, entry), blocks)
            except AnswerUnreadable:
                self._missed()
        stream = await self.caller.stream(experts, fields, options)
        turn, plan = self._turn, self.plan
        if turn is None or plan is None:
            return stream
        # From here on the stream settles its turn, not who made it.
        stack, self._stack, self._turn = self._stack.pop_all(), AsyncExitStack(), None

        def recorded(events: bytes, usage: Usage | None) -> None:
            made = self._made(stream.expert, usage, streamed=events)
            turn.answered(made, plan.ttl, self._place(stream.expert, experts, fields))

        return RecordedStream(stream, Recording(), recorded, stack)

    async def _entered(self, experts: Sequence[Expert], fields: Mapping[str, Any]) -> Entry | None:
        """Return the answer that is kept; without one, it is known whether this one will be."""
        plan = self.plan
        if plan is None or not (plan.controls.read or plan.controls.write):
            return None
        first = experts[0]
        sampled = plan.kind == "chat" and is_sampled(fields, first.parameters)
        if sampled and not plan.sampled:
            return None
        asked = Asked(plan.tenant, first.id, plan.versions[first.id], plan.kind)
        self.key = cache_key(asked, fields)
        self.state = "miss"
        if not plan.controls.read:
            self._turn = await self._stack.enter_async_context(
                self.flights.alone(plan.tenant, self.key)
            )
            return None
        turn = await self._stack.enter_async_context(self.flights.entered(plan.tenant, self.key))
        entry = turn.entry
        if entry is not None and self._will_do(entry, experts, plan):
            self.state, self.shared = "hit", turn.shared
            self.age = entry.age(time.time())
            return entry
        self._turn = turn if plan.controls.write else None
        return None

    def _will_do(self, entry: Entry, experts: Sequence[Expert], plan: Plan) -> bool:
        """Tell whether an answer is young enough, and of somebody who may answer this request.

        Where one fell back on another expert, who waited may not want that one.
        """
        most = plan.controls.max_age
        young = most is None or entry.age(time.time()) <= most
        return young and any(one.id == entry.expert for one in experts)

    def _place(
        self, expert: Expert, experts: Sequence[Expert], fields: Mapping[str, Any]
    ) -> bytes | None:
        """Return what an answer is kept under; ``None``: what was looked for."""
        plan = self.plan
        if plan is None or expert.id == experts[0].id:
            return None
        return cache_key(Asked(plan.tenant, expert.id, plan.versions[expert.id], plan.kind), fields)

    def _missed(self) -> None:
        """Note that what is kept is of no use; it is asked for, and not kept again."""
        self.state, self.age, self._turn = "miss", None, None

    def _kept(self, experts: Sequence[Expert], entry: Entry, body: bytes) -> Answer:
        expert = self._expert(experts, entry)
        usage = Usage(entry.prompt_tokens, entry.completion_tokens)
        return Answer(body, usage, expert, Attempt(expert, "", 0.0, outcome="skipped"))

    def _expert(self, experts: Sequence[Expert], entry: Entry) -> Expert:
        return next((one for one in experts if one.id == entry.expert), experts[0])

    def _worth(self, body: bytes) -> bool:
        """Tell whether an answer is all there."""
        if self.plan is None or self.plan.kind == "embeddings":
            return True
        try:
            answer = msgspec.json.decode(body)
        except UNREADABLE:
            return False
        return isinstance(answer, dict) and is_finished(answer)

    def _made(
        self,
        expert: Expert,
        usage: Usage | None,
        *,
        whole: bytes | None = None,
        streamed: bytes | None = None,
    ) -> Entry:
        assert self.plan is not None  # noqa: S101 (only with a plan is anything kept)
        return Entry(
            expert=expert.id,
            version=self.plan.versions[expert.id],
            made_at=time.time(),
            whole=whole,
            streamed=streamed,
            prompt_tokens=0 if usage is None else usage.prompt_tokens,
            completion_tokens=0 if usage is None else usage.completion_tokens,
            category=self.plan.category,
        )
