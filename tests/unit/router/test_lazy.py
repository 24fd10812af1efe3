import copy
import pickle

import pytest

from router.lazy import LazyDict, LazyTuple


def test_a_tuple_is_built_once_when_first_looked_at() -> None:
    built = []

    def build() -> tuple[str, ...]:
        built.append(1)
        return ("a", "b", "c")

    lazy = LazyTuple(build)
    assert not built
    assert lazy == ("a", "b", "c")
    assert lazy == LazyTuple(build)
    assert lazy != ("a",)
    assert lazy != ["a", "b", "c"]
    assert (lazy[0], lazy[-1], lazy[1:], len(lazy), list(lazy)) == (
        "a", "c", ("b", "c"), 3, ["a", "b", "c"],
    )  # fmt: skip
    assert hash(lazy) == hash(("a", "b", "c"))
    assert repr(lazy) == "('a', 'b', 'c')"
    assert "b" in lazy
    assert len(built) == 2
    with pytest.raises(IndexError):
        lazy[3]


def test_a_dict_is_built_once_and_keeps_its_order() -> None:
    built = []

    def build() -> dict[str, float]:
        built.append(1)
        return {"b": 0.7, "a": 0.3}

    lazy = LazyDict(build)
    assert not built
    assert lazy == {"a": 0.3, "b": 0.7}
    assert dict(lazy) == lazy
    assert (list(lazy), lazy["a"], len(lazy), lazy.get("c")) == (["b", "a"], 0.3, 2, None)
    assert repr(lazy) == "{'b': 0.7, 'a': 0.3}"
    assert len(built) == 1


def test_copies_are_plain() -> None:
    for lazy in (LazyTuple(lambda: (1, 2)), LazyDict(lambda: {"a": 1})):
        for copied in (copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))):  # noqa: S301
            assert copied == lazy
            assert type(copied) in {tuple, dict}


def test_it_can_be_deleted_from_neither() -> None:
    with pytest.raises(TypeError):
        LazyDict(dict)["a"] = 1
