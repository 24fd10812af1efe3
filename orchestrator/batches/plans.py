"""Who answers an item, decided when it is put in and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from experts.catalogue.expert import Expert
from experts.pricing import most_in_nanos
from orchestrator.batches.lines import EMBEDDINGS
from orchestrator.catalogue.service import Catalogue, CatalogueService
from orchestrator.chat.kinds import check_kind
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.reserve import answer_tokens
from orchestrator.chat.target import Asking, Target, choose_target, encoded, policy_of, strategy_of
from orchestrator.chat.telling import confidence
from orchestrator.kit.errors import ApiError
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.access import check_policy
from orchestrator.tenants.keys import Principal
from router import routing_text

UNROUTED = ""
"""The group of items for which there was no expert: routed again when they are done."""
_FALLBACKS = 4


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who answers an item.

    Args:
        experts: Ids of who may, best first; empty: there was none.
        policy: It was routed by; ``None``: the caller named the expert.
        category: Of the request, where it was routed.
        confidence: In that category, 0 to 1.
        router_version: That decided.
        prompt_tokens: Estimate.
        most_nanos: The most it is expected to cost.
    """

    experts: tuple[str, ...] = ()
    policy: str | None = None
    category: str | None = None
    confidence: float | None = None
    router_version: str | None = None
    prompt_tokens: int = 0
    most_nanos: int = 0

    @property
    def group(self) -> str:
        """The expert it is grouped under."""
        return self.experts[0] if self.experts else UNROUTED


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides who answers.

    Args:
        catalogue: The experts.
        router: Chooses between them.
        outcomes: What became of requests, where that is heeded.
        default_policy: Of the model name ``coe``.
        reserved_tokens: Of an answer, where neither request nor expert says a most.
    """

    catalogue: CatalogueService
    router: ActiveRouter
    outcomes: OutcomeMemory
    default_policy: str
    reserved_tokens: int

    def checks(self, principal: Principal, endpoint: str) -> Callable[[str], None]:
        """Return what raises ``ApiError`` for a model that a caller cannot ask for.

        Each name is looked at once.
        """
        known: dict[str, ApiError | None] = {}

        def check(model: str) -> None:
            if model not in known:
                try:
                    self._check(model, principal, endpoint)
                    known[model] = None
                except ApiError as error:
                    known[model] = error
            if (refusal := known[model]) is not None:
                raise refusal

        return check

    async def decide(
        self, chat: ChatRequest, principal: Principal, request_id: str
    ) -> tuple[Plan, Target]:
        """Decide who answers a request; returns what is kept of that, and the decision.

        Args:
            chat: The request.
            principal: Who asks.
            request_id: By which a canary is chosen.

        Raises:
            ApiError: 4xx for one that nobody will ever answer, 503 if nobody can at present.
        """
        told = routing_text(chat.messages, tools=chat.tools, response_format=chat.response_format)
        asking = Asking(request_id, principal, None, self.outcomes.of(principal.tenant))
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
        return self._kept(chat, told.prompt_tokens, target), target

    def worth(self, chat: ChatRequest, expert: Expert, plan: Plan) -> int:
        """Return the most that an expert's answer is expected to cost, in billionths of a dollar."""
        return self._worth(chat, expert, plan.prompt_tokens)

    def _worth(self, chat: ChatRequest, expert: Expert, prompt_tokens: int) -> int:
        most = 0
        if not expert.embeds:
            most = answer_tokens(chat.fields, expert, prompt_tokens, self.reserved_tokens)
        return most_in_nanos(prompt_tokens, most, expert.price)

    def _kept(self, chat: ChatRequest, prompt_tokens: int, target: Target) -> Plan:
        decision, expert = target.decision, target.expert
        fallbacks = [one.id for one in target.experts[1 : 1 + _FALLBACKS]]
        return Plan(
            experts=(expert.id, *fallbacks),
            policy=target.policy,
            category=decision.category if decision else None,
            confidence=confidence(decision) if decision else None,
            router_version=decision.router_version if decision else None,
            prompt_tokens=prompt_tokens,
            most_nanos=self._worth(chat, expert, prompt_tokens),
        )

    def _check(self, model: str, principal: Principal, endpoint: str) -> None:
        catalogue = self.catalogue.current
        check_kind(model, catalogue, principal, embeds=endpoint == EMBEDDINGS)
        policy = policy_of(model, self.default_policy)
        if policy is None:
            choose_named(model, catalogue, principal, self.router)
            return
        if strategy_of(model, self.router.policies) is not None:
            raise ApiError(
                400,
                "strategy_in_batch",
                f"'{model}' is a strategy of several calls, which batches do not hold; start runs.",
                param="model",
            )
        if policy not in self.router.policies:
            raise ApiError(
                404,
                "model_not_found",
                f"The model '{model[:100]}' does not exist. GET /v1/models lists policies and experts.",
                param="model",
            )
        check_policy(principal, policy)


def choose_named(
    model: str, catalogue: Catalogue, principal: Principal, router: ActiveRouter
) -> Expert:
    """Return the expert of a name.

    Raises:
        ApiError: 403 or 404 where the caller cannot ask for it.
    """
    target = choose_target(
        model,
        routing_text([{"role": "user", "content": ""}]),
        catalogue=catalogue,
        router=router,
        default_policy="",
        asking=Asking("", principal),
    )
    return target.expert


def plan_of(kept: dict[str, Any]) -> Plan:
    """Return what an item keeps as a plan."""
    return msgspec.convert(kept, Plan)
