"""The way of a chat request: target, account, expert call, answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts import tracing
from experts.cache.caller import CachedCall
from experts.cache.recording import AnswerStream
from experts.calling.call import Answer, CallOptions, ExpertCaller
from experts.catalogue.expert import Expert
from experts.counting.counter import answer_text
from experts.errors import ExpertError
from orchestrator.caching.service import Caching
from orchestrator.caching.telling import headers as cache_headers
from orchestrator.catalogue.service import HasCatalogue
from orchestrator.chat.accounting import Account
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.errors import api_error
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.reserve import Reservation, ask_of
from orchestrator.chat.review import status_of
from orchestrator.chat.stickiness import Sessions, conversation_of
from orchestrator.chat.strategies import StrategyPipeline
from orchestrator.chat.streaming import StreamResponse, held, metered
from orchestrator.chat.target import (
    Asking,
    Target,
    asking_of,
    choose_target,
    encoded,
    policy_of,
    strategy_of,
)
from orchestrator.chat.telling import cost_text, explanation, route_headers, with_extension
from orchestrator.kit import logs_context
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.charges import foreseeable
from orchestrator.usage.journal import UsageJournal
from router import RoutingText, routing_text


@dataclass(frozen=True, slots=True)
class ChatPipeline:
    """Answers chat requests.

    Args:
        catalogue: The experts.
        router: Chooses between them.
        caller: Calls them.
        journal: Records what they cost.
        outcomes: Remembers what became of past requests, where that is wanted.
        strategies: Answers what asks for a strategy.
        sessions: Remembers who answers which conversation.
        caching: Has answers that are kept.
        default_policy: Policy of the model name ``coe``.
        timeout: Seconds until a whole answer must be there.
        first_token_timeout: Seconds until its first byte must be there.
        reserved_tokens: Of an answer, reserved where neither the request nor the expert says a most.
    """

    catalogue: HasCatalogue
    router: ActiveRouter
    caller: ExpertCaller
    journal: UsageJournal
    outcomes: OutcomeMemory
    strategies: StrategyPipeline
    sessions: Sessions
    caching: Caching
    default_policy: str
    timeout: float
    first_token_timeout: float
    reserved_tokens: int

    async def answer(
        self,
        chat: ChatRequest,
        principal: Principal,
        request: Request,
        request_id: str,  # noqa: ARG002 (a request knows its own)
    ) -> Response | StreamResponse:
        """Answer one request.

        Raises:
            ApiError: For every expected failure; the usage record is written before.
        """
        logs_context.mark("read")
        told = routing_text(chat.messages, tools=chat.tools, response_format=chat.response_format)
        asking = asking_of(request, principal, self.outcomes.of(principal.tenant))
        strategy = strategy_of(chat.model, self.router.policies)
        if strategy is not None:
            return await self.strategies.answer(strategy, chat, told, asking, request)
        target = await self._chosen(chat, told, asking)
        assigned = self.strategies.assigned(chat, target, principal.tenant)
        if assigned is not None and assigned.answers is not None:
            return await self.strategies.answer(
                assigned.answers, chat, told, asking, request, target.decision
            )
        if assigned is not None:
            target = msgspec.structs.replace(target, unused_strategy=assigned.unused)
        if target.decision is not None:
            target = await self._in_conversation(target, chat, asking)
        logs_context.mark("route")
        cached = self._cached(chat, target, asking, request)
        if cached is None:
            return await self._asked(chat, told, target, asking, request)
        async with cached:
            try:
                with tracing.span("cache"):
                    await unless_gone(cached.look(), request.receive)
            except ClientGone:
                return Response(status_code=CLIENT_CLOSED_REQUEST)
            logs_context.mark("cache")
            return await self._asked(chat, told, target, asking, request, cached)

    def _cached(
        self, chat: ChatRequest, target: Target, asking: Asking, request: Request
    ) -> CachedCall | None:
        """Return the way of a request through the cache, if that has a part in it."""
        tenant = asking.principal.tenant
        if not self.caching.has_part(tenant, chat.cache):
            return None
        return self.caching.of(
            self.caller,
            target.experts,
            chat.fields,
            asked=chat.cache,
            header=request.headers.get("cache-control"),
            tenant=tenant,
            versions=target.versions,
            category=target.decision.category if target.decision else None,
            patience=self.first_token_timeout if chat.stream else self.timeout,
        )

    async def _asked(
        self,
        chat: ChatRequest,
        told: RoutingText,
        target: Target,
        asking: Asking,
        request: Request,
        cached: CachedCall | None = None,
    ) -> Response | StreamResponse:
        """Answer a request for which it is known who is to answer, and whether that is kept."""
        account, reservation = await self._opened(chat, told, target, asking, cached)
        options = CallOptions(
            self.timeout,
            self.first_token_timeout,
            asking.request_id,
            origin=asking.principal.tenant,
            attempts=account.attempts,
            permit=reservation.permit,
            category=target.decision.category if target.decision else None,
            likely=target.decision.probabilities if target.decision else None,
        )
        try:
            answer = self._streamed if chat.stream else self._whole
            exchange = _Exchange(chat, told.text, target, account, request, options, cached)
            return await answer(exchange)
        except ExpertError as error:
            await account.close("failed", error_code=error.code)
            raise api_error(error) from error
        except ApiError as error:
            await account.close(status_of(error), error_code=error.code)
            raise
        except ClientGone:
            await account.close("cancelled")
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except asyncio.CancelledError:
            await account.close("cancelled")
            raise
        except Exception:
            await account.close("failed", error_code="internal_error")
            raise

    async def _chosen(self, chat: ChatRequest, told: RoutingText, asking: Asking) -> Target:
        """Choose who answers, whatever went before in the conversation."""
        if policy_of(chat.model, self.default_policy) is not None:
            await encoded(told, self.router, asking)
        with tracing.span("route") as span:
            target = choose_target(
                chat.model,
                told,
                catalogue=self.catalogue.current,
                router=self.router,
                default_policy=self.default_policy,
                asking=asking,
                limits=chat.limits,
            )
            span.set(coe__expert__id=target.expert.id, coe__policy=target.policy)
        return target

    async def _opened(
        self,
        chat: ChatRequest,
        told: RoutingText,
        target: Target,
        asking: Asking,
        cached: CachedCall | None,
    ) -> tuple[Account, Reservation]:
        """Let the request through its tenant's limits, and open its account."""
        habit = self.caller.habits.of(target.expert)
        account = Account(
            self.journal,
            asking.principal,
            request_id=asking.request_id,
            api=chat.api,
            model=chat.model,
            target=target,
            streamed=chat.stream,
            prompt_tokens=habit.foreseen_tokens(foreseeable(target.expert, told.prompt_tokens)),
            foreseen=told.prompt_tokens,
            messages=chat.messages,
            tools=chat.tools,
            text=told.text,
            review=chat.review,
            cached=cached,
            session=asking.session,
        )

        def needed(expert: Expert) -> Ask:
            return ask_of(
                asking.request_id,
                asking.principal,
                expert,
                told.prompt_tokens,
                chat.fields,
                self.reserved_tokens,
                self.caller.habits.of(expert),
            )

        ask = needed(target.expert)
        if cached is not None and cached.entry is not None:
            # It counts as a request; nothing is spent on it.
            ask = Ask(ask.request_id, ask.tenant, ask.key_id)
        reserved = await account.open(ask)
        logs_context.mark("limits")
        return account, Reservation(
            self.journal.top_up, ask, reserved, account.attempts, lambda one: needed(one).nanos
        )

    async def _in_conversation(self, target: Target, chat: ChatRequest, asking: Asking) -> Target:
        """Let a conversation stay with its expert, if there is one and it is reasonable."""
        conversation = conversation_of(
            chat.messages,
            tenant=asking.principal.tenant,
            policy=target.policy or "",
            session=asking.session,
        )
        return target.of(conversation, await self.sessions.recall(conversation))

    def _answered(self, exchange: _Exchange, expert: Expert) -> None:
        """Remember who answers, for the conversation and for what will be thought of it."""
        target, options = exchange.target, exchange.options
        if target.conversation is not None:
            self.sessions.keep(target.conversation, expert.id)
        if target.decision is not None:
            tenant = options.origin or ""
            self.outcomes.asked(options.request_id, tenant, exchange.text, expert.id)

    async def _whole(self, exchange: _Exchange) -> Response:
        chat, target, account = exchange.chat, exchange.target, exchange.account
        answer = await unless_gone(self._completed(exchange), exchange.request.receive)
        account.first_token()
        if answer.usage is None or account.keeps_answers or account.curious:
            account.heard(answer_text(answer.body))
        body = await chat.passed(answer.body)
        self._answered(exchange, answer.expert)
        record = await account.close("ok")
        if chat.explain:
            told = explanation(record, target, answer.attempts, account.cache)
            body = with_extension(body, told)
        headers = route_headers(target, answer.expert, answer.attempts)
        headers.update(account.rate_headers)
        headers |= cache_headers(exchange.cached)
        headers["x-coe-cost"] = cost_text(record)
        return Response(body, media_type="application/json", headers=headers)

    async def _streamed(self, exchange: _Exchange) -> StreamResponse:
        target, account = exchange.target, exchange.account
        # Until the first real piece is here an error can still be a status.
        call = self._begun(exchange)
        stream = await unless_gone(call, exchange.request.receive, _closed)
        account.first_token()
        judged = await _judged(stream, exchange)
        self._answered(exchange, stream.expert)
        events = metered(
            stream,
            account,
            target,
            explain=exchange.chat.explain,
            request_id=exchange.options.request_id,
            judged=judged,
        )
        headers = route_headers(target, stream.expert, stream.attempts)
        headers |= {**account.rate_headers, **cache_headers(exchange.cached)}
        return StreamResponse(events, headers)

    async def _completed(self, exchange: _Exchange) -> Answer:
        """Return a whole answer: the one that is kept, or an expert's."""
        experts, options = exchange.target.experts, exchange.options
        fields = exchange.chat.fields_for(experts)
        if exchange.cached is not None:
            return await exchange.cached.complete(options, fields)
        return await self.caller.complete(experts, fields, options)

    async def _begun(self, exchange: _Exchange) -> AnswerStream:
        """Return the stream of an answer: of the one that is kept, or an expert's."""
        experts, options = exchange.target.experts, exchange.options
        fields = exchange.chat.fields_for(experts)
        if exchange.cached is not None:
            return await exchange.cached.stream(options, fields)
        return await self.caller.stream(experts, fields, options)


class _Exchange(msgspec.Struct, frozen=True):
    """One request on its way to its answer.

    Args:
        chat: The request.
        text: What of it routing looked at.
        target: Where it goes.
        account: Follows it.
        request: Its HTTP side.
        options: What its calls may take.
        cached: Its way through the cache, if that has a part in it.
    """

    chat: ChatRequest
    text: str
    target: Target
    account: Account
    request: Request
    options: CallOptions
    cached: CachedCall | None


async def _closed(stream: AnswerStream) -> None:
    """Close a stream that nobody gets."""
    await stream.aclose()


async def _judged(stream: AnswerStream, exchange: _Exchange) -> list[bytes] | None:
    """Return all of a stream once guardrails have judged it; ``None`` where it is not held back."""
    review = exchange.chat.review
    if review is None or not review.holds_streams:
        return None
    try:
        work = held(stream, exchange.account, review)
        return await unless_gone(work, exchange.request.receive)
    except BaseException:
        if exchange.cached is not None:
            exchange.cached.refuse()  # what is not given is not kept
        await stream.aclose()
        raise
