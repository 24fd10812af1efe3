"""The client for threads is written from the one for coroutines, and nobody edits it."""

from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "client" / "sync_from_async.py"


def test_the_client_for_threads_is_what_the_one_for_coroutines_makes_of_it() -> None:
    made = runpy.run_path(str(SCRIPT))["written"]()
    assert len(made) > 10
    stale = [path.name for path, text in made.items() if path.read_text() != text]
    assert stale == [], "run: python client/sync_from_async.py"
