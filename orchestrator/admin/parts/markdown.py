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
    from markdown_it.rules_core import StateCore
    from markdown_it.tree import SyntaxTreeNode

_STEP = 4_000
_MOST_CHARACTERS, _MOST_CODE = 8_000, 50_000
"""Of one block, which is parsed at once: the same process serves requests. What is longer is shown as it came."""
_MOST_MARKS = 800
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
    return Markup("").join(Growing().take(text))


class Growing:
    """A text that comes piece by piece: blocks that cannot change any more are rendered once."""

    def __init__(self) -> None:
        self._read = self._settled = 0

    def take(self, text: str) -> tuple[Markup, Markup]:
        """Return what has settled since the last time, and what may still change.

        Only the last block can still become another, so what stands before it is settled.

        Args:
            text: All of it so far; it begins with what was there the last time.
        """
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        settled, open_ = Markup(""), Markup("")
        for end in (*range(self._read + _STEP, len(text), _STEP), len(text)):
            more, open_ = self._parsed(text[self._settled : end])
            settled += more
        self._read = len(text)
        return settled, open_

    def _parsed(self, rest: str) -> tuple[Markup, Markup]:
        from markdown_it.tree import SyntaxTreeNode

        nodes = SyntaxTreeNode(_parser().parse(rest)).children
        if len(nodes) > 1:
            *done, last = nodes
            self._settled += _offset(rest, last.map[0] if last.map else 0)
            return Markup("").join(map(_element, done)), _element(last)
        most = _MOST_CODE if nodes and nodes[0].type == "fence" else _MOST_CHARACTERS
        if len(rest) > most:
            self._settled += len(rest)
            return tag("div", rest, class_="plain"), Markup("")
        return Markup(""), _element(nodes[0]) if nodes else Markup("")


def _offset(text: str, line: int) -> int:
    """Return where a line begins; lines count from 0."""
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return at


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    options = {"html": False, "linkify": False, "maxNesting": _MOST_NESTING}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    # No names for addresses: what has settled cannot know of those that come later.
    parser.disable("reference").core.ruler.before("inline", "thickets", _as_they_came)
    return parser


def _as_they_came(state: StateCore) -> None:
    """Leave paragraphs alone with so many marks that to match them takes long: that grows by the square."""
    from markdown_it.token import Token

    for token in state.tokens:
        if token.type == "inline" and sum(map(token.content.count, "[*_`")) > _MOST_MARKS:
            token.children = [Token("text", "", 0, content=token.content)]
            token.content = ""


def _element(node: SyntaxTreeNode) -> Markup:
    made = _MADE.get(node.type)
    if made is not None:
        return made(node)
    name = _PLAIN.get(node.type)
    if name is not None and not node.hidden:  # items that stand close together are no paragraphs
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
    "softbreak": lambda _: tag("br"),  # verses and addresses keep their lines
    "hardbreak": lambda _: tag("br"),
    "table": _table,
    "th": _cell,
    "td": _cell,
    "link": _link,
    "image": _image,
}
