"""``coe router evaluate`` and ``compare`` on routers learned here: what they print and refuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as tensors_in
from safetensors.numpy import save as tensor_bytes
from typer.testing import CliRunner, Result

from orchestrator.cli.router import app
from router import StaticEmbedder
from router.artifact import MANIFEST_FILE, TENSORS_FILE, save
from router.learning import Plan, learn
from router.reading import Fields, read_dataset

WORDS = {
    "Law": "court judge contract tenant lawsuit appeal verdict statute clause liability",
    "Home cooking": "oven flour butter simmer garlic recipe roast dough sauce spice",
}
OUTSIDE = "galaxy telescope orbit comet nebula asteroid eclipse satellite"
GOOD = {"giant-70b": (0.8, 0.8), "lawyer-8b": (0.95, 0.2)}
FIELDS = ("--prompt-field", "question", "--category-field", "subject")
RUN = CliRunner()


def _rows(count: int, seed: int, *, scored: bool = True) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        kind = number % 2
        label = list(WORDS)[kind]
        words = " ".join(rng.choice(WORDS[label].split(), 6))
        row: dict[str, Any] = {"question": f"{words} {number}", "subject": label}
        if scored:
            row["scores"] = {name: float(rng.random() < by[kind]) for name, by in GOOD.items()}
        rows.append(row)
    return rows


def _outside(count: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {"question": " ".join(rng.choice(OUTSIDE.split(), 6)) + f" {n}", "subject": "oos"}
        for n in range(count)
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    _write(folder / "train.jsonl", _rows(200, 0))
    _write(folder / "test.jsonl", _rows(120, 1) + _outside(20, 2))
    _write(folder / "labels.jsonl", _rows(120, 3, scored=False) + _outside(20, 4))
    fields = Fields(prompt="question", category="subject")
    for name, source, plan in (
        ("router", "train", Plan()),
        ("other", "train", Plan(seed=1)),
        ("classifier", "labels", Plan()),
    ):
        data = read_dataset([folder / f"{source}.jsonl"], fields)
        save(learn(data, StaticEmbedder(), plan), folder / name)
    return folder


def _coe(command: str, artifact: Path, data: Path, *more: str) -> Result:
    arguments = [command, "--artifact", str(artifact), "--data", str(data), *FIELDS, *more]
    result = RUN.invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _found(command: str, artifact: Path, data: Path, *more: str) -> dict[str, Any]:
    result = _coe(command, artifact, data, "--json", *more)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return _found(
        "evaluate", folder / "router", folder / "test.jsonl",
        "--train-data", str(folder / "train.jsonl"), "--html", str(folder / "report.html"),
    )  # fmt: skip


def test_everything_promised_is_there_without_a_flag(report: dict[str, Any]) -> None:
    assert report["n"] == 140
    assert report["best_single"]["expert"] == "giant-70b"
    assert report["random"] < report["best_single"]["quality"] < report["oracle"]
    assert report["perfect_category"] > report["best_single"]["quality"]
    assert report["category_accuracy"] > 0.95
    for policy in report["policies"].values():
        assert {"quality", "gain", "ci95", "active_parameters", "cost"} <= set(policy)
    assert report["policies"]["quality"]["verdict"] == "win"
    assert report["apgr"] > 0.5
    assert report["oos"]["auroc"] > 0.9
    assert 0 < report["decide_us"]["p50"] <= report["decide_us"]["p99"]
    assert report["decide_us"]["n"] == 140


def test_sizes_come_from_telling_names(report: dict[str, Any]) -> None:
    assert 8 < report["policies"]["quality"]["active_parameters"] < 70
    assert report["frontier_axis"] == "active_parameters"
    sizes = [point["active_parameters"] for point in report["frontier"]]
    assert sizes == sorted(sizes)
    assert report["frontiers"]["active_parameters"]["at_best_single"] < 70


def test_decisions_are_challenged(report: dict[str, Any]) -> None:
    steady, fooled = report["robustness"], report["attack"]
    assert steady["n"] == 140
    assert steady["of"] == "quality"
    assert steady["unchanged"] > 0.9
    assert {"typos", "upper_case", "prefix", "paraphrase"} <= set(steady["kinds"])
    assert set(steady["policies"]) == {"quality", "balanced", "economy", "category"}
    assert fooled["policy"] == "balanced"
    assert fooled["share_after"] >= fooled["share_before"] >= 0


def test_peers_are_fitted_on_the_training_data(report: dict[str, Any]) -> None:
    assert set(report["baselines"]) == {
        "kNN", "k-means regions", "matrix factorisation", "similarity-weighted ranking",
    }  # fmt: skip
    assert report["perfect_category_from"] == "training"
    knn = report["baselines"]["kNN"]
    assert knn["apgr"] > 0.5
    gap = knn["against"]["quality"]
    assert gap["difference"] == pytest.approx(
        report["policies"]["quality"]["quality"] - knn["quality"]
    )
    assert gap["ci95"][0] <= gap["difference"] <= gap["ci95"][1]


def test_the_page_stands_alone(folder: Path, report: dict[str, Any]) -> None:
    page = (folder / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "://" not in page
    assert "Against peers&#x27; methods" in page
    assert f"{report['robustness']['unchanged']:.1%}" in page


def test_a_person_reads_tables(folder: Path) -> None:
    result = _coe(
        "evaluate", folder / "router", folder / "test.jsonl", "--challenge", "30",
        "--train-data", str(folder / "train.jsonl"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    shown = result.stdout
    for part in ("best single (giant-70b)", "policy quality", "quality over kNN", "AIQ", "CPT(50)"):
        assert part in shown, part
    assert "decisions unchanged" in shown
    assert "read from names: giant-70b 70, lawyer-8b 8" in result.stderr


def test_nothing_is_challenged_where_nobody_asks_for_it(folder: Path) -> None:
    found = _found("evaluate", folder / "router", folder / "test.jsonl", "--challenge", "0")
    assert found["robustness"] is None
    assert found["attack"] is None
    assert found["baselines"] == {}


def test_stated_prices_go_before_names(folder: Path, tmp_path: Path) -> None:
    prices = {
        "giant-70b": {"price_in": 1.0, "price_out": 2.0, "active_parameters": 40},
        "lawyer-8b": {"usd": 1e-5},
    }
    (tmp_path / "prices.json").write_text(json.dumps(prices))
    found = _found(
        "evaluate", folder / "router", folder / "test.jsonl", "--challenge", "0",
        "--prices", str(tmp_path / "prices.json"),
    )  # fmt: skip
    assert found["experts"]["giant-70b"]["active_parameters"] == 40
    assert found["experts"]["lawyer-8b"]["active_parameters"] == 8
    assert found["experts"]["lawyer-8b"]["cost"] == pytest.approx(1e-5)
    assert found["policies"]["quality"]["cost"] > 0
    assert 0 < found["policies"]["quality"]["routerarena"] < 1
    assert set(found["frontiers"]) == {"active_parameters", "cost"}


@pytest.mark.parametrize("artifact", ["classifier", "router"])
def test_labels_alone_are_judged_by_categories(folder: Path, artifact: str) -> None:
    found = _found("evaluate", folder / artifact, folder / "labels.jsonl", "--challenge", "20")
    assert found["policies"] == {}
    assert found["best_single"] is None
    assert found["category_accuracy"] > 0.95
    assert found["oos"]["auroc"] > 0.9
    assert found["decide_us"]["p50"] > 0
    assert found["robustness"]["of"] == ("quality" if artifact == "router" else "category")
    assert _coe("evaluate", folder / artifact, folder / "labels.jsonl").exit_code == 0


def test_scores_for_a_router_that_learned_of_nobody(folder: Path) -> None:
    found = _found("evaluate", folder / "classifier", folder / "test.jsonl", "--challenge", "10")
    assert set(found["policies"]) == {"quality", "balanced", "economy"}


def test_two_routers_side_by_side(folder: Path) -> None:
    both = ("--with", str(folder / "other"))
    found = _found("compare", folder / "router", folder / "test.jsonl", *both)
    quality = found["policies"]["quality"]
    assert 0 <= quality["changed"] <= 1
    assert set(quality["spent"]) == {"current", "candidate"}
    assert quality["spent"]["current"]["active_parameters"] > 0
    shown = _coe("compare", folder / "router", folder / "test.jsonl", *both).stdout
    for part in ("policy quality", "changed", "billions", "category found", "verdict"):
        assert part in shown, part
    labels = _found("compare", folder / "router", folder / "labels.jsonl", *both)
    assert labels["policies"] == {}
    assert "difference" in labels["category_accuracy"]


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def _poisoned(source: Path, target: Path, change: Change) -> Path:
    """Copy an artefact, change it, and hash it as if it had been written like this."""
    manifest = json.loads((source / MANIFEST_FILE).read_text())
    tensors = dict(tensors_in((source / TENSORS_FILE).read_bytes()))
    manifest.pop("content_hash")
    change(manifest, tensors)
    _seal(target, json.dumps(manifest, sort_keys=True), tensor_bytes(tensors))
    return target


def _seal(target: Path, manifest: str, data: bytes) -> None:
    digest = hashlib.sha256(manifest.encode() + b"\0" + data).hexdigest()
    target.mkdir()
    (target / TENSORS_FILE).write_bytes(data)
    (target / MANIFEST_FILE).write_text(f'{manifest[:-1]}, "content_hash": "{digest}"}}')


def _nan(_manifest: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors["classifier/intercept"] = np.full_like(tensors["classifier/intercept"], np.nan)


def _newer(manifest: dict[str, Any], _tensors: dict[str, Any]) -> None:
    manifest["format"] = 99


def _huge_number(manifest: dict[str, Any], _tensors: dict[str, Any]) -> None:
    manifest["classifier"]["temperature"] = 10**400


def _other_embedder(manifest: dict[str, Any], _tensors: dict[str, Any]) -> None:
    manifest["embedder"]["id"] = "another"


def _cut(_manifest: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors["classifier/dense"] = np.ascontiguousarray(tensors["classifier/dense"][:, :-1])


def _refused(folder: Path, artifact: Path, says: str) -> None:
    test = folder / "test.jsonl"
    for command, more in (("evaluate", ()), ("compare", ("--with", str(folder / "other")))):
        result = _coe(command, artifact, test, *more)
        assert result.exit_code == 1, result.output
        assert says in result.stderr
        assert result.stdout == ""
        assert "Traceback" not in result.output
    assert _coe("compare", folder / "other", test, "--with", str(artifact)).exit_code == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_nan, "not a finite number"),
        (_newer, "newer release"),
        (_huge_number, "do not fit together"),
        (_other_embedder, "another"),
        (_cut, "do not fit together"),
    ],
)
def test_a_poisoned_artefact_is_refused(
    folder: Path, tmp_path: Path, change: Change, says: str
) -> None:
    _refused(folder, _poisoned(folder / "router", tmp_path / "bad", change), says)


def test_one_that_was_not_changed_is_accepted(folder: Path, tmp_path: Path) -> None:
    """So that the others are refused for what was changed in them."""
    same = _poisoned(folder / "router", tmp_path / "same", lambda _manifest, _tensors: None)
    assert _coe("evaluate", same, folder / "test.jsonl", "--challenge", "0").exit_code == 0


def test_a_wrong_hash_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in (MANIFEST_FILE, TENSORS_FILE):
        (tmp_path / name).write_bytes((folder / "router" / name).read_bytes())
    with (tmp_path / TENSORS_FILE).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    _refused(folder, tmp_path, "changed or damaged")


def test_a_huge_header_is_refused(folder: Path, tmp_path: Path) -> None:
    _seal(tmp_path / "bad", '{"format": 1}', (1 << 40).to_bytes(8, "little") + b"{}")
    _refused(folder, tmp_path / "bad", "header")


@pytest.mark.parametrize("depth", [200, 900, 990, 100_000])
def test_deep_json_is_refused(folder: Path, tmp_path: Path, depth: int) -> None:
    _seal(tmp_path / "bad", f'{{"format": 1, "x": {"[" * depth}{"]" * depth}}}', b"\0" * 8)
    _refused(folder, tmp_path / "bad", "This artefact cannot be used")


def test_numbers_beyond_all_bounds_are_refused(folder: Path, tmp_path: Path) -> None:
    _seal(tmp_path / "bad", '{"format": 1, "x": 1e999}', b"\0" * 8)
    _refused(folder, tmp_path / "bad", "not plain JSON data")


@pytest.mark.parametrize("target", ["/dev/zero", "nowhere", "."])
def test_a_link_to_something_else_is_refused(folder: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / MANIFEST_FILE).write_bytes((folder / "router" / MANIFEST_FILE).read_bytes())
    (tmp_path / TENSORS_FILE).symlink_to(target)
    _refused(folder, tmp_path, TENSORS_FILE)
