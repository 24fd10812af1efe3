"""The catalogue's experts, as runs see them: chosen by the active router, called by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from experts.calling.call import CallOptions, ExpertCaller
from experts.catalogue.expert import Expert
from experts.counting.counter import answer_text
from experts.counting.produced import Produced
from experts.errors import ExpertAnswerInvalid
from experts.pricing import usd_of
from experts.providers import sse
from experts.providers.protocol import ExpertAnswer
from orchestrator.catalogue.service import Catalogue
from orchestrator.conductor.ports import Lost, NoExpert, Tell
from orchestrator.conductor.values import Ask, Said, Task
from orchestrator.routers.service import ActiveRouter
from orchestrator.usage.charges import Asked, Charge, charges_of, total
from router import NoEligibleExpert, RouteRequest, RoutingDecision, routing_text

_NEWER = "max_completion_tokens"
_USUAL_BILLIONS = 7.0


@dataclass(frozen=True, slots=True)
class CatalogueExperts:
    """Everyone in one revision of the catalogue.

    Args:
        catalogue: The experts; a run keeps to the revision it began with.
        router: Chooses between them.
        caller: Calls them.
        run_id: Names the run in the experts' logs.
        allowed: Ids of those that may be asked; ``None``: all.
        timeout: Seconds for one answer.
    """

    catalogue: Catalogue
    router: ActiveRouter
    caller: ExpertCaller
    run_id: str
    allowed: frozenset[str] | None = None
    timeout: float = 120.0

    def known(self, name: str) -> bool:
        """Tell whether there is an expert of that id that may be asked."""
        expert = self.catalogue.experts.get(name)
        permitted = self.allowed is None or name in self.allowed
        return expert is not None and expert.enabled and not expert.embeds and permitted

    def choose(self, ask: Ask, task: Task) -> str:
        """Return the id of the expert a call goes to; see :class:`Experts`."""
        if ask.expert is not None:
            if not self.known(ask.expert):
                raise NoExpert(f"there is no expert '{ask.expert}'")
            return ask.expert
        told = routing_text(ask.skill or list(ask.messages), tools=ask.parameters.get("tools"))
        ranked = self._decided(told.request(task.policy)).ranked
        return next((expert for expert in ranked if expert not in ask.not_by), ranked[0])

    def ranked(self, task: Task, *, policy: str | None = None) -> tuple[tuple[str, float], ...]:
        """Return who could answer the task, best first; see :class:`Experts`."""
        wanted = policy if policy and policy in self.router.policies else task.policy
        request = routing_text(list(task.messages)).request(wanted)
        decision = self._decided(request)
        quality = {view.id: view.quality for view in decision.candidates}
        return tuple((expert, quality.get(expert, 0.0)) for expert in decision.ranked)

    def can(self, expert: str, capability: str) -> bool:
        """Tell whether an expert has a capability."""
        return capability in self.catalogue.experts[expert].capabilities

    def window(self, expert: str) -> int:
        """Return the tokens of prompt and answer together that an expert takes."""
        return self.catalogue.experts[expert].context_window

    def price(self, expert: str) -> tuple[float, float]:
        """Return the US dollars an expert costs for a token read, and for one written."""
        price = self.catalogue.experts[expert].price
        return price.input * 1e-6, price.output * 1e-6

    def size(self, expert: str) -> float:
        """Return the billions of parameters that work on each token; 7 where nobody knows."""
        return self.catalogue.experts[expert].active_parameters or _USUAL_BILLIONS

    async def ask(self, expert: str, ask: Ask, task: Task, tell: Tell, lost: Lost) -> Said:
        """Ask an expert; see :class:`Experts`."""
        call = _Call(
            self.catalogue.experts[expert],
            self.caller,
            CallOptions(
                self.timeout,
                self.timeout,
                f"{self.run_id}.{ask.key}",
                origin=task.tenant,
                category=task.category,
            ),
            ask,
            tell,
        )
        version = self.catalogue.versions.get(expert)
        try:
            text, tool_calls = await call.answer()
        except BaseException:
            lost(said(expert, version, await call.charge()))
            raise
        return said(expert, version, await call.charge(), text, tool_calls)

    def _decided(self, request: RouteRequest) -> RoutingDecision:
        if self.allowed is not None:
            request = replace(request, allowed=self.allowed)
        try:
            return self.router.decide(request, self.catalogue, request_id=self.run_id)
        except NoEligibleExpert as error:
            raise NoExpert(str(error)) from error


@dataclass(slots=True)
class _Call:
    """One question to one expert: all the calls it takes, and what they wrote.

    Args:
        entry: The expert.
        caller: Calls it, once or more.
        options: How.
        ask: The question.
        tell: Is told each piece of the answer.
    """

    entry: Expert
    caller: ExpertCaller
    options: CallOptions
    ask: Ask
    tell: Tell
    written: str = ""
    produced: Produced = field(default_factory=Produced)

    async def answer(self) -> tuple[str, tuple[dict[str, Any], ...]]:
        """Return the text and the tool calls of the answer.

        Raises:
            ExpertError: If there is none.
        """
        parameters = self.ask.parameters
        fields = {**within(self.entry, parameters), "messages": list(self.ask.messages)}
        if "streaming" in self.entry.capabilities and "tools" not in parameters:
            return await self._streamed(fields), ()
        answer = await self.caller.complete(self.entry, fields, self.options)
        self.written = answer_text(answer.body)
        text, tool_calls = _message(answer, self.entry.id)
        if text:
            self.tell(text)
        return text, tool_calls

    async def charge(self) -> Charge:
        """Return what all the calls cost, however they have ended."""
        messages, tools = self.ask.messages, self.ask.parameters.get("tools")
        # Whole answers teach how their expert counts, as those that no strategy asked for do.
        asked = Asked(messages, tools, routing_text(list(messages), tools=tools).prompt_tokens)
        written = self.written + self.produced.text
        charges = await charges_of(self.options.attempts, asked, written)
        return total(charge for _, charge in charges)

    async def _streamed(self, fields: dict[str, Any]) -> str:
        """Return what the expert says, told piece by piece as it says it."""
        pieces: list[str] = []
        async with await self.caller.stream(self.entry, fields, self.options) as stream:
            async for block in stream:
                self.produced.add(block)
                for event in sse.split_events(block):
                    piece = _piece(event)
                    if piece:
                        pieces.append(piece)
                        self.tell(piece)
        return "".join(pieces)


def said(
    expert: str,
    version: int | None,
    charge: Charge,
    text: str = "",
    tool_calls: tuple[dict[str, Any], ...] = (),
) -> Said:
    """Return what an expert answered, if it did, with what it cost.

    Args:
        expert: Its id.
        version: Of its entry.
        charge: For all the calls that it took.
        text: The answer; empty where there is none.
        tool_calls: Of the answer.
    """
    usage = charge.usage
    return Said(
        expert,
        text,
        tool_calls,
        usage.prompt_tokens,
        usage.completion_tokens,
        usd_of(charge.nanos),
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.estimated,
        version,
    )


def within(entry: Expert, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's parameters, its answer no longer than the expert's entry lets it be.

    What is left of a run's tokens is a limit, and not a wish for so many. It goes by the name that
    the entry uses: some models know only the newer one.

    Args:
        entry: The expert.
        parameters: Of the call.
    """
    found = dict(parameters)
    left = found.pop("max_tokens", None)
    if left is None:
        return found
    name = _NEWER if _NEWER in entry.parameters else "max_tokens"
    own = entry.parameters.get(name)
    found[name] = min(left, own) if isinstance(own, int) and own > 0 else left
    return found


def _piece(event: bytes) -> str:
    """Return the text that an event of a stream brings, if it brings any."""
    data = sse.data_of(event)
    if data is None or sse.is_done(event):
        return ""
    try:
        content = msgspec.json.decode(data)["choices"][0]["delta"].get("content")
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return ""  # a count of tokens, a sign of life
    return content if isinstance(content, str) else ""


def _message(answer: ExpertAnswer, expert: str) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Return the text and the tool calls of an answer's first choice.

    Raises:
        ExpertAnswerInvalid: If it has none.
    """
    try:
        body = msgspec.json.decode(answer.body)
        message = body["choices"][0]["message"]
    except (msgspec.DecodeError, LookupError, TypeError) as error:
        problem = f"expert '{expert}' answered without a message"
        raise ExpertAnswerInvalid(problem, expert=expert) from error
    content = message.get("content") if isinstance(message, Mapping) else None
    calls = message.get("tool_calls") if isinstance(message, Mapping) else None
    listed = calls if isinstance(calls, list) else []
    return content if isinstance(content, str) else "", tuple(
        c for c in listed if isinstance(c, dict)
    )
