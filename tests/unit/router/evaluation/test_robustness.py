import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.evaluation.attacks import TOKENS, attack, find_confounder
from router.evaluation.robustness import PERTURBATIONS, perturb, robustness, typos

TEXT = "Which of the following, if any, is the derivative of x squared? Please explain. A brace: {}"
TEXTS = [f"{TEXT} Number {i}." for i in range(40)]


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_each_changes_the_text_and_repeats_by_seed(kind: str) -> None:
    changed = perturb(kind, TEXTS, seed=1)
    assert changed == perturb(kind, TEXTS, seed=1)
    assert sum(a != b for a, b in zip(changed, TEXTS, strict=True)) >= 35
    if kind not in ("lower_case", "upper_case"):
        assert changed != perturb(kind, TEXTS, seed=2)
    assert changed[7] == perturb(kind, TEXTS[:8], seed=1)[7], "depends on its place alone"


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), max_size=4), st.sampled_from(sorted(PERTURBATIONS)))
def test_any_text_can_be_perturbed(texts: list[str], kind: str) -> None:
    assert len(perturb(kind, texts)) == len(texts)


def test_typos_hit_the_share_asked_for_and_spare_first_letters() -> None:
    words = "abcdefgh " * 2000
    rng = np.random.default_rng(0)
    changed = typos(words, rng, rate=0.05)
    wrong = np.mean([word != "abcdefgh" for word in changed.split()])
    assert wrong == pytest.approx(1 - 0.95**7, abs=0.04)
    assert typos(words, rng, rate=0.0) == words
    assert typos("1 + 2 = 3", rng, rate=1.0) == "1 + 2 = 3"
    assert all(typos("ok go", rng, rate=1e-9) != "ok go" for _ in range(20)), "at least one"


def test_share_of_unchanged_decisions() -> None:
    steady = robustness(lambda _text: "a", TEXTS)
    assert steady["unchanged"] == 1.0
    assert steady["ci95"] == [1.0, 1.0]
    shouting = robustness(str.isupper, TEXTS)
    assert shouting["kinds"]["upper_case"] == 0.0
    assert shouting["unchanged"] == pytest.approx(1 - 1 / len(PERTURBATIONS))
    exact = robustness(hash, TEXTS)
    assert exact["unchanged"] < 0.1
    assert robustness(hash, []) == {
        "n": 0,
        "unchanged": None,
        "ci95": None,
        "kinds": dict.fromkeys(PERTURBATIONS),
    }


def test_finds_the_magic_word_and_measures_it_elsewhere() -> None:
    def pull(text: str) -> float:
        return float("quantum" in text) + 0.5 * float("theorem" in text)

    prefix, asked = find_confounder(pull, TEXTS[:4], candidates=len(TOKENS))
    assert "quantum" in prefix
    assert "theorem" in prefix
    assert asked == 4 * (1 + 8 * len(TOKENS))
    found = attack(pull, lambda text: "quantum" in text or "Number 3" in text, TEXTS, search=8)
    assert found.success_rate == 1.0
    assert found.share_after == 1.0
    assert 0 < found.share_before < 0.5
    assert found.n + round(found.share_before * 32) == 32
    assert found == attack(pull, lambda t: "quantum" in t or "Number 3" in t, TEXTS, search=8)


def test_a_router_that_cannot_be_fooled() -> None:
    found = attack(lambda _text: 0.0, lambda _text: False, TEXTS)
    assert (found.prefix, found.success_rate, found.n) == ("", 0.0, 24)
    nothing = attack(lambda _text: 0.0, lambda _text: True, TEXTS[:1])
    assert np.isnan(nothing.success_rate)
    assert nothing.searched == 0
