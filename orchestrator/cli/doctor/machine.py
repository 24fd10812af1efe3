"""Checks of the machine: disk, rights, limits, clocks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.cli.doctor.findings import Finding, size

_LITTLE_BYTES, _TOO_LITTLE_BYTES = 2e9, 200e6
_LITTLE_SHARE = 0.05
_FEW_FILES, _TOO_FEW_FILES = 4096, 1024
_OTHERS = 0o077
_CLOCK_WARNING_SECONDS, _CLOCK_ERROR_SECONDS = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Directory:
    """The data directory.

    Args:
        path: Where it is.
        exists: Whether it is there.
        writable: Whether whoever examines it may write into it.
        secrets: By name of a file with a secret: its permission bits.
    """

    path: str
    exists: bool
    writable: bool
    secrets: Mapping[str, int]


def check_directory(directory: Directory, *, root: bool) -> list[Finding]:
    """Tell whether the data directory can be used, and whether others can read secrets in it.

    Args:
        directory: As it was seen.
        root: Whether root examines it, to whom everything is writable.
    """
    check, path = "data directory", directory.path
    if not directory.exists:
        return [Finding(check, "note", f"{path} is not there yet; the first start makes it.")]
    found = []
    if not directory.writable:
        advice = "Run as the service's user, give the directory to it, or set COE_DATA_DIR."
        found.append(Finding(check, "error", f"{path} cannot be written to.", advice))
    for name, mode in directory.secrets.items():
        if mode & _OTHERS:
            seen = f"{path}/{name} can be read by others (mode {mode & 0o777:o})."
            found.append(Finding(check, "error", seen, f"chmod 600 {path}/{name}"))
    as_root = " Root examined it: another user may see less." if root else ""
    return found or [Finding(check, "ok", f"{path} can be used.{as_root}")]


def check_disk(path: str, total: int, free: int) -> Finding:
    """Tell whether there is room on the file system of the data directory, in bytes."""
    seen = f"{size(free)} of {size(total)} are free at {path}."
    advice = "Make room: without it Postgres stops, and with it everything that is written down."
    if free < _TOO_LITTLE_BYTES:
        return Finding("disk", "error", seen, advice)
    if free < _LITTLE_BYTES or free < _LITTLE_SHARE * total:
        return Finding("disk", "warning", seen, advice)
    return Finding("disk", "ok", seen)


def check_spool(held: int, *, running: bool) -> Finding:
    """Tell of usage that waits in a file.

    Args:
        held: Bytes of it.
        running: Whether the service runs, which takes it to Redis once that answers.
    """
    if not held:
        return Finding("usage spool", "ok", "No usage waits in a file.")
    seen = f"{size(held)} of usage wait in a file for Redis."
    if running:
        advice = "See that Redis answers; the service takes it there by itself."
        return Finding("usage spool", "warning", seen, advice)
    return Finding("usage spool", "note", f"{seen} The next start takes it there.")


def check_files(limit: int | None, *, of_service: bool) -> Finding:
    """Tell how many connections there can be: each request holds two files open, or more.

    Args:
        limit: Files that may be open; ``None``: not bounded.
        of_service: Whether the limit is the running service's, or that of whoever examines it.
    """
    whose = "the service" if of_service else "a service started from here"
    if limit is None:
        return Finding("open files", "ok", f"{whose} may open any number.".capitalize())
    seen = f"{whose} may open {limit} files: some {limit // 2} requests at once.".capitalize()
    advice = "Raise it: ulimit -n 65536, or LimitNOFILE=65536 in a systemd unit."
    if limit >= _FEW_FILES:
        return Finding("open files", "ok", seen)
    return Finding("open files", "warning" if limit < _TOO_FEW_FILES else "note", seen, advice)


def check_clocks(ahead: Mapping[str, float | None]) -> list[Finding]:
    """Tell whether clocks agree.

    Args:
        ahead: By store, the seconds that its clock is ahead of this machine's; ``None``: unknown.
    """
    known = {name: seconds for name, seconds in ahead.items() if seconds is not None}
    if not known:
        return []
    return [_clock(name, seconds) for name, seconds in known.items() if _differs(seconds)] or [
        Finding("clock", "ok", f"This machine and {_and(list(known))} have the same time.")
    ]


def _differs(seconds: float) -> bool:
    return abs(seconds) > _CLOCK_WARNING_SECONDS


def _clock(name: str, seconds: float) -> Finding:
    seen = f"The clock of {name} is {abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}."
    advice = "Keep time with NTP on both machines: keys, budgets and leases go by it."
    return Finding(
        "clock", "error" if abs(seconds) > _CLOCK_ERROR_SECONDS else "warning", seen, advice
    )


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
