"""Plays a script for an embeddings request: vectors of words, the same wherever they are made."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from experts.providers.playing import Reply, failure
from experts.providers.scripts import Script
from experts.providers.wire import embeddings, plain

_DIMENSIONS = 16
_MAX_DIMENSIONS = 4096


def play_embeddings(script: Script, body: Mapping[str, Any], *, model: str) -> Reply:
    """Return the reply to an embeddings request: the same text has the same vector everywhere.

    A text's vector is that of its words added up, so that texts that share words are alike.
    """
    if script.status is not None:
        return failure(script.status, "scripted failure", script.retry_after, script.delay)
    given = plain(body.get("input"))
    texts = given if isinstance(given, list) and not _is_tokens(given) else [given]
    size = plain(body.get("dimensions"))
    size = _DIMENSIONS if not isinstance(size, int) else size
    if not 1 <= size <= _MAX_DIMENSIONS or not texts:
        return failure(400, "there is nothing to embed, or not in so many dimensions")

    async def whole() -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(script.delay)
        words = [_words_of(text) for text in texts]
        vectors = [_vector(of_text, size) for of_text in words]
        base64 = plain(body.get("encoding_format")) == "base64"
        yield embeddings(model, vectors, sum(map(len, words)), base64=base64)

    return Reply(200, whole())


def _is_tokens(given: list[Any]) -> bool:
    """Tell whether an embeddings request's input is one text, as a list of tokens."""
    return bool(given) and all(isinstance(one, int) for one in given)


def _words_of(text: Any) -> list[str]:
    return text.split() if isinstance(text, str) else [str(token) for token in text]


def _vector(words: list[str], size: int) -> list[float]:
    """Return the vector of a text, of length one."""
    total = [0.0] * size
    for word in words or [""]:
        noise = random.Random(word)  # noqa: S311 (not a secret)
        total = [part + noise.gauss(0, 1) for part in total]
    length = math.sqrt(sum(part * part for part in total))
    return [part / length for part in total]
