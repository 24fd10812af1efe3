"""Settings: what is in effect, and where each value came from."""

from __future__ import annotations

from coe_client.types import ConfigValue
from orchestrator.admin.parts.listing import Column, Filter, Listing
from orchestrator.admin.parts.markup import Markup, badge, tag
from orchestrator.admin.parts.panels import lead
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.session import View

_SOURCES = {"set": "Set by somebody", "default": "Default"}


async def draw_page(view: View) -> None:
    """Draw the page."""
    told = "Settings are read from the environment when the service starts; change them there and restart it."
    lead(f"{told} Secrets are never shown.")
    columns = (
        Column[ConfigValue]("Setting", _name, sort="name", value=lambda row: row.name),
        Column[ConfigValue]("Value", _value, value=lambda row: str(row.value)),
        Column[ConfigValue]("Source", _source, value=lambda row: row.source),
    )
    listing = Listing(
        "settings",
        columns,
        whole(
            lambda: gathered(view.client.config.list()),
            text=lambda row: f"{row.name} {row.description} {row.value}",
            values={"name": lambda row: row.name},
            matches={"source": lambda row, value: is_set(row) == (value == "set")},
        ),
        start=view.query,
        searchable="Search settings",
        filters=(Filter("source", "Source", _SOURCES),),
        limit=200,
    )
    await listing.show()


def is_set(row: ConfigValue) -> bool:
    """Tell whether somebody has set it."""
    return row.source != "default"


def _name(row: ConfigValue) -> Markup:
    return tag("code", row.name, class_="strong") + tag("span", row.description, class_="sub")


def _value(row: ConfigValue) -> Markup:
    text = str(row.value)
    return tag("code", text) if text else tag("span", "not set", class_="faint")


def _source(row: ConfigValue) -> Markup:
    return badge(row.source or "", "accent") if is_set(row) else badge("default")
