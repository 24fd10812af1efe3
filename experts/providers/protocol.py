"""What every provider does: one request in, one answer or one stream out, in OpenAI's wire format.

The wire is the currency of the whole service: a provider for an OpenAI-speaking server hands the
bytes on, any other provider writes the same wire itself. One conformance suite runs over them all
(``tests/integration/experts/test_provider_conformance.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from experts.catalogue.expert import Expert


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call.

    Args:
        prompt_tokens: Read, those of the vendor's cache included.
        completion_tokens: Written, reasoning included.
        cached_tokens: Of the prompt: found in the vendor's cache.
        reasoning_tokens: Of the answer: spent on reasoning.
        cache_write_tokens: Of the prompt: put into the vendor's cache.
        estimated: Whether we counted, because the expert did not, or not credibly.
        service_tier: At which of the vendor's tiers of service it was answered, if it says so.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    estimated: bool = False
    service_tier: str = ""


@dataclass(frozen=True, slots=True)
class ExpertCall:
    """One call, ready to be sent.

    Args:
        expert: The catalogue entry.
        body: The chat-completions request by field. Values may be ``msgspec.Raw``: bytes of JSON
            that go out as they came in. System prompt, default parameters, ``model`` and
            ``stream`` are already merged (see :mod:`experts.calling.prepare`).
        url: Base URL of the chosen endpoint, or ``None`` where the provider needs none.
        api_key: The resolved secret, never logged.
        headers: Extra request headers.
        timeout: Seconds after which nobody waits for the answer any more. Whoever calls keeps to it,
            and to shorter limits of a stream, by cancelling; it is here for libraries that have
            limits of their own.
        request_id: Sent on as ``x-request-id`` so that logs can be joined.
        category: What kind of request the router found it to be; memory is kept by it.
        likely: How likely the router thought each kind; memory is kept by it, too.
    """

    expert: Expert
    body: dict[str, Any]
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    timeout: float = 600.0
    request_id: str = ""
    category: str | None = None
    likely: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class ExpertAnswer:
    """A whole answer: the bytes of a ``chat.completion`` object, and its usage if it names any."""

    body: bytes
    usage: Usage | None


class Provider(Protocol):
    """Speaks one wire.

    Instances are cheap to build, own their connections and are shared by all calls of their kind;
    a cancelled call releases everything it held.
    """

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer.

        Raises:
            ExpertError: Of the kind that names whom to blame (:mod:`experts.errors`).
        """
        ...

    def stream(self, call: ExpertCall) -> AsyncIterator[bytes]:
        r"""Yield blocks of complete server-sent events as they come.

        Each block is one or more whole ``data: ...\n\n`` events; the last one ends with
        ``data: [DONE]\n\n``. A usage chunk (``"choices": []``) stands before it where the expert
        counts tokens.

        Raises:
            ExpertError: Before the first block, as for :meth:`complete`. After it,
                :class:`~experts.errors.ExpertAnswerInvalid` or ``ExpertUnreachable``: a stream
                without ``[DONE]`` never ends silently.
        """
        ...

    async def aclose(self) -> None:
        """Release connections, processes and memory."""
        ...


@runtime_checkable
class EmbeddingProvider(Protocol):
    """A provider that turns texts into vectors, too."""

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors: the bytes of OpenAI's ``list`` of ``embedding`` objects.

        Args:
            call: Its body is an embeddings request by field, with ``model`` already merged.

        Raises:
            ExpertError: Of the kind that names whom to blame (:mod:`experts.errors`).
        """
        ...
