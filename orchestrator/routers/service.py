"""The router that decides now, with its candidates prepared for the current catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.catalogue.service import Catalogue
from router import CandidatePool, Policy, Router, RouteRequest, RoutingDecision


class ActiveRouter:
    """Decides with one router version over the current catalogue.

    Args:
        router: The version that is active.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._pool: tuple[int, CandidatePool] | None = None

    @property
    def router(self) -> Router:
        """The version that is active."""
        return self._router

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Policies it has a mapping for, by name."""
        return self._router.policies

    def decide(self, request: RouteRequest, catalogue: Catalogue) -> RoutingDecision:
        """Decide over the catalogue's experts.

        Raises:
            NoEligibleExpert: If none can serve the request.
        """
        return self._router.decide(request, self.pool(catalogue))

    def pool(self, catalogue: Catalogue) -> CandidatePool:
        """Return the catalogue's candidates, prepared once for each of its revisions."""
        if self._pool is None or self._pool[0] != catalogue.revision:
            self._pool = (catalogue.revision, self._router.pool(catalogue.candidates))
        return self._pool[1]

    def mapping(self, catalogue: Catalogue) -> dict[str, dict[str, str]]:
        """Return, by policy and category, the expert that category is mapped to."""
        pool = self.pool(catalogue)
        return {policy: pool.mapping(policy) for policy in self.policies}
