"""Numbers: the same value exactly, or within a stated tolerance."""

from __future__ import annotations

import re
from fractions import Fraction

from orchestrator.conductor.evaluation.final import bare
from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask

_LONGEST = 400
_PLAIN = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)[ \t]*[$€£]?(?P<whole>{_PLAIN})?(?P<part>\.[0-9]*)?"
    r"(?:[eE](?P<power>[+-]?[0-9]{1,3}))?(?P<percent>[ \t]*%)?"
)
_FRACTION = re.compile(r"([+-]?[0-9]{1,100})[ \t]*/[ \t]*([0-9]{1,100})")
_LATEX_FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{([0-9]{1,100})\}\{([0-9]{1,100})\}")


def grade(answer: str, task: GradedTask) -> Grade:
    """Grade a number. The field ``tolerance`` says how far off it may be; 0 without it."""
    wanted = number_in(task.target)
    if wanted is None:
        raise ValueError(f"the target {task.target!r} is no number")
    found = number_in(answer)
    if found is None:
        return wrong("it is not one number and nothing else")
    tolerance = _tolerance_of(task)
    return RIGHT if abs(found - wanted) <= tolerance else wrong(f"it is {answer.strip()[:80]}")


def _tolerance_of(task: GradedTask) -> Fraction:
    stated = task.fields.get("tolerance", 0)
    number = isinstance(stated, int | float | str) and not isinstance(stated, bool)
    found = number_in(str(stated)) if number else None
    if found is None or found < 0:
        raise ValueError(f"the tolerance {stated!r} is no number from 0 on")
    return found


def number_in(text: str) -> Fraction | None:
    """Return the number that a text is, exactly; ``None`` where it is anything else.

    Read are signs, thousands' commas (LaTeX's ``{,}``, too), decimals, powers of ten, per cent and
    fractions; one ``=`` before it and one full stop after it are allowed.
    """
    text = bare(text.replace("−", "-").replace("{,}", ","))
    if len(text) > _LONGEST:
        return None
    text = text.removeprefix("=").strip().removesuffix(".")
    latex = _LATEX_FRACTION.fullmatch(text)
    text = f"{latex[1]}{latex[2]}/{latex[3]}" if latex else text
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        return Fraction(int(fraction[1]), int(fraction[2])) if int(fraction[2]) else None
    found = _NUMBER.fullmatch(text)
    if found is None or not (found["whole"] or (found["part"] or "") > "."):
        return None
    whole = (found["whole"] or "0").replace(",", "")
    value = Fraction(f"{found['sign']}{whole}{(found['part'] or '').rstrip('.')}")
    value *= Fraction(10) ** int(found["power"] or 0)
    return value / 100 if found["percent"] else value
