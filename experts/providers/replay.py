"""Serves recorded answers: what a model really said, again, without the model.

The record is a JSONL file, plain or gzipped: its path is the endpoint's ``url``. A line is an
object of ``prompt``, ``answers`` (text by the model's name; ``null`` where nothing could be read
off what it said), and, if the question is one of choice, ``options``; ``id`` is optional. The
expert's ``model`` names the column.

A request is found by its last user message: the prompt, followed by the options as :func:`question`
writes them where there are any, or a line ``replay-id: ID`` anywhere in it. A bare letter is
answered as a sentence, as a model would.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from experts.errors import ExpertMisconfigured, RequestRefused
from experts.providers.once import Once
from experts.providers.protocol import ExpertAnswer, ExpertCall, Usage
from experts.providers.scripts import count_prompt_tokens, tokens_of
from experts.providers.sse import DONE, write_event
from experts.providers.wire import (
    Head,
    chunk,
    completion,
    last_user_text,
    read_messages,
    usage_chunk,
)

NOTHING_READ = "I do not know."
"""Said where the record has ``null``."""
_ID = re.compile(r"^[ \t]*replay-id:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_CREATED = 1_700_000_000
_MOST_OPTIONS = 26


class _Line(msgspec.Struct):
    prompt: str
    answers: dict[str, str | None]
    options: list[str] = []
    id: str | int | None = None


class Record(NamedTuple):
    """Recorded answers by model, found by the question's text or by its id."""

    by_text: dict[str, dict[str, str | None]]
    by_id: dict[str, dict[str, str | None]]

    def find(self, text: str) -> dict[str, str | None] | None:
        """Return the answers to what a user wrote, ``None`` where it was never asked."""
        named = _ID.search(text)
        return self.by_id.get(named[1]) if named else self.by_text.get(text.strip())


def question(prompt: str, options: Sequence[str] = ()) -> str:
    """Return the text that a question is asked with: the prompt, and its options by letter."""
    listed = "\n".join(f"{chr(ord('A') + place)}. {words}" for place, words in enumerate(options))
    return f"{prompt}\n\n{listed}" if options else prompt


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        ValueError: Naming the line, if one is not a record's, or asks what another asks too.
        OSError: If the file cannot be read.
    """
    record = Record({}, {})
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    decode = msgspec.json.Decoder(_Line).decode
    with opened(path, "rb") as lines:
        for number, raw in enumerate(lines, 1):
            if not raw.strip():
                continue
            try:
                line = decode(raw)
            except msgspec.DecodeError as error:
                raise ValueError(f"line {number}: {error}") from error
            _add(record, line, number)
    return record


def _add(record: Record, line: _Line, number: int) -> None:
    if len(line.options) > _MOST_OPTIONS:
        raise ValueError(f"line {number}: more than {_MOST_OPTIONS} options")
    text = question(line.prompt, line.options).strip()
    if line.id is not None and str(line.id) in record.by_id:
        raise ValueError(f"line {number}: the id {line.id} is there already")
    if line.id is not None:
        record.by_id[str(line.id)] = line.answers
    # The same question asked twice is answered as it was the first time.
    record.by_text.setdefault(text, line.answers)


class ReplayProvider:
    """Answers as the record says; each file is read once, at the first call."""

    def __init__(self) -> None:
        self._records: dict[str, Once[Record]] = {}

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        head, text, usage = await self._answered(call)
        return ExpertAnswer(completion(head, text, usage=usage), usage)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        head, text, usage = await self._answered(call)
        yield write_event(chunk(head, {"role": "assistant", "content": ""}))
        for token in tokens_of(text):
            yield write_event(chunk(head, {"content": token}))
        yield write_event(chunk(head, {}, "stop"))
        yield write_event(usage_chunk(head, usage))
        yield DONE

    async def aclose(self) -> None:
        """Forget the records."""
        self._records.clear()

    async def _answered(self, call: ExpertCall) -> tuple[Head, str, Usage]:
        expert, model = call.expert.id, call.expert.model
        record = await self._record(call)
        try:
            messages = read_messages(call.body)
        except ValueError as error:
            raise RequestRefused(f"expert '{expert}': {error}", expert=expert) from error
        asked = last_user_text(messages)
        answers = record.find(asked)
        if answers is None:
            problem = f"expert '{expert}' has no recorded answer to this"
            raise RequestRefused(problem, expert=expert)
        if model not in answers:
            problem = f"expert '{expert}': the record has no answers of model '{model}'"
            raise ExpertMisconfigured(problem, expert=expert)
        text = _sentence(answers[model])
        digest = hashlib.sha256(f"{model}\0{asked}".encode("utf-8", "surrogatepass")).hexdigest()
        usage = Usage(count_prompt_tokens(messages), len(tokens_of(text)))
        return Head(f"chatcmpl-{digest[:24]}", _CREATED, model), text, usage

    async def _record(self, call: ExpertCall) -> Record:
        expert = call.expert.id
        if not call.url:
            problem = f"expert '{expert}' needs an endpoint whose 'url' is the path of a record"
            raise ExpertMisconfigured(problem, expert=expert)
        once = self._records.get(call.url)
        if once is None:
            once = self._records[call.url] = Once(partial(read_record, Path(call.url)))
        try:
            return await once.get()
        except (OSError, ValueError) as error:
            problem = f"expert '{expert}': the record cannot be read ({error})"
            raise ExpertMisconfigured(problem, expert=expert) from error


def _sentence(recorded: str | None) -> str:
    if recorded is None:
        return NOTHING_READ
    letter = len(recorded) == 1 and recorded.isalpha()
    return f"The answer is ({recorded})." if letter else recorded
