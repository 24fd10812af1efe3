"""Requests that are only alike: what keeps them apart, what is near, how sure is sure enough."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from experts.cache.entry import Entry
from experts.cache.key import Asked
from experts.cache.similar.answers import Categories, SimilarAnswers
from experts.cache.similar.belief import NOTHING_KNOWN, Outcome, learned
from experts.cache.similar.comparing import said_in, say_the_same
from experts.cache.similar.content import content_of, prompt_of
from experts.cache.similar.guards import kept_apart
from experts.cache.similar.index import FloatArray, VectorIndex
from experts.cache.similar.share import Share
from router.embedding.static import StaticEmbedder

PAIRS = Path(__file__).parents[4] / "benchmarks" / "question_pairs.txt"


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Boil an egg for 6 minutes", "Boil an egg for 9 minutes", "number"),
        ("It costs 1,000 dollars", "It costs 1000 dollars", None),
        ("Wait five minutes", "Wait seven minutes", "number"),
        ("What is the capital of Austria?", "What is the capital of Australia?", "name"),
        ("Who was Newton?", "who was newton?", None),
        ("Why is my iPhone hot?", "Why is my pixel hot?", "name"),
        ("Can dogs eat grapes?", "Can dogs not eat grapes?", "negation"),
        ("Why doesn't it start?", "Why does it start?", "negation"),
        ("What is open on Monday?", "What is open on Sunday?", "date"),
        ("events in may", "events in june", "date"),
        ("Explain `x = 1`", "Explain `x = y`", "code"),
        ("What does print(a) do?", "What does print(b) do?", "code"),
        ("Sort in ascending order", "Sort in descending order", "opposite"),
        ("A train from Berlin to Munich", "A train from Munich to Berlin", "order"),
        ("turn miles into kilometres", "turn kilometres into miles", "order"),
        ("How do I learn to swim?", "Wie kann ich das lernen und wo?", "language"),
        ("Как дела?", "你好吗", "language"),
        ("When do I change my oil?", "How do I change my oil?", "question"),
        ("How many days are left?", "How long are days?", "question"),
        ("What is your name?", "What is my name?", "person"),
        ("Turn your volume up.", "Turn the volume up.", None),
        ("When did I change my tyres?", "When do I change my tyres?", "tense"),
        ("Turn the alarm on", "Turn the alarm off", "opposite"),
        ("How do I clean a sofa?", "What is the best way to clean a sofa?", None),
        ("How can I learn German?", "Tell me how to learn German.", None),
    ],
)
def test_facts_keep_prompts_apart(one: str, other: str, reason: str | None) -> None:
    assert kept_apart(one, other) == reason
    assert kept_apart(other, one) == reason


ASKED = Asked("acme", "small", 1)


def request(text: Any, **more: Any) -> dict[str, Any]:
    system = {"role": "system", "content": "Be brief."}
    return {"messages": [system, {"role": "user", "content": text}], **more}


def test_all_but_the_last_text_has_to_be_the_same() -> None:
    first = prompt_of(ASKED, request("a"))
    assert first is not None
    assert first.text == "a"
    other = prompt_of(ASKED, request("b"))
    assert other is not None
    assert other.rest == first.rest
    for asked, fields in [
        (Asked("other", "small", 1), request("a")),
        (Asked("acme", "large", 1), request("a")),
        (ASKED, request("a", tools=[{"type": "function"}])),
        (ASKED, request("a", response_format={"type": "json_object"})),
        (ASKED, {"messages": request("a")["messages"][1:]}),
        (
            ASKED,
            {"messages": [{"role": "system", "content": "Be long."}, request("a")["messages"][1]]},
        ),
    ]:
        found = prompt_of(asked, fields)
        assert found is not None
        assert found.rest != first.rest


@pytest.mark.parametrize(
    "fields",
    [
        request([{"type": "text", "text": "a"}]),
        request(" "),
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": []},
        {},
    ],
)
def test_only_plain_questions_are_looked_for(fields: dict[str, Any]) -> None:
    assert prompt_of(ASKED, fields) is None


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("Can you tell me how to clean a sofa?", "how to clean a sofa"),
        ("How do I  clean a sofa?", "how to clean a sofa"),
        ("What's the best way to clean a sofa, please", "how to clean a sofa"),
        ("I would like to know where the gas station is.", "where the gas station is"),
        ("Clean my sofa please", "clean my sofa"),
        ("How are you?", "how are you"),
        ("Could you?", "could you"),
        ("???", ""),
    ],
)
def test_by_which_a_prompt_only_asks_is_left_out(prompt: str, asked: str) -> None:
    assert content_of(prompt) == asked


def unit(rows: Any) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("size", [2_000, 40_000])
def test_the_index_finds_what_is_near(size: int) -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.standard_normal((size, 64), dtype=np.float32) + 0.3)
    names = [number.to_bytes(4) for number in range(size)]
    index = VectorIndex.of(names, vectors)
    asked = unit(vectors[:200] + 0.02 * rng.standard_normal((200, 64), dtype=np.float32))
    found = [index.search(one, 1)[0] for one in asked]
    assert np.mean([near.name == name for near, name in zip(found, names, strict=False)]) >= 0.98
    exact = np.einsum("ij,ij->i", asked, vectors[:200])
    assert abs(found[0].similarity - exact[0]) < 0.01


def test_the_index_grows_shrinks_and_says_when_it_is_outgrown() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.standard_normal((50, 64), dtype=np.float32))
    index = VectorIndex(64)
    assert index.search(vectors[0]) == []
    index.extend([bytes([n]) for n in range(50)], vectors)
    index.extend([b"\0"], vectors[1:2])
    assert len(index) == 50
    assert {near.name for near in index.search(vectors[1], 2)} == {b"\0", b"\1"}
    assert index.remove(b"\1")
    assert not index.remove(b"\1")
    assert b"\1" not in index
    assert index.search(vectors[1], 1)[0].name == b"\0"
    assert not index.outgrown
    for _ in range(1000):
        index.extend([b"\2"], vectors[2:3])
    assert index.outgrown, "it holds much that is removed"
    assert index.search(vectors[2], 1)[0].name == b"\2"
    assert index.search(vectors[1], 5, floor=0.99)[0].name == b"\0"
    with pytest.raises(ValueError, match="64"):
        VectorIndex(100)


def test_nothing_is_sure_before_something_is_known() -> None:
    assert NOTHING_KNOWN.right(1.0) < 0.99
    few = [Outcome(1.0, right=True)] * 5
    assert learned(few).right(1.0) < 0.99


def test_a_prompt_learns_its_own_threshold() -> None:
    rng = random.Random(1)  # noqa: S311 (a test)

    def seen(limit: float, count: int) -> list[Outcome]:
        shares = [rng.uniform(0.7, 1.0) for _ in range(count)]
        return [Outcome(one, right=one > limit) for one in shares]

    strict, lax = learned(seen(0.95, 600)), learned(seen(0.8, 600))
    assert lax.right(0.93) >= 0.99 > strict.right(0.93)
    assert strict.right(0.99) > 0.9 > 0.1 > strict.right(0.8)


def test_one_wrong_answer_makes_a_prompt_careful() -> None:
    prior = learned([Outcome(1.0, right=True)] * 400 + [Outcome(0.7, right=False)] * 400)
    assert prior.right(1.0) >= 0.99
    assert learned([Outcome(1.0, right=False)] * 2, prior.widened()).right(1.0) < 0.99


def test_sure_answers_pay_for_some_that_are_less_sure() -> None:
    share = Share()
    assert share.bound(0.02) == 0.02
    for _ in range(900):
        share.saw(0.001)
    for doubt in np.linspace(0.01, 0.5, 100):
        share.saw(float(doubt))
    assert share.bound(0.02) == pytest.approx(0.03), "no more than half as much again"
    assert 0.005 < share.bound(0.005) <= 0.0075
    doubtful = Share()
    for doubt in (0.019, 0.02, 0.028, 0.3):
        doubtful.saw(doubt)
    assert doubtful.bound(0.02) == 0.02, "with the next, more than the chosen share would be wrong"


class Embeds:
    """Embeds each text once; confirms by the same vectors."""

    scale = "static"

    def __init__(self) -> None:
        self._embedder, self._seen = StaticEmbedder(), dict[str, FloatArray]()

    def candidates(self, texts: Sequence[str]) -> FloatArray:
        for text in texts:
            if text not in self._seen:
                self._seen[text] = self._embedder.embed([text])[0]
        return np.stack([self._seen[text] for text in texts])

    async def __call__(self, texts: Sequence[str], /) -> FloatArray:
        return self.candidates(texts)


async def test_questions_and_their_look_alikes() -> None:
    """Of 104 tasks, each in other words and with one fact changed: 416 pairs, in nine frames."""
    rng, embeds = random.Random(1), Embeds()  # noqa: S311 (a test)
    frames = ("How do I {}?", "What is the best way to {}?", "Please explain how to {}.")
    lines = PAIRS.read_text("utf-8").splitlines()[1:]
    tasks = [[part.strip() for part in line.split("|")] for line in lines]
    assert sum(len(task) - 1 for task in tasks) >= 400
    answers = SimilarAnswers(embeds.candidates, embeds, Categories(), chance=rng.random)
    for number, task in enumerate(tasks):
        answers.add(number.to_bytes(2), frames[0].format(task[0]), "general")
    given = wrong = 0
    for _ in range(1200):
        number, part = rng.randrange(len(tasks)), rng.randrange(5)
        verdict = await answers.look(rng.choice(frames).format(tasks[number][part]))
        if verdict.name is None:
            continue
        right = verdict.name == number.to_bytes(2) and part < 2
        if verdict.given:
            given, wrong = given + 1, wrong + (not right)
        else:
            answers.compared(verdict.name, verdict.similarity, right=right)
    assert given > 60
    assert wrong <= max(1, given // 100)


async def test_a_prompt_forgotten_while_it_is_confirmed_is_not_given() -> None:
    embeds = Embeds()

    class Forgets(Embeds):
        async def __call__(self, texts: Sequence[str], /) -> FloatArray:
            answers.remove(b"a")
            return self.candidates(texts)

    answers = SimilarAnswers(embeds.candidates, Forgets(), Categories())
    answers.add(b"a", "How do I clean a sofa?", "general")
    assert (await answers.look("How can I clean a sofa?")).name is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Paris.", " paris", True),
        ("It is 42.", "It is 43.", False),
        ("Yes, that works.", "No, that does not work.", False),
        ("Wash the sofa with soap.", "Use soap to wash the sofa.", True),
        ("Wash the sofa with soap.", "Grow tomatoes on a balcony.", False),
    ],
)
def test_whether_two_answers_say_the_same(one: str, other: str, *, same: bool) -> None:
    embed = StaticEmbedder().embed
    assert say_the_same((one, "[[]]"), (other, "[[]]"), embed) is same
    assert not say_the_same((one, "[[]]"), (other, '[["call"]]'), embed)


def test_what_an_answer_says() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": "{}"}}
    body = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    entry = Entry(expert="e", version=1, made_at=0.0, whole=msgspec.json.encode(body))
    assert said_in(entry) == ("", '[[{"name":"f","arguments":"{}"}]]')
    assert said_in(Entry(expert="e", version=1, made_at=0.0, whole=b"[]")) is None


async def test_what_has_grown_is_built_anew_while_it_changes() -> None:
    embeds = Embeds()
    answers = SimilarAnswers(embeds.candidates, embeds, Categories())
    texts = [f"How do I clean a {word}?" for word in ("sofa", "table", "carpet", "window")]
    for number in range(1100):
        answers.add(number.to_bytes(2), texts[number % 4], "general")
    assert answers.outgrown
    work = asyncio.create_task(answers.regrow())
    await asyncio.sleep(0)
    late = "How do I boil an egg?"
    answers.add(b"late", late, "general")
    for number in range(4, 1100):
        answers.remove(number.to_bytes(2))
    await work
    assert not answers.outgrown
    for text, name in [(late, b"late"), *((t, n.to_bytes(2)) for n, t in enumerate(texts))]:
        assert (await answers.look(text)).name == name
    assert len(answers) == 5


def test_an_index_built_anew_holds_the_same() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.standard_normal((50, 64), dtype=np.float32))
    index = VectorIndex(64)
    index.extend([bytes([n]) for n in range(50)], vectors)
    for n in range(25):
        index.remove(bytes([n]))
    small = index.builder()()
    assert len(small) == 25
    assert [small.search(one, 1)[0].name for one in vectors[25:]] == [
        bytes([n]) for n in range(25, 50)
    ]
