"""YAML that is JSON written more comfortably. Imported on use: importing yaml takes a while."""

from __future__ import annotations

import math
from typing import Any

import yaml

MOST_NODES = 200_000
"""Values after aliases are written out, so that a small file cannot stand for a huge one."""
TAG = "tag:yaml.org,2002:"
JSON_TAGS = {TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null")}


class JsonLoader(yaml.SafeLoader):
    """Knows JSON's types only: a date stays text, a key occurs once and is text."""

    yaml_constructors = {  # noqa: RUF012 - as the base class has it
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag in JSON_TAGS
    }
    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TAG + "timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_node(self) -> Any:
        """Compose the document; refuse one that aliases blow up."""
        node = super().get_single_node()
        if node is not None and _size(node, {}) > MOST_NODES:
            raise yaml.YAMLError(f"aliases make the file hold more than {MOST_NODES} values")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """Build a mapping; refuse keys that are not text or occur twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == TAG + "merge":
                continue
            if key.tag != TAG + "str":
                raise _fault("a key that is not text; put it in quotes", key)
            if key.value in seen:
                raise _fault(f"the key {key.value!r} occurs twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_finite(self, node: yaml.ScalarNode) -> float:
        """Build a number; refuse the ones that JSON cannot write."""
        value = float(self.construct_yaml_float(node))
        if not math.isfinite(value):
            raise _fault("a number must be finite", node)
        return value


JsonLoader.add_constructor(TAG + "float", JsonLoader.construct_finite)


def _fault(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
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
