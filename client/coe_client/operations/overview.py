"""What the service did over a range of time, and its experts as they are now."""

from __future__ import annotations

from typing import Unpack

from coe_client.operations.moments import Moment, written
from coe_client.requests import Request, admin, as_model
from coe_client.types import (
    ExpertFigures,
    ExpertFiguresPage,
    ExpertSearch,
    Overview,
    OverviewFilter,
    Page,
)


def get_overview(
    since: Moment | None,
    until: Moment | None,
    bucket: str | None,
    **only: Unpack[OverviewFilter],
) -> Request[Overview]:
    """Sum up a range of time."""
    path = admin(
        "overview",
        since=written(since, "since"),
        until=written(until, "until"),
        bucket=bucket,
        **only,
    )
    return Request("GET", path, as_model(Overview))


def list_expert_figures(
    after: str | None = None, limit: int | None = None, **only: Unpack[ExpertSearch]
) -> Request[Page[ExpertFigures]]:
    """List experts with their figures."""
    return Request("GET", _path(after, limit, only), as_model(ExpertFiguresPage))


def expert_figures_page(
    after: str | None = None, limit: int | None = None, **only: Unpack[ExpertSearch]
) -> Request[ExpertFiguresPage]:
    """List a page of them."""
    return Request("GET", _path(after, limit, only), as_model(ExpertFiguresPage))


def get_expert_figures(expert_id: str) -> Request[ExpertFigures]:
    """Get the figures of one expert."""
    return Request("GET", admin("overview", "experts", expert_id), as_model(ExpertFigures))


def _path(after: str | None, limit: int | None, only: ExpertSearch) -> str:
    return admin("overview", "experts", after=after, limit=limit, **only)
