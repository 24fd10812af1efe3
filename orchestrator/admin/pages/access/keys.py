"""API keys: made, shown once, rotated, restricted, revoked."""

from __future__ import annotations

from collections.abc import Mapping

from coe_client.types import KeyRecord
from orchestrator.admin.pages.access import limits, new_key
from orchestrator.admin.parts.asking import button, confirmed, telling
from orchestrator.admin.parts.listing import Column, Filter, Listing, act
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.panels import actions
from orchestrator.admin.parts.sources import paged
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

STATES = {"active": "good", "expired": "warn", "suspended": "warn", "revoked": ""}
ROLES = {
    "user": "asks questions",
    "viewer": "also sees everything",
    "editor": "also changes experts and jobs",
    "admin": "also promotes routers, and gives keys and money",
}


async def draw(view: View) -> None:
    """Draw the page."""
    listing: Listing[KeyRecord]

    async def make() -> None:
        await new_key.ask(view, view.query.get("tenant", ""))
        await listing.refresh()

    with actions("A key asks in the name of its tenant, and does what its role allows."):
        button("New key", make, kind="primary", icon="add")
    listing = keys_of(view, view.query)
    await listing.show()


def keys_of(view: View, start: Mapping[str, str], tenant: str | None = None) -> Listing[KeyRecord]:
    """Draw a list of keys.

    Args:
        view: Who looks.
        start: Parameters of the page's address.
        tenant: Whose keys; ``None``: everybody's.
    """

    async def pressed(data: dict[str, str]) -> None:
        await _ACTS[data["act"]](view, await view.client.keys.get(data["id"]))
        await listing.refresh()

    columns = [
        Column[KeyRecord]("Key", _key, sort="name", value=lambda row: row.name),
        Column[KeyRecord](
            "State",
            lambda row: badge(row.state, STATES.get(row.state, ""), dot=True),
            value=lambda row: row.state,
        ),
        Column[KeyRecord]("Role", lambda row: row.role, value=lambda row: row.role),
        Column[KeyRecord]("May use", restrictions),
        Column[KeyRecord](
            "Last used", lambda row: when(row.last_used_at, view.zone), sort="last_used"
        ),
        Column[KeyRecord]("Expires", lambda row: when(row.expires_at, view.zone), sort="expires"),
        Column[KeyRecord]("", _buttons, numeric=True),
    ]
    if tenant is None:
        by_tenant = Column[KeyRecord](
            "Tenant",
            lambda row: link(row.tenant, f"/admin/tenants/{row.tenant}"),
            value=lambda row: row.tenant,
        )
        columns.insert(1, by_tenant)
    listing = Listing(
        "keys",
        columns,
        paged(
            lambda query: view.client.keys.list(
                q=query.search or None,
                tenant=tenant or start.get("tenant"),
                role=query.filters.get("role"),
                state=query.filters.get("state"),
                sort=f"{'-' if query.descending else ''}{query.sort}" if query.sort else None,
                page_size=query.limit,
            )
        ),
        start=start,
        searchable="Search keys",
        filters=(
            Filter("state", "State", {state: state for state in STATES}),
            Filter("role", "Role", {role: role for role in ROLES}),
        ),
        nothing=empty("No keys", "A program or person gets in with a key.", "key"),
        act=pressed,
        sort="-last_used",
    )
    return listing


def restrictions(row: KeyRecord) -> Markup:
    """Return which experts and policies a key may use."""
    parts = [
        f"{len(allowed)} {name}{'s' if len(allowed) != 1 else ''}".replace("policys", "policies")
        for name, allowed in (("expert", row.experts), ("policy", row.policies))
        if allowed is not None
    ]
    named = ", ".join([*(row.experts or ()), *(row.policies or ())])
    return tag("span", " and ".join(parts) or "all experts", title=named or None)


def _key(row: KeyRecord) -> Markup:
    return tag("span", row.name or row.id, class_="strong") + tag(
        "span", f"{row.prefix}…", class_="sub mono"
    )


def _buttons(row: KeyRecord) -> Markup:
    if row.state == "revoked":
        return Markup("")
    return (
        act(f"Limits of {row.name}", "limits", "speed", id=row.id)
        + act(f"Restrict {row.name}", "restrict", "rule", id=row.id)
        + act(f"Rotate {row.name}", "rotate", "autorenew", id=row.id)
        + act(f"Revoke {row.name}", "revoke", "block", id=row.id)
    )


async def _limits(view: View, row: KeyRecord) -> None:
    await limits.ask(view, f"Limits of the key '{row.name}'", key_id=row.id)


async def _rotate(view: View, row: KeyRecord) -> None:
    text = "It gets a new secret, shown once. The one before works for another day, so that nobody is cut off."
    if not await confirmed(f"Rotate '{row.name}'?", text, "Rotate"):
        return
    async with telling():
        await new_key.show(await view.client.keys.rotate(row.id))


async def _revoke(view: View, row: KeyRecord) -> None:
    text = "Whoever uses it is refused within a second, everywhere. This cannot be undone."
    if await confirmed(f"Revoke '{row.name}'?", text, "Revoke", danger=True):
        async with telling("Revoked."):
            await view.client.keys.revoke(row.id)


async def _restrict(view: View, row: KeyRecord) -> None:
    chosen = await new_key.ask_restrictions(
        view, f"What '{row.name}' may use", row.experts, row.policies
    )
    if chosen is None:
        return
    async with telling("Changed, within a second everywhere."):
        await view.client.keys.allow(row.id, chosen[0])
        await view.client.keys.allow_policies(row.id, chosen[1])


_ACTS = {"limits": _limits, "rotate": _rotate, "revoke": _revoke, "restrict": _restrict}
