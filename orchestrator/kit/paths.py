"""Where the service keeps its data when it runs its own stores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the data directory used when ``COE_DATA_DIR`` is not set.

    As root it is ``/var/lib/coe`` and not root's home: Postgres refuses to run as root, so the
    embedded one runs as a system user that has to reach the directory, and a private home should
    not be opened for that. Otherwise the XDG data directory of the user.
    """
    environ = os.environ if environ is None else environ
    if os.geteuid() == 0:
        return Path("/var/lib/coe")
    base = environ.get("XDG_DATA_HOME") or str(
        Path(environ.get("HOME") or "~").expanduser() / ".local/share"
    )
    return Path(base) / "coe"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, replacing an older one in one step."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
