"""``coe router train``, ``evaluate`` and ``compare`` as a person runs them: no server, no database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from tests.command import coe

WORDS = {
    "Law": "court judge contract tenant lawsuit appeal verdict statute clause liability",
    "Home cooking": "oven flour butter simmer garlic recipe roast dough sauce spice",
}
BILLIONS = {"large": 70.0, "lawyer": 8.0}


def _coe(*arguments: str) -> Result:
    return coe("router", *arguments, environ={"COE_DATA_DIR": "/nonexistent"})


def _write(path: Path, rows: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(rows):
        label = list(WORDS)[number % 2]
        good = {"large": 0.7, "lawyer": 0.95 if label == "Law" else 0.2}
        row: dict[str, Any] = {
            "question": " ".join(rng.choice(WORDS[label].split(), 6)) + f" {number}",
            "subject": label,
            "scores": {name: float(rng.random() < chance) for name, chance in good.items()},
        }
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    _write(folder / "train.jsonl", 400, 0)
    _write(folder / "test.jsonl", 200, 1)
    (folder / "billions.json").write_text(json.dumps(BILLIONS))
    done = _coe(
        "train", "--data", str(folder / "train.jsonl"), "--out", str(folder / "router"),
        "--prompt-field", "question", "--category-field", "subject",
        "--active-parameters", str(folder / "billions.json"), "--budget", "small=30", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["categories"] == ["home-cooking", "law", "general"]
    assert summary["policies"] == ["quality", "balanced", "economy", "small"]
    return folder


FIELDS = ("--prompt-field", "question", "--category-field", "subject")


def test_the_evaluation_names_what_it_promises(folder: Path) -> None:
    report = folder / "report.html"
    done = _coe(
        "evaluate", "--artifact", str(folder / "router"), "--data", str(folder / "test.jsonl"),
        *FIELDS, "--html", str(report), "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["n"] == 200
    assert found["category_accuracy"] > 0.95
    assert set(found["best_single"]) >= {"expert", "quality"}
    assert set(found["policies"]["quality"]) >= {
        "quality", "gain", "ci95", "active_parameters", "cost",
    }  # fmt: skip
    assert found["policies"]["quality"]["quality"] > found["best_single"]["quality"]
    assert found["policies"]["small"]["active_parameters"] <= 30 * 1.1
    assert found["apgr"] is not None
    assert found["frontier"]
    assert found["decide_us"]["p50"] > 0
    page = report.read_text()
    assert page.startswith("<!doctype html>")
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_version_compared_with_itself_is_a_tie(folder: Path) -> None:
    same = str(folder / "router")
    done = _coe(
        "compare", "--artifact", same, "--with", same, "--data", str(folder / "test.jsonl"),
        *FIELDS, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    verdicts = {each["verdict"] for each in json.loads(done.stdout)["policies"].values()}
    assert verdicts == {"tie"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("--prompt-field", "nothing"), "row 1: nothing: is missing"),
        (("--scores-field", "subject"), "row 1: subject"),
        (("--budget", "tiny=1"), "active_parameters"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    folder: Path, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    done = _coe(
        "train", "--data", str(folder / "train.jsonl"), "--out", str(tmp_path / "router"),
        "--active-parameters", str(folder / "billions.json"), *FIELDS, *change,
    )  # fmt: skip
    assert done.exit_code == 1
    assert says in done.stderr
    assert not (tmp_path / "router").exists()


def test_a_changed_artefact_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in (folder / "router").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((tmp_path / "artifact.json").read_text())
    manifest["name"] = "another"
    (tmp_path / "artifact.json").write_text(json.dumps(manifest))
    done = _coe(
        "evaluate", "--artifact", str(tmp_path), "--data", str(folder / "test.jsonl"), *FIELDS
    )
    assert done.exit_code == 1
    assert "hash" in done.stderr
