"""Ways back, questions to a provider, and roles from claims."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.login.attempt import HOME, Client, local_path, new_attempt, question
from orchestrator.login.person import person_of
from orchestrator.login.provider import is_secure
from orchestrator.tenants.keys import Role

ROLES = {"ops": Role.ADMIN, "devs": Role.EDITOR, "*": Role.VIEWER}


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/x",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "admin",
        "/a\r\nset-cookie: x=y",
        "/" + "a" * 2000,
        "",
        None,
    ],
)
def test_a_way_back_never_leads_elsewhere(back: str | None) -> None:
    assert local_path(back) == HOME


@given(st.text(max_size=60))
def test_whatever_is_asked_for_stays_here(back: str) -> None:
    path = local_path(back)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert not urlsplit(path).netloc


def test_a_way_back_within_is_kept() -> None:
    assert local_path("/admin/experts?x=1#y") == "/admin/experts?x=1#y"


def test_a_question_holds_no_secret_but_what_follows_from_them() -> None:
    client = Client("coe", "hush", "https://coe.example/login/callback", "openid")
    attempt = new_attempt(None)
    url = question("https://idp.example/authorize?x=1", client, attempt)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["x"] == "1"
    assert asked["state"] == attempt.state
    assert asked["nonce"] == attempt.nonce
    assert asked["code_challenge_method"] == "S256"
    assert "hush" not in url
    assert attempt.verifier not in url
    assert len({attempt.state, attempt.nonce, attempt.verifier}) == 3


@pytest.mark.parametrize(
    ("claims", "claim", "role"),
    [
        ({"groups": ["devs", "ops"]}, "groups", Role.ADMIN),
        ({"groups": "devs"}, "groups", Role.EDITOR),
        ({"groups": ["others", 7, None]}, "groups", Role.VIEWER),
        ({}, "groups", Role.VIEWER),
        ({"realm_access": {"roles": ["ops"]}}, "realm_access.roles", Role.ADMIN),
        ({"https://x.example/groups": ["ops"]}, "https://x.example/groups", Role.ADMIN),
        ({"groups": {"ops": True}}, "groups", Role.VIEWER),
    ],
)
def test_the_highest_role_of_all_groups_counts(
    claims: dict[str, Any], claim: str, role: Role
) -> None:
    assert person_of({"iss": "i", "sub": "s", **claims}, claim, ROLES).role is role


def test_who_is_in_no_known_group_has_no_role() -> None:
    assert person_of({"iss": "i", "sub": "s"}, "groups", {"ops": Role.ADMIN}).role is None


def test_an_unproven_address_names_nobody() -> None:
    claims = {"iss": "i", "sub": "s", "email": "a@b.example", "email_verified": False}
    assert person_of(claims, "groups", {}).name == "s"
    assert person_of({**claims, "email_verified": True}, "groups", {}).name == "a@b.example"


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://idp.example", True),
        ("http://127.0.0.1:9", True),
        ("http://idp.example", False),
        ("http://localhost.evil.example", False),
        ("", False),
        ("https://", False),
    ],
)
def test_only_what_nobody_can_listen_to_is_used(url: str, *, secure: bool) -> None:
    assert is_secure(url) is secure
