"""Conversations as chat completions hold them, and the same in the other protocols."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
PICTURE = "data:image/png;base64,aGk="


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


_IMAGE = {"type": "image_url", "image_url": {"url": PICTURE}}
_PARTS = st.lists(TEXT.map(_text) | st.just(_IMAGE), min_size=2, max_size=3)
_USER = st.fixed_dictionaries({"role": st.just("user"), "content": TEXT | _PARTS})
_SAID = st.fixed_dictionaries({"role": st.just("assistant"), "content": TEXT})


@st.composite
def _tool_turn(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An assistant's calls and their results."""
    number = draw(st.integers(1, 3))
    ids = [f"call-{n}" for n in range(number)]
    arguments = st.dictionaries(TEXT, TEXT | st.integers(), max_size=2)
    calls = []
    for id_ in ids:
        encoded = msgspec.json.encode(draw(arguments)).decode()
        calls.append(
            {"id": id_, "type": "function", "function": {"name": "f", "arguments": encoded}}
        )
    said = {"role": "assistant", "content": draw(st.none() | TEXT), "tool_calls": calls}
    return [
        said,
        *({"role": "tool", "tool_call_id": id_, "content": draw(TEXT)} for id_ in ids),
    ]


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any conversation that ends with a user's turn or a tool's result."""
    messages = [{"role": "system", "content": draw(TEXT)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 2))):
        messages.append(draw(_USER))
        messages += draw(st.one_of(_SAID.map(lambda said: [said]), _tool_turn()))
    messages.append(draw(_USER))
    if draw(st.booleans()):
        tools = draw(_tool_turn())
        if draw(st.booleans()):
            tools[0]["reasoning_content"] = draw(TEXT)
        messages += tools
    return messages


def as_items(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation as the input items of a response."""
    items: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            output = message["content"]
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": message["tool_call_id"],
                    "output": output,
                }
            )
            continue
        if "reasoning_content" in message:
            thought = [{"type": "reasoning_text", "text": message["reasoning_content"]}]
            items.append({"type": "reasoning", "summary": [], "content": thought})
        if message["content"] is not None:
            content = _item_content(message["role"], message["content"])
            items.append({"type": "message", "role": message["role"], "content": content})
        items += [
            {"type": "function_call", "call_id": call["id"], **call["function"]}
            for call in message.get("tool_calls", ())
        ]
    return items


def _item_content(role: str, content: Any) -> Any:
    if isinstance(content, str):
        kind = "output_text" if role == "assistant" else "input_text"
        return [{"type": kind, "text": content}]
    return [
        {"type": "input_text", "text": part["text"]}
        if part["type"] == "text"
        else {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"}
        for part in content
    ]


def as_turns(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    """A conversation as the messages of Anthropic's protocol, and its system prompt."""
    turns: list[dict[str, Any]] = []
    system = None
    for message in messages:
        if message["role"] == "system":
            system = message["content"]
        elif message["role"] == "tool":
            result = {
                "type": "tool_result",
                "tool_use_id": message["tool_call_id"],
                "content": [_text(message["content"])],
            }
            if turns[-1]["role"] != "user":
                turns.append({"role": "user", "content": []})
            turns[-1]["content"].append(result)
        else:
            turns.append({"role": message["role"], "content": _blocks(message)})
    return turns, system


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    blocks: list[dict[str, Any]] = []
    if "reasoning_content" in message:
        thought = message["reasoning_content"]
        blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
    for part in [_text(content)] if isinstance(content, str) else content or ():
        data = {"type": "base64", "media_type": "image/png", "data": "aGk="}
        blocks.append(part if part["type"] == "text" else {"type": "image", "source": data})
    for call in message.get("tool_calls", ()):
        given = msgspec.json.decode(call["function"]["arguments"])
        name = call["function"]["name"]
        blocks.append({"type": "tool_use", "id": call["id"], "name": name, "input": given})
    return blocks
