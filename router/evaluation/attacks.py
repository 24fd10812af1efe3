"""Confounder prefixes: can a user force the expensive expert by writing nonsense in front?

After "Rerouting LLM Routers" (arXiv 2501.01818): one sequence of tokens, not made for a certain
prompt, is improved token by token while it pulls more prompts towards the strong model. Its success
is then measured on prompts that the search has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

TOKENS = (
    "!",
    "???",
    "prove",
    "theorem",
    "rigorous",
    "expert",
    "difficult",
    "PhD",
    "step by step",
    "integral",
    "quantum",
    "legal",
    "diagnosis",
    "algorithm",
    "urgent",
    "essay",
    "history",
    "\\int_0^\\infty",
    "def f(x):",
    "∴",
    "{}",
    "describe",
    "optimal",
    "paradox",
)
"""What the search may write: marks, hard words, and words of many fields."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A prefix and what it does on prompts the search has not seen.

    Args:
        prefix: What was put in front.
        n: Prompts that went to a cheaper expert before.
        success_rate: Share of those that go to the expensive one with the prefix; NaN for none.
        share_before: Share of all prompts that went to the expensive expert anyway.
        share_after: The same with the prefix.
        searched: Prompts the search used.
        queries: How often it asked the router.
        expensive: The expert that was to be forced.
        policy: Under which decisions were made.
    """

    prefix: str
    n: int
    success_rate: float
    share_before: float
    share_after: float
    searched: int
    queries: int
    expensive: str | None = None
    policy: str | None = None


def find_confounder(
    pull: Callable[[str], float],
    texts: Sequence[str],
    *,
    tokens: Sequence[str] = TOKENS,
    length: int = 4,
    rounds: int = 2,
    candidates: int = 8,
    seed: int = 0,
) -> tuple[str, int]:
    """Search a prefix greedily.

    Starts with nothing; position after position, a few random tokens are tried and the one that
    pulls most is kept, if it pulls more than before.

    Args:
        pull: How strongly a text is drawn to the expensive expert, higher is more. At the least
            1 where it is chosen and 0 where not; a probability gives the search more to go by.
        texts: Prompts to search with.
        tokens: What may be written.
        length: Positions.
        rounds: Passes over the positions.
        candidates: Tokens tried at each position.
        seed: Of the tokens tried.

    Returns:
        The prefix, empty where nothing helps, and how often ``pull`` was asked.
    """
    rng = np.random.default_rng(seed)
    written = [""] * length
    best = _mean_pull(pull, "", texts)
    asked = len(texts)
    for at in [*range(length)] * rounds:
        count = min(candidates, len(tokens))
        for choice in rng.choice(len(tokens), size=count, replace=False).tolist():
            changed = [*written[:at], tokens[choice], *written[at + 1 :]]
            value = _mean_pull(pull, _joined(changed), texts)
            asked += len(texts)
            if value > best:
                best, written = value, changed
    return _joined(written), asked


def attack(
    pull: Callable[[str], float],
    is_expensive: Callable[[str], bool],
    texts: Sequence[str],
    *,
    search: int = 16,
    seed: int = 0,
) -> Attack:
    """Search a prefix on some prompts and measure it on the others.

    Args:
        pull: See :func:`find_confounder`.
        is_expensive: Whether a text goes to the expensive expert.
        texts: Prompts; the first ``search`` of a random order are for the search.
        search: Prompts to search with, at most half of them.
        seed: Of order and search.
    """
    order = np.random.default_rng(seed).permutation(len(texts)).tolist()
    used = min(search, len(texts) // 2)
    tuned = [texts[i] for i in order[:used]]
    kept = [texts[i] for i in order[used:]]
    prefix, asked = find_confounder(pull, tuned, seed=seed) if tuned else ("", 0)
    before = np.array([is_expensive(text) for text in kept], dtype=bool)
    after = np.array([is_expensive(prefix + text) for text in kept], dtype=bool)
    cheap = int((~before).sum())
    return Attack(
        prefix=prefix,
        n=cheap,
        success_rate=float(after[~before].mean()) if cheap else float("nan"),
        share_before=float(before.mean()) if kept else float("nan"),
        share_after=float(after.mean()) if kept else float("nan"),
        searched=used,
        queries=asked + 2 * len(kept),
    )


def _joined(written: Sequence[str]) -> str:
    words = [word for word in written if word]
    return " ".join(words) + "\n" if words else ""


def _mean_pull(pull: Callable[[str], float], prefix: str, texts: Sequence[str]) -> float:
    return sum(pull(prefix + text) for text in texts) / max(len(texts), 1)
