"""What an expert's name says of its size, where nobody stated it."""

from __future__ import annotations

import re

_START, _END = r"(?<![a-z0-9.])", r"(?![a-z0-9])"
_NUMBER = r"(\d{1,4}(?:\.\d{1,3})?)"
_ACTIVE = re.compile(rf"{_START}a{_NUMBER}b{_END}")
_MIXTURE = re.compile(rf"{_START}(\d{{1,3}})x{_NUMBER}b{_END}")
_BILLIONS = re.compile(rf"{_START}e?{_NUMBER}bn?{_END}")
_MILLIONS = re.compile(rf"{_START}{_NUMBER}m{_END}")

AT_WORK, SHARED = 2, 0.9
"""Of a mixture such as 8x7B two experts work on a token, and they share about a tenth."""
_LEAST_MILLIONS = 20.0  # "1m" in a name is the context window
_MOST_BILLIONS = 5000.0


def billions_in_name(name: str) -> float | None:
    """Return the billions of active parameters that a name tells of, ``None`` where it does not.

    ``Llama-3.1-70B``: 70. ``Qwen3-30B-A3B``: 3, as stated. ``Mixtral-8x7B``: 12.6, an estimate
    (12.9 in truth). ``smol-360M``: 0.36. Of two different sizes in one name neither is believed.

    Args:
        name: An expert's id.
    """
    text = name.lower()
    active = _numbers(_ACTIVE, text)
    if active:
        return _only(active)
    mixtures = {AT_WORK * SHARED * float(size) for _, size in _MIXTURE.findall(text)}
    if mixtures:
        return _only(mixtures)
    billions = _numbers(_BILLIONS, text)
    if billions:
        return _only(billions)
    return _only({each / 1000.0 for each in _numbers(_MILLIONS, text) if each >= _LEAST_MILLIONS})


def _numbers(pattern: re.Pattern[str], text: str) -> set[float]:
    return {float(found) for found in pattern.findall(text)}


def _only(found: set[float]) -> float | None:
    """Return the single size, if it can be one."""
    if len(found) != 1:
        return None
    size = round(found.pop(), 4)
    return size if 0.0 < size <= _MOST_BILLIONS else None
