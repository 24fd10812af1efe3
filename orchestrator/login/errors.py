"""Why nobody could be signed in."""

from __future__ import annotations


class LoginFailed(Exception):
    """What came back from the provider does not prove who somebody is."""


class ProviderAway(Exception):
    """The identity provider does not answer, or not as one should."""


class NoRole(Exception):
    """Somebody is known to the provider, but may do nothing here."""


class NoSuchKey(Exception):
    """A key is unknown, revoked or expired."""
