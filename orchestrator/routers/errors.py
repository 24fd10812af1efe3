"""What can go wrong with router versions.

::

    RouterVersionError
    ├── RouterVersionInvalid     bytes that are no usable artefact
    ├── RouterVersionUnknown     no such version
    ├── RouterExpertsMissing     it sends requests to experts that are not in service
    ├── RouterPolicyMissing      it has no mapping for the policy that plain requests use
    ├── RouterVersionActive      it decides now, and cannot be taken away without another
    ├── RouterVersionBuiltIn     the built-in one has no other life than to be active
    ├── RouterVersionUnloadable  it is stored, but this release cannot run it
    ├── RouterReportMissing      it came without a report
    ├── RouterPolicyUnknown      it has no policy of that name
    ├── RouterCategoryUnknown    it has no category of that id
    ├── RouterTaxonomyInvalid    the categories would make no taxonomy
    ├── RouterTaxonomyFixed      the change needs the data it was learned from
    ├── RouterAdditionRefused    the category would take what belongs to others
    ├── RouterBudgetInfeasible   the present experts cannot keep the budget
    ├── RouterSolverTimedOut     no mapping was found in time
    └── NothingToRollBack        nothing was active before
"""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 10


class RouterVersionError(Exception):
    """A router version could not be used as was asked; nothing was changed."""


class RouterVersionInvalid(RouterVersionError):
    """Bytes that are no usable artefact; the message says what is wrong with them."""


class RouterVersionUnknown(RouterVersionError):
    """No such version."""

    def __init__(self, version_id: str) -> None:
        shown = version_id if len(version_id) <= 100 else version_id[:100] + "..."
        super().__init__(f"There is no router version {shown!r}.")


class RouterExpertsMissing(RouterVersionError):
    """It sends requests to experts that are not in service."""

    def __init__(self, version_id: str, missing: Sequence[str]) -> None:
        names = ", ".join(missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        super().__init__(
            f"Router version {version_id} needs experts that are not enabled in the catalogue: "
            f"{names}{more}. Add or enable them, or train a version without them."
        )
        self.missing = tuple(missing)


class RouterPolicyMissing(RouterVersionError):
    """It has no mapping for the policy that plain requests use."""

    def __init__(self, version_id: str, policy: str) -> None:
        super().__init__(
            f"Router version {version_id} has no policy {policy!r}, which the model name 'coe' "
            "stands for (COE_DEFAULT_POLICY)."
        )


class RouterVersionActive(RouterVersionError):
    """It decides now, and cannot be taken away without another."""

    def __init__(self, version_id: str) -> None:
        super().__init__(
            f"Router version {version_id} is active. Promote another one, or roll back, first."
        )


class RouterVersionBuiltIn(RouterVersionError):
    """The built-in one has no other life than to be active."""

    def __init__(self) -> None:
        super().__init__("The built-in router can be promoted, and nothing else.")


class RouterVersionUnloadable(RouterVersionError):
    """It is stored, but this release cannot run it."""

    def __init__(self, version_id: str, reason: str) -> None:
        super().__init__(f"Router version {version_id} cannot be loaded: {reason}")


class RouterReportMissing(RouterVersionError):
    """It came without a report."""

    def __init__(self, version_id: str) -> None:
        super().__init__(
            f"Router version {version_id} came without an evaluation report. "
            "`coe router evaluate` writes one."
        )


class NothingToRollBack(RouterVersionError):
    """Nothing was active before."""

    def __init__(self) -> None:
        super().__init__("No router version was active before the present one.")


class RouterPolicyUnknown(RouterVersionError):
    """It has no policy of that name."""

    def __init__(self, version_id: str, policy: str, known: Sequence[str]) -> None:
        names = ", ".join(known[:_SHOWN])
        super().__init__(
            f"Router version {version_id} has no policy {policy[:100]!r}; it has: {names}."
        )


class RouterCategoryUnknown(RouterVersionError):
    """It has no category of that id."""

    def __init__(self, version_id: str, category: str) -> None:
        super().__init__(f"Router version {version_id} has no category {category[:100]!r}.")


class RouterTaxonomyInvalid(RouterVersionError):
    """The categories would make no taxonomy; the message says why."""


class RouterTaxonomyFixed(RouterVersionError):
    """The change needs the data it was learned from; the message says why."""


class RouterAdditionRefused(RouterVersionError):
    """The category would take what belongs to others; the message says how much."""


class RouterBudgetInfeasible(RouterVersionError):
    """The present experts cannot keep the budget; the message says what they can."""


class RouterSolverTimedOut(RouterVersionError):
    """No mapping was found in time."""

    def __init__(self, policy: str) -> None:
        super().__init__(
            f"No mapping for policy {policy!r} was found in time. Limit fewer things at once, or "
            "averages only (money_usd, active_parameters, latency_s)."
        )
