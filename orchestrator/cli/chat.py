"""``coe chat``: ask a question, or talk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client import Coe
    from coe_client.types import Explanation

Conversation = list[dict[str, str]]


def chat(
    question: Annotated[
        str | None,
        typer.Argument(help="What to ask. Without it: standard input, or at a terminal, a talk."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="'coe', 'coe-<policy>' or an expert's id. Default: 'coe'.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Short for --model coe-<policy>: quality, balanced, economy.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="Instructions that stand before all.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Ask a question; the answer streams in, then how it came to be."""
    if model and policy:
        output.fail("Give --model or --policy, not both.", code=2)
    chosen = model or (f"coe-{policy}" if policy else "coe")
    conversation: Conversation = [{"role": "system", "content": system}] if system else []
    if question is None and not sys.stdin.isatty():
        question = sys.stdin.read().strip()
    if question is None and as_json:
        output.fail("--json needs a question.", code=2)
    if question is not None and not question.strip():
        output.fail("The question is empty.", code=2)
    with connected(url, key) as client:
        if question is None:
            _talk(client, chosen, conversation)
            return
        conversation.append({"role": "user", "content": question})
        if as_json:
            output.as_json(client.chat.create(conversation, model=chosen, explain=True))
        else:
            _answer(client, chosen, conversation)


def summary(explanation: Explanation) -> str:
    """Say in one line who answered, why, and what it took."""
    parts = [explanation.expert or "unknown expert"]
    if explanation.decision is not None:
        confidence = explanation.decision.confidence
        sure = "" if confidence is None else f" {confidence:.0%}"
        parts.append(f"{explanation.decision.category}{sure}")
    if explanation.policy:
        parts.append(explanation.policy)
    if explanation.usage is not None:
        usage = explanation.usage
        about = "about " if usage.estimated else ""
        parts.append(f"{about}{usage.prompt_tokens} + {usage.completion_tokens} tokens")
    if explanation.duration_ms is not None:
        first = explanation.first_token_ms
        begun = "" if first is None else f", first token after {first / 1000:.2f} s"
        parts.append(f"{explanation.duration_ms / 1000:.2f} s{begun}")
    if explanation.cost_usd is not None:
        parts.append(f"${explanation.cost_usd:.6f}")
    return " · ".join(parts)


def _answer(client: Coe, model: str, conversation: Conversation) -> str:
    """Print an answer as it comes, then its summary; return it."""
    written: list[str] = []
    try:
        with client.chat.create(conversation, model=model, stream=True, explain=True) as stream:
            for chunk in stream:
                written.append(chunk.text)
                output.text(chunk.text, end="")
    finally:
        if written:
            output.text("")
    if stream.explanation is not None:
        output.remark(summary(stream.explanation))
    return "".join(written)


def _talk(client: Coe, model: str, conversation: Conversation) -> None:
    """Take question after question; each answer becomes part of the conversation."""
    from coe_client import CoeError

    output.remark("Ctrl-C stops an answer, Ctrl-D ends.")
    while (question := _question()) is not None:
        if not question:
            continue
        asked = [*conversation, {"role": "user", "content": question}]
        try:
            answer = _answer(client, model, asked)
        except CoeError as error:
            typer.secho(output.clean(str(error)), fg=typer.colors.RED, err=True)
        except KeyboardInterrupt:
            output.remark("stopped")
        else:
            conversation[:] = [*asked, {"role": "assistant", "content": answer}]


def _question() -> str | None:
    """Read a line from the terminal; ``None`` at the end."""
    import readline  # noqa: F401 - gives input() a line editor with a history

    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        output.text("")
        return None
