"""Where keys are looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experts.catalogue.expert import SecretRef
from experts.errors import ExpertMisconfigured

SecretResolver = Callable[[SecretRef], str]
"""Returns the secret; raises ``LookupError`` where there is none."""


def environment_secrets(environ: Mapping[str, str]) -> SecretResolver:
    """Return a resolver that knows the variables of an environment and no stored secrets.

    Args:
        environ: Such as ``os.environ``; read at each call.
    """

    def resolve(reference: SecretRef) -> str:
        if reference.env is None:
            raise LookupError(reference.stored)
        return environ[reference.env]

    return resolve


def resolved(resolve: SecretResolver, reference: SecretRef | None, expert: str) -> str | None:
    """Return the secret that a reference names, ``None`` where there is no reference.

    Args:
        resolve: Finds it.
        reference: Where it is kept.
        expert: Id of the expert it is for.

    Raises:
        ExpertMisconfigured: If it is not there, or blank.
    """
    if reference is None:
        return None
    try:
        secret = resolve(reference).strip()
    except LookupError:
        secret = ""
    if secret:
        return secret
    kept = (
        f"environment variable {reference.env}"
        if reference.env
        else f"stored secret '{reference.stored}'"
    )
    message = f"expert '{expert}' has no API key: {kept} is not set"
    raise ExpertMisconfigured(message, expert=expert)
