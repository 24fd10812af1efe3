"""Answers that cannot be judged do not get through, and nothing breaks."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.chat import review as reviewing
from orchestrator.chat.guarding import guarded
from orchestrator.chat.review import Review, status_of
from orchestrator.guardrails.service import Guardrails
from orchestrator.guardrails.values import Event, Note
from orchestrator.kit.errors import ApiError

EVENT = Event("request", "req_1", "default", "key_1", "e", [{"role": "user", "content": "x"}])


class Allowing:
    """Consents to everything, and counts how often."""

    name = "allowing"

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, event: Event) -> Any:
        assert event.messages
        self.asked += 1
        return {"outcome": "allow"}

    async def aclose(self) -> None:
        """Nothing is held."""


def review(hook: Allowing) -> Review:
    return Review(Guardrails((), (hook,)), EVENT)


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{}]}',
        b'{"choices":[3]}',
        b'{"choices":[{"message":"x"}]}',
        b'{"choices":[{"message":{"content":"\\ud800"}}]}',
    ],
)
async def test_an_answer_without_messages_is_not_passed_on(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        await review(Allowing()).whole(body)
    assert (caught.value.status, caught.value.code) == (503, "guardrail_unavailable")
    assert status_of(caught.value) == "failed"


async def test_a_stream_without_any_message_has_nothing_to_judge() -> None:
    hook = Allowing()
    blocks = [b'data: {"choices":[]}\n\n']
    assert await review(hook).stream(blocks) == blocks
    assert hook.asked == 0


async def test_bytes_that_are_allowed_stay_as_they_are() -> None:
    hook, body = Allowing(), b'{"choices" : [{"message":{"role":"assistant","content":"\\u0041"}}]}'
    assert await review(hook).whole(body) is body
    assert hook.asked == 1


def test_what_is_noted_says_nothing_of_what_was_said() -> None:
    noted = review(Allowing())
    assert noted.noted is None
    noted.notes += [
        Note("mod:one", "request", "flag", ("odd",)),
        Note("judge", "answer", "block", ("odd", "bad")),
    ]
    assert noted.noted == [
        {"guardrail": "mod:one", "stage": "request", "outcome": "flag", "flags": ("odd",)},
        {"guardrail": "judge", "stage": "answer", "outcome": "block", "flags": ("odd", "bad")},
    ]
    assert noted.flags == ("odd", "bad")


def test_where_there_is_no_guardrail_nothing_stands_in_between() -> None:
    inner: Any = object()
    assert guarded(inner, Guardrails(), inner) is inner
    assert reviewing.as_it_is(b"x") == b"x"
