"""Answers in OpenAI's Responses protocol and in Anthropic's Messages protocol, and embeddings."""

from __future__ import annotations

from typing import Any, TypedDict

from pydantic import Field, PrivateAttr

from coe_client.types.base import WireModel
from coe_client.types.chat import CoeOptions
from coe_client.types.routing import Explanation, RouteInfo


class RoutedAnswer(WireModel):
    """An answer, and where the request went."""

    coe: Explanation | None = None
    """How the answer came to be, where the request asked with ``explain=True``."""

    _route: RouteInfo = PrivateAttr(default_factory=RouteInfo)

    @property
    def route(self) -> RouteInfo:
        """Where the request went, from the answer's headers."""
        return self._route

    def attach_route(self, route: RouteInfo) -> None:
        """Note where the request went; done once, when the answer is read."""
        self._route = route


class ResponseOptions(TypedDict, total=False):
    """Optional fields of a request for a response, by their names on the wire."""

    instructions: str | None
    tools: list[dict[str, Any]]
    tool_choice: str | dict[str, Any]
    text: dict[str, Any]
    reasoning: dict[str, Any]
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    parallel_tool_calls: bool
    metadata: dict[str, str] | None
    user: str
    coe: CoeOptions


class OutputItem(WireModel):
    """A part of a response: a message, a call of a function, a thought."""

    type: str = ""
    id: str | None = None
    role: str | None = None
    status: str | None = None
    content: list[dict[str, Any]] | None = None
    name: str | None = None
    arguments: str | None = None
    call_id: str | None = None

    @property
    def text(self) -> str:
        """Its text; empty where it has none."""
        parts = self.content or []
        return "".join(part.get("text", "") for part in parts if part.get("type") == "output_text")


class Response(RoutedAnswer):
    """A whole answer in OpenAI's Responses protocol."""

    id: str
    object: str = "response"
    created_at: int | float = 0
    status: str = ""
    """``completed`` or ``incomplete``."""
    model: str = ""
    output: list[OutputItem] = Field(default_factory=list)
    usage: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The text of its messages; empty where there is none."""
        return "".join(item.text for item in self.output)


class ResponseEvent(WireModel):
    """Something that happens as a response comes; what it holds depends on its type."""

    type: str
    """Such as ``response.output_text.delta``."""
    sequence_number: int | None = None
    delta: str | None = None
    response: Response | None = None
    """As it is so far, in events that tell of all of it."""


class MessageOptions(TypedDict, total=False):
    """Optional fields of a request for a message, by their names on the wire."""

    system: str | list[dict[str, Any]] | None
    tools: list[dict[str, Any]]
    tool_choice: dict[str, Any]
    thinking: dict[str, Any]
    output_config: dict[str, Any]
    stop_sequences: list[str]
    temperature: float | None
    top_p: float | None
    top_k: int | None
    metadata: dict[str, Any] | None
    coe: CoeOptions


class MessageCountOptions(TypedDict, total=False):
    """Those of them that a prompt is made of."""

    system: str | list[dict[str, Any]] | None
    tools: list[dict[str, Any]]
    tool_choice: dict[str, Any]
    thinking: dict[str, Any]
    output_config: dict[str, Any]
    coe: CoeOptions


class ContentBlock(WireModel):
    """A part of a message: text, a use of a tool, a thought."""

    type: str = ""
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    thinking: str | None = None
    signature: str | None = None


class MessageAnswer(RoutedAnswer):
    """A whole answer in Anthropic's Messages protocol."""

    id: str
    type: str = "message"
    role: str = "assistant"
    model: str = ""
    content: list[ContentBlock] = Field(default_factory=list)
    stop_reason: str | None = None
    usage: dict[str, Any] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of its blocks; empty where there is none."""
        return "".join(block.text or "" for block in self.content)


class MessageEvent(WireModel):
    """Something that happens as a message comes; what it holds depends on its type."""

    type: str
    """Such as ``content_block_delta``."""
    index: int | None = None
    delta: dict[str, Any] | None = None
    message: MessageAnswer | None = None

    @property
    def text(self) -> str:
        """What the answer gains in text; empty where nothing."""
        return str((self.delta or {}).get("text", ""))


class TokenCount(WireModel):
    """How many tokens a prompt has."""

    object: str | None = None
    input_tokens: int


class Embedding(WireModel):
    """The vector of one text."""

    index: int = 0
    object: str = "embedding"
    embedding: list[float] | str = Field(default_factory=list)
    """A string in base64 where the request asked for that."""


class EmbeddingList(WireModel):
    """The vectors of some texts, in their order."""

    object: str = "list"
    data: list[Embedding]
    model: str = ""
    usage: dict[str, Any] = Field(default_factory=dict)
