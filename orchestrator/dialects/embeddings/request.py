"""Reads a request for vectors.

Wire: https://platform.openai.com/docs/api-reference/embeddings/create. Its fields go to the expert
as they came; what is looked at is what the service itself needs.
"""

from __future__ import annotations

from typing import Any

from orchestrator.chat.request import ChatRequest, field
from orchestrator.chat.target import policy_of
from orchestrator.dialects.conversation import text_part
from orchestrator.dialects.fields import check_unsupported, count_of, open_object, refuse

API = "embeddings"
_FORMATS = (None, "float", "base64")
_UNSUPPORTED = {"stream": "Vectors come at once.", "messages": "Send 'input'."}


def read_request(body: bytes) -> ChatRequest:
    """Read a request, as one that the pipeline of chat passes on.

    Raises:
        ApiError: 400, naming the field that is wrong.
    """
    fields, model, extension = open_object(body)
    if policy_of(model, "") is not None:
        refuse(
            "'model' must name an expert that makes embeddings: vectors of different experts cannot"
            " be compared, so none is chosen. GET /v1/models lists experts.",
            "model",
        )
    check_unsupported(fields, _UNSUPPORTED)
    texts = _texts(field(fields, "input"))
    if field(fields, "encoding_format") not in _FORMATS:
        refuse("'encoding_format' must be float or base64.", "encoding_format")
    dimensions = field(fields, "dimensions")
    if dimensions is not None:
        count_of(dimensions, "dimensions")
    fields.pop("coe", None)
    return ChatRequest(
        fields=fields,
        model=model,
        messages=[{"role": "user", "content": [text_part(text) for text in texts]}],
        stream=False,
        tools=None,
        response_format=None,
        api=API,
        **extension,
    )


def _texts(given: Any) -> list[str]:
    """Return the texts; where tokens are given, something of about their length."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        refuse("'input' must be a string, or a non-empty array of texts or tokens.", "input")
    if all(_is_token(one) for one in given):
        return [_standing_for(given)]
    return [_text(one, f"input[{index}]") for index, one in enumerate(given)]


def _text(given: Any, name: str) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, list) and given and all(_is_token(one) for one in given):
        return _standing_for(given)
    return refuse(f"'{name}' must be a string, or a non-empty array of tokens.", name)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _standing_for(tokens: list[int]) -> str:
    return " ".join(map(str, tokens))
