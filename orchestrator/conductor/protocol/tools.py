"""The same as tool calls, for conductors that have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orchestrator.conductor.protocol.move import Call, Move

ASK, PYTHON, ANSWER = "ask_expert", "run_python", "final_answer"


def _tool(name: str, description: str, **properties: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {
                    key: {"type": "string", "description": told} for key, told in properties.items()
                },
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


TOOLS: tuple[dict[str, Any], ...] = (
    _tool(
        ASK,
        "Ask an expert. It sees this instruction and nothing else: no task, no earlier message.",
        expert="Who it should be: a role or skill in a few words, such as 'Mathematician'.",
        instruction="The complete instruction, with everything needed to follow it.",
    ),
    _tool(
        PYTHON,
        "Run Python in a sandbox without files and network, and see what it prints.",
        code="The program. Print what you need to see.",
    ),
    _tool(ANSWER, "Give the final answer to the task.", answer="The answer, as asked for."),
)


def read_tool_calls(tool_calls: Sequence[dict[str, Any]]) -> Move:
    """Read a message's tool calls; one that cannot be read becomes a fault."""
    calls: list[Call] = []
    faults: list[str] = []
    answer: str | None = None
    for tool_call in tool_calls:
        name, arguments, fault = _read(tool_call)
        if fault:
            faults.append(fault)
        elif name == ANSWER:
            answer = arguments["answer"].strip() or answer
        elif name == PYTHON:
            calls.append(Call("Python", arguments["code"], True, str(tool_call.get("id", ""))))
        else:
            expert, instruction = arguments["expert"], arguments["instruction"]
            calls.append(Call(expert, instruction, id=str(tool_call.get("id", ""))))
    return Move(tuple(calls), answer, tuple(faults))


_NEEDED = {ASK: ("expert", "instruction"), PYTHON: ("code",), ANSWER: ("answer",)}


def _read(tool_call: dict[str, Any]) -> tuple[str, dict[str, str], str]:
    """Return a tool call's name and arguments, or what is wrong with it."""
    function = tool_call.get("function")
    function = function if isinstance(function, dict) else {}
    name = str(function.get("name", ""))
    if name not in _NEEDED:
        return name, {}, f"there is no tool {name!r}; there are {', '.join(_NEEDED)}"
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (TypeError, ValueError):
        return name, {}, f"the arguments of {name} are not valid JSON"
    if not isinstance(arguments, dict):
        return name, {}, f"the arguments of {name} are not a JSON object"
    missing = [key for key in _NEEDED[name] if not str(arguments.get(key) or "").strip()]
    if missing:
        return name, {}, f"{name} needs {' and '.join(missing)}"
    return name, {key: str(arguments[key]) for key in _NEEDED[name]}, ""
