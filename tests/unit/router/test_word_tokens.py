"""Word by word, a text has the tokens that the tokenizer gives it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from router.embedding import words
from router.embedding.static import _package_folder, _read
from router.embedding.words import WordTokens

MOST = 2000
_PIECES = st.sampled_from(
    ["a", "the", "def f(x):", "    return", " ", "  ", "\n", "\t", "\u2581", "é", "日本語", "😀", "<s>", "</s>",
     "x" * 40, "1,024.50", "hello", "don't", "\u00a0", ".", "http://x.y/z?q=1"]
)  # fmt: skip
_TEXTS = st.lists(_PIECES | st.text(max_size=8), max_size=30).map("".join)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return _read(_package_folder())[0]


def whole(tokenizer: Tokenizer, text: str, most: int = MOST) -> set[int]:
    return set(tokenizer.encode(text, add_special_tokens=False).ids[:most])


def test_any_text(tokenizer: Tokenizer) -> None:
    split = WordTokens(tokenizer)

    @settings(max_examples=300, deadline=None)
    @given(_TEXTS, st.integers(1, 60))
    def check(text: str, most: int) -> None:
        text = text.encode("utf-8", "replace").decode()
        assert split.distinct(text, MOST) == whole(tokenizer, text)
        assert split.distinct(text, most) == whole(tokenizer, text, most)

    check()


def test_words_are_forgotten_before_they_are_too_many(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_MAX_WORDS", 3)
    split = WordTokens(tokenizer)
    text = "one two three four five " + "y" * 50
    for _ in range(2):
        assert split.distinct(text, MOST) == whole(tokenizer, text)
        assert 0 < len(split._known) <= 3


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    class Other:
        def get_vocab(self) -> dict[str, int]:
            return {"a": 0, "of\u2581the": 1}

    other: Any = Other()
    with pytest.raises(ValueError, match="reach across"):
        WordTokens(other)
