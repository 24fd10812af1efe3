"""Models that are loaded and unloaded, and who knows which experts have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from experts.calling.secrets import SecretResolver
from experts.catalogue.expert import Expert
from experts.residency.backends.protocol import Backend


@dataclass(frozen=True, slots=True)
class ManagedModel:
    """A model and what loads it.

    Args:
        name: Its identity: experts that share it share this.
        backend: Loads and unloads it.
        slots: Requests that it answers at once; ``None``: as the rules say.
    """

    name: str
    backend: Backend
    slots: float | None = None


@runtime_checkable
class Managing(Protocol):
    """A provider some of whose models are loaded and unloaded."""

    def models_of(self, expert: Expert, resolve: SecretResolver) -> Sequence[ManagedModel]:
        """Return the models of an expert that are loaded and unloaded, one for each endpoint that has one.

        Args:
            expert: The catalogue entry.
            resolve: Turns references of secrets into secrets.

        Raises:
            ExpertMisconfigured: If its entry or the settings do not say enough.
        """
        ...
