"""Tokenizers that are on this machine, and which model has which.

The vocabularies come with litellm: OpenAI's two, Anthropic's published one and DeepSeek's. None is
ever fetched. Loading one takes a tenth of a second or more, so it is done at the first use, and
large texts are counted in a thread; see :mod:`experts.counting.counter`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CountTokens = Callable[[str], int]

_URL = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
_O200K, _CL100K = "o200k_base", "cl100k_base"
_ANTHROPIC, _DEEPSEEK = "anthropic_tokenizer.json", "deepseek_tokenizer.json"
_BY_MODEL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"(gpt-4o|gpt-4\.[1-9]|gpt-[5-9]|gpt-oss|chatgpt|o[1-9]([.-]|$))", _O200K),
        (r"(gpt-4|gpt-3\.5|text-embedding)", _CL100K),
        # Made by their authors out of OpenAI's vocabulary.
        (r"(qwen|llama-?3|meta-llama-3)", _CL100K),
        (r"claude", _ANTHROPIC),
        (r"deepseek", _DEEPSEEK),
    )
)
_PIECE = 4_000
"""Characters that are tokenized at once: a run without spaces takes time by its square."""


def tokenizer_name(model: str) -> str | None:
    """Return the name of the tokenizer of a model, ``None`` where none here is the right one.

    Args:
        model: As the provider names it, such as ``openai/gpt-4o`` or ``claude-haiku-5-5``.
    """
    name = model.lower().rpartition("/")[2]
    return next((found for pattern, found in _BY_MODEL if pattern.match(name)), None)


@cache
def load(name: str) -> CountTokens | None:
    """Return a tokenizer as a function that counts, ``None`` where its vocabulary is not here.

    Blocks while it reads the vocabulary; the second call returns at once.
    """
    folder = _vocabularies()
    if folder is None:
        return None
    whole = _from_json(folder / name) if name.endswith(".json") else _tiktoken(folder, name)
    if whole is None:
        return None

    def count(text: str) -> int:
        starts = range(0, len(text), _PIECE)
        return sum(whole(text[start : start + _PIECE]) for start in starts)

    return count


def _vocabularies() -> Path | None:
    package = find_spec("litellm")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "litellm_core_utils" / "tokenizers"


def _tiktoken(folder: Path, name: str) -> CountTokens | None:
    # tiktoken names its files by their addresses, and would fetch one that is missing.
    address = _URL.format(name=name).encode()
    if not (folder / hashlib.sha1(address, usedforsecurity=False).hexdigest()).is_file():
        return None
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    import tiktoken

    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode_ordinary(text))


def _from_json(path: Path) -> CountTokens | None:
    if not path.is_file():
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
