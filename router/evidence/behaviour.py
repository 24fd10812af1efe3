"""How an expert answers, whatever it knows: refusals, form, use of what it was given, length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router.evaluation.intervals import Interval
from router.evidence.means import Share, share, student_interval

Source = Literal["context", "memory", "neither"]
_OPENING = 400
_DOING = (
    r"(?:help(?! but\b)|assist|comply|provide|answer|fulfill?|do (?:that|this|so)|discuss|support|engage|create"
    r"|generate|write|share|give|offer|complete|continue|respond|participate|promote|encourage|facilitate)"
)
_REFUSAL = re.compile(
    rf"\bi (?:can't|cannot|can not|won't|will not)(?: \w+){{0,2}}? {_DOING}\b"
    rf"|\bi(?:'m| am) (?:unable|not able|not allowed) to(?: \w+){{0,2}}? {_DOING}\b"
    r"|\bi (?:must|have to) (?:respectfully )?(?:decline|refuse)\b"
    r"|\bi (?:don't|do not) feel comfortable\b"
    r"|^\W*(?:i'm|i am)(?: \w+)? sorry,? but\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is to be seen in one answer.

    Args:
        refused: Whether the expert would not answer.
        formed: Whether it kept to the form that was asked for; ``None`` where none was.
        source: Where the answer came from that was given a text which contradicts what is commonly
            held: that text, memory, or neither; ``None`` where no such text was given.
        tokens: Written.
    """

    refused: bool
    formed: bool | None = None
    source: Source | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """How an expert answers.

    Args:
        refusals: Of all answers.
        form: Kept to, of the answers that were asked for one and not refused.
        context: Answers from the text that was given, of those from it or from memory.
        neither: Answers from neither, of those that were given a text.
        tokens: Written, the mean with its interval; refusals left out.
        tokens_p95: That 95 % of answers do not exceed.
    """

    refusals: Share
    form: Share
    context: Share
    neither: Share
    tokens: Interval
    tokens_p95: float | None


def profile(observed: Sequence[Observed]) -> Profile:
    """Return the profile of an expert from its answers."""
    given = [each for each in observed if not each.refused]
    formed = [each.formed for each in given if each.formed is not None]
    sources = [each.source for each in given if each.source is not None]
    told = [source for source in sources if source != "neither"]
    lengths = np.array([each.tokens for each in given], dtype=np.float64)
    return Profile(
        refusals=share(len(observed) - len(given), len(observed)),
        form=share(sum(formed), len(formed)),
        context=share(told.count("context"), len(told)),
        neither=share(len(sources) - len(told), len(sources)),
        tokens=student_interval(lengths, 0.0),
        tokens_p95=float(np.quantile(lengths, 0.95)) if len(lengths) else None,
    )


def is_refusal(text: str) -> bool:
    """Tell whether an answer is a refusal, by how it opens; an answer without a word is one.

    Knows English phrases alone: a refusal in another language is taken for an answer.
    """
    opening = text.strip()[:_OPENING].replace("’", "'")
    if not opening:
        return True
    return _REFUSAL.search(opening) is not None
