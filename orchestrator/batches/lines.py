"""One line of a batch's input, read and checked; what is wrong names the line and the field.

Wire: https://platform.openai.com/docs/api-reference/batch/request-input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from orchestrator.chat.request import ChatRequest, parse_chat
from orchestrator.dialects.embeddings.request import read_request
from orchestrator.kit.errors import ApiError

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
ENDPOINTS: dict[str, Callable[[bytes], ChatRequest]] = {CHAT: parse_chat, EMBEDDINGS: read_request}
"""What a batch's requests may be for, and what reads one."""
_LONGEST_ID = 512

CheckModel = Callable[[str], None]
"""Raises ``ApiError`` for a model that the caller cannot ask for."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    custom_id: str
    body: msgspec.Raw
    method: str = "POST"
    url: str | None = None


_decoder = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is right.

    Args:
        number: In the file, from 1.
        custom_id: What the caller calls it.
        body: The request as it came.
        chat: The same, read.
    """

    number: int
    custom_id: str
    body: bytes
    chat: ChatRequest


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line.

    Args:
        line: Its number; ``None``: it is the file as a whole.
        code: Stable and machine-readable.
        message: For a person.
        param: The field.
    """

    line: int | None
    code: str
    message: str
    param: str | None = None

    def as_error(self) -> dict[str, object]:
        """Return it as OpenAI's ``errors.data`` holds it."""
        return {"code": self.code, "line": self.line, "message": self.message, "param": self.param}


def read_line(number: int, text: bytes, endpoint: str, check_model: CheckModel) -> Line | Problem:
    """Read a line.

    Args:
        number: Its number.
        text: The line.
        endpoint: That the batch is for.
        check_model: Whether the caller may ask for a model.
    """
    try:
        line = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Problem(number, "invalid_json_line", f"Line {number} is not a request: {error}.")
    if (wrong := _wrong_frame(number, line, endpoint)) is not None:
        return wrong
    body = bytes(line.body)
    try:
        chat = _whole(ENDPOINTS[endpoint](body))
        check_model(chat.model)
    except ApiError as error:
        param = "body" if error.param is None else f"body.{error.param}"
        return Problem(number, error.code, f"Line {number}: {error.message}", param)
    return Line(number, line.custom_id, body, chat)


def _whole(chat: ChatRequest) -> ChatRequest:
    if chat.stream:
        told = "Answers in a batch are not streamed."
        raise ApiError(400, "invalid_request", told, param="stream")
    return chat


def _wrong_frame(number: int, line: _Line, endpoint: str) -> Problem | None:
    """Return what is wrong around a line's request, if something is."""
    if not 0 < len(line.custom_id) <= _LONGEST_ID or "\0" in line.custom_id:
        told = f"Line {number}: 'custom_id' must be 1 to {_LONGEST_ID} characters, and no NUL."
        return Problem(number, "invalid_custom_id", told, "custom_id")
    if line.method != "POST":
        return Problem(number, "invalid_method", f"Line {number}: 'method' must be POST.", "method")
    if line.url not in (None, endpoint):
        told = f"Line {number}: 'url' must be {endpoint}, which the batch is for."
        return Problem(number, "mismatched_endpoint", told, "url")
    return None
