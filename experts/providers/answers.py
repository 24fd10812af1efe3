"""Is it an answer? What every provider that reads the wire checks before it hands bytes on.

A whole answer is checked as a whole. Of a stream only the first event is parsed; after it, a
substring search finds what matters (an error, the end, the last chunk), and everything else goes
through as it came.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from experts.errors import ExpertError
from experts.providers.protocol import ExpertAnswer
from experts.providers.sse import (
    DONE,
    EventSplitter,
    EventTooLong,
    data_of,
    events_with,
    is_done,
    split_events,
)
from experts.providers.upstream import Upstream, error_in
from experts.providers.wire import UNREADABLE, read_embedding_usage, read_usage

_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')


class _Answer(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: Any = None
    service_tier: Any = None
    error: Any = None


class _Embeddings(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    usage: Any = None
    error: Any = None


_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode


def check_answer(body: bytes, upstream: Upstream) -> ExpertAnswer:
    """Return a whole answer with its usage, its bytes untouched.

    Raises:
        ExpertAnswerInvalid: If it is not JSON or offers no choice.
        ExpertError: As the answer says, if it is an error object.
    """
    try:
        answer = _decode_answer(body)
        _check_text(body)
    except UNREADABLE as error:
        raise upstream.invalid("answered with something else than an answer", body) from error
    if answer.error:
        raise upstream.error_object(answer.error, body)
    if not answer.choices:
        raise upstream.invalid("answered without any choice", body)
    return ExpertAnswer(body, read_usage(answer.usage, answer.service_tier))


def check_embeddings(body: bytes, upstream: Upstream) -> ExpertAnswer:
    """Return vectors with their usage, the bytes untouched.

    Raises:
        ExpertAnswerInvalid: If there are none.
        ExpertError: As the answer says, if it is an error object.
    """
    try:
        answer = _decode_embeddings(body)
    except UNREADABLE as error:
        raise upstream.invalid("answered with something else than vectors", body) from error
    if answer.error:
        raise upstream.error_object(answer.error, body)
    if not answer.data:
        raise upstream.invalid("answered without any vector", body)
    return ExpertAnswer(body, read_embedding_usage(answer.usage))


class StreamCheck:
    """Turns the chunks of one stream into checked blocks of whole events.

    Feed it every chunk; when the bytes end before :attr:`done` is true, call :meth:`end`.

    Args:
        upstream: Who streams.
    """

    __slots__ = ("_finished", "_splitter", "_started", "_upstream", "done")

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._splitter = EventSplitter()
        self._started = False
        self._finished = False
        self.done = False
        """Whether ``[DONE]`` was seen; what follows it is not looked at."""

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events that this chunk completes, possibly none.

        Raises:
            ExpertError: As for :meth:`experts.providers.protocol.Provider.stream`.
        """
        try:
            block = self._splitter.feed(chunk)
        except EventTooLong as error:
            raise self._upstream.invalid(f"streamed {error}") from error
        if not block:
            return b""
        try:
            _check_text(block)
        except UnicodeDecodeError as error:
            raise self._upstream.invalid("streamed bytes that are no text", block) from error
        started = self._started
        if not started:
            block = self._from_first_data(block)
        if b'"error"' in block:
            self._raise_reported_error(block, started=started)
        if b"[DONE]" in block:
            block = self._until_done(block)
        if not self._finished and _FINISHED.search(block):
            self._finished = True
        return block

    def end(self) -> bytes:
        """Return what is missing when the bytes end without ``[DONE]``.

        Some servers omit it after their last chunk; a stream that stops before that broke off.

        Raises:
            ExpertAnswerInvalid: If it broke off, or if there was nothing at all.
        """
        rest = self._splitter.rest.strip()
        if is_done(rest):
            rest = b""
            self._finished = self._finished or self._started
        if not self._started:
            raise self._upstream.invalid("streamed no answer", rest)
        if rest or not self._finished:
            raise self._upstream.invalid("broke off in the middle of its answer", rest)
        self.done = True
        return DONE

    def _from_first_data(self, block: bytes) -> bytes:
        """Drop keep-alives before the first data, and see that it is JSON."""
        start = 0
        for event in split_events(block):
            data = data_of(event)
            if not data:
                start += len(event)
                continue
            if data == b"[DONE]":
                raise self._upstream.invalid("streamed no answer")
            if _decoded(data) is None:
                raise self._upstream.invalid("streamed something else than an answer", data)
            self._started = True
            return block[start:]
        return b""

    def _raise_reported_error(self, block: bytes, *, started: bool) -> None:
        for start, event in events_with(block, b'"error"'):
            data = data_of(event) or b""
            error = self._reported_error(data)
            if error is not None and not started:
                error.produced = block[:start]
                raise error
            if error is not None:
                message = "reported an error in the middle of its answer"
                broken = self._upstream.invalid(message, data)
                broken.produced = block[:start]
                raise broken from error

    def _reported_error(self, data: bytes) -> ExpertError | None:
        fields = _decoded(data)
        if fields is None:
            return None
        reported = fields if fields.get("object") == "error" else error_in(fields)
        return None if reported is None else self._upstream.error_object(reported, data)

    def _until_done(self, block: bytes) -> bytes:
        for start, event in events_with(block, b"[DONE]"):
            if is_done(event):
                self.done = True
                return block[:start] + DONE
        return block


def _check_text(data: bytes) -> None:
    """Refuse what is not UTF-8: clients fail at it, and nothing else here decodes strings.

    Raises:
        UnicodeDecodeError: If it is not.
    """
    if not data.isascii():
        data.decode()


def _decoded(data: bytes) -> dict[str, Any] | None:
    try:
        fields = msgspec.json.decode(data)
    except UNREADABLE:
        return None
    return fields if isinstance(fields, dict) else None
