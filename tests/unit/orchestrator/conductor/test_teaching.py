"""Teaching a reliability model on recorded answers, as a person does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from orchestrator.bootstrap import open_services
from orchestrator.cli.conductor import app
from orchestrator.conductor import reliability
from orchestrator.conductor.teaching.answered import LEAST_ROWS, read_answered
from orchestrator.conductor.teaching.expected import expected_qualities
from orchestrator.conductor.teaching.teach import Material, measure
from orchestrator.conductor.teaching.teach import teach as learn
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from router import Candidate, Router
from router.data import DatasetInvalid

COUNT = 120


def rows(count: int = COUNT) -> list[dict[str, Any]]:
    """Return questions that the small expert can answer; the large one mostly cannot."""
    generator = np.random.default_rng(0)
    made = []
    for number in range(count):
        right, other = generator.permutation(4)[:2]
        luck = generator.random(2) < (0.9, 0.3)
        answers = ["ABCD"[right if lucky else other] for lucky in luck]
        made.append(
            {
                "prompt": f"Which word belongs to the number {number} in the list?",
                "options": [f"word {place} of {number}" for place in range(4)],
                "answer": "ABCD"[right],
                "answers": {"Sage-8B": f"The answer is ({answers[0]}).", "Fool-70B": answers[1]},
            }
        )
    return made


Write = Callable[[list[dict[str, Any]]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(lines: list[dict[str, Any]]) -> Path:
        path = tmp_path / "data.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        return path

    return written


def teach(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["teach", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_what_is_read(write: Write) -> None:
    given = rows()
    given[1]["answers"]["Fool-70B"] = None
    given[2]["answers"]["Fool-70B"] = "Z"
    data = read_answered([write(given)])
    assert len(data) == COUNT
    assert data.experts == ("Sage-8B", "Fool-70B")
    assert data.answers[1, 1] == data.answers[2, 1] == -1
    assert data.texts[0].endswith("A. word 0 of 0\nB. word 1 of 0\nC. word 2 of 0\nD. word 3 of 0")
    assert 0.8 < (data.answers[:, 0] == data.truths).mean() < 1.0
    some = data.rows(np.array([5, 3])).named({"Sage-8B": "sage"})
    assert (some.prompts, some.experts) == ((data.prompts[5], data.prompts[3]), ("sage",))
    assert some.answers.tolist() == [[data.answers[5, 0]], [data.answers[3, 0]]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "E"}, "answer: 'E' is none of the options"),
        ({"answer": None}, "answer: None is none of the options"),
        ({"options": ["one"]}, "options: there are 1, not 2 to 26"),
        ({"options": "one"}, "options: is not a list of texts"),
        ({"answers": []}, "answers: is not an object of answers by expert"),
        ({"answers": {"Sage-8B": "A"}}, "answers: there is none of 'Fool-70B', as above"),
        (
            {"answers": {"Sage-8B": "A", "Fool-70B": "A", "New": "A"}},
            "answers: 'New' has answered here, but not above",
        ),
        ({"answers": {"Sage-8B": 1, "Fool-70B": None}}, "answers.Sage-8B: is not a text"),
        ({"prompt": " "}, "prompt: is not a text"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    write: Write, change: dict[str, Any], said: str
) -> None:
    bad = rows()
    bad[2] |= change
    path = write(bad)
    with pytest.raises(DatasetInvalid) as raised:
        read_answered([path])
    assert str(raised.value).startswith(f"data.jsonl, row 3: {said}")
    done = teach("--data", str(path), "--out", str(path.parent / "out"))
    assert done.exit_code == 1
    assert f"data.jsonl, row 3: {said}" in done.stderr
    assert not (path.parent / "out").exists()


def test_too_few_rows(write: Write) -> None:
    with pytest.raises(DatasetInvalid, match=f"at least {LEAST_ROWS}"):
        read_answered([write(rows(LEAST_ROWS - 1))])


def test_what_the_router_expects(starter: Router) -> None:
    many = [Candidate(f"e{number}", active_parameters=1.0 + number) for number in range(45)]
    small = Candidate("small", context_window=1, accepts=frozenset({"executable"}))
    texts = ["What is 2 + 2?", "Who wrote Faust?"]
    found = expected_qualities(starter, [*many, small], texts)
    assert found.shape == (2, 46)
    assert np.isfinite(found).all()
    assert (found[:, 44] > found[:, 0]).all()


@pytest.mark.parametrize("options", [False, True])
def test_a_taught_model_knows_whom_to_believe(write: Write, options: bool) -> None:
    data = read_answered([write(rows())])
    qualities = np.tile([0.5, 0.7], (COUNT, 1))
    material = Material(data, qualities, np.array([8.0, 70.0]), options)

    def progress(_: str, parts: Any, __: int) -> Any:
        return parts

    found = measure(material, progress)
    assert found["n"] == COUNT // 5
    assert found["best_single"]["expert"] == "Sage-8B"
    ways = found["policies"]["quality"]
    assert ways["taught"]["quality"] > ways["direct"]["quality"] + 0.3
    assert ways["taught"]["ci95"][0] > 0.0
    assert ways["direct"] | {"quality": 0} == {
        "quality": 0,
        "billions": 70.0,
        "calls": 1.0,
        "over_direct": 0.0,
        "ci95": [0.0, 0.0],
    }
    model = learn(material, progress)
    assert (model.options is not None) == options
    assert model.weights[0, 0] > model.weights[1, 0]


def test_as_a_person_does_it(write: Write, tmp_path: Path) -> None:
    entry = {"provider": "scripted", "active_parameters": 8}
    entries = [{"id": "sage", "model": "Sage-8B", **entry}, {"id": "other", **entry}]
    (tmp_path / "experts.yaml").write_text(yaml.safe_dump({"experts": entries}))
    data, out = str(write(rows())), tmp_path / "out"
    done = teach("--data", data, "--out", str(out))
    assert done.exit_code == 0, done.stderr
    assert "Taught 2 experts from 120 questions, with what starter-" in done.stdout
    assert "cascade, taught" in done.stdout
    assert reliability.read(out).experts == ("Sage-8B", "Fool-70B")
    done = teach("--data", data, "--out", str(out), "--experts", str(tmp_path / "experts.yaml"))
    assert done.exit_code == 0, done.stderr
    assert "Not in the catalogue, and left out: Fool-70B." in done.stderr
    assert reliability.read(out).experts == ("sage",)
    (tmp_path / "experts.yaml").write_text(yaml.safe_dump({"experts": entries[1:]}))
    done = teach("--data", data, "--out", str(out), "--experts", str(tmp_path / "experts.yaml"))
    assert done.exit_code == 1
    assert "no expert whose id or model is in the data" in done.stderr


async def test_what_is_no_model_stops_the_start(starter: Router, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, reliability_dir=tmp_path / "none")
    nowhere = StoreUrls("postgresql://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1", True)
    with pytest.raises(StartError, match=r"COE_RELIABILITY_DIR: .*coe conductor teach"):
        async with open_services(settings, nowhere, starter, {}):
            pass
