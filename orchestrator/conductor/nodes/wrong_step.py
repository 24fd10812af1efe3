"""Reads the first wrong step off what somebody said who looked for it."""

from __future__ import annotations

import re

_FOUND = re.compile(r"FIRST WRONG STEP[\s:*_-]*([^\n]*)", re.IGNORECASE)


def wrong_step(text: str) -> str | None:
    """Return the first wrong step that was found; ``None`` where there is none, or nothing is said.

    The last mention counts, as models repeat the instruction first.
    """
    found = _FOUND.findall(text)
    step = found[-1].strip(" .*_`") if found else ""
    return None if not step or step.upper().startswith("NONE") else step
