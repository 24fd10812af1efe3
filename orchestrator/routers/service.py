"""The routers that decide now, each with its candidates prepared for the current catalogue."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.catalogue.service import Catalogue
from orchestrator.routers.shares import in_share
from router import CandidatePool, NoEligibleExpert, Policy, Router, RouteRequest, RoutingDecision

_TRIAL = "What is the derivative of x squared?"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Deployed:
    """A router in memory, with the candidates of the catalogue it was last asked about.

    Args:
        router: Decides.
        version_id: Of the stored version, or ``None`` for the built-in one.
        share: Part of the requests it is asked about, 0 to 1.
    """

    router: Router
    version_id: str | None = None
    share: float = 1.0
    _pools: dict[int, CandidatePool] = field(default_factory=dict, repr=False)

    def pool(self, catalogue: Catalogue) -> CandidatePool:
        """Return the catalogue's candidates, prepared once for each of its revisions."""
        pool = self._pools.get(catalogue.revision)
        if pool is None:
            pool = self.router.pool(catalogue.candidates)
            # Replaced, not changed, since threads and requests read it. The one before is kept for
            # the requests that still see the catalogue before.
            before = dict(list(self._pools.items())[-1:])
            self._pools = {**before, catalogue.revision: pool}
        return pool

    def with_share(self, share: float | None) -> Deployed:
        """Return the same router for a share of the requests; ``None``: for all."""
        return replace(self, share=1.0 if share is None else share)

    def rehearse(self, catalogue: Catalogue) -> None:
        """Prepare the candidates and decide once under each policy, for nobody.

        Whatever is raised would be raised at a request.
        """
        pool = self.pool(catalogue)
        for policy in self.router.policies:
            with contextlib.suppress(NoEligibleExpert):
                self.router.decide(RouteRequest(_TRIAL, policy=policy), pool)

    def takes(self, key: str) -> bool:
        """Tell whether a request or session belongs to its share."""
        return self.share >= 1.0 or in_share(key, self.version_id or "", self.share)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who decides what. Replaced as a whole, so a request sees one or the other, never a mix."""

    active: Deployed
    canary: Deployed | None = None
    shadow: Deployed | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A decision that was made, and what a shadow needs to make its own."""

    shadow: Deployed
    request_id: str
    request: RouteRequest
    catalogue: Catalogue
    decision: RoutingDecision


class ActiveRouter:
    """Decides over the current catalogue: the active version, or for a share of requests a canary.

    Args:
        router: The version that is active.
    """

    def __init__(self, router: Router) -> None:
        self._plan = Plan(Deployed(router))
        self._observe: Callable[[Observation], None] | None = None

    @property
    def plan(self) -> Plan:
        """Who decides what now."""
        return self._plan

    @property
    def router(self) -> Router:
        """The version that is active."""
        return self._plan.active.router

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Policies it has a mapping for, by name."""
        return self.router.policies

    def use(self, plan: Plan) -> None:
        """Let other versions decide from the next request on."""
        self._plan = plan

    def prepare(self, catalogue: Catalogue) -> None:
        """Prepare the candidates of a catalogue that is about to be used. Takes time."""
        plan = self._plan
        for deployed in (plan.active, plan.canary, plan.shadow):
            try:
                if deployed is not None:
                    deployed.pool(catalogue)
            except Exception:
                log.exception("router %s: candidates not prepared", deployed)

    def observed_by(self, observe: Callable[[Observation], None]) -> None:
        """Name who is told of the decisions that a shadow shall make as well; must not block."""
        self._observe = observe

    def decide(
        self,
        request: RouteRequest,
        catalogue: Catalogue,
        *,
        request_id: str = "",
        session: str | None = None,
    ) -> RoutingDecision:
        """Decide over the catalogue's experts.

        Args:
            request: What is to be routed.
            catalogue: The experts.
            request_id: Tells whether a canary or shadow is asked.
            session: Tells so in its place, so that a whole session has one and the same answer.

        Raises:
            NoEligibleExpert: If none can serve the request.
        """
        plan = self._plan
        key = session or request_id
        decision = _canary_decision(plan.canary, request, catalogue, key)
        if decision is None:
            decision = plan.active.router.decide(request, plan.active.pool(catalogue))
        shadow = plan.shadow
        if shadow is not None and self._observe is not None and shadow.takes(key):
            self._observe(Observation(shadow, request_id, request, catalogue, decision))
        return decision

    def pool(self, catalogue: Catalogue) -> CandidatePool:
        """Return the active version's candidates, prepared once for each catalogue revision."""
        return self._plan.active.pool(catalogue)

    def mapping(self, catalogue: Catalogue) -> dict[str, dict[str, str]]:
        """Return, by policy and category, the expert that category is mapped to."""
        pool = self.pool(catalogue)
        return {policy: pool.mapping(policy) for policy in self.policies}


def _canary_decision(
    canary: Deployed | None, request: RouteRequest, catalogue: Catalogue, key: str
) -> RoutingDecision | None:
    """Let the canary decide if the request is its own; what it cannot do, the active one does."""
    if canary is None or request.policy not in canary.router.policies or not canary.takes(key):
        return None
    try:
        return canary.router.decide(request, canary.pool(catalogue))
    except NoEligibleExpert:
        return None
    except Exception:
        log.exception("canary %s could not decide; the active router does", canary.version_id)
        return None
