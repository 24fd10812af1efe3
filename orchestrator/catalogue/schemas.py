"""What the catalogue's endpoints take and give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import GenericAlias
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
    TypeAdapter,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from experts.catalogue.changes import Action, Change
from experts.catalogue.entries import MAX_ENTRIES
from experts.catalogue.expert import Expert
from experts.catalogue.repository import MAX_VERSION, ExpertVersion
from orchestrator.catalogue.secrets import MAX_VALUE


@dataclass(frozen=True)
class DescribedBy:
    """Documents a field as a type without validating it as one.

    Entries are validated by :mod:`experts.catalogue.entries`, which says more than FastAPI would
    (every problem of every entry, the nearest known field), and secrets must not end up in a
    validation error.
    """

    kind: Any

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept anything."""
        del source, handler
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the type, by reference where it is a model.

        On its own a model would be written out in place; as the item of a list it is referred to.
        """
        del schema
        many: Any = GenericAlias(list, (self.kind,))
        items: JsonSchemaValue = handler(TypeAdapter(many).core_schema)["items"]
        return items


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class ExpertRecord(BaseModel):
    """One version of an expert, as it was stored."""

    expert: Annotated[Any, DescribedBy(Expert)]
    version: int = Field(description="Number of this version, from 1.")
    head: int = Field(description="Number of the version in force.")
    updated_at: datetime = Field(description="When this version was stored.")
    updated_by: str = Field(description="Who stored it.")

    @classmethod
    def of(cls, stored: ExpertVersion) -> ExpertRecord:
        """Return the record of a stored version.

        The entry is not validated anew: what an older release accepted can still be looked at.
        """
        order = {name: place for place, name in enumerate(Expert.model_fields)}
        fields = sorted(stored.spec, key=lambda name: order.get(name, len(order)))
        return cls(
            expert={name: stored.spec[name] for name in fields},
            version=stored.version,
            head=stored.head,
            updated_at=stored.created_at,
            updated_by=stored.created_by,
        )


class RollbackRequest(_Body):
    """Which version to put in force again."""

    version: int = Field(ge=1, le=MAX_VERSION)


class ApplyRequest(_Body):
    """The catalogue as it shall be."""

    experts: Annotated[
        Any,
        DescribedBy(
            Annotated[list[Expert], Field(min_length=1, max_length=MAX_ENTRIES)],
        ),
    ]
    prune: bool = Field(default=False, description="Retire experts that are not in the list.")
    dry_run: bool = Field(default=False, description="Only say what would change.")


class ChangeRecord(BaseModel):
    """What happens to one expert."""

    id: str
    action: Action
    fields: dict[str, tuple[Any, Any]] = Field(description="Old and new value by field.")

    @classmethod
    def of(cls, change: Change) -> ChangeRecord:
        """Return the record of a change."""
        return cls(id=change.id, action=change.action, fields=dict(change.fields))


class ApplyResult(BaseModel):
    """What changed, or would."""

    changes: list[ChangeRecord]
    dry_run: bool


class SecretView(BaseModel):
    """What may be seen of a secret."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    updated_at: datetime


class SecretValue(_Body):
    """A secret to store."""

    value: SecretStr = Field(
        min_length=1, max_length=MAX_VALUE, json_schema_extra={"pattern": "^[ -~]+$"}
    )
