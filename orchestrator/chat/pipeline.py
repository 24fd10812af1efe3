"""The way of a chat request: target, account, expert call, answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.calling.call import CallOptions, ExpertCaller
from experts.errors import ExpertError
from experts.providers.protocol import ExpertAnswer
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.accounting import Account, cost_text, explanation, route_headers
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.errors import api_error
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.strategies import StrategyPipeline
from orchestrator.chat.streaming import StreamResponse, metered
from orchestrator.chat.target import (
    Target,
    asking_of,
    choose_target,
    encoded,
    policy_of,
    strategy_of,
)
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.keys import Principal
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import UsageRecord
from router import routing_text


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
        default_policy: Policy of the model name ``coe``.
        timeout: Seconds until a whole answer must be there.
        first_token_timeout: Seconds until its first byte must be there.
    """

    catalogue: CatalogueService
    router: ActiveRouter
    caller: ExpertCaller
    journal: UsageJournal
    outcomes: OutcomeMemory
    strategies: StrategyPipeline
    default_policy: str
    timeout: float
    first_token_timeout: float

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
        if policy_of(chat.model, self.default_policy) is not None:
            await encoded(told, self.router, asking)
        target = choose_target(
            chat.model,
            told,
            catalogue=self.catalogue.current,
            router=self.router,
            default_policy=self.default_policy,
            asking=asking,
            limits=chat.limits,
        )
        if target.decision is not None:
            self.outcomes.asked(request_id, principal.tenant, told.text, target.expert.id)
        account = Account(
            self.journal,
            principal,
            request_id=request_id,
            api="chat.completions",
            model=chat.model,
            target=target,
            streamed=chat.stream,
            prompt_tokens=told.prompt_tokens,
            text=told.text if principal.stores_content else None,
        )
        await account.open()
        answer = self._streamed if chat.stream else self._whole
        options = CallOptions(self.timeout, self.first_token_timeout, request_id)
        try:
            return await answer(chat, target, account, request, options)
        except ExpertError as error:
            await account.close("failed", error_code=error.code)
            raise api_error(error) from error
        except ClientGone:
            await account.close("cancelled")
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except asyncio.CancelledError:
            await asyncio.shield(account.close("cancelled"))
            raise
        except Exception:
            await account.close("failed", error_code="internal_error")
            raise

    async def _whole(
        self,
        chat: ChatRequest,
        target: Target,
        account: Account,
        request: Request,
        options: CallOptions,
    ) -> Response:
        call = self.caller.complete(target.expert, chat.fields, options)
        answer = await unless_gone(call, request.receive)
        account.first_token()
        record = await account.close("ok", usage=answer.usage)
        body = with_explanation(answer, record, target) if chat.explain else answer.body
        headers = route_headers(target) | {"x-coe-cost": cost_text(record)}
        return Response(body, media_type="application/json", headers=headers)

    async def _streamed(
        self,
        chat: ChatRequest,
        target: Target,
        account: Account,
        request: Request,
        options: CallOptions,
    ) -> StreamResponse:
        # Until the first block is here an error can still be a status.
        call = self.caller.stream(target.expert, chat.fields, options)
        stream = await unless_gone(call, request.receive)
        account.first_token()
        events = metered(
            stream, account, target, explain=chat.explain, request_id=options.request_id
        )
        return StreamResponse(events, route_headers(target))


def with_explanation(answer: ExpertAnswer, record: UsageRecord, target: Target) -> bytes:
    """Return the expert's bytes with a ``coe`` object added as its last field."""
    body = answer.body.rstrip()
    extra = msgspec.json.encode(explanation(record, target))
    comma = b"" if body[:-1].rstrip().endswith(b"{") else b","
    return body[:-1] + comma + b'"coe":' + extra + b"}"
