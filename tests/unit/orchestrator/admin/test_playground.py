"""The playground: what is sent, what comes back, and code to do the same elsewhere."""

from __future__ import annotations

import ast
import json
import shlex
from urllib.parse import urlencode

import pytest

from coe_client import CoeError
from coe_client.types import CandidateView, ChatCompletionChunk, Explanation, RoutingDecision
from orchestrator.admin.pages.playground import code
from orchestrator.admin.pages.playground.setup import Setup, models_of, setup_of
from orchestrator.admin.pages.playground.turn import Turn, figures, foot, head, marks, steps, why

FULL = Setup("Be short.", 0.2, 100, 0.01, 2.5, 0.7, cache=True)
DECISION = RoutingDecision(
    category="math", probabilities={"math": 0.95, "law": 0.05}, expert="small", rule="category"
)
HISTORY = [{"role": "user", "content": 'What\'s 1 + 1?\n"Really"'}]


@pytest.mark.parametrize("setup", [Setup(), FULL])
def test_a_setup_survives_the_address(setup: Setup) -> None:
    assert setup_of(dict(setup.parameters())) == setup


def test_numbers_that_make_no_sense_are_not_sent() -> None:
    wrong = {"temperature": "hot", "max_tokens": "0", "quality_floor": "2", "max_cost": "nan"}
    assert setup_of(wrong) == Setup()
    assert "Nothing set" in Setup().told()


def test_at_most_four_known_models_stand_side_by_side() -> None:
    known = {name: name for name in ("coe", "a", "b", "c", "d", "e")}
    assert models_of(["a", "a", "x", "b", "c", "d", "e"], known) == ["a", "b", "c", "d"]
    assert models_of(["x"], known) == ["coe"]
    assert urlencode([("model", "a"), ("model", "b")]) == "model=a&model=b"


def test_the_shell_sends_what_the_page_sends() -> None:
    words = shlex.split(code.curl("http://host:1", "coe", HISTORY, FULL).replace("\\\n", " "))
    assert words[2] == "http://host:1/v1/chat/completions"
    sent = json.loads(words[-1])
    assert sent["messages"] == [{"role": "system", "content": "Be short."}, *HISTORY]
    assert sent["coe"] == {
        "max_cost": 0.01,
        "max_latency": 2.5,
        "quality_floor": 0.7,
        "cache": True,
    }
    assert (sent["temperature"], sent["max_tokens"]) == (0.2, 100)


@pytest.mark.parametrize("write", [code.openai, code.sdk])
@pytest.mark.parametrize("setup", [Setup(), FULL])
def test_python_to_copy_can_be_run(write: object, setup: Setup) -> None:
    text = write("http://host:1", "coe", HISTORY, setup)  # type: ignore[operator]
    found = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    assert HISTORY[0]["content"] in found
    assert "COE_API_KEY" in found


def _chunk(**more: object) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate({"choices": [], **more})


def test_a_turn_takes_in_text_reasoning_and_steps() -> None:
    turn = Turn("hello")
    assert "Waits for the first token" in foot(turn)
    thought = {"choices": [{"delta": {"reasoning_content": "hm", "content": "a < b"}}]}
    turn.take(ChatCompletionChunk.model_validate(thought))
    begun = {"key": "plan", "number": 1, "kind": "plan", "title": "Plan", "status": "running"}
    turn.take(_chunk(coe={"event": {"type": "step.started", "step": begun}}))
    turn.take(_chunk(coe={"event": {"type": "step.delta", "key": "plan", "text": "first"}}))
    assert turn.steps["plan"].output == "first"
    assert "0 of 1 done" in steps(turn)
    turn.take(_chunk(coe={"event": {"type": "step.finished", "step": {**begun, "status": "ok"}}}))
    assert "1 of 1 done" in steps(turn)
    assert (turn.text, turn.reasoning) == ("a < b", "hm")
    assert "hm" in head(turn)
    assert foot(turn) == ""


def test_a_turn_that_failed_says_so_and_can_be_asked_again() -> None:
    turn = Turn("hello", error=CoeError("It is down."), running=False)
    assert "It is down." in foot(turn)
    assert 'data-act="again"' in figures(turn)
    assert "Good answer" not in figures(turn)


def test_the_route_is_explained_where_one_was_made() -> None:
    assert why(Turn("hello")) == ""
    could = RoutingDecision(category="x", expert="small", candidates=[CandidateView(id="small")])
    linked, plain = (why(Turn("x", decision=could), linked=linked) for linked in (True, False))
    assert "/admin/experts/small" in linked
    assert "small" in plain
    assert "<a " not in plain
    drawn = why(Turn("hello", decision=DECISION, expert="large"))
    assert "Recognised as math" in drawn
    assert "small did not answer, so large did." in drawn
    assert "<code>category</code>" in drawn


def test_the_cheapest_and_the_fastest_are_told_where_there_is_one() -> None:
    def ended(cost: float, whole: float) -> Turn:
        return Turn("hello", explanation=Explanation(cost_usd=cost), whole_s=whole, running=False)

    assert marks([ended(1, 2), None, ended(2, 1)]) == [["cheapest"], [], ["fastest"]]
    assert marks([ended(1, 2), ended(1, 1)]) == [[], ["fastest"]]
    assert marks([ended(1, 2), None]) == [[], []]
