"""The routers that decide now, each with its candidates prepared for the current catalogue."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.catalogue.service import Catalogue
from orchestrator.routers.encoding import EncodedAhead
from orchestrator.routers.shares import in_share
from router import (
    CandidatePool,
    EpisodicMemory,
    NoEligibleExpert,
    Policy,
    Router,
    RouteRequest,
    RoutingDecision,
)

_TRIAL = "What is the derivative of x squared?"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """What became of past requests.

    Args:
        embedder: Id of the embedder that made the vectors.
        outcomes: By vector.
    """

    embedder: str
    outcomes: EpisodicMemory


class PreparedPools:
    """A router's candidates for the latest states of the catalogue, shared by its copies."""

    def __init__(self) -> None:
        self._pools: dict[tuple[int, int], CandidatePool] = {}
        self._without: tuple[CandidatePool, frozenset[str], CandidatePool] | None = None

    def get(self, router: Router, catalogue: Catalogue) -> CandidatePool:
        """Return the candidates, prepared once for each state of the catalogue."""
        state = (catalogue.revision, catalogue.measured)
        pool = self._pools.get(state)
        if pool is None:
            pool = router.pool(catalogue.candidates)
            if not any(revision == catalogue.revision for revision, _ in self._pools):
                _warn(router, pool)
            # Replaced, not changed, since threads and requests read it. The one before is kept for
            # the requests that still see the catalogue before.
            before = dict(list(self._pools.items())[-1:])
            self._pools = {**before, state: pool}
        return pool

    def without(self, pool: CandidatePool, down: frozenset[str]) -> CandidatePool:
        """Return a pool less those that are down, made anew only when they change."""
        known = self._without
        if known is None or known[0] is not pool or known[1] != down:
            known = self._without = (pool, down, pool.without(down))
        return known[2]


def _warn(router: Router, pool: CandidatePool) -> None:
    for policy, infeasible in pool.infeasible.items():
        log.warning(
            "router %s, policy %s: %s The nearest that can be kept is used.",
            router.version,
            policy,
            infeasible,
        )


@dataclass(frozen=True, slots=True)
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
    _pools: PreparedPools = field(default_factory=PreparedPools, repr=False, compare=False)

    def pool(self, catalogue: Catalogue, down: frozenset[str] = frozenset()) -> CandidatePool:
        """Return the catalogue's candidates, prepared once for each of its states.

        Args:
            catalogue: The experts, and what is measured of them.
            down: Ids of those that are down.
        """
        pool = self._pools.get(self.router, catalogue)
        return self._pools.without(pool, down) if down else pool

    def decide(
        self,
        request: RouteRequest,
        catalogue: Catalogue,
        down: frozenset[str],
        memory: Memory | None,
    ) -> RoutingDecision:
        """Let the router decide; see :meth:`ActiveRouter.decide`."""
        usable = memory is not None and memory.embedder == self.router.embedder.id
        outcomes = memory.outcomes if memory is not None and usable else None
        return self.router.decide(request, self.pool(catalogue, down), outcomes)

    def with_share(self, share: float | None) -> Deployed:
        """Return the same router for a share of the requests; ``None``: for all."""
        return replace(self, share=1.0 if share is None else share)

    def exploring(self, share: float) -> Deployed:
        """Return the same router, trying others than the best for a share of the requests."""
        if self.router.exploration == share:
            return self
        return replace(self, router=replace(self.router, exploration=share))

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
    down: frozenset[str]
    decision: RoutingDecision


def _all_up() -> frozenset[str]:
    return frozenset()


class ActiveRouter:
    """Decides over the current catalogue: the active version, or for a share of requests a canary.

    Args:
        router: The version that is active.
        exploration: Share of requests that try another expert than the best
            (:class:`router.Router`); a shadow never explores.
        down: Tells at no cost which experts are down.
    """

    def __init__(
        self,
        router: Router,
        *,
        exploration: float = 0.0,
        down: Callable[[], frozenset[str]] = _all_up,
    ) -> None:
        self._exploration = exploration
        self._down = down
        self.use(Plan(Deployed(router)))
        self._observe: Callable[[Observation], None] | None = None

    @property
    def plan(self) -> Plan:
        """Who decides what now."""
        return self._plan

    @property
    def down(self) -> frozenset[str]:
        """Ids of the experts that are down, as this process sees them."""
        return self._down()

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
        canary = None if plan.canary is None else plan.canary.exploring(self._exploration)
        active = plan.active.exploring(self._exploration)
        self._plan = replace(plan, active=active, canary=canary)

    def prepare(self, catalogue: Catalogue) -> None:
        """Prepare the candidates of a catalogue that is about to be used. Takes time."""
        plan = self._plan
        prepare((plan.active, plan.canary, plan.shadow), catalogue)

    def observed_by(self, observe: Callable[[Observation], None]) -> None:
        """Name who is told of the decisions that a shadow shall make as well; must not block."""
        self._observe = observe

    async def encoded(self, text: str, *, request_id: str = "", session: str | None = None) -> None:
        """Wait until a decision on this text will not hold up the event loop.

        Only a version whose embedder runs a model for each text makes anybody wait. If another
        version takes over in between, that one decision takes the milliseconds it takes.
        """
        plan = self._plan
        for each in (plan.active, plan.canary):
            if each is not None and each.takes(session or request_id):
                embedder = each.router.embedder
                if isinstance(embedder, EncodedAhead):
                    await embedder.prepare(text)

    def decide(
        self,
        request: RouteRequest,
        catalogue: Catalogue,
        *,
        request_id: str = "",
        session: str | None = None,
        memory: Memory | None = None,
    ) -> RoutingDecision:
        """Decide over the catalogue's experts.

        Args:
            request: What is to be routed.
            catalogue: The experts.
            request_id: Tells whether a canary or shadow is asked.
            session: Tells so in its place, so that a whole session has one and the same answer.
            memory: Outcomes of past requests, heeded by routers with the same embedder.

        Raises:
            NoEligibleExpert: If none can serve the request.
        """
        plan = self._plan
        key = session or request_id
        down = self._down()
        decision = _canary_decision(plan.canary, request, catalogue, key, down, memory)
        if decision is None:
            decision = plan.active.decide(request, catalogue, down, memory)
        shadow = plan.shadow
        if (
            shadow is not None
            and self._observe is not None
            and decision.rule != "exploration"  # what fell by lot says nothing of either router
            and shadow.takes(key)
        ):
            self._observe(Observation(shadow, request_id, request, catalogue, down, decision))
        return decision

    def pool(self, catalogue: Catalogue) -> CandidatePool:
        """Return the active version's candidates, prepared once for each catalogue revision."""
        return self._plan.active.pool(catalogue)

    def mapping(self, catalogue: Catalogue) -> dict[str, dict[str, str]]:
        """Return, by policy and category, the expert that category is mapped to."""
        pool = self.pool(catalogue)
        return {policy: pool.mapping(policy) for policy in self.policies}


def prepare(deployed: Iterable[Deployed | None], catalogue: Catalogue) -> None:
    """Have routers prepare the candidates of a catalogue. Takes time."""
    for each in deployed:
        try:
            if each is not None:
                each.pool(catalogue)
        except Exception:
            log.exception("router %s: candidates not prepared", each)


def _canary_decision(
    canary: Deployed | None,
    request: RouteRequest,
    catalogue: Catalogue,
    key: str,
    down: frozenset[str],
    memory: Memory | None,
) -> RoutingDecision | None:
    """Let the canary decide if the request is its own; what it cannot do, the active one does."""
    if canary is None or request.policy not in canary.router.policies or not canary.takes(key):
        return None
    try:
        return canary.decide(request, catalogue, down, memory)
    except NoEligibleExpert:
        return None
    except Exception:
        log.exception("canary %s could not decide; the active router does", canary.version_id)
        return None
