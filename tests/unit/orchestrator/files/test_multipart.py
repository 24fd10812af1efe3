from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.files.multipart import MultipartInvalid, Part, boundary_of, parts_of

FIELDS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=5),
    st.tuples(st.sampled_from([None, "a.jsonl", "with space.txt", "ü.txt"]), st.binary()),
    max_size=4,
)


async def blocks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, content_type: str, size: int) -> list[tuple[Part, bytes]]:
    found: list[tuple[Part, bytes]] = []
    async for piece in parts_of(blocks(body, size), boundary_of(content_type)):
        if isinstance(piece, Part):
            found.append((piece, b""))
        else:
            part, before = found[-1]
            found[-1] = part, before + piece
    return found


@given(FIELDS, st.integers(1, 200))
async def test_a_form_is_read_the_same_wherever_its_blocks_end(
    fields: dict[str, tuple[str | None, bytes]], size: int
) -> None:
    files = [(name, (filename, data)) for name, (filename, data) in fields.items()]
    request = httpx.Request("POST", "http://x", files=[*files, ("last", (None, b"one"))])
    found = await read(request.read(), request.headers["content-type"], size)
    assert [(part.name, data) for part, data in found] == [
        *((name, data) for name, (_, data) in fields.items()),
        ("last", b"one"),
    ]
    assert [part.filename is None for part, _ in found] == [
        *(filename is None for filename, _ in fields.values()),
        True,
    ]


GOOD = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nvalue\r\n--x--'


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\nsomething after it"])
async def test_what_follows_the_end_does_not_matter(end: bytes) -> None:
    found = await read(GOOD + end, "multipart/form-data; boundary=x", 7)
    assert found == [(Part("a", None), b"value")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        GOOD[:-2],
        GOOD[:-9],
        b"--x\r\nno colon\r\n\r\nvalue\r\n--x--",
        b"--x\r\ncontent-type: text/plain\r\n\r\nvalue\r\n--x--",
        b"--x\r\ncontent-disposition: attachment; name=a\r\n\r\nvalue\r\n--x--",
        b"--x more\r\n\r\nvalue\r\n--x--",
        b"--x\r\n" + b"a: b\r\n" * 10_000 + b"\r\nvalue\r\n--x--",
        b"--x\r\n" + b"a" * 100_000,
    ],
)
@pytest.mark.parametrize("size", [5, 100_000])
async def test_a_body_that_is_none_is_refused(body: bytes, size: int) -> None:
    with pytest.raises(MultipartInvalid):
        await read(body, "multipart/form-data; boundary=x", size)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/form-data; boundary=",
    ],
)
def test_a_content_type_that_is_none_is_refused(content_type: str) -> None:
    with pytest.raises(MultipartInvalid):
        boundary_of(content_type)
