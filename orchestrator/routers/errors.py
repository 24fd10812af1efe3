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
