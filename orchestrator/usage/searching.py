"""Which requests an operator searches for: the query of the list and of its export, read."""

from __future__ import annotations

from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from experts.pricing import nanos_of
from orchestrator.kit.errors import ApiError
from orchestrator.usage.listing import Sort, Wanted
from orchestrator.usage.period import PeriodInvalid, moment_of
from orchestrator.usage.record import Status

_EQUAL = ("tenant", "expert", "category", "policy", "status", "model", "session", "api")
Value = Annotated[str | None, Field(max_length=300, pattern=r"^[^\x00]*$")]
_Amount = Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)]


class SearchQuery(BaseModel):
    """Which requests. An empty value finds those that have none."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = Field(
        default=None,
        max_length=40,
        description="A day (its midnight in UTC), or a moment with its time zone.",
    )
    until: str | None = Field(
        default=None, max_length=40, description="Likewise; no longer part of it."
    )
    tenant: Value = None
    key: Value = Field(default=None, description="Id of a key.")
    expert: Value = None
    category: Value = None
    policy: Value = None
    status: Status | None = None
    model: Value = Field(default=None, description="What was asked for.")
    api: Value = None
    session: Value = Field(default=None, description="What the caller calls the conversation.")
    cache: Literal["hit", "shared", "similar", "miss", "any"] | None = Field(
        default=None, description="`any`: the answer was found there."
    )
    id: str | None = Field(
        default=None,
        max_length=36,
        pattern=r"^(req_)?[0-9a-f]*$",
        description="What the request's id begins with.",
    )
    min_cost_usd: _Amount = None
    max_cost_usd: _Amount = None
    min_duration_ms: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    sort: Sort = Field(default="-time", description="`-`: the latest, dearest, slowest first.")

    def wanted(self) -> Wanted:
        """Return what is asked for.

        Raises:
            ApiError: 400, naming what is wrong.
        """
        try:
            since = None if self.since is None else moment_of(self.since, "since")
            until = None if self.until is None else moment_of(self.until, "until")
        except PeriodInvalid as error:
            refuse(error.field, str(error))
        if since is not None and until is not None and since >= until:
            refuse("since", "since: must lie before until")
        named = {name: getattr(self, name) for name in _EQUAL}
        return Wanted(
            since=since,
            until=until,
            equal={name: value for name, value in named.items() if value is not None},
            key=self.key,
            cache=self.cache,
            prefix=self.id,
            min_nanos=None if self.min_cost_usd is None else nanos_of(self.min_cost_usd),
            max_nanos=None if self.max_cost_usd is None else nanos_of(self.max_cost_usd),
            min_ms=self.min_duration_ms,
            sort=self.sort,
        )


class SearchPageQuery(SearchQuery):
    """A page of them."""

    limit: int = Field(default=50, ge=1, le=500, description="Most entries in one page.")
    after: str | None = Field(
        default=None, max_length=200, description="The `next` of the page before."
    )


class SearchExportQuery(SearchQuery):
    """All of them, as a file."""

    format: Literal["csv", "jsonl", "parquet"] = "csv"


def refuse(param: str, message: str) -> NoReturn:
    """Refuse a request, naming the field that is wrong.

    Raises:
        ApiError: 400.
    """
    raise ApiError(400, "invalid_request", message, param=param)
