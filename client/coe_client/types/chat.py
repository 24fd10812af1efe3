"""Chat completions: the OpenAI wire, read leniently."""

from __future__ import annotations

from typing import Any, TypedDict

from pydantic import Field, PrivateAttr

from coe_client.types.base import WireModel
from coe_client.types.routing import Explanation, RouteInfo


class CacheOptions(TypedDict, total=False):
    """What a request wants of answers that are kept."""

    read: bool
    write: bool
    max_age: float | None
    """Seconds that an answer may be old."""
    ttl: float | None
    """Seconds for which this one is kept."""
    sampled: bool
    similar: bool


class CoeOptions(TypedDict, total=False):
    """What a request may ask of this service beside what OpenAI's protocol has."""

    explain: bool
    events: bool
    """Tell of a strategy's steps as they happen, in a stream."""
    quality_floor: float | None
    """The cheapest expert expected to reach this quality (0..1) answers."""
    max_cost: float | None
    """US dollars the answer may be expected to cost."""
    max_latency: float | None
    """Seconds it may be expected to take."""
    cache: bool | CacheOptions
    context: list[str]
    facts: list[tuple[str, str, str]]
    checks: list[dict[str, Any]]


class ChatOptions(TypedDict, total=False):
    """Optional fields of a chat request, by their names on the wire.

    They are handed on as they are; which of them an expert honours is its own affair.
    """

    temperature: float | None
    top_p: float | None
    n: int | None
    max_tokens: int | None
    max_completion_tokens: int | None
    stop: str | list[str] | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    logit_bias: dict[str, float] | None
    logprobs: bool | None
    top_logprobs: int | None
    tools: list[dict[str, Any]]
    tool_choice: str | dict[str, Any]
    parallel_tool_calls: bool
    response_format: dict[str, Any]
    reasoning_effort: str | None
    stream_options: dict[str, Any] | None
    user: str
    coe: CoeOptions


class CompletionUsage(WireModel):
    """Tokens of one request as the expert counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class FunctionCall(WireModel):
    """A function the expert wants called. In a stream the arguments arrive in pieces."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(WireModel):
    """A call of a tool, or a piece of one in a stream."""

    id: str | None = None
    type: str | None = None
    index: int | None = None
    function: FunctionCall | None = None


class ChatMessage(WireModel):
    """The expert's message."""

    role: str = "assistant"
    content: Any = None
    """A string nearly always; ``None`` beside tool calls."""
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(WireModel):
    """One of the answers."""

    index: int = 0
    message: ChatMessage
    finish_reason: str | None = None
    logprobs: Any = None


class ChatCompletion(WireModel):
    """A whole answer."""

    id: str = ""
    object: str = "chat.completion"
    created: int | float = 0
    model: str = ""
    choices: list[Choice]
    usage: CompletionUsage | None = None
    coe: Explanation | None = None
    """How the answer came to be, where the request asked with ``explain=True``."""

    _route: RouteInfo = PrivateAttr(default_factory=RouteInfo)

    @property
    def route(self) -> RouteInfo:
        """Where the request went, from the answer's headers."""
        return self._route

    @property
    def text(self) -> str:
        """The first choice's text; empty where there is none."""
        content = self.choices[0].message.content if self.choices else None
        return content if isinstance(content, str) else ""

    def attach_route(self, route: RouteInfo) -> None:
        """Note where the request went; done once, when the answer is read."""
        self._route = route


class ChoiceDelta(WireModel):
    """What a chunk adds to the message."""

    role: str | None = None
    content: Any = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class ChunkChoice(WireModel):
    """What a chunk adds to one of the answers."""

    index: int = 0
    delta: ChoiceDelta = Field(default_factory=ChoiceDelta)
    finish_reason: str | None = None
    logprobs: Any = None


class ChatCompletionChunk(WireModel):
    """A piece of a streamed answer."""

    id: str = ""
    object: str = "chat.completion.chunk"
    created: int | float = 0
    model: str = ""
    choices: list[ChunkChoice] = Field(default_factory=list)
    usage: CompletionUsage | None = None
    coe: Explanation | None = None
    """On the last chunk, where the request asked with ``explain=True``."""

    @property
    def text(self) -> str:
        """What the first choice gains in text; empty where nothing."""
        content = self.choices[0].delta.content if self.choices else None
        return content if isinstance(content, str) else ""
