"""The interpreter as an expert: it runs the code, or does the sum, in the last user message."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator

from experts.errors import ExpertFailed, RequestRefused
from experts.providers.executable import find_snippets
from experts.providers.interpreter import Interpreter, InterpreterCrashed, Limits
from experts.providers.protocol import ExpertAnswer, ExpertCall, Usage
from experts.providers.sse import DONE, write_event
from experts.providers.wire import (
    Head,
    chunk,
    completion,
    last_user_text,
    read_messages,
    usage_chunk,
)

_NO_TOKENS = Usage(0, 0)
"""An interpreter reads and writes no tokens."""


class PythonProvider:
    """Answers with what the code printed, what the expression came to, or why it failed.

    Args:
        limits: What a program may use.
        workers: Programs that run at once.
    """

    def __init__(self, limits: Limits | None = None, *, workers: int = 2) -> None:
        self._interpreter = Interpreter(limits, workers=workers)

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        text = await self._answer(call)
        return ExpertAnswer(completion(_head(call), text, usage=_NO_TOKENS), _NO_TOKENS)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        text = await self._answer(call)
        head = _head(call)
        yield write_event(chunk(head, {"role": "assistant", "content": text}))
        ending = (write_event(chunk(head, {}, "stop")), write_event(usage_chunk(head, _NO_TOKENS)))
        yield b"".join((*ending, DONE))

    async def aclose(self) -> None:
        """Stop the worker processes."""
        await self._interpreter.aclose()

    async def _answer(self, call: ExpertCall) -> str:
        name = call.expert.id
        try:
            snippets = find_snippets(last_user_text(read_messages(call.body)))
        except ValueError as error:
            raise RequestRefused(f"expert '{name}': {error}", expert=name) from error
        if not snippets:
            message = (
                f"expert '{name}' found nothing to run: send arithmetic such as '17 * 23',"
                " or code in a ```python block"
            )
            raise RequestRefused(message, expert=name)
        try:
            results = [await self._interpreter.run(snippet) for snippet in snippets]
        except InterpreterCrashed as error:
            raise ExpertFailed(f"expert '{name}': its process died", expert=name) from error
        if len(results) == 1:
            return results[0]
        named = zip(snippets, results, strict=True)
        return "\n".join(f"{snippet.arithmetic} = {result}" for snippet, result in named)


def _head(call: ExpertCall) -> Head:
    return Head(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=call.expert.model or call.expert.id,
    )
