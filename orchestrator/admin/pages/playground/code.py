"""A request as code to copy. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any

from orchestrator.admin.pages.playground.setup import Setup

Messages = Sequence[Mapping[str, Any]]


def body(model: str, messages: Messages, setup: Setup) -> dict[str, Any]:
    """Return the request's body."""
    return {"model": model, "messages": setup.messages(messages), **setup.options()}


def curl(address: str, model: str, messages: Messages, setup: Setup) -> str:
    """Return the request for a shell."""
    sent = json.dumps(body(model, messages, setup), indent=2, ensure_ascii=False)
    return (
        f"curl -s {shlex.quote(f'{address}/v1/chat/completions')} \\\n"
        '  -H "Authorization: Bearer $COE_API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(sent)}"
    )


def openai(address: str, model: str, messages: Messages, setup: Setup) -> str:
    """Return the request for the package ``openai``."""
    sent = body(model, messages, setup)
    own = sent.pop("coe", None)
    if own:
        sent["extra_body"] = {"coe": own}
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url={f"{address}/v1"!r}, api_key=os.environ["COE_API_KEY"])\n'
        f"answer = client.chat.completions.create(\n{_arguments(sent)})\n"
        "print(answer.choices[0].message.content)"
    )


def sdk(address: str, model: str, messages: Messages, setup: Setup) -> str:
    """Return the request for the package ``coe-client``."""
    sent = body(model, messages, setup)
    said = sent.pop("messages")
    return (
        "import os\n\nfrom coe_client import Coe\n\n"
        f'with Coe(base_url={address!r}, api_key=os.environ["COE_API_KEY"]) as client:\n'
        "    answer = client.chat.create(\n"
        f"        {_indented(said, 8)},\n{_arguments(sent, 8)}    )\n"
        "    print(answer.text, answer.route.expert, answer.route.cost)"
    )


def _arguments(sent: Mapping[str, Any], spaces: int = 4) -> str:
    return "".join(
        f"{' ' * spaces}{name}={_indented(value, spaces)},\n" for name, value in sent.items()
    )


def _indented(value: Any, spaces: int) -> str:
    return pformat(value, width=80, sort_dicts=False).replace("\n", "\n" + " " * (spaces + 1))
