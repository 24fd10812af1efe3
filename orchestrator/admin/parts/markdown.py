"""Markdown that a model wrote, as elements that can do no harm.

The text is parsed, and what is found is built anew, element by element, by :func:`tag`: what is not named here cannot
occur, whatever the text says. HTML in it is text, images are links to them, and links lead out of the service only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.admin.parts.markup import Markup, tag

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

MOST_CHARACTERS = 50_000
"""That are parsed at once: the same process serves requests. What is longer is shown as it came."""
_MOST_NESTING = 30
_SCHEMES = frozenset({"http", "https", "mailto"})
_PLAIN = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "list_item": "li",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "strong": "strong",
    "em": "em",
    "s": "s",
}
_ALIGNED = frozenset({"text-align:left", "text-align:center", "text-align:right"})
_LONGEST_LANGUAGE = 20


def rendered(text: str) -> Markup:
    """Return Markdown as elements: headings, lists, tables, code with a button that copies it, links."""
    return Markup("").join(block for block, _ in blocks(text))


def blocks(text: str) -> list[tuple[Markup, int]]:
    """Return the blocks of a text, each with the number of the line that it begins in, from 0."""
    from markdown_it.tree import SyntaxTreeNode

    if len(text) > MOST_CHARACTERS:
        return [(tag("div", text, class_="plain"), 0)]
    root = SyntaxTreeNode(_parser().parse(text))
    return [(_element(node), node.map[0] if node.map else 0) for node in root.children]


class Growing:
    """A text that comes piece by piece: blocks that cannot change any more are rendered once."""

    def __init__(self) -> None:
        self._settled = 0
        self._text = ""

    def take(self, text: str) -> tuple[Markup, Markup]:
        """Return what has settled since the last time, and what may still change.

        Only the last block can still become another, so what stands before it is settled.

        Args:
            text: All of it so far; it begins with what was there the last time.
        """
        rest = text[self._settled :]
        found = blocks(rest)
        if len(found) < 2:
            return Markup(""), found[0][0] if found else Markup("")
        *done, (last, line) = found
        self._settled += _offset(rest, line)
        return Markup("").join(block for block, _ in done), last


def _offset(text: str, line: int) -> int:
    """Return where a line begins, from 0; lines end as the parser has it."""
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return at


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # A soft break is one that was written: verses and addresses keep their lines.
    options = {"html": False, "linkify": False, "maxNesting": _MOST_NESTING}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def _element(node: SyntaxTreeNode) -> Markup:
    made = _MADE.get(node.type)
    if made is not None:
        return made(node)
    name = _PLAIN.get(node.type)
    if name is not None:
        return tag(name, _children(node))
    return _children(node) if node.children else _text(node)


def _children(node: SyntaxTreeNode) -> Markup:
    return Markup("").join(_element(one) for one in node.children)


def _text(node: SyntaxTreeNode) -> Markup:
    return Markup("").join([Markup.escape(node.content)])


def _heading(node: SyntaxTreeNode) -> Markup:
    # Below the page's own headings, however large the model wants them.
    return tag(f"h{min(int(node.tag[1:]) + 3, 6)}", _children(node))


def _ordered(node: SyntaxTreeNode) -> Markup:
    start = node.attrs.get("start")
    return tag("ol", _children(node), start=int(start) if start is not None else None)


def _code(node: SyntaxTreeNode) -> Markup:
    language = (node.info.split() or [""])[0][:_LONGEST_LANGUAGE]
    named = f"Code in {language}" if language else "Code"
    copy = tag("button", "Copy", type="button", class_="md-copy", data_copy=True)
    head = tag("div", tag("span", language, class_="small faint"), copy, class_="md-head")
    text = tag("pre", tag("code", node.content), tabindex="0", role="region", aria_label=named)
    return tag("div", head, text, class_="md-code")


def _table(node: SyntaxTreeNode) -> Markup:
    drawn = tag("table", _children(node))
    return tag("div", drawn, class_="md-table", tabindex="0", role="region", aria_label="Table")


def _cell(node: SyntaxTreeNode) -> Markup:
    style = str(node.attrs.get("style", ""))
    return tag(
        node.type,
        _children(node),
        scope="col" if node.type == "th" else None,
        style=style if style in _ALIGNED else None,
    )


def _link(node: SyntaxTreeNode) -> Markup:
    return _leading_out(_children(node), str(node.attrs.get("href", "")))


def _image(node: SyntaxTreeNode) -> Markup:
    told = tag("span", f"[image: {node.content or 'without a description'}]")
    return _leading_out(told, str(node.attrs.get("src", "")))


def _leading_out(told: Markup, address: str) -> Markup:
    """Return a link to somewhere else; other addresses are told, and lead nowhere."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    elsewhere = parts.scheme in _SCHEMES and bool(parts.netloc or parts.scheme == "mailto")
    if not elsewhere:
        return tag("span", told, f" ({address})") if address else told
    rel = "noopener noreferrer nofollow"
    return tag("a", told, href=address, title=address, target="_blank", rel=rel)


_MADE: dict[str, Callable[[SyntaxTreeNode], Markup]] = {
    "heading": _heading,
    "ordered_list": _ordered,
    "fence": _code,
    "code_block": _code,
    "code_inline": lambda node: tag("code", node.content),
    "hr": lambda _: tag("hr"),
    "softbreak": lambda _: tag("br"),
    "hardbreak": lambda _: tag("br"),
    "table": _table,
    "th": _cell,
    "td": _cell,
    "link": _link,
    "image": _image,
}
