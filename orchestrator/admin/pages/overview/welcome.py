"""What stands on the overview of a service that nobody has asked anything yet."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.admin.parts.markup import Markup, tag
from orchestrator.admin.session import View


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first things to do.

    Args:
        title: What.
        text: Why, or how.
        action: What the way there is called.
        address: Where it is done.
        role: The smallest role that may.
        done: Whether it is.
    """

    title: str
    text: str
    action: str
    address: str
    role: str
    done: bool = False


def steps(experts: int) -> list[Step]:
    """Return what to do first.

    Args:
        experts: How many there are.
    """
    there = f"{experts} {'expert is' if experts == 1 else 'experts are'} there already."
    return [
        Step(
            "Add an expert",
            f"{there} Add your own: a server, a vendor or a file."
            if experts
            else "A model that answers: a server that speaks OpenAI's protocol, a vendor, a file.",
            "Add an expert",
            "/admin/add-expert",
            "editor",
            done=experts > 0,
        ),
        Step(
            "Send a first message",
            "Ask something in the playground, and see which expert answers and why.",
            "Open the playground",
            "/admin/playground",
            "user",
        ),
        Step(
            "Make a key",
            "Your programs ask with it as they would ask OpenAI, with this service's address.",
            "Make a key",
            "/admin/keys",
            "admin",
        ),
    ]


def welcome(view: View, experts: int) -> Markup:
    """Return the page's content."""
    head = tag("h2", "Nothing has been asked yet") + tag(
        "p",
        "Figures and charts come with the first requests. Until then, this is where to begin.",
        class_="soft",
    )
    items = [_item(view, number, one) for number, one in enumerate(steps(experts), start=1)]
    return tag(
        "section",
        tag("div", head, tag("ol", items, class_="first-steps"), class_="body"),
        class_="panel welcome",
    )


def _item(view: View, number: int, one: Step) -> Markup:
    mark = tag("span", "check", class_="material-icons") if one.done else tag("span", str(number))
    state = tag("span", "Done.", class_="visually-hidden") if one.done else None
    way = (
        tag("a", one.action, href=one.address, class_="way")
        if view.may(one.role)
        else tag("span", f"Needs the role {one.role}.", class_="small faint")
    )
    return tag(
        "li",
        tag("span", mark, class_="mark" + (" done" if one.done else ""), aria_hidden="true"),
        tag("div", tag("h3", one.title, " ", state), tag("p", one.text, class_="soft"), way),
    )
