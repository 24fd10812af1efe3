"""Which URLs a webhook may have: encrypted and public, unless an operator names others."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from experts.catalogue.addresses import address_problem
from experts.providers.addresses import AddressPolicy, literal_of


@lru_cache(maxsize=4)
def webhook_addresses(setting: str) -> AddressPolicy:
    """Return where webhooks may lead, by the value of the setting."""
    return AddressPolicy.parse(setting, "COE_WEBHOOK_PRIVATE_ADDRESSES")


def url_problem(url: str, addresses: AddressPolicy) -> str | None:
    """Say what is wrong with a webhook's URL, as far as its text tells; ``None``: nothing.

    Args:
        url: The URL.
        addresses: Where webhooks may lead; those that are named may go unencrypted.
    """
    base, _, query = url.partition("?")
    problem = address_problem(base)
    if problem is not None:
        return problem
    if not query.isascii() or not query.isprintable() or "#" in url or " " in url:
        return "a URL holds only printable ASCII without blanks, and this one no fragment"
    parts = urlsplit(base)
    host = parts.hostname or ""
    if parts.scheme != "https" and not addresses.names(literal_of(host), host):
        return "must begin with https://"
    return addresses.url_problem(base)
