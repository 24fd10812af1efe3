"""Markdown of models: what it looks like, and that nothing in it can do harm."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.admin.parts.markdown import Growing, rendered

ELEMENTS = {
    "h4",
    "h5",
    "h6",
    "p",
    "br",
    "hr",
    "ul",
    "ol",
    "li",
    "blockquote",
    "strong",
    "em",
    "s",
} | {*("code", "pre", "a", "span", "div", "button", "table", "thead", "tbody", "tr", "th", "td")}
ATTRIBUTES = {
    "class",
    "href",
    "title",
    "target",
    "rel",
    "type",
    "data-copy",
    "tabindex",
    "role",
} | {*("aria-label", "scope", "style", "start")}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "text <b onmouseover='alert(1)'>bold</b>",
    "<!-- --><svg/onload=alert(1)>",
    "![pixel](https://evil.example/p.png)",
    '![a" onerror="alert(1)](https://evil.example/p.png "t\\" onload=\\"alert(1)")',
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java&#x0A;script:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x) [file](file:///etc/passwd)",
    "[inside](/admin/keys) [beside](//evil.example/x) [here](?a=b)",
    "<javascript:alert(1)> <https://ok.example/'onclick='x>",
    '```"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```',
    "| a | b |\n|:-:|--:|\n| <script> | `</td>` |",
    "# <iframe src='https://evil.example'></iframe>",
    "`</code><script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "[a]: javascript:alert(1)\n\n[a]",
    "$$\\href{javascript:alert(1)}{x}$$ {{7*7}} {{constructor.constructor('x')()}}",
]


class Seen(HTMLParser):
    """Every element and attribute of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(str(document))  # Markup would escape what it is compared with
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def check(document: str) -> Seen:
    """See that a document holds nothing but what is allowed, and leads nowhere but out."""
    seen = Seen(document)
    assert set(seen.elements) <= ELEMENTS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    for name, value in seen.attributes:
        if name == "href":
            assert urlsplit(value).scheme in {"http", "https", "mailto"}
        if name == "style":
            assert value in {"text-align:left", "text-align:center", "text-align:right"}
        if name == "target":
            assert value == "_blank"
    links = seen.elements.count("a")
    assert seen.attributes.count(("rel", "noopener noreferrer nofollow")) == links
    return seen


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_model_writes_does_harm(text: str) -> None:
    seen = check(rendered(text))
    assert seen.text.strip()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(HOSTILE), st.text(max_size=12), st.sampled_from("\n>#`*_|![](<&\r")
        ),
        max_size=10,
    ).map("".join)
)
def test_nor_does_any_mixture_of_it(text: str) -> None:
    check(rendered(text))


def test_it_looks_like_what_was_meant() -> None:
    told = rendered(
        "# Title\n\nSome **bold**, *slanted*, ~~gone~~ and `code`.\nNext line.\n\n"
        "3. three\n4. four\n\n> said\n\n```python title=x\nprint('<')\n```\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n[docs](https://example.com/a) ![plot](https://example.com/p)"
    )
    for part in (
        "<h4>Title</h4>",
        "<strong>bold</strong>",
        "<em>slanted</em>",
        "<s>gone</s>",
        "<code>code</code>.<br>Next line.",
        '<ol start="3"><li>three</li>',
        "<blockquote><p>said</p></blockquote>",
        "<code>print(&#39;&lt;&#39;)\n</code>",
        'aria-label="Code in python"',
        '<td style="text-align:right">2</td>',
        '<a href="https://example.com/a"',
        "[image: plot]",
    ):
        assert part in told
    assert told.count("data-copy") == 1


TEXT = (
    "# A\n\nOne **two**\nthree\n\n- a\n- b\n\n  still b\n\n```py\nx = 1\n\ny = 2\n```\n\n"
    "Title\n---\n\n| a |\n|---|\n| 1 |\n\n1. x\n   - y\n\nend"
)


@pytest.mark.parametrize("size", [1, 7, 50])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_text_that_grows_comes_to_the_same_and_what_has_settled_stays(
    size: int, line: str
) -> None:
    text, growing, settled, still_open = TEXT.replace("\n", line), Growing(), "", ""
    for end in (*range(size, len(text), size), len(text)):
        more, still_open = growing.take(text[:end])
        settled += more
    assert settled + still_open == rendered(text)
    assert "<h4>A</h4>" in settled


@pytest.mark.parametrize("text", ["word " * 2_000, "<" * 9_000, "![" * 4_000, "*a " * 3_000])
def test_what_takes_long_to_parse_is_shown_as_it_came(text: str) -> None:
    told = rendered(text + "\n\n**after**")
    assert Seen(told).text.startswith(text[:7_000])
    assert not {"em", "a"} & set(Seen(told).elements)


def test_long_answers_are_parsed_block_by_block() -> None:
    code = "```py\n" + "x = [1]\n" * 1_000 + "```"
    told = rendered("A **b**.\n\n" * 500 + code + "\n\nThe **end**.")
    assert told.count("<strong>") == 501
    assert told.count("data-copy") == 1
    assert 'class="plain"' not in told
