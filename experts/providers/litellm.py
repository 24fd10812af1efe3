"""Every other vendor, through litellm's translation of its wire into OpenAI's.

litellm takes seconds to import and milliseconds a call, so it is imported when first used, in a
thread, and experts that speak OpenAI's wire go past it (:mod:`experts.providers.openai`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Mapping
from importlib import import_module
from typing import Any

import msgspec

from experts.errors import ExpertError, ExpertMisconfigured, ExpertUnreachable, RequestRefused
from experts.providers import litellm_connections as connections
from experts.providers.addresses import (
    THIS_MACHINE,
    AddressPolicy,
    AddressRefused,
    was_refused,
)
from experts.providers.answers import check_answer, check_embeddings
from experts.providers.once import Once
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.providers.sse import DONE, write_event
from experts.providers.upstream import Upstream
from experts.providers.wire import packed, plain, read_messages

_ENVIRONMENT = {
    "LITELLM_OFFLINE_MODE": "true",  # the bundled price list and tokenizers; no fetches of its own
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",  # else it reads a .env file into the environment
}
_FIELD_NAMES = """
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
    max_tokens messages modalities n parallel_tool_calls prediction presence_penalty
    prompt_cache_key reasoning_effort response_format safety_identifier seed service_tier stop
    stream stream_options temperature thinking tool_choice tools top_k top_logprobs top_p user
    verbosity web_search_options
"""
_CALLERS_FIELDS = frozenset(_FIELD_NAMES.split())
"""Fields of a request that go to litellm. Nothing else may: its other arguments choose addresses,
keys and callbacks, which are the operator's to set (``parameters`` of the catalogue entry)."""
_EMBEDDING_FIELDS = frozenset({"dimensions", "input", "user"})
_ADDRESS_FIELDS = frozenset({"api_base", "base_url"})
_OPERATORS_ERRORS = ("LLM Provider NOT provided",)
_NO_CONNECTION = ("Connection error", "Cannot connect", "Connection refused")
_STOP_SECONDS = 1.0


class LiteLLMProvider:
    """Calls ``litellm.acompletion``; ``model`` is litellm's name, ``anthropic/claude-...``.

    Args:
        addresses: Where an entry's URL may lead; public addresses and this machine unless given.
    """

    def __init__(self, addresses: AddressPolicy | None = None) -> None:
        self._litellm: Once[Any] = Once(_import_litellm)
        self._addresses = addresses or AddressPolicy.parse(THIS_MACHINE)

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        upstream = Upstream(call.expert.id, call.expert.model, call.api_key)
        request = await self._checked(_request(call, stream=False), upstream)
        litellm = await self._litellm.get()
        try:
            answer = await litellm.acompletion(**request)
        except Exception as error:
            raise translated(error, upstream) from error
        fields = answer.model_dump(exclude_none=True)
        for choice in fields.get("choices", ()):
            choice["message"].setdefault("content", None)
        if not fields.get("usage", {}).get("total_tokens"):
            fields.pop("usage", None)  # litellm writes zeros where the vendor counts nothing
        return check_answer(msgspec.json.encode(fields), upstream)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        upstream = Upstream(call.expert.id, call.expert.model, call.api_key)
        request = await self._checked(_request(call, stream=True), upstream)
        litellm = await self._litellm.get()
        chunks: Any = None
        started = False
        try:
            chunks = await litellm.acompletion(**request)
            async for chunk in chunks:
                fields = _chunk_fields(chunk)
                if not started and _only_ends(fields):
                    break
                if fields["choices"] or fields.get("usage"):
                    started = True
                    yield write_event(msgspec.json.encode(fields))
        except Exception as error:
            if not started or connections.refused_answer(error):
                raise translated(error, upstream) from error
            raise upstream.invalid("broke off in the middle of its answer") from error
        finally:
            if chunks is not None:
                await chunks.aclose()
        if not started:
            raise upstream.invalid("streamed no answer")
        yield DONE

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        upstream = Upstream(call.expert.id, call.expert.model, call.api_key)
        litellm = await self._litellm.get()
        request = await self._checked(embedding_arguments(call), upstream)
        try:
            answer = await litellm.aembedding(**request)
        except Exception as error:
            raise translated(error, upstream) from error
        fields = answer.model_dump(exclude_none=True)
        if plain(call.body.get("encoding_format")) == "base64":
            for one in fields.get("data", ()):
                one["embedding"] = packed(one["embedding"])
        return check_embeddings(msgspec.json.encode(fields), upstream)

    async def aclose(self) -> None:
        """Close litellm's connections and stop its background task."""
        litellm = await self._litellm.take()
        if litellm is not None:
            worker = import_module("litellm.litellm_core_utils.logging_worker")
            await worker.GLOBAL_LOGGING_WORKER.stop(discard_pending=True, timeout=_STOP_SECONDS)
            await litellm.close_litellm_async_clients()

    async def _checked(self, request: dict[str, Any], upstream: Upstream) -> dict[str, Any]:
        """Return the request if every URL in it may be called, and let it lead nowhere else."""
        connections.use(self._addresses)
        vendor = request.get("custom_llm_provider") or request["model"].partition("/")[0]
        for name in _ADDRESS_FIELDS & request.keys():
            if vendor in connections.UNGUARDED:
                message = f"expert '{upstream.expert}': litellm's '{vendor}' takes no URL here"
                raise ExpertMisconfigured(message, expert=upstream.expert)
            try:
                await self._addresses.look_up(str(request[name]))
            except AddressRefused as error:
                message = f"expert '{upstream.expert}': its URL {error}"
                raise ExpertMisconfigured(message, expert=upstream.expert) from error
        return request


def _import_litellm() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        litellm: Any = import_module("litellm")
    except ImportError as error:
        message = "experts of provider 'litellm' need a package: pip install litellm"
        raise ExpertMisconfigured(message) from error
    litellm.suppress_debug_info = True
    logging.getLogger("LiteLLM").setLevel(logging.ERROR)
    connections.guard()
    return litellm


def _request(call: ExpertCall, *, stream: bool) -> dict[str, Any]:
    try:
        return arguments(call, stream=stream)
    except ValueError as error:
        name = call.expert.id
        raise RequestRefused(f"expert '{name}': {error}", expert=name) from error


def arguments(call: ExpertCall, *, stream: bool) -> dict[str, Any]:
    """Return the arguments for ``litellm.acompletion``. Pure.

    Raises:
        ValueError: If the caller's messages are not a list of objects.
    """
    operators = {
        name: value
        for name, value in call.expert.parameters.items()
        if name not in _CALLERS_FIELDS and name != "script"
    }
    callers = {name: plain(call.body[name]) for name in _CALLERS_FIELDS & call.body.keys()}
    callers["messages"] = read_messages(call.body)
    return {**operators, **callers, **_addressed(call), "stream": stream}


def embedding_arguments(call: ExpertCall) -> dict[str, Any]:
    """Return the arguments for ``litellm.aembedding``. Pure."""
    operators = {
        name: value
        for name, value in call.expert.parameters.items()
        if name not in _CALLERS_FIELDS | _EMBEDDING_FIELDS and name != "script"
    }
    callers = {name: plain(call.body[name]) for name in _EMBEDDING_FIELDS & call.body.keys()}
    # Not all vendors know base64, and litellm's own types do not.
    return {**operators, **callers, **_addressed(call), "encoding_format": "float"}


def _addressed(call: ExpertCall) -> dict[str, Any]:
    """Return whom to call, how long, and that litellm shall not try again by itself."""
    given = {
        "api_key": call.api_key,
        "api_base": call.url,
        "extra_headers": call.headers or None,
    }
    return {
        **{name: value for name, value in given.items() if value is not None},
        "model": call.expert.model,
        "timeout": call.timeout,
        "drop_params": True,
        "num_retries": 0,
        "max_retries": 0,
    }


def translated(error: Exception, upstream: Upstream) -> ExpertError:
    """Return one of our errors for one of litellm's, by its status first."""
    if isinstance(error, ExpertError):
        return error
    if was_refused(error):
        message = f"expert '{upstream.expert}': its URL leads to an address that is not public"
        return ExpertMisconfigured(message, expert=upstream.expert)
    too_much = connections.refused_answer(error)
    if too_much is not None:
        return upstream.invalid(str(too_much))
    error = getattr(error, "original_exception", None) or error
    text = str(error).rpartition("Exception - ")[2]
    if any(sign in text for sign in _OPERATORS_ERRORS):
        message = f"expert '{upstream.expert}': litellm knows no vendor for '{upstream.model}'"
        return ExpertMisconfigured(message, expert=upstream.expert)
    headers = _headers_of(error)
    if not headers and any(sign in text for sign in _NO_CONNECTION):
        message = f"expert '{upstream.expert}' cannot be reached"
        return ExpertUnreachable(message, expert=upstream.expert)
    status = getattr(error, "status_code", None)
    body = msgspec.json.encode({"error": {"message": text}})
    number = status if isinstance(status, int) else 500
    return upstream.error(number, body, headers.get("retry-after"))


def _headers_of(error: Exception) -> Mapping[str, str]:
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None)
    return headers if isinstance(headers, Mapping) else {}


def _chunk_fields(chunk: Any) -> dict[str, Any]:
    fields: dict[str, Any] = chunk.model_dump(exclude_none=True)
    for choice in fields.setdefault("choices", []):
        choice.setdefault("finish_reason", None)
    return fields


def _only_ends(fields: Mapping[str, Any]) -> bool:
    """Tell whether a chunk ends an answer and holds nothing: litellm ends empty streams so."""
    choices = fields["choices"]
    return bool(choices) and all(
        choice["finish_reason"] and not choice.get("delta") for choice in choices
    )
