"""What an entry may not hold although it is well-formed: forbidden addresses, and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from experts.catalogue.addresses import address_problem
from experts.catalogue.errors import CatalogueInvalid, Problem
from experts.catalogue.expert import Expert
from experts.providers.addresses import AddressPolicy

_REMOTE = frozenset({"openai", "litellm"})
_ADDRESSES = ("api_base", "base_url")
_SECRET = re.compile(
    r"(?:^|_)(?:api_?key|access_key|secret|(?:session|auth|ad|bearer)_token|password|credentials)$"
)


def check_outgoing(experts: Iterable[Expert], addresses: AddressPolicy) -> None:
    """Refuse entries that lead where they must not, or hold a secret where everybody reads it.

    What a name leads to is checked again at every connection.

    Raises:
        CatalogueInvalid: With the problems of all entries.
    """
    problems = [
        Problem(index, expert.id, field, reason)
        for index, expert in enumerate(experts)
        for field, reason in _problems(expert, addresses)
    ]
    if problems:
        raise CatalogueInvalid(problems)


def _problems(expert: Expert, addresses: AddressPolicy) -> Iterator[tuple[str, str]]:
    for name in expert.parameters:
        if _SECRET.search(name.lower()):
            yield f"parameters.{name}", "would hold a secret: use 'api_key' of an endpoint"
    if expert.provider not in _REMOTE:
        return
    for field, url in _urls(expert):
        problem = address_problem(url) or addresses.url_problem(url)
        if problem is not None:
            yield field, problem


def _urls(expert: Expert) -> Iterator[tuple[str, str]]:
    for index, endpoint in enumerate(expert.endpoints):
        if endpoint.url is not None:
            yield f"endpoints[{index}].url", endpoint.url
    for name in _ADDRESSES:
        if name in expert.parameters:
            yield f"parameters.{name}", str(expert.parameters[name])
