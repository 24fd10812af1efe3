"""The workbench: what an operator asks of a router version, and makes of it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.catalogue.service import Catalogue
from orchestrator.routers.lifecycle import RouterVersions
from orchestrator.routers.workbench.benches import Benches
from orchestrator.routers.workbench.budgets import Budgets
from orchestrator.routers.workbench.categories import Categories
from orchestrator.routers.workbench.comparing import Comparing
from orchestrator.routers.workbench.diagnosis import Diagnostics
from orchestrator.routers.workbench.live import Feedback
from orchestrator.routers.workbench.scoring import Scoring


class Workbench:
    """Everything an operator works on a router version with.

    Args:
        versions: Of this installation.
        catalogue: Returns the catalogue as this process knows it.
        engine: Where requests and opinions are kept.
        feedback: Where opinions are read.
    """

    def __init__(
        self,
        versions: RouterVersions,
        catalogue: Callable[[], Catalogue],
        engine: AsyncEngine,
        feedback: Feedback,
    ) -> None:
        benches = Benches(versions, catalogue)
        self.budgets = Budgets(benches)
        self.categories = Categories(benches, versions.built_in.taxonomy)
        self.diagnostics = Diagnostics(benches, versions, engine, feedback)
        self.scoring = Scoring(benches, engine, feedback)
        self.comparing = Comparing(benches, versions, self.diagnostics)
