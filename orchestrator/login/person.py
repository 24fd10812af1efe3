"""Who somebody is and what they may do, from what the provider says of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.tenants.keys import Role

EVERYBODY = "*"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the provider vouches for.

    Args:
        issuer: The provider.
        subject: Who it is, in its own words; never given to another.
        name: For people.
        role: What they may do here, ``None``: nothing.
    """

    issuer: str
    subject: str
    name: str
    role: Role | None


def person_of(claims: Mapping[str, Any], claim: str, roles: Mapping[str, Role]) -> Person:
    """Return the person that a verified token speaks of.

    Args:
        claims: Of the token, with ``iss`` and ``sub``.
        claim: The one that says what groups somebody is in; its parts are separated by dots.
        roles: By group, what its members may do; ``*`` stands for everybody.
    """
    held = {roles[group] for group in (*_groups(claims, claim), EVERYBODY) if group in roles}
    order = list(Role)
    return Person(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=_name(claims),
        role=max(held, key=order.index, default=None),
    )


def _groups(claims: Mapping[str, Any], claim: str) -> list[str]:
    value: Any = claims.get(claim)
    if value is None:
        value = claims
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _name(claims: Mapping[str, Any]) -> str:
    # An address that its owner has not proven could be somebody else's.
    address = claims.get("email") if claims.get("email_verified") is not False else None
    names = (address, claims.get("preferred_username"), claims.get("name"), claims["sub"])
    name = next(str(one) for one in names if one)
    return "".join(c if c.isprintable() else "?" for c in name)[:_LONGEST_NAME]
