"""Experts that make embeddings are not asked to chat, by nobody; and the other way round."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest

from experts.catalogue.expert import Expert
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.kinds import check_kind
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal, Role

CHATS = Expert(id="chats", provider="scripted")
EMBEDS = Expert(id="embeds", provider="scripted", capabilities=frozenset({"embeddings"}))
CATALOGUE = Catalogue(
    revision=1,
    experts=MappingProxyType({"chats": CHATS, "embeds": EMBEDS}),
    versions=MappingProxyType({"chats": 1, "embeds": 1}),
)
ANYBODY = Principal("key_1", "a test's", "t", Role.USER)


@pytest.mark.parametrize(("model", "embeds"), [("embeds", False), ("chats", True)])
def test_one_of_the_other_kind_is_refused(model: str, embeds: bool) -> None:
    with pytest.raises(ApiError) as refused:
        check_kind(model, CATALOGUE, ANYBODY, embeds=embeds)
    assert (refused.value.status, refused.value.code, refused.value.param) == (
        400,
        "expert_lacks_capability",
        "model",
    )
    nobody = dataclasses.replace(ANYBODY, experts=frozenset())
    check_kind(model, CATALOGUE, nobody, embeds=embeds)  # which is told no more than before


@pytest.mark.parametrize(
    ("model", "embeds"),
    [("embeds", True), ("chats", False), ("coe", False), ("no-such-model", True)],
)
def test_all_others_are_judged_elsewhere(model: str, embeds: bool) -> None:
    check_kind(model, CATALOGUE, ANYBODY, embeds=embeds)


def test_a_run_does_not_know_them() -> None:
    experts = CatalogueExperts(CATALOGUE, None, None, "run_1")  # type: ignore[arg-type]
    assert experts.known("chats")
    assert not experts.known("embeds")
