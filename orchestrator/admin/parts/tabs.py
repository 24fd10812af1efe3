"""Parts of a page as tabs: links, so that each has an address and a browser's ways of opening it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.admin.parts.markup import Markup, tag


def tabs(names: Mapping[str, tuple[str, str]], current: str) -> Markup:
    """Return links to the parts of a page.

    Args:
        names: What each is called and its address, by key.
        current: Key of the one that is shown.
    """
    entries = [
        tag(
            "a", name, href=href, class_="tab-link", aria_current="page" if key == current else None
        )
        for key, (name, href) in names.items()
    ]
    return tag("nav", entries, class_="tabs-line", aria_label="Parts of this page")
