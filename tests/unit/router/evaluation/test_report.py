from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.data import Dataset
from router.evaluation import (
    Beside,
    Predictions,
    attack,
    compare,
    evaluate,
    render,
    robustness,
    svg,
)
from tests.unit.router.evaluation.cases import PRICES, data, said

VOID = {"meta", "br", "hr", "img"}
EVIL = "<script>alert('x')</script>&\""


class Page(HTMLParser):
    """Checks that every tag is closed, and collects what there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href")
        ]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.text.append(text)


def full_report() -> dict[str, Any]:
    whole, predictions = data(), said()
    report = evaluate(
        whole,
        predictions,
        PRICES,
        Beside(
            baselines={"peer": np.tile([1.0, 0, 0], (240, 1))},
            robustness=robustness(len, whole.prompts[:9]),
            attack=attack(lambda _text: 0.0, lambda _text: False, whole.prompts[:9]),
        ),
    )
    return report | {"comparison": compare(whole, said(right=0.5), predictions, PRICES)}


REPORT = full_report()


def test_shows_every_part_and_needs_nothing_else() -> None:
    page = Page(render(REPORT, title="A router", subtitle="on 240 prompts"))
    shown = " ".join(page.text)
    for part in (
        "A router", "on 240 prompts", "Policies", "Against the current version", "Where it stands",
        "Quality at every budget", "Categories", "Which category was taken for which",
        "Does it know when it does not know?", "Robustness", "Confounder attack", "Experts",
    ):  # fmt: skip
        assert part in shown, part
    assert page.tags.count("svg") == 8
    assert not page.links
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert f"{REPORT['policies']['quality']['quality']:.3f}" in shown
    assert "url(" not in render(REPORT)
    assert "http" not in render(REPORT)


def test_two_experts_have_their_curve() -> None:
    whole = data()
    pair = Dataset(
        whole.ids, whole.prompts, whole.categories, ("small", "large"), whole.scores[:, [0, 2]]
    )
    quality = np.random.default_rng(0).random((240, 2))
    report = evaluate(pair, Predictions({"quality": quality.argmax(axis=1)}, quality), draws=50)
    shown = " ".join(Page(render(report)).text)
    assert "share of calls to large" in shown
    assert "CPT(50)" in shown


def test_names_are_escaped() -> None:
    whole, predictions = data(), said()
    rename = {"coding": EVIL, "law": "law & <b>order</b>"}
    evil = Dataset(
        whole.ids,
        whole.prompts,
        tuple(rename.get(c or "", c) for c in whole.categories),
        (EVIL + "1", EVIL + "2", EVIL + "3"),
        whole.scores,
    )
    spoken = Predictions(
        {EVIL: predictions.choices["quality"]},
        predictions.quality,
        (EVIL, "law & <b>order</b>"),
        predictions.probabilities,
        predictions.uncertainty,
    )
    report = evaluate(evil, spoken, PRICES, Beside(baselines={EVIL: np.ones((240, 3))}), draws=20)
    report["robustness"] = {"n": 1, "unchanged": 1.0, "ci95": [1, 1], "kinds": {EVIL: 1.0}}
    text = render(report, title=EVIL, subtitle=EVIL)
    assert "script" not in Page(text).tags
    assert "<script" not in text
    assert "<b>" not in text


def test_little_was_measured() -> None:
    whole = data(6)
    bare = Dataset(whole.ids, whole.prompts, (None,) * 6, whole.experts, whole.scores)
    Page(render(evaluate(bare, Predictions({"q": np.zeros(6, dtype=int)}), draws=20)))
    Page(render(evaluate(bare, Predictions({}), draws=20)))
    empty = Dataset(whole.ids, whole.prompts, whole.categories, (), np.empty((6, 0)))
    Page(render(evaluate(empty, Predictions({}), draws=20)))
    nothing = Dataset(whole.ids, whole.prompts, (None,) * 6, whole.experts, np.full((6, 3), np.nan))
    Page(render(evaluate(nothing, said(6), PRICES, draws=20)))
    single = Dataset(("1",), ("p",), ("law",), ("a",), np.array([[1.0]]))
    one = Predictions({"q": np.zeros(1, dtype=int)}, np.ones((1, 1)), ("law",), np.ones((1, 1)))
    Page(render(evaluate(single, one, draws=20)))


def test_many_categories_become_a_list_of_the_most_confused() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"c{i:03}" for i in range(150))
    labels = rng.integers(150, size=600)
    whole = Dataset(
        tuple(map(str, range(600))),
        ("p",) * 600,
        tuple(names[each] for each in labels),
        (),
        np.empty((600, 0)),
    )
    spoken = Predictions({}, None, names, rng.dirichlet(np.ones(150), size=600))
    text = render(evaluate(whole, spoken, draws=20))
    assert "Most confused categories" in text
    assert len(text) < 200_000


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(4, 12))
def test_ticks_are_few_round_and_inside(low: float, span: float, most: int) -> None:
    found = svg.ticks(low, low + span, most)
    assert 0 < len(found) <= 2 * most
    assert all(low - span * 1e-6 <= each <= low + span * (1 + 1e-6) for each in found)
    assert found == sorted(found)


def test_a_plot_is_well_formed_and_labels_do_not_overlap() -> None:
    plot = svg.Plot((0.0, 1.0), svg.padded([0.5]), "x <", "y &", 'a "title"')
    plot.line([(0.0, 0.5), (1.0, 0.5)], "curve")
    placed = 0
    for place in range(30):
        plot.dot((0.5, 0.5), "expert", f"<{place}>")
    for place in range(30):
        placed += plot.label((0.5, 0.5), f"<expert {place}>")
    assert 1 <= placed < 30
    root = ET.fromstring(plot.render())  # noqa: S314 (our own text)
    assert root.tag == "svg"
    assert len(root.findall("circle")) == 30


@pytest.mark.parametrize(("value", "shown"), [(0.0, "0"), (0.25, "0.25"), (12345.0, "12,345")])
def test_numbers_are_short(value: float, shown: str) -> None:
    assert svg.number(value) == shown
