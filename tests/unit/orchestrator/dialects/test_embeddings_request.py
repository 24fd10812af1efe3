"""A request for vectors: its fields go on as they came."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.dialects.embeddings.request import read_request
from orchestrator.kit.errors import ApiError
from router import routing_text


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "vectors", "input": "hi", **fields})


@pytest.mark.parametrize(
    "given", ["one two", ["one", "two"], [17, 23], [[17, 23], [4]], ["one", [17]]]
)
def test_inputs_go_on_as_they_came(given: Any) -> None:
    asked = read_request(body(input=given, dimensions=4, encoding_format="base64", user="u"))
    sent = {name: msgspec.json.decode(value) for name, value in asked.fields.items()}
    assert sent == {
        "model": "vectors",
        "input": given,
        "dimensions": 4,
        "encoding_format": "base64",
        "user": "u",
    }
    assert (asked.api, asked.stream) == ("embeddings", False)
    assert routing_text(asked.messages).prompt_tokens > 0


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("model", {"model": "coe"}),
        ("model", {"model": "coe-economy"}),
        ("model", {"model": 5}),
        ("input", {"input": None}),
        ("input", {"input": []}),
        ("input", {"input": {"text": "hi"}}),
        ("input[1]", {"input": ["one", None]}),
        ("input[0]", {"input": [[]]}),
        ("input[0]", {"input": [-1, 2]}),
        ("input[0]", {"input": [True]}),
        ("encoding_format", {"encoding_format": "hex"}),
        ("dimensions", {"dimensions": 0}),
        ("stream", {"stream": True}),
        ("coe.explain", {"coe": {"explain": "yes"}}),
    ],
)
def test_what_is_wrong_is_named(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        read_request(body(**fields))
    assert (refused.value.status, refused.value.param) == (400, param)
