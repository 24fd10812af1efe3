"""Reads a chat request: decoded once, and only as far as routing needs.

Every top-level field stays the bytes it came as, so what is passed on is exactly what the caller
sent, fields we have never heard of included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as field_of
from typing import Any, NoReturn

import msgspec

from experts.cache.controls import ControlError, Controls, controls_of
from experts.catalogue.expert import Expert
from orchestrator.chat.limits import NO_LIMITS, Limits, checked_limits
from orchestrator.chat.review import Review, Tell, as_it_is
from orchestrator.conductor.grounds import NO_GROUNDS, Grounds, checked_grounds
from orchestrator.kit.errors import ApiError

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat-completions request.

    Args:
        fields: Every top-level field as it came, without ``coe``.
        model: What the caller named: ``coe``, ``coe-<policy>`` or an expert.
        messages: The decoded messages.
        stream: Whether the answer is to be streamed.
        tools: The decoded tools, for routing.
        response_format: The decoded format, for routing.
        explain: Whether the caller asked for the explanation of the answer.
        events: Whether the caller asked for typed events of a strategy's steps.
        grounds: What the caller gives a strategy to work with.
        limits: What the caller asks of the expert that answers.
        cache: What the caller says of caches, if anything.
        api: Name of the endpoint it came to, for its usage record.
        marked: Fields with cache marks, in place of those without; see :meth:`fields_for`.
        told: Tells a whole answer in the protocol that was asked in.
        review: What guardrails say of it, where there are any.
    """

    fields: dict[str, msgspec.Raw]
    model: str
    messages: list[Any]
    stream: bool
    tools: list[Any] | None
    response_format: dict[str, Any] | None
    explain: bool
    events: bool = False
    grounds: Grounds = NO_GROUNDS
    limits: Limits = NO_LIMITS
    cache: Controls | None = None
    api: str = "chat.completions"
    marked: Mapping[str, msgspec.Raw] = field_of(default_factory=dict)
    told: Tell = as_it_is
    review: Review | None = None

    @property
    def usage_wanted(self) -> bool:
        """Whether a stream shall end with the tokens it took."""
        options = field(self.fields, "stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    @property
    def holds_streams(self) -> bool:
        """Whether nothing of a stream is sent before all of it is judged."""
        return self.review is not None and self.review.holds_streams

    def fields_for(self, experts: Sequence[Expert]) -> Mapping[str, msgspec.Raw]:
        """Return the fields that go to some experts: with cache marks, if all of these know them."""
        if self.marked and all(map(_knows_marks, experts)):
            return {**self.fields, **self.marked}
        return self.fields

    async def passed(self, body: bytes) -> bytes:
        """Return a whole answer as the caller is told it: judged, then in the protocol asked in.

        Raises:
            ApiError: 403 if a guardrail blocks it, 503 if it cannot be judged.
            ExpertAnswerInvalid: If it cannot be told in that protocol.
        """
        return self.told(body if self.review is None else await self.review.whole(body))


def parse_object(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the top-level fields of a JSON object, undecoded.

    Raises:
        ApiError: 400 if the body is not a JSON object.
    """
    if not body.strip():
        _refuse("The request body is empty; a JSON object is expected.", None)
    try:
        return _decoder.decode(body)
    except _UNREADABLE as error:
        raise ApiError(
            400, "invalid_json", f"The request body is not a JSON object: {error}."
        ) from error


def parse_chat(body: bytes) -> ChatRequest:
    """Read a chat request.

    Raises:
        ApiError: 400, naming the field that is wrong.
    """
    fields = parse_object(body)
    model = field(fields, "model")
    if not isinstance(model, str) or not model:
        _refuse("'model' must be a non-empty string, such as 'coe'.", "model")
    extension = checked_extension(fields)
    fields.pop("coe", None)
    return ChatRequest(
        fields=fields,
        model=model,
        messages=checked_messages(field(fields, "messages")),
        stream=flag(field(fields, "stream"), "stream"),
        tools=checked_tools(fields),
        response_format=checked_response_format(fields),
        **extension_fields(extension),
    )


def extension_fields(extension: dict[str, Any]) -> dict[str, Any]:
    """Return what the ``coe`` object says, as fields of a :class:`ChatRequest`.

    Raises:
        ApiError: 400, naming the field that is wrong.
    """
    return {
        "explain": flag(extension.get("explain"), "coe.explain"),
        "events": flag(extension.get("events"), "coe.events"),
        "grounds": checked_grounds(extension),
        "limits": checked_limits(extension),
        "cache": _checked_cache(extension),
    }


def field(fields: dict[str, msgspec.Raw], name: str) -> Any:
    """Return one decoded field, or ``None`` where it is missing.

    Raises:
        ApiError: 400 if its JSON is broken.
    """
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE as error:
        raise ApiError(
            400, "invalid_json", f"'{name}' is not valid JSON: {error}.", param=name
        ) from error


def checked_messages(messages: Any) -> list[Any]:
    """Return the messages if each is an object with a role.

    Raises:
        ApiError: 400, naming the message.
    """
    if not isinstance(messages, list) or not messages:
        _refuse("'messages' must be a non-empty array.", "messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            _refuse(f"'messages[{index}]' must be an object.", f"messages[{index}]")
        if not isinstance(message.get("role"), str):
            _refuse(f"'messages[{index}].role' must be a string.", f"messages[{index}].role")
    return messages


def checked_tools(fields: dict[str, msgspec.Raw]) -> list[Any] | None:
    """Return the decoded tools; what is in them, the expert judges.

    Raises:
        ApiError: 400 if they are not an array of objects.
    """
    tools = field(fields, "tools")
    if tools is None:
        return None
    if not isinstance(tools, list):
        _refuse("'tools' must be an array.", "tools")
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            _refuse(f"'tools[{index}]' must be an object.", f"tools[{index}]")
    return tools


def checked_extension(fields: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Return the decoded ``coe`` object, empty where there is none.

    Raises:
        ApiError: 400 if it is not an object.
    """
    extension: dict[str, Any] = _object(field(fields, "coe"), "coe") or {}
    return extension


def checked_response_format(fields: dict[str, msgspec.Raw]) -> dict[str, Any] | None:
    """Return the decoded response format.

    Raises:
        ApiError: 400 if it is not an object.
    """
    wanted: dict[str, Any] | None = _object(field(fields, "response_format"), "response_format")
    return wanted


def flag(value: Any, name: str) -> bool:
    """Return a flag; one that is not given is false.

    Raises:
        ApiError: 400 if it is neither true nor false.
    """
    if value is None:
        return False
    if not isinstance(value, bool):
        _refuse(f"'{name}' must be true or false.", name)
    return value


def _checked_cache(extension: dict[str, Any]) -> Controls | None:
    try:
        return controls_of(extension.get("cache"))
    except ControlError as error:
        raise ApiError(400, "invalid_request", str(error), param=error.param) from error


def _knows_marks(expert: Expert) -> bool:
    """Tell whether an expert is one of Anthropic's models, and reached in a way that keeps marks."""
    return expert.provider == "litellm" and "claude" in expert.model.lower()


def _object(value: Any, name: str) -> Any:
    if value is not None and not isinstance(value, dict):
        _refuse(f"'{name}' must be an object.", name)
    return value


def _refuse(message: str, param: str | None) -> NoReturn:
    raise ApiError(400, "invalid_request", message, param=param)
