"""Every block of the README, of the client's and of the pages in docs/ is run or checked.

A block marked ``bash`` or ``python`` is executed; a block with ``output`` in its info string right
behind it is compared with what was printed; ``yaml`` is read as a catalogue, and written to a file
where the info string names one. ``no-run`` blocks are checked for what they name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from experts.catalogue.entries import parse_entries
from experts.catalogue.expert import ProviderName
from experts.discovery.discover import discover
from experts.packaged import PACKAGED
from orchestrator.cli import catalogue_file
from tests.docs.blocks import ROOT, Block, blocks_of, documents
from tests.docs.checks import check
from tests.docs.compare import difference
from tests.docs.conftest import Service
from tests.docs.running import DOCUMENTED_DATA, DOCUMENTED_URL, Terminal

DOCUMENTS = documents()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_page(document: str, request: pytest.FixtureRequest) -> None:
    blocks = blocks_of(document)
    if any(block.executed for block in blocks):
        terminal: Terminal = request.getfixturevalue("terminal")
        if document != "README.md":  # which tells how to get them
            service: Service = request.getfixturevalue("docs_service")
            terminal.environ |= {"COE_BASE_URL": service.url, "COE_API_KEY": service.key}
        _work_through(blocks, terminal)
    else:
        for block in blocks:
            _check(block)


def test_what_make_run_prints(docs_service: Service) -> None:
    block = next(b for b in blocks_of("README.md") if "start" in b.flags)
    start, last, _ = docs_service.printed.partition(
        "Press Ctrl-C to stop.\n"
    )  # then what pages log
    shown = (start + last).replace(docs_service.url, DOCUMENTED_URL)
    shown = shown.replace(str(docs_service.data_dir), DOCUMENTED_DATA)
    assert difference(_parts(block.body)[1], _parts(shown)[1]) is None


async def test_what_a_first_start_finds_on_a_bare_machine() -> None:
    async def nobody(url: str) -> bytes | None:
        assert url.startswith("http://127.0.0.1:")

    block = next(b for b in blocks_of("README.md") if "start" in b.flags)
    found = await discover({}, probe=nobody)
    assert difference(_parts(block.body)[0], "".join(f"  {f}\n" for f in found.findings)) is None
    assert {e.id for e in found.experts} == {e.id for e in PACKAGED}, "docs use these experts"


def test_the_readme_is_short_and_speaks_of_what_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 235
    for path in re.findall(r"`((?:docs|examples|client|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_examples_show_every_provider() -> None:
    raw = (ROOT / "examples" / "experts.yaml").read_bytes()
    experts = parse_entries(catalogue_file.read(raw))
    assert {expert.provider for expert in experts} == set(get_args(ProviderName))
    assert any(expert.system_prompt for expert in experts)
    assert not re.search(rb"sk-[A-Za-z0-9]", raw)


def test_a_stale_page_fails(terminal: Terminal) -> None:
    with pytest.raises(pytest.fail.Exception, match="exit code 1"):
        _work_through([_block("bash", "coe models list\nfalse")], terminal)
    with pytest.raises(pytest.fail.Exception, match=r"\+coe"):
        _work_through(
            [_block("bash", "coe models list"), _block("text", "nothing", "output")], terminal
        )
    with pytest.raises(pytest.fail.Exception, match="Error"):
        _work_through([_block("python", "1 / 0")], terminal)
    for wrong in (
        _block("bash", "make nonsense", "no-run"),
        _block("bash", "coe nonsense", "no-run"),
        _block("bash", "coe serve --nonsense", "no-run"),
        _block("bash", "COE_NONSENSE=1 coe serve", "no-run"),
        _block("js", 'new OpenAI({ baseURL: "http://elsewhere/v1" })'),
        _block("yaml", "experts: [{id: x, provider: openai}]"),
        _block("rust", "fn main() {}"),
    ):
        with pytest.raises(pytest.fail.Exception):
            _check(wrong)


def _block(language: str, body: str, *flags: str) -> Block:
    return Block("page.md", 1, language, frozenset(flags), body)


def _work_through(blocks: list[Block], terminal: Terminal) -> None:
    printed: str | None = None
    for block in blocks:
        if block.executed:
            done = terminal.run(block)
            printed = terminal.shown(done.stdout)
            if done.returncode:
                pytest.fail(f"{block.place}: exit code {done.returncode}\n{block.body}\n{printed}")
        elif block.is_output:
            if printed is None:
                pytest.fail(f"{block.place}: output of no executed block")
            found = difference(block.body, printed)
            if found:
                pytest.fail(f"{block.place}: the output is another by now\n{found}\n\n{printed}")
            printed = None
        else:
            _check(block)
            _write_file(block, terminal.directory)
            printed = None


def _check(block: Block) -> None:
    try:
        check(block)
    except Exception as error:  # noqa: BLE001 (whatever it is, it belongs to the block)
        pytest.fail(f"{block.place}: {error}\n{block.body}")


def _write_file(block: Block, directory: Path) -> None:
    if block.language == "yaml":
        for name in block.flags - {"no-run"}:
            (directory / name).write_text(block.body, encoding="utf-8")


def _parts(text: str) -> tuple[str, str]:
    """Split what a start prints at "Ready", before which is what was found on the machine."""
    findings, ready, rest = text.partition("Ready in")
    return findings, ready + rest
