"""Does a decision survive what users do to a text without meaning anything by it?

Surface perturbations, each seeded and harmless to the meaning, and the share of decisions that stay
the same under them: the robustness score of RouterArena (arXiv 2510.00202).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from router.evaluation.intervals import bootstrap

Perturbation = Callable[[str, np.random.Generator], str]

TYPO_RATE = 0.03
"""Share of letters that a typing error hits, about one in every seventh word."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    key: row[max(i - 1, 0) : i] + row[i + 1 : i + 2] for row in _ROWS for i, key in enumerate(row)
}
_BREAK = re.compile(r"\s+")
_PREFIXES = (
    "Hi! ",
    "Please help me with this. ",
    "Hello, I hope you are well. ",
    "Could you please help? ",
    "Quick one: ",
)
_SUFFIXES = (
    "\n\nThanks!",
    " Thank you very much in advance.",
    "\nPlease be brief.",
    " Many thanks",
    "\n\nBest regards",
)
_PARAPHRASES = (
    "I would like to know the following. {}",
    "Here is what I need an answer to:\n\n{}",
    "Someone asked me this and I could not say: {}",
    "{}\n\nWhat would you answer?",
    "Consider the following.\n{}\nPlease respond.",
)


def typos(text: str, rng: np.random.Generator, rate: float = TYPO_RATE) -> str:
    """Swap, drop, double or mistype some letters, never the first of a word; at least one.

    Args:
        text: Any text.
        rng: Source of chance.
        rate: Share of letters hit; 0 for none.
    """
    letters = list(text)
    inner = [i for i in range(1, len(letters)) if letters[i].isalpha() and letters[i - 1].isalpha()]
    hit = [
        i for i, chance in zip(inner, rng.random(len(inner)).tolist(), strict=True) if chance < rate
    ]
    if not hit and inner and rate > 0:
        hit = [inner[int(rng.integers(len(inner)))]]
    for at in hit:
        kind = int(rng.integers(4))
        if kind == 0:
            letters[at - 1], letters[at] = letters[at], letters[at - 1]
        elif kind == 1:
            letters[at] = ""
        elif kind == 2:
            letters[at] *= 2
        else:
            beside = _BESIDE.get(letters[at].lower(), letters[at] or " ")
            letters[at] = beside[int(rng.integers(len(beside)))]
    return "".join(letters)


def lower_case(text: str, rng: np.random.Generator) -> str:  # noqa: ARG001 (one interface)
    """Write everything small."""
    return text.lower()


def upper_case(text: str, rng: np.random.Generator) -> str:  # noqa: ARG001 (one interface)
    """Write everything in capitals."""
    return text.upper()


def punctuation(text: str, rng: np.random.Generator) -> str:
    """Leave out commas and question marks, or end in too many of them."""
    bare = re.sub(r"[,;!?](?=\s|$)", "", text).rstrip(".")
    return bare + ("", "...", " ??", "!!!")[int(rng.integers(4))]


def whitespace(text: str, rng: np.random.Generator) -> str:
    """Double some blanks, break some lines, pad both ends."""

    def again(match: re.Match[str]) -> str:
        chance = rng.random()
        if chance < 0.1:
            return match[0] * 2
        return "\n" if chance < 0.15 and match[0] == " " else match[0]

    return "\n " + _BREAK.sub(again, text) + "  \n"


def prefix(text: str, rng: np.random.Generator) -> str:
    """Begin politely."""
    return _PREFIXES[int(rng.integers(len(_PREFIXES)))] + text


def suffix(text: str, rng: np.random.Generator) -> str:
    """End politely."""
    return text + _SUFFIXES[int(rng.integers(len(_SUFFIXES)))]


def paraphrase(text: str, rng: np.random.Generator) -> str:
    """Ask the same in a frame of other words."""
    return _PARAPHRASES[int(rng.integers(len(_PARAPHRASES)))].format(text)


PERTURBATIONS: Mapping[str, Perturbation] = {
    "typos": typos,
    "lower_case": lower_case,
    "upper_case": upper_case,
    "punctuation": punctuation,
    "whitespace": whitespace,
    "prefix": prefix,
    "suffix": suffix,
    "paraphrase": paraphrase,
}


def perturb(kind: str, texts: Sequence[str], *, seed: int = 0) -> list[str]:
    """Return the texts perturbed; each depends on the seed and its place alone.

    Raises:
        KeyError: Where there is no such perturbation.
    """
    change = PERTURBATIONS[kind]
    number = list(PERTURBATIONS).index(kind)
    return [
        change(text, np.random.default_rng([seed, number, place]))
        for place, text in enumerate(texts)
    ]


def robustness(
    decide: Callable[[str], Hashable], texts: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Return the share of decisions unchanged under each perturbation.

    Args:
        decide: From a text to what is decided: the expert, or the category.
        texts: Prompts to perturb.
        seed: Of the perturbations.

    Returns:
        ``n``, the number of prompts; ``unchanged``, the share over all kinds, with ``ci95`` over
        prompts; ``kinds``, the share for each kind.
    """
    return robustness_of(lambda text: (decide(text),), texts, 1, seed=seed)[0]


def robustness_of(
    decide: Callable[[str], Sequence[Hashable]],
    texts: Sequence[str],
    decisions: int,
    *,
    seed: int = 0,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> list[dict[str, Any]]:
    """Return :func:`robustness` of several decisions on the same perturbed texts.

    Args:
        decide: From a text to what is decided.
        texts: Prompts to perturb.
        decisions: How many decisions there are.
        seed: Of the perturbations.
        progress: Wraps the prompts, to show how far it is.
    """
    changed = [perturb(kind, texts, seed=seed) for kind in PERTURBATIONS]
    same = np.zeros((decisions, len(PERTURBATIONS), len(texts)))
    for column, text in enumerate(progress(texts)):
        before = decide(text)
        for row, versions in enumerate(changed):
            after = decide(versions[column])
            same[:, row, column] = [a == b for a, b in zip(after, before, strict=True)]
    return [_summary(each, seed) for each in same]


def _summary(same: npt.NDArray[np.float64], seed: int) -> dict[str, Any]:
    """Summarise what stayed the same, shape (kinds, texts)."""
    n = same.shape[1]
    overall = bootstrap(same.mean(axis=0), seed=seed)
    shares = same.mean(axis=1).tolist() if n else [None] * len(same)
    return {
        "n": n,
        "unchanged": overall.mean if n else None,
        "ci95": [overall.low, overall.high] if n else None,
        "kinds": dict(zip(PERTURBATIONS, shares, strict=True)),
    }
