"""Catalogue files: YAML to JSON and back. What the entries mean is the service's affair."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes."""


class FileInvalid(Exception):
    """The file is not a catalogue; says where and why."""


def read(raw: bytes) -> list[dict[str, Any]]:
    """Read a catalogue: a mapping whose ``experts`` is a list of entries.

    Args:
        raw: YAML (or JSON, which is YAML) in UTF-8.

    Raises:
        FileInvalid: Too large, no YAML, a key that occurs twice, values that JSON does not have,
            or not a list of experts.
    """
    import yaml

    from orchestrator.cli.json_yaml import JsonLoader

    if len(raw) > LARGEST_FILE:
        raise FileInvalid(f"the file is larger than {LARGEST_FILE // 2**20} MiB")
    try:
        document = yaml.load(raw.decode("utf-8"), Loader=JsonLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise FileInvalid(f"{where}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise FileInvalid(str(error).splitlines()[0]) from error
    except RecursionError as error:
        raise FileInvalid("the file is nested too deeply") from error
    return _experts(document)


def write(experts: Iterable[dict[str, Any]]) -> str:
    """Write a catalogue that :func:`read` reads, keys in the order given."""
    import yaml

    return yaml.safe_dump(
        {"experts": list(experts)}, sort_keys=False, allow_unicode=True, width=100
    )


def _experts(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, dict) or not isinstance(document.get("experts"), list):
        raise FileInvalid("write a mapping with the key 'experts' and a list under it")
    if others := sorted(document.keys() - {"experts"}):
        raise FileInvalid(f"unknown key {others[0]!r} beside 'experts'")
    entries: list[dict[str, Any]] = document["experts"]
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise FileInvalid(f"experts[{position}] is not a mapping")
    return entries
