"""Chat requests that a strategy answers: ``model: "coe-<strategy>"``."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.calling.call import ExpertCaller
from experts.pricing import NANOS_PER_USD, nanos_of
from experts.providers.wire import Head
from orchestrator.assignments.service import Assignments
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.answering import Answering
from orchestrator.chat.assigned import Assigned, assigned_to, check_form
from orchestrator.chat.length import most_tokens
from orchestrator.chat.limits import Limits as Asked
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.run_account import NotingLedger, RunAccount
from orchestrator.chat.streaming import StreamResponse
from orchestrator.chat.target import Asking, Target, decide, encoded
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.grounds import bounded, with_format
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.run import Run
from orchestrator.conductor.sources import with_sources
from orchestrator.conductor.values import Task
from orchestrator.kit import logs_context
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.journal import UsageJournal
from router import RoutingDecision, RoutingText

_LEAST = 1e-9
"""Of money, so that a caller who allows nothing is answered by what is free."""
_INHERITED = ("temperature", "top_p", "seed")
"""Fields of the request that each call of an expert takes over."""


@dataclass(frozen=True, slots=True)
class StrategyPipeline:
    """Answers chat requests with a strategy.

    Args:
        catalogue: The experts.
        router: Chooses between them.
        caller: Calls them.
        journal: Records what they cost.
        sandbox: Runs code.
        default_policy: The trade-off experts are chosen under.
        limits: Of one run.
        timeout: Seconds for one answer of an expert.
        knowledge: What runs are told beforehand.
        assignments: Which strategies answer requests that name none.
    """

    catalogue: CatalogueService
    router: ActiveRouter
    caller: ExpertCaller
    journal: UsageJournal
    sandbox: Sandbox
    default_policy: str
    limits: Limits
    timeout: float
    knowledge: Knowledge
    assignments: Assignments

    def assigned(self, chat: ChatRequest, target: Target, tenant: str) -> Assigned | None:
        """Return the strategy that an operator has assigned to a request, if one has.

        Args:
            chat: The request; ``model`` names no strategy.
            target: Where it goes otherwise; one that its caller named is never replaced.
            tenant: Whose it is.
        """
        if target.decision is None:
            return None
        return assigned_to(chat, target.decision, tenant, self.assignments)

    async def answer(
        self,
        strategy: str,
        chat: ChatRequest,
        told: RoutingText,
        asking: Asking,
        request: Request,
        decision: RoutingDecision | None = None,
    ) -> Response | StreamResponse:
        """Answer one request.

        Args:
            strategy: That answers it.
            chat: The request.
            told: What it says, for routing.
            asking: Which it is, and whose.
            request: As it came.
            decision: The router's, if it has decided already.

        Raises:
            ApiError: For every expected failure; the usage record is written before.
        """
        check_form(chat)
        most = most_tokens(chat)
        decision = decision or await self._decided(chat, told, asking)
        logs_context.mark("route")
        account = RunAccount(
            self.journal,
            asking.principal,
            request_id=asking.request_id,
            api=chat.api,
            model=chat.model,
            strategy=strategy,
            decision=decision,
            streamed=chat.stream,
            messages=chat.messages,
            text=told.text,
            review=chat.review,
            session=asking.session,
        )
        limits = within(bounded(self.limits, chat.grounds.limits), chat.limits)
        admission = await account.open(ask_of_run(asking, limits, told.prompt_tokens))
        logs_context.mark("limits")
        limits = reserved(limits, admission.nanos)
        run = self._run(chat, told, decision, asking, limits, NotingLedger(account))
        head = Head(asking.request_id, int(time.time()), chat.model)
        answering = Answering(strategy, chat, run, account, decision, head, most)
        return await (answering.streamed if chat.stream else answering.whole)(request)

    async def _decided(
        self, chat: ChatRequest, told: RoutingText, asking: Asking
    ) -> RoutingDecision:
        await encoded(told, self.router, asking)
        return decide(
            told,
            self.default_policy,
            catalogue=self.catalogue.current,
            router=self.router,
            asking=asking,
            limits=chat.limits,
        )

    def _run(
        self,
        chat: ChatRequest,
        told: RoutingText,
        decision: RoutingDecision,
        asking: Asking,
        limits: Limits,
        ledger: NotingLedger,
    ) -> Run:
        experts = CatalogueExperts(
            self.catalogue.current,
            self.router,
            self.caller,
            asking.request_id,
            allowed=asking.principal.experts,
            timeout=self.timeout,
        )
        task = Task(
            messages=with_sources(chat.messages, chat.grounds.context),
            context=chat.grounds.context,
            facts=chat.grounds.facts,
            checks=with_format(chat.grounds.checks, chat.response_format),
            text=told.text,
            policy=decision.policy,
            category=decision.category,
            uncertainty=decision.uncertainty,
            tenant=asking.principal.tenant,
            parameters={
                name: msgspec.json.decode(chat.fields[name])
                for name in _INHERITED
                if name in chat.fields
            },
        )
        return self.knowledge.given_to(
            Run(task, experts, self.sandbox, limits=limits, ledger=ledger)
        )


def ask_of_run(asking: Asking, limits: Limits, prompt_tokens: int) -> Ask:
    """Return what a run needs of its caller's limits: its own budget, or what is left of theirs."""
    principal = asking.principal
    return Ask(
        asking.request_id,
        principal.tenant,
        principal.key_id,
        tokens=prompt_tokens,
        least_tokens=prompt_tokens,
        nanos=nanos_of(limits.usd),
        least_nanos=1,
    )


def reserved(limits: Limits, nanos: int) -> Limits:
    """Return limits with no more money than was reserved."""
    return replace(limits, usd=max(min(limits.usd, nanos / NANOS_PER_USD), _LEAST))


def within(limits: Limits, asked: Asked) -> Limits:
    """Return what a run may use: no more money and time than the caller allows."""
    usd, seconds = asked.max_cost, asked.max_latency
    if usd is not None:
        limits = replace(limits, usd=min(limits.usd, max(usd, _LEAST)))
    if seconds is not None:
        limits = replace(limits, seconds=min(limits.seconds, max(seconds, _LEAST)))
    return limits
