"""What needs somebody, each with a way there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from coe_client.types import Attention
from orchestrator.admin.parts.markup import Markup, badge, link, tag

_TONES = {"error": ("Error", "bad"), "warning": ("Warning", "warn"), "info": ("Note", "info")}
_PLACES = {
    "experts": ("/admin/experts", "See the expert", "See the experts"),
    "tenants": ("/admin/tenants", "See the tenant", "See the tenants"),
    "jobs": ("/admin/jobs", "See the job", "See the jobs"),
    "router": ("/admin/router", "See the router", "See the router"),
    "system": ("/admin/system", "See the system", "See the system"),
}
_OWN_PAGES = frozenset({"experts", "tenants", "jobs"})


def attention(found: Sequence[Attention]) -> Markup:
    """Return what needs attention as a panel, nothing where there is nothing."""
    if not found:
        return Markup("")
    rows = [tag("li", _row(one)) for one in found]
    return tag(
        "section",
        tag("header", tag("h2", "Needs attention"), badge(str(len(found)))),
        tag("ul", rows, class_="attention"),
        class_="panel",
    )


def place(page: str, id_: str | None) -> tuple[str, str]:
    """Return where something is seen and mended: an address, and what the way there is called."""
    address, one, many = _PLACES.get(page, ("/admin", "See more", "See more"))
    if id_ and page in _OWN_PAGES:
        return f"{address}/{quote(id_, safe='')}", one
    return address, many


def _row(one: Attention) -> Markup:
    text, tone = _TONES.get(one.severity, (one.severity, ""))
    address, name = place(one.link.page, one.link.id)
    return badge(text, tone, dot=True) + tag("span", one.text) + link(name, address)
