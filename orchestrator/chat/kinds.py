"""Experts that chat, and experts that turn texts into vectors: neither does the other's work."""

from __future__ import annotations

from orchestrator.catalogue.service import Catalogue
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal


def check_kind(
    model: str, catalogue: Catalogue, principal: Principal, *, embeds: bool = False
) -> None:
    """See that a named expert is of the kind that is needed; what is no expert is judged elsewhere.

    Args:
        model: As the caller named it.
        catalogue: The experts.
        principal: Who asks; an expert that it may not use is none to it.
        embeds: Whether vectors are asked for.

    Raises:
        ApiError: 400 if it is of the other kind.
    """
    expert = catalogue.named(model)
    if expert is None or not principal.may_use(expert.id) or expert.embeds is embeds:
        return
    does = "makes embeddings and does not chat" if expert.embeds else "makes no embeddings"
    raise ApiError(400, "expert_lacks_capability", f"Expert '{model}' {does}.", param="model")
