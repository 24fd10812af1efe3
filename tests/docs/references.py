"""Writes the reference pages that are made from code: ``python -m tests.docs.references``."""

from __future__ import annotations

from tests.docs import api_reference, cli_reference, sdk_reference

WRITTEN = (api_reference, cli_reference, sdk_reference)

if __name__ == "__main__":
    for reference in WRITTEN:
        reference.PAGE.write_text(reference.page(), encoding="utf-8")
