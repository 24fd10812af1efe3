"""Writes the client for threads from the one for coroutines: the same text without ``async`` and ``await``.

    python client/sync_from_async.py           write what differs
    python client/sync_from_async.py --check   tell what differs, and fail if anything does

What is sent and how answers are read is shared anyway (``operations``); what is written twice are only the thin
groups of methods that users see, once with ``await``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "coe_client"
SOURCE, TARGET = PACKAGE / "coroutines", PACKAGE / "threads"
_NOTE = "# Written by sync_from_async.py: change the module for coroutines instead.\n"
_WORDS = (
    (r"(?m)^(\"\"\".*)for coroutines(.*)$", r"\1for threads\2"),
    (r" The one for threads is written from it by ``sync_from_async\.py``\.", ""),
    (
        r", spoken to over HTTP from an asyncio event loop\.",
        ", spoken to over HTTP. Safe to share between threads.",
    ),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAwaitable\[((?:[^\[\]]|\[[^\]]*\])*)\]", r"\1"),
    (r"\bAwaitable, ", ""),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\bhttpx\.AsyncClient\b", "httpx.Client"),
    (r"\bAsync([A-Z]\w*)", r"\1"),
    (r"\bcoe_client\.coroutines\b", "coe_client.threads"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\bwatch_async\b", "watch"),
    (r"\baclosing\b", "closing"),
)


def sync_of(text: str) -> str:
    """Return the text of a module for coroutines as one for threads, not yet formatted."""
    for pattern, replacement in _WORDS:
        text = re.sub(pattern, replacement, text)
    return text.replace("from __future__", f"{_NOTE}\nfrom __future__", 1)


def written() -> dict[Path, str]:
    """Return the text of every module for threads, by its path."""
    sources = sorted(SOURCE.glob("*.py"))
    return {TARGET / source.name: _formatted(sync_of(source.read_text())) for source in sources}


def _formatted(text: str) -> str:
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    for command in (
        ["check", "--fix", "--quiet", "--select", "I,UP028,SIM117", "--unsafe-fixes"],
        ["format", "--quiet"],
    ):
        name = ["--stdin-filename", str(TARGET / "module.py"), "-"]
        done = subprocess.run(  # noqa: S603 (ruff, of this environment)
            [*ruff, *command, *name], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def main() -> None:
    """Write the modules, or tell which are not what they should be."""
    stale = {
        path: text
        for path, text in written().items()
        if not path.exists() or path.read_text() != text
    }
    if "--check" in sys.argv:
        for path in stale:
            sys.stdout.write(
                f"threads/{path.name} is not what coroutines/{path.name} makes of it\n"
            )
        sys.exit(bool(stale))
    TARGET.mkdir(exist_ok=True)
    for path, text in stale.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
