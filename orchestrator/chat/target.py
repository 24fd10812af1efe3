"""Which expert answers: the one the caller named, or the one the router chose."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from starlette.requests import Request

from experts.catalogue.expert import Expert
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.limits import NO_LIMITS, Limits
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.kit.errors import ApiError
from orchestrator.routers.service import ActiveRouter, Memory
from orchestrator.tenants.keys import Principal
from router import NoEligibleExpert, RoutingDecision, RoutingText

POLICY_MODEL = "coe"
SESSION_HEADER = "x-coe-session"
_POLICY_PREFIX = "coe-"


@dataclass(frozen=True, slots=True)
class Asking:
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


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, and the decision if the router made it."""

    expert: Expert
    version: int
    decision: RoutingDecision | None
    policy: str | None


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
    return Target(catalogue.experts[chosen], catalogue.versions[chosen], decision, policy)


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
        ApiError: 404 for an unknown policy, 503 if no expert is eligible.
    """
    if policy not in router.policies:
        raise _unknown_model(f"{_POLICY_PREFIX}{policy}")
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
    if not principal.may_use(model):
        # Whether there is such an expert or not: that is none of this key's business.
        raise ApiError(
            403,
            "expert_not_allowed",
            "This key may not use this model. GET /v1/models lists those it may use.",
            param="model",
        )
    expert = catalogue.experts.get(model)
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
    return Target(expert, catalogue.versions[model], None, None)


def _unknown_model(model: str) -> ApiError:
    shown = model if len(model) <= 100 else model[:100] + "..."
    return ApiError(
        404,
        "model_not_found",
        f"The model '{shown}' does not exist. GET /v1/models lists policies and experts.",
        param="model",
    )
