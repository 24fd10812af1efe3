"""Every grader: right answers, near misses, tricks."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from orchestrator.conductor.evaluation.graders import PURE, Grading, UnknownGrader, grader_of
from orchestrator.conductor.evaluation.graders.checkmate import position_of
from orchestrator.conductor.evaluation.graders.choice import options_of
from orchestrator.conductor.evaluation.graders.game24 import numbers_of
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.rational import evaluate

from .conftest import task

GAME = task("1 2 4 7", "24", "GameOf24")
MATE = task("1. f3 e5 2. g4", "Qh4#", "CheckmateInOne")
SORT = task("Sort the following words alphabetically: List: b'day ant cow", "ant b'day cow")
SUM = task("((-1 + 2 + 9 * 5) - (-2 + -4 + -4 * -7)) =", "24", "multistep_arithmetic_two")
SHAPE = task("It draws a\nOptions:\n(A) circle\n(B) heptagon\n(C) kite", "(B)")


@pytest.mark.parametrize(
    ("grader", "asked", "answer"),
    [
        ("game24", GAME, "4 * (7 - 2 + 1)"),
        ("game24", task("?", '[24, "25"]', numbers=[1, 2, 4, 7]), "4 * (7 - 2 + 1)"),
        ("game24", task("?", "(1 + 7) * 3", numbers=[1, 2, 4, 7]), "4 * (7 - 2 + 1)"),
        ("game24", GAME, "4 × (7 − 2 + 1) = 24"),
        ("game24", GAME, "(((4)) * ((7 - (2)) + 1))"),
        ("checkmate", MATE, "Qh4#"),
        ("checkmate", MATE, "Qh4"),
        ("checkmate", MATE, "Qh4+"),
        ("checkmate", MATE, "2... Qh4#"),
        ("checkmate", MATE, "Qd8h4"),
        ("sorting", SORT, "ant b'day cow"),
        ("sorting", SORT, "ant, b'day,\ncow"),
        ("sorting", SORT, "Ant B'day Cow"),
        ("sorting", SORT, """['ant', "b'day", 'cow']"""),
        ("arithmetic", SUM, "24"),
        ("arithmetic", SUM, "= 24."),
        ("arithmetic", SUM, "24.0"),
        ("arithmetic", SUM, "((-1 + 2 + 9*5) - (-2 + -4 + -4 * -7)) = 24"),
        ("choice", SHAPE, "(B)"),
        ("choice", SHAPE, "b"),
        ("choice", SHAPE, "B."),
        ("choice", SHAPE, "heptagon"),
        ("choice", SHAPE, "(B) Heptagon."),
        ("choice", SHAPE, "B - heptagon"),
        ("choice", SHAPE, "B heptagon"),
        ("choice", SHAPE, "[B]"),
        ("choice", SHAPE, "Option (B)"),
        ("choice", SHAPE, "B because A is wrong"),
        ("choice", SHAPE, "B, since it has seven corners"),
        ("exact", task("?", "Paris"), "Paris."),
        ("exact", task("?", "`ls -l`"), "ls -l"),
        ("exact", task("?", '["yes", "y"]'), "y"),
        ("exact", task("?", '["yes", "y"]'), '["yes", "y"]'),
        ("numeric", task("?", "$1024$"), "1{,}024"),
        ("numeric", task("?", "1024"), "1,024."),
        ("exact", task("?", "two  words"), " two words\n"),
        ("numeric", task("?", "1,234.50"), "1234.5"),
        ("numeric", task("?", "0.5"), "1/2"),
        ("numeric", task("?", "0.5"), r"\frac{1}{2}"),
        ("numeric", task("?", "50%"), "0.5"),
        ("numeric", task("?", "1e3"), "$1,000"),
        ("numeric", task("?", "3.14", tolerance=0.01), "3.1416"),
        ("regex", task("?", r"[ab]+\d"), "abba7"),
        ("json-schema", task("?", "", schema={"type": "array"}), "[1]"),
        ("json-schema", task("?", '{"a": 1}', schema={"required": ["a"]}), '{"a":1}'),
    ],
)
def test_right_answers(grader: str, asked: GradedTask, answer: str) -> None:
    assert PURE[grader](answer, asked).right is True, PURE[grader](answer, asked).reason


@pytest.mark.parametrize(
    ("grader", "asked", "answer", "reason"),
    [
        ("game24", GAME, "(1 + 2) * (4 + 4)", "exactly once"),
        ("game24", GAME, "(7 + 1) * (4 - 1)", "exactly once"),
        ("game24", GAME, "4 * (7 - 2 + 1) + 1 - 1", "exactly once"),
        ("game24", GAME, "24", "exactly once"),
        ("game24", GAME, "12 + 4 + 7 + 1", "exactly once"),
        ("game24", GAME, "1 + 2 + 4 + 7", "comes to 14"),
        ("game24", GAME, "1 + 2 + 4 + 7 = 24", "comes to 14"),
        ("game24", GAME, "4 * (7 - 2 + 1) = 25", "not to 25"),
        ("game24", GAME, "4 * (7 - 2 + 1) is 24", "something other"),
        ("game24", GAME, "My answer: 4 * (7 - 2 + 1)", "something other"),
        ("game24", GAME, "4 * (7 - 2 + 1) or (7 - 1) * 4 * 2 / 2", "something other"),
        ("game24", GAME, "__import__('os').getpid() * 0 + 24", "something other"),
        ("game24", GAME, "(4).__class__(24)", "something other"),
        ("game24", GAME, "4 ** 2 + 7 + 1", "another operation"),
        ("game24", GAME, "9 ** 9 ** 9 ** 9", "another operation"),
        ("game24", GAME, "(" * 5000 + "4", "longer"),
        ("game24", GAME, "４ * (7 - 2 + 1)", "something other"),
        ("game24", GAME, "4 * (7 - 2 + 1)\n4 * (7 - 2 + 1)", "something other"),
        ("checkmate", MATE, "Qh5", "no legal move"),
        ("checkmate", MATE, "Qg5", "is not mate"),
        ("checkmate", MATE, "Qg5#", "is not mate"),
        ("checkmate", MATE, "Qh4# wins", "not one move"),
        ("checkmate", MATE, "Qh4 Qh4", "not one move"),
        ("checkmate", MATE, "--", "not one move"),
        ("checkmate", MATE, "0000", "not one move"),
        ("checkmate", MATE, "Qh４#", "not one move"),
        ("checkmate", MATE, "O-O", "no legal move"),
        ("checkmate", task("1. Nf3 d5 2. Nc3 d4", "?"), "Nd4", "not mate"),
        ("checkmate", MATE, "e9", "not one move"),
        ("sorting", SORT, "ant cow b'day", "word 2 is 'cow'"),
        ("sorting", SORT, "ant b'day", "lacks 'cow'"),
        ("sorting", SORT, "ant b'day cow cow", "holds 'cow'"),
        ("sorting", SORT, "The words are: ant b'day cow", "holds"),
        ("sorting", SORT, "ant bday cow", 'lacks "b\'day"'),
        ("arithmetic", SUM, "25", "it is 25"),
        ("arithmetic", SUM, "24 apples", "nothing else"),
        ("arithmetic", SUM, "24 or 25", "nothing else"),
        ("arithmetic", SUM, "1 + 23 = 24", "nothing else"),
        ("arithmetic", SUM, "x = 24", "nothing else"),
        ("arithmetic", SUM, "24.0000000001", "it is"),
        ("arithmetic", SUM, "２４", "nothing else"),
        ("arithmetic", SUM, "2_4", "nothing else"),
        ("arithmetic", SUM, "__import__('os')", "nothing else"),
        ("numeric", task("?", "24"), "9" * 1000, "nothing else"),
        ("numeric", task("?", "24"), "24e9999", "nothing else"),
        ("numeric", task("?", "24"), "2,4", "nothing else"),
        ("numeric", task("?", "0"), ".", "nothing else"),
        ("numeric", task("?", "0"), "1/0", "nothing else"),
        ("choice", SHAPE, "(C)", "option C"),
        ("choice", SHAPE, "kite", "option C"),
        ("choice", SHAPE, "(B) kite", "nothing else"),
        ("choice", SHAPE, "(B) or (C)", "nothing else"),
        ("choice", SHAPE, "(D)", "nothing else"),
        ("choice", SHAPE, "It is a heptagon", "nothing else"),
        ("choice", SHAPE, "Ⓑ", "nothing else"),
        ("choice", SHAPE, "A is wrong, so B", "nothing else"),
        ("choice", SHAPE, "A heptagon", "nothing else"),
        ("choice", SHAPE, "B and C because both fit", "nothing else"),
        ("choice", SHAPE, "Option B or C", "nothing else"),
        ("choice", SHAPE, "Because", "nothing else"),
        ("exact", task("?", '["yes", "y"]'), "no", "not the same"),
        ("exact", task("?", "[1, 2]"), "1", "not the same"),
        ("json-schema", task("?", '{"a": 1}', schema={}), '{"a": true}', "other values"),
        ("numeric", task("?", "1024"), "1.024", "it is 1.024"),
        ("numeric", task("?", "1024"), "1024 km", "nothing else"),
        ("exact", task("?", "yes"), "yes!", "not the same"),
        ("regex", task("?", r"[ab]+\d"), "xabba7", "does not match"),
        ("json-schema", task("?", "", schema={"type": "array"}), '{"a": 1}', "$: "),
        ("json-schema", task("?", "", schema={"type": "array"}), "[1] ok", "not JSON"),
        ("json-schema", task("?", "", schema={"type": "number"}), "NaN", "not JSON"),
        ("json-schema", task("?", "", schema={"type": "array"}), "[" * 100_000, "not JSON"),
        ("json-schema", task("?", '{"a": 1}', schema={}), '{"a": 2}', "other values"),
    ],
)
def test_near_misses(grader: str, asked: GradedTask, answer: str, reason: str) -> None:
    grade = PURE[grader](answer, asked)
    assert grade.right is False
    assert reason in grade.reason


def test_all_mates_are_right_and_nothing_else(published: list[GradedTask]) -> None:
    tasks = [each for each in published if each.category == "CheckmateInOne"]
    assert len(tasks) == 99
    for each in tasks[::4]:
        board = position_of(each)
        for move in list(board.legal_moves):
            text = board.san(move)
            board.push(move)
            mate = board.is_checkmate()
            board.pop()
            assert PURE["checkmate"](text, each).right is mate, (each.prompt, text)
        other = next(one.target for one in tasks if one.target != each.target)
        legal = {board.san(move).rstrip("+#").replace("x", "") for move in board.legal_moves}
        if other.rstrip("+#").replace("x", "") not in legal:  # an "x" may be left out
            assert PURE["checkmate"](other, each).right is False


async def test_given_targets_are_right_and_others_wrong(
    published: list[GradedTask], grading: Grading
) -> None:
    asked = [each for each in published if each.target and each.category != "GameOf24"]
    assert len(asked) == 403
    for each in asked:
        assert (await grading.grade(each.target, each)).right is True, each
        assert (await grading.grade(f"Well.\nFINAL ANSWER: {each.target}", each)).right is True
        for extra in (f"{each.target} I think", f"I think {each.target}", f"{each.target}\nyes"):
            assert (await grading.grade(f"FINAL ANSWER: {extra}", each)).right is False, extra
    for category, group in itertools.groupby(asked, lambda each: each.category):
        if category == "CheckmateInOne":
            continue  # above: another task's move may be mate here too
        tasks = list(group)
        for one, other in itertools.pairwise(tasks):
            same = one.target == other.target
            assert (await grading.grade(other.target, one)).right is same


async def test_arithmetic_targets_are_what_the_prompts_come_to(published: list[GradedTask]) -> None:
    tasks = [each for each in published if each.category == "multistep_arithmetic_two"]
    assert len(tasks) == 91
    for each in tasks:
        value = evaluate(each.prompt.strip().removesuffix("="), signs=True).value
        assert value == Fraction(each.target)


async def test_solutions_of_the_game_of_24(published: list[GradedTask], grading: Grading) -> None:
    tasks = [each for each in published if each.category == "GameOf24"]
    assert len(tasks) == 42
    for each in tasks:
        numbers = numbers_of(each)
        solution = solved([(Fraction(number), str(number)) for number in numbers])
        assert solution is not None, each.prompt
        assert (await grading.grade(f"FINAL ANSWER: {solution} = 24", each)).right is True
        for wrong in (
            f"{solution} + {numbers[0]} - {numbers[0]}",  # a number once more
            solution.replace(str(numbers[0]), str(numbers[0] + 1), 1),
            f"{solution} = 25",
            f"{solution} because it is",
            each.target,
        ):
            assert (await grading.grade(wrong, each)).right is False, wrong


def solved(values: list[tuple[Fraction, str]]) -> str | None:
    """Return an expression that comes to 24, found by joining two numbers at a time."""
    if len(values) == 1:
        return values[0][1] if values[0][0] == 24 else None
    for one, other in itertools.permutations(range(len(values)), 2):
        (a, left), (b, right) = values[one], values[other]
        rest = [each for place, each in enumerate(values) if place not in (one, other)]
        joined = [(a + b, "+"), (a - b, "-"), (a * b, "*")] + ([(a / b, "/")] if b else [])
        for value, sign in joined:
            found = solved([*rest, (value, f"({left} {sign} {right})")])
            if found is not None:
                return found
    return None


def test_options_are_read_from_the_prompt_or_the_fields() -> None:
    assert options_of(SHAPE) == {"A": "circle", "B": "heptagon", "C": "kite"}
    assert options_of(task("?", options=["x", "y"])) == {"A": "x", "B": "y"}
    assert options_of(task("?", options={"a": "x"})) == {"A": "x"}
    assert PURE["choice"]("b", task("?", "B")).right is True, "letters without listed options"


def test_the_grader_is_found() -> None:
    assert grader_of(GAME) == "game24"
    assert grader_of(task("?", "3")) == "numeric"
    assert grader_of(task("?", "three")) == "exact"
    assert grader_of(task("?", "A", options=["x"])) == "choice"
    assert grader_of(task("?", "", schema={"type": "null"})) == "json-schema"
    assert grader_of(task("?", "a+", grader="regex")) == "regex"
    with pytest.raises(UnknownGrader, match="no grader 'guess'; there are arithmetic, "):
        grader_of(task("?", grader="guess"))


@pytest.mark.parametrize(
    ("grader", "asked"),
    [
        ("game24", task("no numbers", "24")),
        ("game24", task("1 2 4 7", "many")),
        ("checkmate", task("no position")),
        ("choice", task(SHAPE.prompt, "(Z)")),
        ("numeric", task("?", "many")),
        ("regex", task("?", "(")),
        ("json-schema", task("?")),
        ("json-schema", task("?", schema={"type": "nonsense"})),
    ],
)
def test_a_task_its_grader_cannot_read_is_no_wrong_answer(grader: str, asked: GradedTask) -> None:
    with pytest.raises(ValueError):
        PURE[grader]("1", asked)


async def test_no_answer_is_wrong(grading: Grading) -> None:
    assert (await grading.grade("  ", GAME)).right is False


@pytest.mark.parametrize("said", ["{}", "```json\n{}\n```", "So:\n```json\n{}\n```\nThat is it."])
async def test_words_inside_of_json_are_no_answer_of_their_own(grading: Grading, said: str) -> None:
    stated = '{"text": "The answer is 4"}'
    asked = task("?", stated, schema={"type": "object"})
    assert (await grading.grade(said.replace("{}", stated), asked)).right is True
    assert (await grading.grade(said.replace("{}", '{"text": "4"}'), asked)).right is False
