"""Which expert answers: the one the caller named, or the one the router chose."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import msgspec
from starlette.requests import Request

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.limits import NO_LIMITS, Limits
from orchestrator.chat.stickiness import Conversation, Stay, stay
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.errors import ApiError
from orchestrator.routers.service import ActiveRouter, Memory
from orchestrator.tenants.access import check_policy
from orchestrator.tenants.keys import Principal
from router import NoEligibleExpert, RoutingDecision, RoutingText

POLICY_MODEL = "coe"
MAX_FALLBACKS = 32
"""Experts of a ranking that are looked at when the best one fails."""
SESSION_HEADER = "x-coe-session"
_POLICY_PREFIX = "coe-"


class Asking(msgspec.Struct, frozen=True):
    """What tells requests apart for the router, beside what they say.

    Args:
        request_id: The request's id.
        principal: Who asks.
        session: What the caller calls the session it belongs to, if it does.
        memory: What became of the tenant's requests, where that is heeded.
    """

    request_id: str
    principal: Principal
    session: str | None = None
    memory: Memory | None = None


class Target(msgspec.Struct, frozen=True):
    """Where a request goes, and the decision if the router made it.

    Args:
        expert: Who shall answer.
        catalogue: The experts, as they were when that was chosen.
        decision: The router's, if it chose.
        policy: What it chose by.
        unused_strategy: That is assigned to the request but cannot take it, and why not.
        conversation: What the request belongs to, if the router chose.
        stay: Who has answered that before, if somebody has.
        fallbacks: Who else may answer, in turn, where the caller named the expert.
    """

    expert: Expert
    catalogue: Catalogue
    decision: RoutingDecision | None = None
    policy: str | None = None
    unused_strategy: str | None = None
    conversation: Conversation | None = None
    stay: Stay | None = None
    fallbacks: tuple[Expert, ...] = ()

    @property
    def version(self) -> int:
        """The version of the expert's entry that is in force."""
        return self.versions[self.expert.id]

    @property
    def versions(self) -> Mapping[str, int]:
        """The versions in force, by expert."""
        return self.catalogue.versions

    def of(self, conversation: Conversation, before: str | None) -> Target:
        """Return where the request goes as a part of its conversation.

        Args:
            conversation: The conversation.
            before: Id of the expert that has answered it before, if one is known to have.
        """
        if self.decision is None or before is None:
            return msgspec.structs.replace(self, conversation=conversation)
        staying = stay(before, self.decision, conversation, self.catalogue)
        expert = self.catalogue.experts[staying.expert]
        return msgspec.structs.replace(self, expert=expert, conversation=conversation, stay=staying)

    def moved(self, expert: Expert, attempts: Sequence[Attempt]) -> str | None:
        """Return why the conversation has moved to who answered, if it has."""
        return None if self.stay is None else self.stay.reason(expert.id, attempts)

    @property
    def experts(self) -> tuple[Expert, ...]:
        """Who may answer, best first: the router's ranking, or the one named and its fallbacks."""
        if self.decision is None:
            return (self.expert, *self.fallbacks)
        known = self.catalogue.experts
        others = (known[id_] for id_ in self.decision.ranked[:MAX_FALLBACKS])
        return (self.expert, *(one for one in others if one is not self.expert))


def asking_of(request: Request, principal: Principal, memory: Memory | None) -> Asking:
    """Return which request and session a request is, and whose."""
    session = request.headers.get(SESSION_HEADER)
    return Asking(request.state.request_id, principal, session, memory)


def policy_of(model: str, default: str) -> str | None:
    """Return the policy a model name asks for, or ``None`` if it names an expert."""
    if model == POLICY_MODEL:
        return default
    if model.startswith(_POLICY_PREFIX):
        return model.removeprefix(_POLICY_PREFIX)
    return None


def strategy_of(model: str, policies: Container[str]) -> str | None:
    """Return the strategy a model name asks for; a policy of the same name goes before it."""
    name = policy_of(model, "") or ""
    return name if name in STRATEGIES and name not in policies else None


async def encoded(told: RoutingText, router: ActiveRouter, asking: Asking) -> None:
    """Wait until the router can decide on a request without holding up the others."""
    await router.encoded(told.text, request_id=asking.request_id, session=asking.session)


def choose_target(
    model: str,
    told: RoutingText,
    *,
    catalogue: Catalogue,
    router: ActiveRouter,
    default_policy: str,
    asking: Asking,
    limits: Limits = NO_LIMITS,
) -> Target:
    """Choose the expert.

    Args:
        model: As the caller named it.
        told: What the request says, for routing.
        catalogue: The experts.
        router: Chooses between them.
        default_policy: What ``coe`` means.
        asking: Which request and session this is.
        limits: What the caller asks of the expert, where the router chooses it.

    Raises:
        ApiError: 404 for a model that is neither a policy nor an expert, 403 for one that the key
            may not use, 400 if the named expert cannot do what the request needs, 503 if no expert
            can.
    """
    policy = policy_of(model, default_policy)
    if policy is None:
        return _named(model, told, catalogue, asking.principal)
    decision = decide(
        told, policy, catalogue=catalogue, router=router, asking=asking, limits=limits
    )
    chosen = decision.expert
    return Target(catalogue.experts[chosen], catalogue, decision, policy)


def decide(
    told: RoutingText,
    policy: str,
    *,
    catalogue: Catalogue,
    router: ActiveRouter,
    asking: Asking,
    limits: Limits = NO_LIMITS,
) -> RoutingDecision:
    """Let the router decide.

    Raises:
        ApiError: 404 for an unknown policy, 403 for one that the key may not use, 503 if no expert
            is eligible.
    """
    if policy not in router.policies:
        raise _unknown_model(f"{_POLICY_PREFIX}{policy}")
    check_policy(asking.principal, policy)
    try:
        return router.decide(
            limits.applied(told.request(policy), asking.request_id, asking.principal.experts),
            catalogue,
            request_id=asking.request_id,
            session=asking.session,
            memory=asking.memory,
        )
    except NoEligibleExpert as error:
        raise ApiError(503, "no_eligible_expert", str(error)) from error


def _named(model: str, told: RoutingText, catalogue: Catalogue, principal: Principal) -> Target:
    expert = catalogue.named(model)
    if not principal.may_use(model if expert is None else expert.id):
        # Whether there is such an expert or not: that is none of this key's business.
        raise ApiError(
            403,
            "expert_not_allowed",
            "This key may not use this model. GET /v1/models lists those it may use.",
            param="model",
        )
    if expert is None or not expert.enabled:
        raise _unknown_model(model)
    missing = sorted(told.needs - expert.capabilities)
    if missing:
        raise ApiError(
            400,
            "expert_lacks_capability",
            f"Expert '{model}' has no capability {', '.join(missing)}, which this request needs.",
            param="model",
        )
    fallbacks = _fallbacks(expert, told, catalogue, principal) if expert.fallbacks else ()
    return Target(expert, catalogue, fallbacks=fallbacks)


def _fallbacks(
    expert: Expert, told: RoutingText, catalogue: Catalogue, principal: Principal
) -> tuple[Expert, ...]:
    """Return who may answer in an expert's place: those of its fallbacks that can and may."""
    known = (catalogue.experts.get(id_) for id_ in dict.fromkeys(expert.fallbacks))
    return tuple(
        other
        for other in known
        if other is not None
        and other.enabled
        and other is not expert
        and other.embeds is expert.embeds
        and told.needs <= other.capabilities
        and principal.may_use(other.id)
    )


def _unknown_model(model: str) -> ApiError:
    shown = model if len(model) <= 100 else model[:100] + "..."
    return ApiError(
        404,
        "model_not_found",
        f"The model '{shown}' does not exist. GET /v1/models lists policies and experts.",
        param="model",
    )
