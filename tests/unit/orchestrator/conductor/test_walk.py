"""Walks over triples: what leads on, what is picked, and the path as evidence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.engine import execute
from orchestrator.conductor.nodes.walk import MAX_CHOICES, MAX_HOPS, leading_on, numbered, picked
from orchestrator.conductor.run import Run
from orchestrator.conductor.sources import with_sources

from .conftest import MakeRun, expert

FACTS = (
    ("Ada", "daughter of", "Byron"),
    ("Byron", "born in", "London"),
    ("London", "lies on", "Thames"),
    ("Paris", "lies on", "Seine"),
)
QUESTION = "On which river lies the birthplace of Ada's father?"


def walking(run: Run, facts: tuple[tuple[str, str, str], ...] = FACTS) -> Run:
    run.task = replace(run.task, facts=facts)
    return run


async def test_it_goes_on_until_it_knows(make_run: MakeRun) -> None:
    script = {
        "replies": {
            "London | lies on": "3? no: 1",
            "Byron | born in | London\n\nFacts that": "never",
            "nothing yet": "1",
        },
        "text": "ANSWER: the Thames",
    }
    replies = {"nothing yet": "1", "1. Byron | born in": "1", "1. London | lies on": "1"}
    script["replies"] = replies
    outcome = await execute("walk", walking(make_run(QUESTION, expert("guide", script))))
    assert outcome.text.startswith("the Thames") or "Thames" in outcome.text
    assert "Ada | daughter of | Byron" in outcome.text
    assert [step.key for step in outcome.steps][:3] == ["enter", "walk.1", "walk.2"]
    assert outcome.steps[0].output == "Ada"


async def test_where_nothing_leads_on_it_answers_from_the_path(make_run: MakeRun) -> None:
    script = {"replies": {"nothing yet": "1, 9", "from these facts alone": "Byron, it says."}}
    facts = (("Ada", "daughter of", "Byron"),)
    outcome = await execute("walk", walking(make_run(QUESTION, expert("guide", script)), facts))
    assert outcome.text == "Byron, it says.\n\nEvidence:\nAda | daughter of | Byron"


async def test_it_is_bounded(make_run: MakeRun) -> None:
    chain = tuple((f"n{i}", "next", f"n{i + 1}") for i in range(50))
    script = {"replies": {"from these facts alone": "far"}, "text": "1 2 3"}
    run = walking(make_run("From n0, where to?", expert("guide", script)), chain)
    outcome = await execute("walk", run)
    hops = [step for step in outcome.steps if step.key.startswith("walk.")]
    assert len(hops) == MAX_HOPS
    assert outcome.text.startswith("far")


async def test_without_facts_it_says_what_it_has(make_run: MakeRun) -> None:
    outcome = await execute("walk", make_run(QUESTION, expert("guide", "fixed:I cannot say.")))
    assert outcome.text == "I cannot say."


THING = st.sampled_from("abcdef")
GRAPH = st.lists(st.tuples(THING, st.just("r"), THING), max_size=80)


@given(GRAPH, st.lists(THING), st.integers(0, 10))
def test_what_leads_on_touches_the_frontier_and_is_new(
    facts: list[tuple[str, str, str]], frontier: list[str], taken: int
) -> None:
    path = facts[:taken]
    found = leading_on(facts, frontier, path)
    assert len(found) == len(set(found)) <= MAX_CHOICES
    assert all((f[0] in frontier or f[2] in frontier) and f not in path for f in found)


@given(st.text(alphabet="0123456789 ,.abc", max_size=30))
def test_only_what_is_offered_is_picked(text: str) -> None:
    found = picked(text, FACTS)
    assert set(found) <= set(FACTS)
    assert len(found) == len(set(found))


def test_choices_are_numbered_as_they_are_picked() -> None:
    assert numbered(FACTS[:2]) == "1. Ada | daughter of | Byron\n2. Byron | born in | London"
    assert picked("2 and 1, not 7", FACTS[:2]) == [FACTS[1], FACTS[0]]


def test_sources_are_put_in_order_before_the_conversation() -> None:
    message = {"role": "user", "content": "Who won?"}
    assert with_sources([message], ()) == (message,)
    system, same = with_sources([message], ["the league's table", "a blog"])
    assert same == message
    assert system["role"] == "system"
    content = system["content"]
    assert content.index("user says") < content.index("passages") < content.index("remember")
    assert content.index("[1] the league's table") < content.index("[2] a blog")
