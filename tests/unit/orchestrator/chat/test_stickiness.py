"""A conversation stays with its expert while that is reasonable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.stickiness import MARGIN, Conversation, Stay, conversation_of, stay
from router import RoutingDecision
from router.decision import CandidateView


def expert(name: str) -> Expert:
    return Expert(id=name, provider="scripted", model="echo")


CATALOGUE = Catalogue(experts={name: expert(name) for name in ("a", "b", "c")})
TALK = Conversation(b"k", goes_on=True, awaits_tool=False)
TOOL = Conversation(b"k", goes_on=True, awaits_tool=True)


def decision(
    *ranked: str, quality: dict[str, float] | None = None, **excluded: Any
) -> RoutingDecision:
    views = [
        CandidateView(name, (quality or {}).get(name, 0.5), 0.0, excluded.get(name), None)
        for name in (*ranked, *excluded)
    ]
    return RoutingDecision(
        category="general",
        probabilities={"general": 1.0},
        uncertainty=0.0,
        expert=ranked[0],
        ranked=ranked,
        candidates=views,
        policy="balanced",
        rule="category",
        reason="",
        router_version="r",
    )


def test_it_stays_unless_another_is_clearly_better() -> None:
    near = decision("b", "a", quality={"b": 0.5 + MARGIN - 0.01})
    assert stay("a", near, TALK, CATALOGUE) == Stay("a", "a")
    far = decision("b", "a", quality={"b": 0.51 + MARGIN})
    assert stay("a", far, TALK, CATALOGUE) == Stay("a", "b", "better_expert")
    assert stay("a", far, TOOL, CATALOGUE) == Stay("a", "a")
    assert stay("b", far, TALK, CATALOGUE) == Stay("b", "b")


@pytest.mark.parametrize(
    ("excluded", "waits"),
    [
        ("unhealthy", True),
        ("max_latency", True),
        ("disabled", False),
        ("not_allowed", False),
        ("capability", False),
        ("context_window", False),
        ("max_cost", False),
    ],
)
def test_it_moves_when_its_expert_cannot_and_a_tool_loop_only_then(
    excluded: str, *, waits: bool
) -> None:
    told = decision("b", a=excluded)
    assert stay("a", told, TALK, CATALOGUE) == Stay("a", "b", excluded)
    expected = Stay("a", "a") if waits else Stay("a", "b", excluded)
    assert stay("a", told, TOOL, CATALOGUE) == expected


def test_an_expert_that_is_gone_or_not_shown_is_left() -> None:
    told = decision("b")
    assert stay("z", told, TOOL, CATALOGUE) == Stay("z", "b", "retired")
    assert stay("c", told, TOOL, CATALOGUE) == Stay("c", "b", "not_eligible")


def test_who_answered_in_the_end_tells_whether_and_why_it_moved() -> None:
    failed = Attempt(expert("a"), "default", 0.0, outcome="failed", error="expert_timeout")
    assert Stay("a", "a").reason("a", [failed]) is None
    assert Stay("a", "a").reason("b", [failed]) == "expert_timeout"
    assert Stay("a", "a").reason("b", []) == "unhealthy"
    assert Stay("a", "b", "better_expert").reason("c", []) == "better_expert"
    assert Stay("a", "b", "better_expert").reason("a", []) is None


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def key(messages: list[Any], **changes: Any) -> bytes:
    given = {"tenant": "t", "policy": "balanced", "session": None, **changes}
    return conversation_of(messages, **given).key


START = [turn("system", "Be kind."), turn("user", "Hi")]


def test_turns_of_one_conversation_are_one_and_others_are_not() -> None:
    more = [*START, turn("assistant", "Hello"), turn("user", "And now?")]
    assert key(START) == key(more)
    others = [
        key(START, tenant="u"),
        key(START, policy="quality"),
        key(START, session="s"),
        key(START, session="s", tenant="u"),
        key([turn("system", "Be kind.Hi"), turn("user", "")]),
        key([turn("user", "Be kind."), turn("system", "Hi")]),
        key([turn("user", [{"type": "text", "text": "Hi"}])]),
        key([turn("assistant", "x")]),
    ]
    assert len({key(START), *others}) == len(others) + 1
    assert key(START, session="s") == key([turn("user", "else")], session="s")


def test_what_goes_on_and_what_waits_for_a_tool() -> None:
    def read(messages: list[Any], session: str | None = None) -> tuple[bool, bool]:
        found = conversation_of(messages, tenant="t", policy="p", session=session)
        return found.goes_on, found.awaits_tool

    assert read(START) == (False, False)
    assert read(START, "s") == (True, False)
    assert read([*START, turn("assistant", "x"), turn("tool", "4")]) == (True, True)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.builds(turn, st.text(max_size=9), values), min_size=1), st.none() | st.text())
def test_any_messages_are_a_conversation(messages: list[Any], session: str | None) -> None:
    one = conversation_of(messages, tenant="t", policy="p", session=session)
    assert one == conversation_of(messages, tenant="t", policy="p", session=session)
    assert len(one.key) == 16
