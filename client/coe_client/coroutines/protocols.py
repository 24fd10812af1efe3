"""``client.responses``, ``client.messages`` and ``client.embeddings``, for coroutines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack, overload

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import answers
from coe_client.operations import protocols as operations
from coe_client.operations.answers import Message
from coe_client.operations.protocols import Embedded
from coe_client.streaming import AsyncMessageStream, AsyncResponseStream
from coe_client.types import (
    CoeOptions,
    EmbeddingList,
    MessageAnswer,
    MessageCountOptions,
    MessageOptions,
    Response,
    ResponseOptions,
    TokenCount,
)


class AsyncResponses(AsyncGroup):
    """``client.responses``: answers in OpenAI's Responses protocol."""

    @overload
    async def create(
        self,
        said: str | Sequence[Message],
        *,
        model: str = "coe",
        stream: Literal[False] = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ResponseOptions],
    ) -> Response: ...

    @overload
    async def create(
        self,
        said: str | Sequence[Message],
        *,
        model: str = "coe",
        stream: Literal[True],
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ResponseOptions],
    ) -> AsyncResponseStream: ...

    async def create(
        self,
        said: str | Sequence[Message],
        *,
        model: str = "coe",
        stream: bool = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ResponseOptions],
    ) -> Response | AsyncResponseStream:
        """Answer.

        Args:
            said: A text, or input items.
            model: As in ``client.chat.create``.
            stream: Give the answer in events as it comes.
            explain: As in ``client.chat.create``.
            extra_body: Fields of the request that this package has no name for.
            options: The optional fields of OpenAI's responses.
        """
        request = operations.create_response(
            said, model=model, explain=explain, options=options, extra_body=extra_body
        )
        if stream:
            return await self._transport.stream(answers.streamed(request), AsyncResponseStream)
        return await self._send(request)

    async def count_tokens(
        self,
        said: str | Sequence[Message],
        *,
        model: str = "coe",
        **options: Unpack[ResponseOptions],
    ) -> TokenCount:
        """Count the tokens of such a request, or estimate them; nobody answers it."""
        return await self._send(
            operations.count_response_tokens(said, model=model, options=options)
        )


class AsyncMessages(AsyncGroup):
    """``client.messages``: answers in Anthropic's Messages protocol."""

    @overload
    async def create(
        self,
        messages: answers.Messages,
        *,
        max_tokens: int,
        model: str = "coe",
        stream: Literal[False] = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[MessageOptions],
    ) -> MessageAnswer: ...

    @overload
    async def create(
        self,
        messages: answers.Messages,
        *,
        max_tokens: int,
        model: str = "coe",
        stream: Literal[True],
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[MessageOptions],
    ) -> AsyncMessageStream: ...

    async def create(
        self,
        messages: answers.Messages,
        *,
        max_tokens: int,
        model: str = "coe",
        stream: bool = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[MessageOptions],
    ) -> MessageAnswer | AsyncMessageStream:
        """Answer.

        Args:
            messages: The conversation; a plain string stands for one message of the user.
            max_tokens: That the answer may have.
            model: As in ``client.chat.create``.
            stream: Give the answer in events as it comes.
            explain: As in ``client.chat.create``.
            extra_body: Fields of the request that this package has no name for.
            options: The optional fields of Anthropic's messages.
        """
        request = operations.create_message(
            messages,
            max_tokens=max_tokens,
            model=model,
            explain=explain,
            options=options,
            extra_body=extra_body,
        )
        if stream:
            return await self._transport.stream(answers.streamed(request), AsyncMessageStream)
        return await self._send(request)

    async def count_tokens(
        self,
        messages: answers.Messages,
        *,
        model: str = "coe",
        **options: Unpack[MessageCountOptions],
    ) -> TokenCount:
        """Count the tokens of such a request, or estimate them; nobody answers it."""
        return await self._send(
            operations.count_message_tokens(messages, model=model, options=options)
        )


class AsyncEmbeddings(AsyncGroup):
    """``client.embeddings``: texts as vectors."""

    async def create(
        self,
        texts: Embedded,
        *,
        model: str,
        dimensions: int | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        coe: CoeOptions | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> EmbeddingList:
        """Turn texts into vectors.

        Args:
            texts: A text, some texts, or the same as tokens.
            model: Id of an expert that makes embeddings.
            dimensions: Numbers in a vector, where the expert lets one choose.
            encoding_format: ``base64`` for strings of four bytes a number.
            coe: What only this service has.
            extra_body: Fields of the request that this package has no name for.
        """
        request = operations.create_embeddings(
            texts,
            model=model,
            dimensions=dimensions,
            encoding_format=encoding_format,
            coe=coe,
            extra_body=extra_body,
        )
        return await self._send(request)
