"""``coe evaluate``, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import Result

from router import Candidate, StaticEmbedder, routing_text
from router.artifact import load
from router.assembly import router_of
from router.reading import read_dataset
from tests import command

TEAM = """
experts:
  - id: student
    provider: scripted
    price: {input: 1.0, output: 2.0}
    parameters:
      script:
        text: I'm sorry, but I can't help with that.
        replies: {"17 * 23": "FINAL ANSWER: 391", "double": "def double(x):\\n    return x + 1", "song": "worse"}
  - id: teacher
    provider: scripted
    price: {input: 10.0, output: 20.0}
    parameters:
      script:
        replies:
          "17 * 23": "FINAL ANSWER: 391"
          "12 * 12": "FINAL ANSWER: 143"
          "Peru": "FINAL ANSWER: (B) Lima"
          "double": "```python\\ndef double(x):\\n    return x * 2\\n```"
          "song": "better"
  - {id: away, provider: scripted, model: "fail:503"}
  - id: judge
    provider: scripted
    price: {input: 5.0, output: 5.0}
    parameters:
      script:
        error_rate: 0.3
        wrong: ["[[A]]"]
        replies: {"[answer A]\\nbetter": "FINAL ANSWER: A", "[answer B]\\nbetter": "FINAL ANSWER: B"}
        text: "FINAL ANSWER: TIE"
  - {id: vectors, provider: scripted, capabilities: [embeddings]}
"""
PROMPTS = r"""
{"id": "p1", "category": "arithmetic", "prompt": "What is 17 * 23?", "target": "391"}
{"id": "p2", "category": "arithmetic", "prompt": "What is 12 * 12 - 1?", "target": "143"}
{"id": "p3", "category": "capitals", "prompt": "Capital of Peru?", "options": ["Quito", "Lima"], "answer": "B"}
{"id": "p4", "category": "code", "prompt": "Write double(x).", "tests": "assert double(4) == 8"}
{"id": "p5", "category": "music", "prompt": "Write a song."}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "prompts.jsonl").write_text(PROMPTS.lstrip())
    return tmp_path


def coe(word: str, *arguments: str) -> Result:
    files = ("--prompts", "prompts.jsonl", "--catalogue", "team.yaml")
    return command.coe("evaluate", word, *arguments, *files)


BOTH = ("--experts", "student, teacher", "--judge", "judge")


def test_scores_report_page_and_nothing_asked_twice(files: Path) -> None:
    done = coe("run", *BOTH, "--repeat", "2", "--out", "out", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["complete"]
    assert report["experts"]["teacher"]["accuracy"] == 1.0
    assert report["experts"]["student"]["accuracy"] == 0.25
    assert report["experts"]["student"]["consistency"]["share"] == 1.0
    [pair] = report["pairs"]
    assert (pair["won"], pair["tied"], pair["lost"], pair["verdict"]) == (0, 1, 3, "tie")
    assert report["judges"]["judge"]["verdicts"] == 2
    data = read_dataset([files / "out" / "scores.jsonl"])
    assert data.experts == ("student", "teacher")
    assert data.scores[:4].tolist() == [[1, 1], [0, 1], [0, 1], [0, 1]]
    assert data.judged is not None
    page = (files / "out" / "report.html").read_text()
    assert "<h2>Each against each</h2>" in page
    assert "<h2>Judges</h2>" in page
    lines = (files / "out" / "answers.jsonl").read_text()
    spent = sum(json.loads(line).get("nanos", 0) for line in lines.splitlines())
    verdicts = (files / "out" / "verdicts.jsonl").read_text().splitlines()[1:]
    spent += sum(json.loads(line)["nanos"] for line in verdicts)
    assert report["usd"] == pytest.approx(spent / 1e9)
    again = coe("run", *BOTH, "--repeat", "2", "--out", "out")
    assert again.exit_code == 0, again.output
    assert "0 answers and 2 verdicts to ask for" in again.stderr
    assert "on the same prompts" in again.stdout
    assert (files / "out" / "answers.jsonl").read_text() == lines


def test_a_judge_that_goes_by_position_is_seen_through(files: Path) -> None:
    """The scripted judge names the first in three of ten cases; the better one wins 3 of 4 prompts."""
    truth = 0.75
    rows = [
        {"id": f"q{n}", "prompt": f"Write a {'song' if n % 4 else 'psalm'} number {n}."}
        for n in range(160)
    ]
    prompts(files, rows)
    swapped = TEAM.replace('"song": "worse"', '"song": "worse", "psalm": "better"')
    swapped = swapped.replace('"song": "better"', '"song": "better"\n          "psalm": "worse"')
    (files / "team.yaml").write_text(swapped)
    done = coe("run", *BOTH, "--json")
    assert done.exit_code == 0, done.output
    [pair] = json.loads(done.stdout)["judges"]["judge"]["pairs"]
    assert (pair["a"], pair["b"], pair["n"], pair["verdict"]) == ("student", "teacher", 160, "lose")
    low, high = pair["ci95"]
    assert low <= 1 - truth <= high
    assert high - low < 0.2
    assert pair["position_ci95"][0] <= 0.3 <= pair["position_ci95"][1]
    assert pair["as_judged"] > pair["preferred"], "as judged it is nearer to one half"


def test_what_it_would_cost_and_what_it_may(files: Path) -> None:
    dry = coe("run", *BOTH, "--dry-run", "--json")
    told = json.loads(dry.stdout)
    assert (told["answers"], told["verdicts"]) == (10, 2)
    assert 0 < told["usual_usd"] < told["most_usd"]
    assert not (files / "out").exists()
    short = coe("run", *BOTH, "--out", "out", "--max-usd", "0.03", "--json")
    assert short.exit_code == 1
    assert "The budget is used up" in short.stderr
    report = json.loads((files / "out" / "report.json").read_text())
    assert not report["complete"]
    assert report["usd"] <= 0.03
    there = {name: found["answers"] for name, found in report["experts"].items()}
    assert there == {"student": 5, "teacher": 0}, "one answer of the teacher may come to $0.04"
    whole = coe("run", *BOTH, "--out", "out", "--json")
    assert whole.exit_code == 0, whole.output


def test_all_but_judges_are_asked_unless_they_are_named(files: Path) -> None:
    told = json.loads(coe("run", "--judge", "judge", "--dry-run", "--json").stdout)
    assert told["answers"] == 5 * 3, "student, teacher and away; not the judge, nor who embeds"
    done = coe("run", "--experts", "teacher,judge", "--judge", "judge", "--dry-run")
    assert "'judge' judges its own answers, too." in done.stderr


def test_an_expert_that_fails_is_told_of(files: Path) -> None:
    done = coe("run", "--experts", "teacher,away", "--n", "2", "--category", "arithmetic", "--json")
    assert done.exit_code == 1
    assert "2 questions were asked in vain, such as away: expert 'away' " in done.stderr
    report = json.loads(done.stdout)
    assert report["experts"]["away"]["missing"] == report["failures"][0]["n"] == 2
    assert report["experts"]["away"]["accuracy"] is None


def prompts(files: Path, rows: Sequence[Mapping[str, object]]) -> None:
    (files / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_answers_that_are_cut_off_are_told_of(files: Path) -> None:
    brief = TEAM.replace(
        "  - {id: away",
        '  - {id: brief, provider: scripted, model: "finish:length|fixed:4"}\n  - {id: away',
    )
    (files / "team.yaml").write_text(brief)
    done = coe("run", "--experts", "brief", "--category", "arithmetic")
    assert done.exit_code == 0, done.output
    assert "cut off by --max-tokens, which counts against them: brief 2" in done.stderr


def test_admission_with_reasons(files: Path) -> None:
    few = coe("admit", "teacher")
    assert few.exit_code == 1
    assert "prompt 'p5' has no target" in few.stderr
    constant = [
        {"prompt": f"{n}: 17 * 23?", "target": "391" if n % 2 else str(n)} for n in range(240)
    ]
    prompts(files, constant)
    done = coe("admit", "teacher", "--json")
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)
    assert not found["admitted"], "it always says the commonest answer"
    assert found["right"] < found["needed"]
    assert found["power"] >= 0.9
    options = [
        {
            "prompt": f"{n}: 17 * 23?",
            "options": ["391", "7"] if n % 2 else ["7", "391"],
            "answer": "A" if n % 2 else "B",
        }
        for n in range(100)
    ]
    prompts(files, options)
    done = coe("admit", "teacher", "--consistent", "0.9", "--floor", "0.2")
    assert done.exit_code == 0, done.output
    assert "prompts are needed to keep what is promised; 100 are there" in done.stderr
    assert done.stdout.startswith("teacher is admitted.\n  100 of 100 answers are right;")
    assert "the same answer to 100% of prompts" in done.stdout
    assert coe("admit", "student", "--shots", "5", "--max-usd", "0").exit_code == 1
    kept = coe("admit", "teacher", "--record")
    assert kept.exit_code == 2
    assert "leave --catalogue out" in kept.stderr
    assert "Not decided. The budget" in coe("admit", "teacher", "--max-usd", "0").stderr


def test_a_profile(files: Path) -> None:
    done = coe("profile", "student", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["refusals"]["share"] == 0.4
    assert found["form"] == {"share": 1.0, "ci95": found["form"]["ci95"], "n": 1}
    assert "kept to the form" in coe("profile", "teacher").stdout


def test_a_selection(files: Path) -> None:
    assert coe("run", *BOTH, "--out", "out", "--json").exit_code == 0
    base = ["evaluate", "select", "--prompts", "prompts.jsonl", "--per-category", "1"]
    words = [*base, "--out", "small.jsonl", "--embedder", "hashing"]
    done = command.coe(*words, "--scores", "out/scores.jsonl", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["all_pass"] == 2, "p1, and p5, on which the judge is undecided"
    chosen = [json.loads(line) for line in (files / "small.jsonl").read_text().splitlines()]
    assert [row["id"] for row in chosen] == ["p2", "p3", "p4"]
    assert chosen[1]["target"] == "B"
    plain = command.coe(*words)
    assert "No scores" in plain.stderr
    one = ["--experts", "teacher", "--category", "arithmetic", "--out", "one", "--json"]
    assert coe("run", *one).exit_code == 0
    (files / "small.jsonl").unlink()
    alone = command.coe(*words, "--scores", "one/scores.jsonl")
    assert alone.exit_code == 1
    assert "No prompt tells experts apart: 2 that all pass, 0 that all fail" in alone.stderr
    assert not (files / "small.jsonl").exists()


def test_a_router_is_trained_from_what_it_writes(files: Path) -> None:
    """Who is better at what comes from graded answers in one category, from a judge in the other."""
    sums = {f"{n} + 5": f"FINAL ANSWER: {n + 5}" for n in range(10, 34)}
    script = {
        "small": {"text": "brief", "replies": sums},
        "large": {"text": "better", "replies": {"What is": "FINAL ANSWER: 7"}},
        "judge": {"text": "[[B]]", "replies": {"[answer A]\nbetter": "[[A]]"}},
    }
    team = [
        {
            "id": name,
            "provider": "scripted",
            "price": {"input": 1.0, "output": price},
            "active_parameters": price,
            "parameters": {"script": each},
        }
        for (name, each), price in zip(script.items(), (2.0, 20.0, 1.0), strict=True)
    ]
    (files / "team.yaml").write_text(json.dumps({"experts": team}))
    graded = [
        {"prompt": f"What is {n} + 5?", "category": "sums", "target": str(n + 5)}
        for n in range(10, 34)
    ]
    letters = [
        {"prompt": f"Write a warm letter of thanks to person {n}.", "category": "letters"}
        for n in range(24)
    ]
    prompts(files, graded + letters)
    done = coe("run", "--judge", "judge", "--out", "out", "--json")
    assert done.exit_code == 0, done.output
    prices = json.loads((files / "out" / "prices.json").read_text())
    spent = json.loads(done.stdout)["experts"]["large"]["usd"]
    assert prices["large"]["usd"] == pytest.approx(spent)
    assert set(prices["small"]) == {"usd", "latency", "active_parameters"}
    trained = command.coe(
        *("router", "train", "--data", "out/scores.jsonl", "--prices", "out/prices.json"),
        *("--out", "router", "--folds", "0", "--budget", "tiny=4B", "--json"),
    )
    assert trained.exit_code == 0, trained.output
    router = router_of(load(files / "router"), StaticEmbedder())
    pool = router.pool([Candidate(id="small"), Candidate(id="large")])
    for prompt, best in (("What is 99 + 5?", "small"), ("Write a letter of thanks.", "large")):
        assert router.decide(routing_text(prompt).request("quality"), pool).expert == best


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--experts", "nobody"), "There is no expert 'nobody'; there are student,"),
        (("--experts", "vectors"), "Expert 'vectors' does not answer"),
        (("--experts", ","), "Name at least one expert."),
        (("--judge", "judge", "--against", "nobody"), "'nobody' is not among the experts"),
        (("--category", "none"), "There is no category 'none'; there are arithmetic,"),
    ],
)
def test_what_is_typed_wrong(files: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = coe("run", *arguments)
    assert done.exit_code in (1, 2)
    assert sentence in done.stderr


def test_files_that_are_wrong(files: Path) -> None:
    (files / "prompts.jsonl").write_text('{"prompt": "x", "target": "1", "grader": "magic"}\n')
    done = coe("run", "--experts", "teacher")
    assert done.exit_code == 1
    assert "there is no grader 'magic'" in done.stderr


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"target": "C", "options": ["a", "b"]}, "the target 'C' is none of the options"),
        ({"schema": {"type": 5}}, "the schema is none: 5 is not valid"),
        ({"schema": {"$ref": "#/nowhere"}}, "the schema is none: PointerToNowhere"),
        ({"schema": {"type": "object"}, "target": "{"}, "the target '{' is itself not right"),
        (
            {"schema": {"type": "array"}, "target": "{}"},
            "is itself not right by grader 'json-schema'",
        ),
        ({"target": "1", "tolerance": "some"}, "the tolerance 'some' is no number"),
        ({"tests": "assert f(:"}, "the tests are not Python: invalid syntax"),
        ({"grader": "exact"}, "grader 'exact' needs a target"),
        ({"target": "(", "grader": "regex"}, "the target is not a regular expression"),
        ({"target": "x", "grader": "numeric"}, "the target 'x' is no number"),
        ({"target": "1", "context": 5}, "context: is not text"),
    ],
)
def test_a_prompt_that_cannot_be_graded_is_refused_before_it_costs(
    files: Path, row: dict[str, object], problem: str
) -> None:
    prompts(files, [{"prompt": "fine", "target": "4"}, {"id": "p2", "prompt": "x", **row}])
    for more in ((), ("--dry-run",)):
        done = coe("run", "--experts", "teacher", "--out", "out", *more)
        assert done.exit_code == 1, done.output
        assert "row 2, prompt 'p2': " in done.stderr
        assert problem in done.stderr
        assert "Traceback" not in done.output
        assert not (files / "out" / "scores.jsonl").exists()
    assert '"prompt":"p2"' not in (files / "out" / "answers.jsonl").read_text()
