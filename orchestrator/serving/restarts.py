"""How many processes, and when one that died is started again. Pure, but for a look at the machine."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Restarts:
    """When a process that ended is started again.

    Args:
        lived: Seconds of serving after which an end is no failure of the start.
        most: Ends in a row before that, until there is no use in another.
        first: Seconds until the first restart; twice as long each time.
        longest: Seconds at most.
    """

    lived: float = 10.0
    most: int = 5
    first: float = 0.1
    longest: float = 5.0

    def after(self, seconds: float, quick: int) -> tuple[int, float | None]:
        """Return what comes after an end.

        Args:
            seconds: That it served.
            quick: Quick ends in a row before this one.

        Returns:
            Quick ends in a row, this one included; and the seconds until the restart, ``None``: no more.
        """
        if seconds >= self.lived:
            return 0, self.first
        quick += 1
        if quick >= self.most:
            return quick, None
        return quick, min(self.longest, self.first * 2.0 ** (quick - 1))


def ending(code: int) -> str:
    """Return in words how a process ended, from its exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def how_many(workers: int | Literal["auto"]) -> int:
    """Return how many processes are to serve: for ``auto`` one for each core that this process may use."""
    if workers != "auto":
        return workers
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = cores_of(_QUOTA.read_text()) if _QUOTA.exists() else math.inf
    return max(1, min(usable or 1, math.ceil(quota)) if math.isfinite(quota) else usable or 1)


def cores_of(quota: str) -> float:
    """Return the cores that a control group may use, from its ``cpu.max``; infinite where it is not limited.

    Its form: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    """
    most, period = quota.split()
    return math.inf if most == "max" else int(most) / int(period)
