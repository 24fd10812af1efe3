"""Which usage a request asks for: its query, read, and whose usage it may see."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal, Role
from orchestrator.usage.files import MEDIA_TYPES, Format
from orchestrator.usage.period import PeriodInvalid, period_of
from orchestrator.usage.record import Status
from orchestrator.usage.reports import DIMENSIONS, FILTERS, Question

EVERYONE = "*"
_MOMENT = Field(
    default=None,
    max_length=40,
    description="A day (its midnight in UTC), or a moment with its time zone.",
)
Only = Annotated[str | None, Field(max_length=300, pattern=r"^[^\x00]+$")]


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: Only = Field(default=None, description="Another one, or `*`; needs the role viewer.")
    expert: Only = None
    status: Status | None = None


class ListQuery(_Query):
    """Which records are listed."""

    limit: int = Field(default=50, ge=1, le=500, description="Most entries in one page.")
    after: str | None = Field(
        default=None, max_length=200, description="The `next` of the page before."
    )


class _PeriodQuery(_Query):
    start: str | None = _MOMENT
    end: str | None = _MOMENT
    key: Only = None
    category: Only = None
    model: Only = None
    policy: Only = None
    api: Only = None


class ExportQuery(_PeriodQuery):
    """Which records are exported, and how."""

    format: Literal["csv", "jsonl", "parquet"] | None = Field(
        default=None, description="In place of the header `Accept`."
    )


class ReportQuery(_PeriodQuery):
    """Which usage is summed up, and how."""

    group_by: list[str] = Field(
        default=["day"],
        max_length=len(DIMENSIONS),
        description=f"Of {', '.join(DIMENSIONS)}; several by comma, or repeated.",
    )
    format: Literal["json", "csv", "parquet"] | None = Field(
        default=None, description="In place of the header `Accept`."
    )
    limit: int = Field(default=1_000, ge=1, le=10_000)
    after: str | None = Field(default=None, max_length=2_000)


def only_of(principal: Principal, query: _Query) -> dict[str, str]:
    """Return the values that rows must have.

    Args:
        principal: Who asks; sees its own tenant unless its role lets it see others.
        query: What it asks for.

    Raises:
        ApiError: 403 if another tenant's usage is asked for and may not be seen.
    """
    said = query.model_dump(include=set(FILTERS), exclude_none=True)
    tenant = said.setdefault("tenant", principal.tenant)
    if tenant != principal.tenant and not principal.role.includes(Role.VIEWER):
        raise ApiError(
            403,
            "insufficient_role",
            f"Usage of other tenants needs a key with role 'viewer'; yours has '{principal.role}'.",
            param="tenant",
        )
    if tenant == EVERYONE:
        del said["tenant"]
    return said


def question_of(principal: Principal, query: ExportQuery | ReportQuery) -> Question:
    """Return which usage a request asks for.

    Raises:
        ApiError: 400, naming what is wrong; 403 as :func:`only_of`.
    """
    try:
        period = period_of(query.start, query.end, datetime.now(UTC))
    except PeriodInvalid as error:
        _refuse(error.field, str(error))
    by = _dimensions(query.group_by) if isinstance(query, ReportQuery) else ()
    return Question(period, only_of(principal, query), by)


def format_of(wanted: Format | None, accept: str, default: Format) -> Format:
    """Return the format that is asked for.

    Args:
        wanted: The parameter ``format``.
        accept: The header ``Accept``; what it says besides files is not looked at.
        default: Where neither says anything.
    """
    if wanted is not None:
        return wanted
    files = (form for form in MEDIA_TYPES if form != "json" and MEDIA_TYPES[form] in accept)
    return next(files, default)


def cursor_of(values: list[str]) -> str:
    """Return the place behind a group, for the next page."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def place_of(cursor: str | None, length: int) -> list[str] | None:
    """Return the values of the group that a page ended with.

    Raises:
        ApiError: 400 if it is no place in this list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded.encode()))
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, binascii.Error, RecursionError):
        values = None
    texts = isinstance(values, list) and all(isinstance(each, str) for each in values)
    if not texts or len(values) != length or any("\x00" in each for each in values):
        _refuse("after", "after: not a place in this list")
    return list(values)


def _dimensions(named: list[str]) -> tuple[str, ...]:
    by = dict.fromkeys(name for each in named for name in each.split(",") if name)
    for name in by:
        if name not in DIMENSIONS:
            _refuse("group_by", f"group_by: one of {', '.join(DIMENSIONS)}, not {name[:40]!r}")
    return tuple(by)


def _refuse(param: str, message: str) -> NoReturn:
    raise ApiError(400, "invalid_request", message, param=param)
