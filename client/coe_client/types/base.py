"""The base of every type that comes over the wire."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class WireModel(BaseModel):
    """An object the service sent.

    Fields a newer service adds are kept and readable as attributes; values with a fixed set of
    spellings are plain strings, so that a new spelling never breaks an old client; ``null`` where
    a field has a default counts as left out.
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        defer_build=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {
            name: value for name, value in data.items() if not (value is None and name in optional)
        }
