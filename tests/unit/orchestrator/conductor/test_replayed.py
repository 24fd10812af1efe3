"""Strategies over what models really said: the recorded answers, through catalogue and caller."""

from __future__ import annotations

import gzip
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from experts.catalogue.expert import Expert
from experts.providers.replay import question
from orchestrator.conductor import reliability
from orchestrator.conductor.answers import options_in, read_answer
from orchestrator.conductor.engine import execute
from orchestrator.conductor.panel import Reliability, untaught
from orchestrator.conductor.panel.option_fitting import OptionSettings, fit_options
from orchestrator.conductor.panel.options import traces
from router.artifact import ArtifactInvalid, save, seal

from .conftest import MakeRun

NAME = "mmlu_pro_13models.jsonl.gz"
BILLIONS = {
    "Meta-Llama-3_1-70B-Instruct": 70.0,
    "DeepSeek-Coder-V2": 21.0,
    "Phi-3-mini-4k-instruct": 3.8,
}


@pytest.fixture(scope="module")
def record() -> Path:
    shared = Path(__file__).resolve().parents[5] / "shared" / "data"
    path = Path(os.environ.get("COE_TEST_DATA", shared)) / NAME
    if not path.is_file():
        pytest.skip(f"{NAME} is not there: set COE_TEST_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="module")
def rows(record: Path) -> list[dict[str, Any]]:
    with gzip.open(record, "rt") as lines:
        return [json.loads(line) for line in islice(lines, 0, 400, 40)]


def replayed(record: Path) -> list[Expert]:
    return [
        Expert.model_validate(
            {
                "id": model.lower(),
                "provider": "replay",
                "model": model,
                "endpoints": [{"url": str(record)}],
                "active_parameters": billions,
            }
        )
        for model, billions in BILLIONS.items()
    ]


@pytest.mark.parametrize("strategy", ["direct", "panel", "cascade"])
async def test_the_answer_is_one_that_was_recorded(
    make_run: MakeRun, record: Path, rows: list[dict[str, Any]], strategy: str
) -> None:
    experts = replayed(record)
    model = untaught([each.id for each in experts])
    for row in rows:
        run = make_run(question(row["prompt"], row["options"]), *experts, reliability=model)
        outcome = await execute(strategy, run)
        answered = {row["answers"][each] for each in BILLIONS} - {None}
        read = read_answer(outcome.text, row["options"])
        assert read is None if not answered else read is not None and read.value in answered
        asked = [step for step in outcome.steps if step.kind == "expert"]
        assert 1 <= len(asked) == outcome.calls <= len(BILLIONS)
        assert strategy != "direct" or len(asked) == 1


def test_options_are_read_back_as_they_were_recorded(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if all(words == words.strip() and "\n" not in words for words in row["options"]):
            assert options_in(question(row["prompt"], row["options"])) == tuple(row["options"])


def test_a_taught_model_is_written_and_read(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    told = [traces(row["prompt"], row["options"]) for row in rows]
    truths = [ord(row["answer"]) - ord("A") for row in rows]
    settings = OptionSettings(networks=1, units=2, iterations=3)
    usual = untaught(("a", "b"))
    prior = fit_options(told, truths, settings=settings)
    model = Reliability(usual.experts, usual.weights, usual.pairs, usual.silent, 0.9, prior)
    reliability.write(model, tmp_path / "model")
    again = reliability.read(tmp_path / "model")
    row = rows[0]
    assert again.experts == ("a", "b")
    asked = row["prompt"], row["options"]
    assert (again.log_prior(*asked) == model.log_prior(*asked)).all()
    save(seal({"kind": "router"}, {}), tmp_path / "other")
    with pytest.raises(ArtifactInvalid, match="no reliability"):
        reliability.read(tmp_path / "other")
    save(seal({"kind": "reliability", "experts": ["a"]}, model.arrays()), tmp_path / "short")
    with pytest.raises(ArtifactInvalid, match="weights"):
        reliability.read(tmp_path / "short")
