"""Where keys are looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experts.catalogue.expert import SecretRef


def environment_secrets(environ: Mapping[str, str]) -> Callable[[SecretRef], str]:
    """Return a resolver that knows the variables of an environment and no stored secrets.

    Args:
        environ: Such as ``os.environ``; read at each call.
    """

    def resolve(reference: SecretRef) -> str:
        if reference.env is None:
            raise LookupError(reference.stored)
        return environ[reference.env]

    return resolve
