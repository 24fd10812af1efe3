"""Pieces of an answer in order: whatever comes mixed is told one part after the other."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings

from experts.errors import ExpertAnswerInvalid
from orchestrator.dialects.completion import Call, Choice, Function, Said
from orchestrator.dialects.parts import Assembly, Part, Told, parts_of

from .answers import Answer, answers, pieces
from .reading import chunks_of

SETTINGS = settings(max_examples=50, deadline=None, derandomize=True)


def told_of(answer: Answer) -> tuple[list[Told], list[Part]]:
    assembly = Assembly()
    told = []
    for choice in chunks_of(answer.events()):
        if choice.delta is not None:
            told += assembly.add(choice, choice.delta)
    return [*told, *assembly.end()], assembly.parts


def seen(parts: list[Part]) -> list[tuple[str, str, str, str]]:
    return [(part.kind, part.call_id, part.name, part.text) for part in parts]


@SETTINGS
@given(answers())
def test_a_stream_has_the_parts_of_the_whole_answer(answer: Answer) -> None:
    _, streamed = told_of(answer)
    _, whole = parts_of(answer.whole())
    assert sorted(seen(streamed)) == sorted(seen(whole))  # calls are in the order they begin in
    assert [part.number for part in streamed] == list(range(len(streamed)))


@SETTINGS
@given(answers())
def test_one_part_is_told_at_a_time(answer: Answer) -> None:
    told, parts = told_of(answer)
    open_part, texts = None, dict.fromkeys(range(len(parts)), "")
    for one in told:
        if one.what == "opened":
            assert open_part is None
            open_part = one.part
            continue
        assert one.part is open_part
        if one.what == "closed":
            open_part = None
        else:
            texts[one.part.number] += one.piece
    assert open_part is None
    assert list(texts.values()) == [part.text for part in parts]


def test_text_and_the_first_call_are_told_as_they_come() -> None:
    assembly = Assembly()
    deltas = [
        Said(content="a"),
        Said(tool_calls=[call(0, "x", "add", '{"a"')]),
        Said(tool_calls=[call(0, None, None, ": 1}")]),
    ]
    whats = [[told.what for told in assembly.add(Choice(), delta)] for delta in deltas]
    assert whats == [["opened", "grown"], ["closed", "opened", "grown"], ["grown"]]


def test_a_second_call_begins_at_once_when_the_first_has_its_arguments() -> None:
    assembly = Assembly()
    list(assembly.add(Choice(), Said(tool_calls=[call(0, "x", "add", '{"a": 1}')])))
    told = list(assembly.add(Choice(), Said(tool_calls=[call(1, "y", "add", '{"a"')])))
    assert [one.what for one in told] == ["closed", "opened", "grown"]


def test_a_call_without_arguments_is_a_call() -> None:
    assembly = Assembly()
    list(assembly.add(Choice(), Said(tool_calls=[call(0, "x", "now", None)])))
    list(assembly.add(Choice(), Said(tool_calls=[call(1, "y", "then", None)])))
    list(assembly.end())
    assert [part.name for part in assembly.parts] == ["now", "then"]


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    assembly = Assembly()
    both = [call(0, "x", "add", '{"a": 1}'), call(0, "y", "add", '{"a": 2}')]
    list(assembly.add(Choice(), Said(tool_calls=both)))
    list(assembly.end())
    assert [(part.call_id, part.text) for part in assembly.parts] == [
        ("x", '{"a": 1}'),
        ("y", '{"a": 2}'),
    ]


def test_calls_get_ids_of_their_own() -> None:
    assembly = Assembly("call_r")
    calls = [call(0, None, "a", "{}"), call(1, "same", "b", "{}"), call(2, "same", "c", "{}")]
    list(assembly.add(Choice(), Said(tool_calls=calls)))
    list(assembly.end())
    ids = [part.call_id for part in assembly.parts]
    assert len(set(ids)) == 3
    assert ids[:2] == ["call_r_0", "same"]


def test_a_name_that_comes_late_is_waited_for() -> None:
    assembly = Assembly()
    assert not list(assembly.add(Choice(), Said(tool_calls=[call(0, "x", None, '{"a"')])))
    list(assembly.add(Choice(), Said(tool_calls=[call(0, "x", "add", ": 1}")])))
    told = list(assembly.end())
    assert [one.what for one in told] == ["opened", "grown", "closed"]
    assert (told[0].part.name, told[0].part.text) == ("add", '{"a": 1}')


def test_going_on_with_a_complete_call_is_no_answer() -> None:
    assembly = Assembly()
    list(assembly.add(Choice(), Said(tool_calls=[call(0, "x", "add", "{}")])))
    list(assembly.add(Choice(), Said(tool_calls=[call(1, "y", "add", "{}")])))
    with pytest.raises(ExpertAnswerInvalid, match="completed"):
        list(assembly.add(Choice(), Said(tool_calls=[call(0, None, None, '{"a": 1}')])))


def test_arguments_and_content_that_come_decoded_are_read() -> None:
    assembly = Assembly()
    function = Function(name="add", arguments={"a": 1})
    content = [{"type": "text", "text": "So:"}]
    list(assembly.add(Choice(), Said(content=content, tool_calls=[Call(0, "x", function)])))
    list(assembly.end())
    assert [part.text for part in assembly.parts] == ["So:", '{"a":1}']


def test_braces_in_arguments_do_not_end_them() -> None:
    arguments = msgspec.json.encode({"code": "if (x) { y(); }", "end": "}"}).decode()
    answer = Answer(
        calls=(("x", "run", pieces(arguments, 1)), ("y", "run", pieces(arguments, 1))),
        order=tuple([0, 1] * 80),
    )
    _, parts = told_of(answer)
    assert [part.text for part in parts] == [arguments, arguments]


def call(index: int, id_: str | None, name: str | None, arguments: str | None) -> Call:
    return Call(index, id_, Function(name=name, arguments=arguments))
