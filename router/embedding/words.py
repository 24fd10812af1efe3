"""Tokens of a text word by word, each word looked up once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPACE = "\u2581"
"""What the tokenizer has in place of a space."""
_MAX_WORDS = 50_000
_MAX_CHARACTERS = 32
"""Longer words hardly come twice."""
_WORD = re.compile(r" *[^ ]+| +$")


class WordTokens:
    """Tokenises as a byte-pair tokenizer of the Llama kind does, and remembers words.

    No token of such a tokenizer has a space behind another character, so no merge crosses from one word to
    the next: the tokens of a text are those of its words, each with the spaces before it. A tokenizer takes a
    microsecond for each token; a word that was seen before is found in a tenth of that.

    Args:
        tokenizer: The tokenizer.

    Raises:
        ValueError: If it has a token that reaches across words.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.get_vocab()
        if any(_SPACE in token.lstrip(_SPACE) for token in vocabulary):
            raise ValueError("the tokenizer has tokens that reach across words")
        self._tokenizer = tokenizer
        self._added = tuple(
            token.content for token in tokenizer.get_added_tokens_decoder().values()
        )
        self._last_space = (vocabulary[_SPACE],)
        self._known: dict[str, tuple[int, ...]] = {}

    def distinct(self, text: str, most: int) -> set[int]:
        """Return the distinct ones of the first tokens of a text.

        Args:
            text: Valid Unicode.
            most: Tokens beyond these are left out.
        """
        if not text or any(token in text for token in self._added):
            return set(self._encoded(text)[:most])
        size = len(text) if text.isascii() else len(text.encode())
        if (
            size < most
        ):  # a token stands for at least one byte, and the first space is none of the text's
            return {token for word in set(_words(text)) for token in self._tokens(word)}
        tokens: list[int] = []
        for word in _words(text):
            tokens.extend(self._tokens(word))
            if len(tokens) >= most:
                break
        return set(tokens[:most])

    def _tokens(self, word: str) -> tuple[int, ...]:
        found = self._known.get(word)
        if found is None:
            # The tokenizer puts a space before what it is given.
            found = self._last_space if word == " " else self._encoded(word[1:])
            if len(word) <= _MAX_CHARACTERS:
                if len(self._known) >= _MAX_WORDS:
                    self._known.clear()
                self._known[word] = found
        return found

    def _encoded(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _words(text: str) -> list[str]:
    return _WORD.findall(f" {text.replace(_SPACE, ' ')}")
