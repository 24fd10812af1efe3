"""A call costs what its prompt's length and the tier of service it was answered at make it cost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.dialects.conftest import USAGE, Talk, stream, whole

LONG = {**USAGE, "prompt_tokens": 2001, "total_tokens": 2301}
MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("usage", "told", "nanos"),
    [
        (USAGE, {}, 1000 * 1_000 + 300 * 2_000),
        (USAGE, {"service_tier": "default"}, 1000 * 1_000 + 300 * 2_000),
        (USAGE, {"service_tier": "flex"}, 1000 * 500 + 300 * 1_000),
        (LONG, {}, 2001 * 2_000 + 300 * 3_000),
    ],
)
async def test_what_it_costs(
    talk: Talk, usage: dict[str, int], told: dict[str, Any], nanos: int, streamed: bool
) -> None:
    asked = {"messages": MESSAGES, "stream": streamed, "service_tier": "auto"}
    says = stream if streamed else whole
    reply = says({"content": "x"}, usage=usage, **told)
    answer = await talk.post("/v1/chat/completions", asked, reply)
    assert talk.sent["service_tier"] == "auto"
    row = await talk.record(answer)
    assert round(row["cost_usd"] * 1e9) == nanos
    if told.get("service_tier") == "flex":  # the record says what it was priced by
        (call,) = row["attempts"]
        assert (call["service_tier"], call["cost_nanos"], call["version"]) == ("flex", nanos, 1)
    else:
        assert row["attempts"] is None
