"""``client.chat`` and ``client.models``, for coroutines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack, overload

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import answers as operations
from coe_client.operations.answers import Messages
from coe_client.paging import AsyncPages
from coe_client.streaming import AsyncChatStream
from coe_client.types import ChatCompletion, ChatOptions, Model


class AsyncChat(AsyncGroup):
    """``client.chat``: answers."""

    @overload
    async def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: Literal[False] = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion: ...

    @overload
    async def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: Literal[True],
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> AsyncChatStream: ...

    @overload
    async def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: bool,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion | AsyncChatStream: ...

    async def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: bool = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion | AsyncChatStream:
        """Answer a conversation.

        Args:
            messages: The conversation; a plain string stands for one message of the user.
            model: ``coe`` or ``coe-<policy>`` lets the router choose, an expert's id names one.
            stream: Give the answer in pieces as they come.
            explain: Ask for the whole story of the answer, as ``.coe`` or ``.explanation``.
            extra_body: Fields of the request that this package has no name for.
            options: The optional fields of OpenAI's chat completions.

        Raises:
            CoeError: Of the kind that says what went wrong (:mod:`coe_client.errors`).
        """
        request = operations.create_chat(
            messages, model=model, explain=explain, options=options, extra_body=extra_body
        )
        if stream:
            return await self._transport.stream(operations.streamed(request), AsyncChatStream)
        return await self._send(request)


class AsyncModels(AsyncGroup):
    """``client.models``: what may be given as ``model``."""

    def list(self) -> AsyncPages[Model]:
        """List policies and experts."""
        return self._pages(lambda _: operations.list_models())

    async def get(self, model_id: str) -> Model:
        """Get one."""
        return await self._send(operations.get_model(model_id))
