from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.files.lines import LineTooLong, lines_of


async def pieces(text: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


@given(
    st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=20),
    st.integers(1, 30),
)
async def test_lines_are_the_same_wherever_pieces_end(lines: list[bytes], size: int) -> None:
    text = b"\n".join(lines)
    found = [each async for many in lines_of(pieces(text, size), 100) for each in many]
    expected = enumerate(text.split(b"\n"), start=1)
    assert found == [(number, line) for number, line in expected if line.strip()]


@pytest.mark.parametrize("size", [3, 1000])
async def test_a_line_that_is_too_long_is_named(size: int) -> None:
    with pytest.raises(LineTooLong) as caught:
        async for _ in lines_of(pieces(b"short\nshort\n" + b"x" * 50 + b"\nshort", size), 20):
            pass
    assert caught.value.number == 3
