"""One call of one expert: request prepared, endpoint and key found, provider called."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from experts.calling.endpoints import choose_endpoint
from experts.calling.health import ExpertHealth
from experts.calling.prepare import Prepared, prepare
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Expert, SecretRef
from experts.errors import ExpertAnswerInvalid, ExpertError, ExpertFailed, ExpertMisconfigured
from experts.providers.protocol import ExpertAnswer, ExpertCall, Usage
from experts.providers.sse import DONE, usage_in, without_usage_chunk

SecretResolver = Callable[[SecretRef], str]
"""Returns the secret; raises ``LookupError`` where there is none."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How long a call may take, and its name in the logs.

    Args:
        timeout: Seconds until the whole answer must be there.
        first_token_timeout: Seconds until a stream must have begun.
        request_id: Sent on as ``x-request-id``.
    """

    timeout: float = 600.0
    first_token_timeout: float = 120.0
    request_id: str = ""


@dataclass(slots=True)
class ExpertStream:
    """A stream that has begun: blocks of whole events, the last one ending with ``[DONE]``.

    Iterate it once; close it with :meth:`aclose` (or ``async with``) when leaving early, which
    tells the expert to stop.

    Args:
        expert: Id of the expert that answers.
        health: Is told how the stream ended; one that was left early says nothing.
    """

    expert: str
    health: ExpertHealth
    usage: Usage | None = field(default=None, init=False)
    """Known once the last block has been read, where the expert counts tokens."""
    _blocks: AsyncIterator[bytes]
    _usage_wanted: bool
    _first: bytes | None = field(default=None, init=False)
    _last: bytes = field(default=b"", init=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        while True:
            try:
                block = self._last = await self._blocks.__anext__()
            except StopAsyncIteration:
                raise
            except ExpertError as error:
                note_failure(self.health, self.expert, error)
                raise
            except Exception as error:
                self.health.failed(self.expert)
                raise unforeseen(error, self.expert) from error
            if b'"usage"' in block:
                block = self._counted(block)
            if block:
                return block

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the expert and release what the call held."""
        if self._last.endswith(DONE):
            self.health.answered(self.expert)
        close = getattr(self._blocks, "aclose", None)
        if close is not None:
            await close()

    async def begin(self) -> Self:
        """Wait for the first block, so that a failure before it can still be answered otherwise."""
        try:
            self._first = await self.__anext__()
        except StopAsyncIteration:
            self.health.failed(self.expert)
            message = f"expert '{self.expert}' streamed nothing"
            raise ExpertAnswerInvalid(message, expert=self.expert) from None
        return self

    def _counted(self, block: bytes) -> bytes:
        """Note the usage that a block names; drop its chunk if the caller did not ask for it."""
        self.usage = usage_in(block) or self.usage
        return block if self._usage_wanted else without_usage_chunk(block)


class ExpertCaller:
    """Calls experts through their providers.

    Args:
        providers: The providers by name; closed with the caller.
        resolve_secret: Finds keys; see :data:`SecretResolver`.
        health: Is told how calls end.
    """

    def __init__(
        self,
        providers: ProviderRegistry,
        resolve_secret: SecretResolver,
        health: ExpertHealth | None = None,
    ) -> None:
        self._health = ExpertHealth() if health is None else health
        self._providers = providers
        self._resolve_secret = resolve_secret
        self._turns = itertools.count()

    async def complete(
        self, expert: Expert, fields: Mapping[str, Any], options: CallOptions | None = None
    ) -> ExpertAnswer:
        """Return the expert's whole answer to a request.

        Args:
            expert: The catalogue entry.
            fields: The caller's request by field; values are plain or ``msgspec.Raw``.
            options: Deadlines and request id.

        Raises:
            ExpertError: Of the kind that names whom to blame (:mod:`experts.errors`).
        """
        prepared = prepare(expert, fields, stream=False)
        with noting(self._health, expert.id):
            provider = self._providers.get(expert.provider)
            answer = await provider.complete(self._call(expert, prepared, options))
        self._health.answered(expert.id)
        return answer

    async def stream(
        self, expert: Expert, fields: Mapping[str, Any], options: CallOptions | None = None
    ) -> ExpertStream:
        """Return the expert's answer as a stream whose first block has already come.

        Args:
            expert: The catalogue entry.
            fields: The caller's request by field; values are plain or ``msgspec.Raw``.
            options: Deadlines and request id.

        Raises:
            ExpertError: Where nothing has been streamed yet. Errors after the first block come
                while the stream is iterated.
        """
        prepared = prepare(expert, fields, stream=True)
        with noting(self._health, expert.id):
            provider = self._providers.get(expert.provider)
            blocks = provider.stream(self._call(expert, prepared, options))
        stream = ExpertStream(expert.id, self._health, blocks, prepared.usage_wanted)
        return await stream.begin()

    async def aclose(self) -> None:
        """Close the providers."""
        await self._providers.aclose()

    def _call(self, expert: Expert, prepared: Prepared, options: CallOptions | None) -> ExpertCall:
        options = options or CallOptions()
        endpoint = choose_endpoint(expert.endpoints, next(self._turns))
        return ExpertCall(
            expert=expert,
            body=prepared.body,
            url=endpoint.url,
            api_key=self._secret(expert, endpoint.api_key),
            headers=endpoint.headers,
            timeout=options.timeout,
            first_token_timeout=options.first_token_timeout,
            request_id=options.request_id,
        )

    def _secret(self, expert: Expert, reference: SecretRef | None) -> str | None:
        if reference is None:
            return None
        try:
            secret = self._resolve_secret(reference).strip()
        except LookupError:
            secret = ""
        if secret:
            return secret
        kept = (
            f"environment variable {reference.env}"
            if reference.env
            else f"stored secret '{reference.stored}'"
        )
        message = f"expert '{expert.id}' has no API key: {kept} is not set"
        raise ExpertMisconfigured(message, expert=expert.id)


@contextmanager
def blaming(expert: str) -> Iterator[None]:
    """Name the expert in every error, and turn what is not one of ours into one.

    Raises:
        ExpertFailed: For anything unforeseen, with the original as its cause.
    """
    try:
        yield
    except ExpertError as error:
        error.expert = error.expert or expert
        raise
    except Exception as error:
        raise unforeseen(error, expert) from error


@contextmanager
def noting(health: ExpertHealth, expert: str) -> Iterator[None]:
    """Do as :func:`blaming` does, and note that the expert is called, and if it fails."""
    health.called(expert)
    try:
        with blaming(expert):
            yield
    except ExpertError as error:
        note_failure(health, expert, error)
        raise


def note_failure(health: ExpertHealth, expert: str, error: ExpertError) -> None:
    """Note a failure, if it is the expert's or its entry's; what it refuses says nothing of it."""
    if isinstance(error, ExpertFailed | ExpertMisconfigured):
        health.failed(expert)


def unforeseen(error: Exception, expert: str) -> ExpertFailed:
    """Return the error for what no provider should have raised."""
    message = f"expert '{expert}' failed unexpectedly ({type(error).__name__})"
    return ExpertFailed(message, expert=expert)
