"""``coe router train`` with few labels or none, budgets, and ``add-category``, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from tests.command import coe

WORDS = {
    "law": "court judge contract tenant lawsuit appeal verdict statute clause liability",
    "cooking": "oven flour butter simmer garlic recipe roast dough sauce spice",
}
TAXONOMY = """
categories:
  - id: law
    name: Law
    description: A contract, a tenant, a court and its judge.
  - id: cooking
    name: Cooking
    description: Butter, garlic and flour in the oven.
"""
PRICES = {"large": {"usd": 0.01, "active_parameters": 70}, "lawyer": {"usd": 0.001, "latency": 1}}


def _coe(*arguments: str | Path) -> Result:
    return coe("router", *arguments, environ={"COE_DATA_DIR": "/nonexistent"})


def _write(path: Path, rows: int, labelled: int) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(rows):
        label = list(WORDS)[number % 2]
        good = {"large": 0.7, "lawyer": 0.95 if label == "law" else 0.2}
        row: dict[str, Any] = {
            "prompt": " ".join(rng.choice(WORDS[label].split(), 6)) + f" {number}",
            "category": label if number < labelled else None,
            "scores": {name: float(rng.random() < chance) for name, chance in good.items()},
        }
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("variants")
    _write(folder / "few.jsonl", 200, 20)
    _write(folder / "none.jsonl", 200, 0)
    (folder / "kinds.yaml").write_text(TAXONOMY)
    (folder / "prices.json").write_text(json.dumps(PRICES))
    return folder


def test_few_labels_a_budget_and_one_more_category(folder: Path) -> None:
    done = _coe(
        "train", "--data", folder / "few.jsonl", "--out", folder / "few", "--json",
        "--prices", folder / "prices.json", "--budget", "cheap=0.005usd", "--folds", "2",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["growth"]["labelled"] == 20
    assert summary["growth"]["joined"] > 100
    assert summary["held_out"]["n"] == 200
    assert set(summary["held_out"]["policies"]) == {"quality", "balanced", "economy", "cheap"}
    examples = [
        {"prompt": f"rocket orbit planet {word}"}
        for word in ("comet", "moon", "star", "lens", "galaxy")
    ]
    (folder / "space.jsonl").write_text("\n".join(map(json.dumps, examples)))
    arguments = ("--artifact", folder / "few", "--category", "astronomy")
    done = _coe(
        "add-category", *arguments, "--examples", folder / "space.jsonl", "--out", folder / "more",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "5 of 5 examples go to astronomy. All 40 stored prompts route as before." in done.stdout
    manifest = json.loads((folder / "more" / "artifact.json").read_text())
    assert manifest["taxonomy"][-1]["id"] == "astronomy"
    done = _coe(
        "add-category", "--artifact", folder / "few", "--category", "law",
        "--examples", folder / "space.jsonl", "--out", folder / "twice",
    )  # fmt: skip
    assert done.exit_code == 1
    assert "law" in done.stderr
    assert not (folder / "twice").exists()


def test_a_taxonomy_or_discovery_in_place_of_labels(folder: Path) -> None:
    data = ("--data", folder / "none.jsonl", "--folds", "0", "--json")
    done = _coe("train", *data, "--out", folder / "told", "--taxonomy", folder / "kinds.yaml")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["categories"] == ["law", "cooking", "general"]
    first, second = (
        _coe("train", *data, "--out", folder / name, "--discover", "--categories", "2")
        for name in ("found", "again")
    )
    assert first.exit_code == 0, first.stderr
    assert len(json.loads(first.stdout)["categories"]) == 3
    assert json.loads(first.stdout)["content_hash"] == json.loads(second.stdout)["content_hash"]
    done = _coe("train", *data, "--out", folder / "neither")
    assert done.exit_code == 1
    assert "--taxonomy" in done.stderr
    assert "--discover" in done.stderr


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (("--budget", "cheap=0.00001usd"), "money_usd is limited to 1e-05, but at least 0.001"),
        (("--budget", "quick=1s"), "latencies of large"),
        (("--budget", "quick=fast"), "NAME=LIMIT"),
        (("--budget", "quality=31B"), "is a policy of every router"),
        (("--resident", "some"), "billions of parameters"),
        (("--categories", "3"), "goes with --discover"),
    ],
)
def test_a_failure_leaves_the_old_artefact_alone(
    folder: Path, tmp_path: Path, extra: tuple[str, ...], says: str
) -> None:
    out = tmp_path / "router"
    out.mkdir()
    (out / "artifact.json").write_text("before")
    done = _coe(
        "train", "--data", folder / "few.jsonl", "--out", out,
        "--prices", folder / "prices.json", *extra,
    )  # fmt: skip
    assert done.exit_code in {1, 2}
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert [path.name for path in out.iterdir()] == ["artifact.json"]
    assert (out / "artifact.json").read_text() == "before"


def test_an_unreadable_price_is_named(folder: Path, tmp_path: Path) -> None:
    for content, says in (("{", "not JSON"), ('{"large": {"usd": -1}}', "'large': usd: -1"),
                          ('{"large": {"cost": 1}}', "unknown 'cost'")):  # fmt: skip
        (tmp_path / "p.json").write_text(content)
        done = _coe("train", "--data", folder / "few.jsonl", "--out", tmp_path / "o",
                    "--prices", tmp_path / "p.json")  # fmt: skip
        assert done.exit_code == 1
        assert says in done.stderr
        assert not (tmp_path / "o").exists()
