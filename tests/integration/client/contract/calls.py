"""Every method of the client is called, and what it would send is noted; answers are made from the document."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_type_hints, is_typeddict
from urllib.parse import parse_qsl, urlsplit

from coe_client import APIResponseInvalidError, Coe
from coe_client.paging import Pages
from coe_client.requests import Answer, Request
from coe_client.settings import resolve
from coe_client.uploads import Upload
from tests.integration.client.contract.document import Operation, operation_of
from tests.integration.client.contract.instances import differences, instance
from tests.integration.client.contract.samples import ANSWERS, CALLS, NOT_SENT, SAMPLES

_FIELD = re.compile(rb'; name="(\w+)".*?\r\n\r\n(.*?)\r\n--', re.DOTALL)


@dataclass(frozen=True)
class Sent:
    """A request as a method would send it."""

    by: str
    request: Request[Any]

    @property
    def path(self) -> str:
        return urlsplit(self.request.path).path

    @cached_property
    def operation(self) -> Operation | None:
        return operation_of(self.request.method, self.path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.request.path).query, keep_blank_values=True))

    @cached_property
    def body(self) -> Any:
        """The body as a document; of a form, a value for each of its fields."""
        if isinstance(self.request.body, Upload):
            form = b"".join(self.request.body.pieces())
            return {name.decode(): value.decode() for name, value in _FIELD.findall(form)}
        content = self.request.content()
        if content is None or isinstance(self.request.body, bytes):
            return content
        return json.loads(content)


class Unread(Exception):
    """An answer could not be read, which is noted; whoever asked for it can do no more."""


@dataclass
class Spy:
    """Stands where a transport does: notes requests, and answers as the document has it.

    Args:
        full: Whether answers have a value everywhere, or null and nothing wherever that is allowed.
    """

    full: bool
    method: str = ""
    sent: list[Sent] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    settings: Any = field(default_factory=lambda: resolve("http://service", None, None, 0))

    def send(self, request: Request[Any]) -> Any:
        operation = self._noted(request)
        if operation is None:
            return None
        schema = operation.answers.get(request.content_type)
        document = instance(schema or {}, full=self.full)
        if isinstance(document, dict):
            document |= ANSWERS.get(operation.name, {})
            if "has_more" in document:  # so that a list has two pages
                first = "after" not in self.sent[-1].query
                paged = "after" in operation.parameters("query")
                document["has_more"] = self.full and first and paged
        answer = Answer(200, {}, json.dumps(document).encode() if schema is not None else b"text")
        try:
            result = request.read(answer)
        except APIResponseInvalidError as error:
            self.faults.append(f"{self.method}: {operation.name}: {error}")
            raise Unread from error
        if self.full and schema is not None:
            told = differences(schema, result)
            self.faults += [f"{self.method}: {operation.name}: {fault}" for fault in told]
        return result

    def stream(self, request: Request[Any], kind: Callable[..., Any]) -> Any:
        self._noted(request)
        return kind(Answer(200, {}, b""), self.pieces(request), lambda: None)

    def pieces(self, request: Request[Any]) -> Generator[bytes]:
        if not self.sent or self.sent[-1].request is not request:
            self._noted(request)
        if request.content_type == "text/event-stream":
            yield b'data: {"id": "1", "type": "run.finished"}\n\n'
        else:
            yield b'{"custom_id": "a"}\n'

    def wait(self, seconds: float) -> None:
        raise AssertionError(f"{self.method} waits {seconds} seconds for what is over")

    def _noted(self, request: Request[Any]) -> Operation | None:
        sent = Sent(self.method, request)
        self.sent.append(sent)
        operation = sent.operation
        if operation is None:
            self.faults.append(
                f"{self.method} sends {request.method} {sent.path}, which there is not"
            )
        elif sent.request.content_type not in operation.answers and "" not in operation.answers:
            kinds = " or ".join(operation.answers)
            self.faults.append(
                f"{self.method}: {operation.name} answers {kinds}, not {request.content_type}"
            )
        return operation


def called(*, full: bool) -> Spy:
    """Call every method, with all arguments and with as few as possible."""
    spy = Spy(full)
    client = object.__new__(Coe)
    client._use(spy)  # type: ignore[arg-type]  # it has the members of a transport
    for name, method in methods(client):
        spy.method = name
        for arguments in arguments_of(name, method):
            with suppress(Unread):
                _drain(method(**arguments))
    return spy


def methods(client: Coe) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public method that sends something, by the name that a user writes."""
    groups = {"": client, **{f"{name}.": group for name, group in vars(client).items()}}
    for prefix, group in groups.items():
        if prefix.startswith("_"):
            continue
        for name, _ in inspect.getmembers(type(group), inspect.isfunction):
            if not name.startswith("_") and f"{prefix}{name}" not in NOT_SENT:
                yield f"{prefix}{name}", getattr(group, name)


def arguments_of(name: str, method: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """Yield what to call a method with."""
    parameters = inspect.signature(method).parameters.values()
    hints = get_type_hints(method, localns={"builtins": __import__("builtins")})
    needed, possible = {}, {}
    for one in parameters:
        if one.kind is inspect.Parameter.VAR_KEYWORD:
            options = hints[one.name].__args__[0]
            assert is_typeddict(options), f"{name} takes options that have no names"
            possible |= {option: _sample(name, option) for option in options.__annotations__}
        elif one.default is inspect.Parameter.empty:
            needed[one.name] = possible[one.name] = _sample(name, one.name)
        else:
            possible[one.name] = _sample(name, one.name)
    for arguments in CALLS.get(name, [{}]):
        dropped = {key for key, value in arguments.items() if value is ...}
        yield {key: value for key, value in {**possible, **arguments}.items() if key not in dropped}
        yield {key: value for key, value in {**needed, **arguments}.items() if key not in dropped}


def _sample(name: str, parameter: str) -> Any:
    for key in (f"{name}.{parameter}", parameter):
        if key in SAMPLES:
            return SAMPLES[key]
    raise AssertionError(f"{name} has a parameter {parameter}: give it a value in samples.py")


def _drain(result: Any) -> None:
    if isinstance(result, Pages) or inspect.isgenerator(result):
        for _ in result:
            pass
