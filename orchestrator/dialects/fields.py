"""Fields of a request's JSON, checked where they are read: a wrong one is named."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NoReturn

import msgspec

from orchestrator.chat.request import checked_extension, extension_fields, parse_object
from orchestrator.chat.request import field as decoded
from orchestrator.kit.errors import ApiError

Raws = dict[str, msgspec.Raw]


def refuse(message: str, param: str | None) -> NoReturn:
    """Refuse a request.

    Raises:
        ApiError: 400, always.
    """
    raise ApiError(400, "invalid_request", message, param=param)


def open_object(body: bytes) -> tuple[Raws, str, dict[str, Any]]:
    """Return a request's fields, the model it names, and what its ``coe`` object says.

    Raises:
        ApiError: 400, naming the field that is wrong.
    """
    fields = parse_object(body)
    model = decoded(fields, "model")
    if not isinstance(model, str) or not model:
        refuse("'model' must be a non-empty string, such as 'coe'.", "model")
    return fields, model, extension_fields(checked_extension(fields))


_NOTHING: tuple[Any, ...] = (None, False, [], {})


def check_unsupported(fields: Raws, instead: Mapping[str, str]) -> None:
    """Refuse fields that this service cannot honour.

    Args:
        fields: The request's.
        instead: By field, what to do instead. A value that asks for nothing is let through.

    Raises:
        ApiError: 400, naming the first of them.
    """
    for name in instead.keys() & fields.keys():
        if decoded(fields, name) not in _NOTHING:
            refuse(f"'{name}' is not supported here. {instead[name]}", name)


def text_of(value: Any, name: str) -> str:
    """Return a string.

    Raises:
        ApiError: 400 if it is none.
    """
    if not isinstance(value, str):
        refuse(f"'{name}' must be a string.", name)
    return value


def object_of(value: Any, name: str) -> dict[str, Any]:
    """Return an object.

    Raises:
        ApiError: 400 if it is none.
    """
    if not isinstance(value, dict):
        refuse(f"'{name}' must be an object.", name)
    return value


def optional_object(fields: Raws, name: str) -> dict[str, Any] | None:
    """Return a field that is an object, or ``None`` where it is missing.

    Raises:
        ApiError: 400 if it is something else.
    """
    value = decoded(fields, name)
    return None if value is None else object_of(value, name)


def without(fields: Raws, names: Container[str]) -> Raws:
    """Return the fields that are not among some."""
    return {name: value for name, value in fields.items() if name not in names}


def objects_of(value: Any, name: str) -> list[dict[str, Any]]:
    """Return an array of objects.

    Raises:
        ApiError: 400, naming the element that is none.
    """
    if not isinstance(value, list):
        refuse(f"'{name}' must be an array.", name)
    for index, element in enumerate(value):
        object_of(element, f"{name}[{index}]")
    return value


def count_of(value: Any, name: str, least: int = 1) -> int:
    """Return a whole number.

    Raises:
        ApiError: 400 if it is none, or smaller than ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        refuse(f"'{name}' must be a whole number, at least {least}.", name)
    return value


def encoded(value: Any, name: str) -> bytes:
    """Return a value as JSON.

    Raises:
        ApiError: 400 if it is nested deeper than can be written.
    """
    try:
        return msgspec.json.encode(value)
    except RecursionError:
        refuse(f"'{name}' is nested too deeply.", name)
