"""The way of a chat request: target, account, expert call, answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from experts.calling.call import CallOptions, ExpertCaller
from experts.calling.stream import ExpertStream
from experts.catalogue.expert import Expert
from experts.counting.counter import answer_text
from experts.errors import ExpertError
from orchestrator.catalogue.service import CatalogueService
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
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.values import Ask
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
        default_policy: Policy of the model name ``coe``.
        timeout: Seconds until a whole answer must be there.
        first_token_timeout: Seconds until its first byte must be there.
        reserved_tokens: Of an answer, reserved where neither the request nor the expert says a most.
    """

    catalogue: CatalogueService
    router: ActiveRouter
    caller: ExpertCaller
    journal: UsageJournal
    outcomes: OutcomeMemory
    strategies: StrategyPipeline
    sessions: Sessions
    default_policy: str
    timeout: float
    first_token_timeout: float
    reserved_tokens: int

    async def answer(
        self, chat: ChatRequest, principal: Principal, request: Request, request_id: str
    ) -> Response | StreamResponse:
        """Answer one request.

        Raises:
            ApiError: For every expected failure; the usage record is written before.
        """
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
            target = replace(target, unused_strategy=assigned.unused)
        if target.decision is not None:
            target = await self._in_conversation(target, chat, asking)
        account, reservation = await self._opened(chat, told, target, asking)
        options = CallOptions(
            self.timeout,
            self.first_token_timeout,
            request_id,
            origin=principal.tenant,
            attempts=account.attempts,
            permit=reservation.permit,
            category=target.decision.category if target.decision else None,
        )
        try:
            answer = self._streamed if chat.stream else self._whole
            return await answer(_Exchange(chat, told.text, target, account, request, options))
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
        return choose_target(
            chat.model,
            told,
            catalogue=self.catalogue.current,
            router=self.router,
            default_policy=self.default_policy,
            asking=asking,
            limits=chat.limits,
        )

    async def _opened(
        self, chat: ChatRequest, told: RoutingText, target: Target, asking: Asking
    ) -> tuple[Account, Reservation]:
        """Let the request through its tenant's limits, and open its account."""
        account = Account(
            self.journal,
            asking.principal,
            request_id=asking.request_id,
            api=chat.api,
            model=chat.model,
            target=target,
            streamed=chat.stream,
            prompt_tokens=told.prompt_tokens,
            messages=chat.messages,
            tools=chat.tools,
            text=told.text,
            review=chat.review,
        )

        def needed(expert: Expert) -> Ask:
            return ask_of(
                asking.request_id,
                asking.principal,
                expert,
                told.prompt_tokens,
                chat.fields,
                self.reserved_tokens,
            )

        ask = needed(target.expert)
        reserved = await account.open(ask)
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
        call = self.caller.complete(
            target.experts, chat.fields_for(target.experts), exchange.options
        )
        answer = await unless_gone(call, exchange.request.receive)
        account.first_token()
        if answer.usage is None or account.keeps_answers:
            account.heard(answer_text(answer.body))
        body = await chat.passed(answer.body)
        self._answered(exchange, answer.expert)
        record = await account.close("ok")
        if chat.explain:
            body = with_extension(body, explanation(record, target, answer.attempts))
        headers = route_headers(target, answer.expert, answer.attempts)
        headers.update(account.rate_headers)
        headers["x-coe-cost"] = cost_text(record)
        return Response(body, media_type="application/json", headers=headers)

    async def _streamed(self, exchange: _Exchange) -> StreamResponse:
        target, account = exchange.target, exchange.account
        # Until the first real piece is here an error can still be a status.
        call = self.caller.stream(
            target.experts, exchange.chat.fields_for(target.experts), exchange.options
        )
        stream = await unless_gone(call, exchange.request.receive, ExpertStream.aclose)
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
        return StreamResponse(events, {**headers, **account.rate_headers})


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request on its way to its answer.

    Args:
        chat: The request.
        text: What of it routing looked at.
        target: Where it goes.
        account: Follows it.
        request: Its HTTP side.
        options: What its calls may take.
    """

    chat: ChatRequest
    text: str
    target: Target
    account: Account
    request: Request
    options: CallOptions


async def _judged(stream: ExpertStream, exchange: _Exchange) -> list[bytes] | None:
    """Return all of a stream once guardrails have judged it; ``None`` where it is not held back."""
    review = exchange.chat.review
    if review is None or not review.holds_streams:
        return None
    try:
        work = held(stream, exchange.account, review)
        return await unless_gone(work, exchange.request.receive)
    except BaseException:
        await stream.aclose()
        raise
