"""``client.chat`` and ``client.models``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack, overload

from coe_client.operations import answers as operations
from coe_client.operations.answers import Messages
from coe_client.paging import Pages
from coe_client.streaming import ChatStream
from coe_client.threads.group import Group
from coe_client.types import ChatCompletion, ChatOptions, Model


class Chat(Group):
    """``client.chat``: answers."""

    @overload
    def create(
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
    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: Literal[True],
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatStream: ...

    @overload
    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: bool,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion | ChatStream: ...

    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: bool = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion | ChatStream:
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
            return self._transport.stream(operations.streamed(request), ChatStream)
        return self._send(request)


class Models(Group):
    """``client.models``: what may be given as ``model``."""

    def list(self) -> Pages[Model]:
        """List policies and experts."""
        return self._pages(lambda _: operations.list_models())

    def get(self, model_id: str) -> Model:
        """Get one."""
        return self._send(operations.get_model(model_id))
