"""Files of tasks: what is read, and how what is wrong is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from orchestrator.conductor.evaluation.tasks import TasksInvalid, drawn, read_tasks

ROW = '{"category": "c", "prompt": "p%s", "target": "t"}\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tasks.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_read_with_their_other_fields(tmp_path: Path) -> None:
    text = '{"category": "c", "prompt": "p", "answer": "B", "options": ["x", "y"], "id": 7}\n\n'
    text += '{"category": "c", "prompt": "q", "target": [24, "25"], "grader": "game24"}\n'
    first, second = read_tasks(written(tmp_path, text))
    assert (first.id, first.target, first.fields["options"]) == ("7", "B", ["x", "y"])
    assert (second.grader, second.target) == ("game24", '[24, "25"]')
    assert second.id


def test_a_compressed_file_is_the_same(tmp_path: Path) -> None:
    plain = written(tmp_path, ROW % 1)
    packed = tmp_path / "tasks.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_tasks(packed) == read_tasks(plain)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no task"),
        ((ROW % 1) + "{", "row 2: is not JSON"),
        ("[1]\n", "row 1: is not an object"),
        ('{"category": "c", "target": "t"}', "row 1: prompt: is missing"),
        ('{"category": "c", "prompt": 3, "target": "t"}', "row 1: prompt: is not text"),
        ('{"category": " ", "prompt": "p", "target": "t"}', "row 1: category: is empty"),
        ((ROW % 1) + '{"category": "c", "prompt": "p"}', "row 2: target: is missing"),
        ('{"category": "c", "prompt": "p", "target": true}', "row 1: target: is neither"),
        ('{"category": "c", "prompt": "p", "target": "t", "id": [1]}', "row 1: id: is neither"),
        ('{"category": "c", "prompt": "p", "target": ' + "9" * 5000 + "}", "row 1: "),
        ("[" * 100_000, "row 1: is not JSON"),
    ],
)
def test_what_is_wrong_is_named_by_file_row_and_field(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(TasksInvalid, match=r"tasks\.jsonl") as caught:
        read_tasks(written(tmp_path, text))
    assert problem in str(caught.value)


def test_two_tasks_of_one_id_are_refused(tmp_path: Path) -> None:
    row = '{"id": "a", "category": "c", "prompt": "p", "target": "t"}\n'
    with pytest.raises(TasksInvalid, match="row 2: id: 'a' is the id of row 1"):
        read_tasks(written(tmp_path, row * 2))
    assert len(read_tasks(written(tmp_path, (ROW % 1) * 2))) == 2, "two equal tasks without ids"


def test_what_is_no_file_of_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl.gz"
    path.write_bytes(b"not compressed")
    with pytest.raises(TasksInvalid, match="cannot be read"):
        read_tasks(path)
    path.write_bytes(gzip.compress(b"\xff\xfe"))
    with pytest.raises(TasksInvalid, match="row 1: is not UTF-8"):
        read_tasks(path)


def test_drawing_is_even_and_grows(tmp_path: Path) -> None:
    rows = "".join(ROW % n for n in range(50)).replace('"c"', '"many"')
    rows += "".join(ROW % n for n in range(50, 55)).replace('"c"', '"few"')
    tasks = read_tasks(written(tmp_path, rows))
    ten = drawn(tasks, 10, seed=1)
    assert [task.category for task in ten].count("few") == 5
    assert ten == drawn(tasks, 10, seed=1)
    assert {task.id for task in ten} < {task.id for task in drawn(tasks, 20, seed=1)}
    assert len(drawn(tasks, 1000)) == 55
