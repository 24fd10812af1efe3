"""What guardrails may say, what that leads to, and that silence is not consent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.guardrails.hooks import make_hooks
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Event, HookFailed, Verdict, read_verdict
from orchestrator.kit.errors import ApiError, StartError
from orchestrator.kit.settings import load_settings

EVENT = Event(
    "request", "req_1", "acme", "key_1", "coe", [{"role": "user", "content": "call 555-1234"}]
)
REDACTED = [{"role": "user", "content": "call ***"}]


class Saying:
    """A guardrail that says the same to everything."""

    name = "saying"

    def __init__(self, reply: Any) -> None:
        self.reply = reply
        self.asked: list[Event] = []

    async def ask(self, event: Event) -> Any:
        self.asked.append(event)
        if isinstance(self.reply, Exception):
            raise self.reply
        if self.reply == "hang":
            await asyncio.sleep(60)
        return self.reply

    async def aclose(self) -> None:
        """Nothing is held."""


def before(*replies: Any, **options: Any) -> Guardrails:
    return Guardrails(tuple(Saying(reply) for reply in replies), timeout=0.05, **options)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        "allow",
        [],
        {"outcome": "maybe"},
        {"outcome": "allow", "message": []},
        {"outcome": "redact"},
        {"outcome": "redact", "messages": []},
        {"outcome": "redact", "messages": ["x"]},
        {"outcome": "redact", "messages": [{"content": "x"}]},
        {"outcome": "block", "reason": 3},
        {"outcome": "flag", "flags": "pii"},
        {"outcome": "flag", "flags": ["a b"]},
        {"outcome": "flag", "flags": ["x\r\nset-cookie: a=b"]},
        {"outcome": "flag", "flags": [f"f{n}" for n in range(17)]},
    ],
)
async def test_what_cannot_be_read_is_a_failure(reply: Any) -> None:
    with pytest.raises(HookFailed):
        read_verdict(reply, EVENT)
    with pytest.raises(ApiError) as caught:
        await before(reply).check(EVENT)
    assert (caught.value.status, caught.value.code) == (503, "guardrail_unavailable")


def test_what_can_be_read() -> None:
    assert read_verdict(None, EVENT) == Verdict()
    assert read_verdict({"outcome": "allow"}, EVENT) == Verdict()
    verdict = Verdict("redact", "phone", ("pii",), REDACTED)
    assert read_verdict(verdict, EVENT) == verdict
    said = {"outcome": "redact", "reason": "phone", "flags": ["pii"], "messages": REDACTED}
    assert read_verdict(said, EVENT) == verdict


def test_an_answer_keeps_its_number_of_choices() -> None:
    answer = replace(EVENT, stage="answer")
    with pytest.raises(HookFailed, match="1 choices"):
        read_verdict({"outcome": "redact", "messages": REDACTED * 2}, answer)


async def test_each_sees_what_the_one_before_left() -> None:
    guardrails = before(
        {"outcome": "redact", "messages": REDACTED, "flags": ["pii"]},
        {"outcome": "flag", "flags": ["pii", "angry"]},
        {"outcome": "allow"},
    )
    passed = await guardrails.check(EVENT)
    assert (passed.messages, passed.changed, passed.flags) == (REDACTED, True, ("pii", "angry"))
    seen = [hook.asked[0].messages for hook in guardrails.requests]  # type: ignore[attr-defined]
    assert seen == [EVENT.messages, REDACTED, REDACTED]


async def test_one_that_blocks_ends_it_with_its_reason() -> None:
    guardrails = before({"outcome": "block", "reason": "not here"}, {"outcome": "allow"})
    with pytest.raises(ApiError, match="The request was blocked: not here") as caught:
        await guardrails.check(EVENT)
    assert (caught.value.status, caught.value.code) == (403, "blocked_by_guardrail")
    assert guardrails.requests[1].asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("reply", ["hang", HookFailed("down"), {"outcome": "?"}])
async def test_a_failure_is_a_refusal_or_consent_as_it_is_set(reply: Any) -> None:
    with pytest.raises(ApiError) as caught:
        await before(reply).check(EVENT)
    assert caught.value.headers == {"retry-after": "1"}
    passed = await before(reply, failure="open").check(EVENT)
    assert (passed.messages, passed.flags) == (EVENT.messages, ("guardrail_failed",))


async def test_stages_are_apart() -> None:
    guardrails = before({"outcome": "block"})
    assert (await guardrails.check(replace(EVENT, stage="answer"))).messages == EVENT.messages
    assert guardrails.of_requests.any
    assert not Guardrails().any


def blocks(_: Event) -> dict[str, str]:
    return {"outcome": "block"}


async def flags(event: Event) -> Verdict:
    return Verdict("flag", flags=(event.tenant,))


def raises(_: Event) -> None:
    raise RuntimeError("sk-hidden")


@pytest.mark.parametrize(
    ("function", "reply"), [(blocks, {"outcome": "block"}), (flags, Verdict("flag", "", ("acme",)))]
)
async def test_functions_are_asked(function: Callable[..., Any], reply: Any) -> None:
    (hook,) = make_hooks(f"{__name__}:{function.__name__}")
    assert await hook.ask(EVENT) == reply


async def test_a_function_that_fails_does_not_tell_what_it_said() -> None:
    (hook,) = make_hooks(f"{__name__}:raises")
    with pytest.raises(HookFailed, match=r"it raised RuntimeError$"):
        await hook.ask(EVENT)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("nonsense", "neither"),
        ("no_such_module:f", "cannot be loaded"),
        ("json:no_such", "cannot be loaded"),
        ("json:__name__", "is no function"),
        ("https://user:pass@example.com/", "user name"),
        ("https://", "names no host"),
    ],
)
def test_what_cannot_be_had_stops_the_start(
    setting: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.guardrails.building import build_guardrails

    monkeypatch.setenv("COE_GUARDRAILS_AFTER", setting)
    with pytest.raises(StartError, match=f"COE_GUARDRAILS_AFTER.*{problem}"):
        build_guardrails(load_settings())
