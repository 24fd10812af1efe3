"""An answer as a row of parts, one after the other: thought, text, refusal, tool calls.

Other protocols tell of one part at a time. Chat completions may mix the pieces of parallel tool
calls, so a part that begins while a call is unfinished is held back until that call's arguments
are whole JSON, or the answer ends. Everything else is told as it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from experts.errors import ExpertAnswerInvalid
from experts.providers import wire
from orchestrator.dialects.completion import Call, Choice, Said, first_choice, logprobs_of
from orchestrator.dialects.completion import Completion as Completed

Kind = Literal["reasoning", "sealed", "text", "refusal", "tool"]
"""``sealed`` is thought that its vendor shows to nobody, and wants back as it is."""


@dataclass(slots=True)
class Part:
    """One part of an answer.

    Args:
        kind: What it is.
        call_id: Of a tool call.
        name: Of the tool.
        number: Its place in the answer, once it has one.
        signature: Of thought, its vendor's: nothing can be added to what is signed.
    """

    kind: Kind
    call_id: str = ""
    name: str = ""
    number: int = -1
    pieces: list[str] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    closed: bool = False
    signature: str = ""

    @property
    def text(self) -> str:
        """All of it: the text, or a call's arguments as JSON."""
        return "".join(self.pieces)

    @property
    def is_whole(self) -> bool:
        """Whether nothing more can come of it: a call is whole when its arguments are."""
        return self.kind != "tool" or arguments_of(self.text) is not None


class Told(NamedTuple):
    """Something to tell of a part.

    Args:
        what: That it begins, grows by a piece, or is complete.
        part: The part.
        piece: What it grows by.
        logprobs: Of the piece's tokens.
    """

    what: Literal["opened", "grown", "closed"]
    part: Part
    piece: str = ""
    logprobs: Sequence[Any] = ()


def arguments_of(text: str) -> dict[str, Any] | None:
    """Return a call's arguments, or ``None`` where the text is not (yet) a JSON object."""
    if not text.rstrip().endswith("}"):
        return None
    try:
        arguments = msgspec.json.decode(text)
    except (*wire.UNREADABLE, UnicodeEncodeError):
        return None
    return arguments if isinstance(arguments, dict) else None


class Assembly:
    """Puts the pieces of one answer in order.

    Args:
        name: Makes ids for calls that have none.
        signed: Whether thought is told in the blocks that its vendor signed, where it did.
    """

    def __init__(self, name: str = "call", *, signed: bool = False) -> None:
        self._name = name
        self._signed = signed
        self._open: Part | None = None
        self._held: list[Part] = []
        self._calls: dict[int, Part] = {}
        self._ids: set[str] = set()
        self.parts: list[Part] = []
        """Those that have begun, in order."""

    def add(self, choice: Choice, said: Said) -> Iterator[Told]:
        """Take a message, or a piece of one, and yield what there is to tell.

        Raises:
            ExpertAnswerInvalid: If it goes on with a call that was complete.
        """
        if self._signed and isinstance(said.thinking_blocks, list) and said.thinking_blocks:
            for block in said.thinking_blocks:
                yield from self._block(block)
        elif thought := said.reasoning_content or said.reasoning:
            yield from self._text("reasoning", _plain(thought))
        if said.content:
            yield from self._text("text", _plain(said.content), logprobs_of(choice))
        if said.refusal:
            yield from self._text("refusal", _plain(said.refusal))
        for position, call in enumerate(said.tool_calls or ()):
            yield from self._call(call, position)

    def end(self) -> Iterator[Told]:
        """Yield what is left to tell when the answer has ended."""
        yield from self._close()
        held, self._held = self._held, []
        for part in held:
            pieces, part.pieces = part.pieces, []
            yield self._begin(part)
            if pieces:
                yield self._grow(part, "".join(pieces), part.logprobs)
            yield from self._close()

    def _block(self, block: Any) -> Iterator[Told]:
        """Take a block of thought, or a piece of one; its signature comes last."""
        if not isinstance(block, dict):
            return
        if block.get("type") == "redacted_thinking":
            yield from self._text("sealed", _plain(block.get("data")))
            return
        yield from self._text("reasoning", _plain(block.get("thinking")))
        signature = block.get("signature")
        if isinstance(signature, str) and signature:
            yield from self._sign(signature)

    def _sign(self, signature: str) -> Iterator[Told]:
        """Sign the thought so far; where there is none, it is one that is not shown."""
        part = self._held[-1] if self._held else self._open
        if part is None or not _goes_on(part, "reasoning"):
            part = Part("reasoning")
            if self._is_busy():
                self._held.append(part)
            else:
                yield from self._close()
                yield self._begin(part)
        part.signature = signature

    def _text(self, kind: Kind, piece: str, logprobs: Sequence[Any] = ()) -> Iterator[Told]:
        if not piece:
            return
        if self._is_busy():
            if not self._held or not _goes_on(self._held[-1], kind):
                self._held.append(Part(kind))
            self._held[-1].pieces.append(piece)
            self._held[-1].logprobs += logprobs
            return
        part = self._open
        if part is None or not _goes_on(part, kind):
            yield from self._close()
            part = Part(kind)
            yield self._begin(part)
        part.logprobs += logprobs
        yield self._grow(part, piece, logprobs)

    def _call(self, call: Call, position: int) -> Iterator[Told]:
        function = call.function
        name = (function.name if function else None) or ""
        piece = _arguments_text(function.arguments if function else None)
        index = position if call.index is None else call.index
        part = self._calls.get(index)
        if part is None or (call.id and call.id != part.call_id and part.name):
            part = self._calls[index] = Part("tool", self._free_id(call.id), name)
            if self._is_busy() or not name:
                self._held.append(part)
            else:
                yield from self._close()
                yield self._begin(part)
        elif not part.name:
            part.name = name
        if not piece:
            return
        if part is self._open:
            yield self._grow(part, piece)
        elif part.closed:
            raise ExpertAnswerInvalid("the expert went on with a tool call it had completed")
        else:
            part.pieces.append(piece)

    def _is_busy(self) -> bool:
        """Whether what begins now has to wait."""
        return bool(self._held) or (self._open is not None and not self._open.is_whole)

    def _begin(self, part: Part) -> Told:
        part.number = len(self.parts)
        self.parts.append(part)
        self._open = part
        return Told("opened", part)

    def _grow(self, part: Part, piece: str, logprobs: Sequence[Any] = ()) -> Told:
        part.pieces.append(piece)
        return Told("grown", part, piece, logprobs)

    def _close(self) -> Iterator[Told]:
        part, self._open = self._open, None
        if part is not None:
            part.closed = True
            yield Told("closed", part)

    def _free_id(self, wanted: str | None) -> str:
        """Return the call's id, or one of ours where it has none of its own."""
        name = wanted or f"{self._name}_{len(self._ids)}"
        while name in self._ids:
            name = f"{name}_{len(self._ids)}"
        self._ids.add(name)
        return name


def parts_of(completion: Completed, *, signed: bool = False) -> tuple[Choice, list[Part]]:
    """Return the first choice of a whole answer, and its parts.

    Args:
        completion: The answer.
        signed: See :class:`Assembly`.

    Raises:
        ExpertAnswerInvalid: If there is no message.
    """
    choice = first_choice(completion)
    if choice is None or choice.message is None:
        raise ExpertAnswerInvalid("the expert's answer has no message")
    assembly = Assembly(signed=signed)
    for _ in (*assembly.add(choice, choice.message), *assembly.end()):
        pass
    return choice, assembly.parts


def _goes_on(part: Part, kind: Kind) -> bool:
    """Tell whether a piece belongs to a part: what is signed or sealed is complete."""
    return part.kind == kind and not part.signature and kind != "sealed"


def _plain(piece: Any) -> str:
    """Return text; some servers send it as content parts."""
    return piece if isinstance(piece, str) else wire.text_of(piece)


def _arguments_text(arguments: Any) -> str:
    """Return arguments as JSON; some servers send them decoded."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return msgspec.json.encode(arguments).decode()
