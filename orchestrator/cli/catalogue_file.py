"""Catalogue files: YAML to JSON and back. What the entries mean is the service's affair."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes."""
MOST_NODES = 200_000
"""Values after aliases are written out, so that a small file cannot stand for a huge one."""


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

    if len(raw) > LARGEST_FILE:
        raise FileInvalid(f"the file is larger than {LARGEST_FILE // 2**20} MiB")
    try:
        document = yaml.load(raw.decode("utf-8"), Loader=_loader())  # noqa: S506 - a SafeLoader
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


@lru_cache(maxsize=1)
def _loader() -> type[yaml.SafeLoader]:
    """Build the loader on first use, since importing yaml takes a while."""
    import yaml

    class JsonLoader(yaml.SafeLoader):
        """Knows JSON's types only: a date stays text, a key occurs once and is text."""

        def get_single_node(self) -> Any:
            node = super().get_single_node()
            if node is not None and _size(node, {}) > MOST_NODES:
                raise yaml.YAMLError(f"aliases make the file hold more than {MOST_NODES} values")
            return node

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    continue
                if key.tag != "tag:yaml.org,2002:str":
                    raise _fault("a key that is not text; put it in quotes", key)
                if key.value in seen:
                    raise _fault(f"the key {key.value!r} occurs twice", key)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

        def construct_finite(self, node: yaml.ScalarNode) -> float:
            value = float(self.construct_yaml_float(node))
            if value - value != 0:
                raise _fault("a number must be finite", node)
            return value

    kept = {"map", "seq", "str", "int", "float", "bool", "null"}
    JsonLoader.yaml_constructors = {
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix("tag:yaml.org,2002:") in kept
    }
    JsonLoader.add_constructor("tag:yaml.org,2002:float", JsonLoader.construct_finite)
    JsonLoader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return JsonLoader


def _fault(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    import yaml

    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values under a node with aliases written out, each node visited once."""
    if id(node) in known:
        if known[id(node)] == 0:
            raise _fault("an alias that holds itself", node)
        return known[id(node)]
    known[id(node)] = 0
    children = node.value if isinstance(node.value, list) else []
    size = 1
    for child in children:
        for part in child if isinstance(child, tuple) else (child,):
            size += _size(part, known)
    known[id(node)] = size
    return size
