"""A run's steps as a tree in the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from coe_client.types import RunStep
from orchestrator.cli.run_tree import RunTree, above


def step(key: str, number: int, kind: str = "expert", **fields: str) -> RunStep:
    return RunStep(key=key, number=number, kind=kind, title=key, status="ok", **fields)


def drawn(*steps: RunStep) -> list[str]:
    tree = RunTree("conductor")
    for each in steps:
        tree.update(each)
    written = io.StringIO()
    Console(file=written, width=60).print(tree.render())
    lines = written.getvalue().splitlines()
    return [line.split("✓")[0].replace(" ", "") + line.split("✓ ")[-1].split(" ")[0]
            for line in lines[1:]]  # fmt: skip


def test_what_a_strategy_did_hangs_below_it() -> None:
    assert drawn(
        step("conduct.1", 1, "plan"),
        step("act.1.1", 2, "strategy"),
        step("act.1.1/conduct.1", 3, "plan"),
        step("act.1.1/act.1.1", 4),
        step("act.1.2", 5),
        step("conclude", 6, "answer"),
    ) == [
        "├──conduct.1",
        "│├──act.1.1",
        "││└──act.1.1/conduct.1",
        "││└──act.1.1/act.1.1",
        "│└──act.1.2",
        "└──conclude",
    ]


def test_a_whole_that_was_taken_up_again_still_stands_above_its_parts() -> None:
    assert drawn(step("part.1/attempt", 3), step("part.1", 9, "strategy"), step("split", 2)) == [
        "├──split",
        "└──part.1",
        "└──part.1/attempt",
    ]


def test_a_part_without_its_whole_is_shown() -> None:
    assert drawn(step("gone/attempt", 3)) == ["└──gone/attempt"]
    assert list(above("a/b/c")) == ["a/b", "a", ""]
