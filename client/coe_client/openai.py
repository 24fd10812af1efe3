"""The client of the ``openai`` package, set up for this service. That package has to be installed.

::

    from coe_client.openai import OpenAI

    client = OpenAI()
    answer = client.chat.completions.create(
        model="coe", messages=[{"role": "user", "content": "What is 17 * 23?"}]
    )
    print(answer.choices[0].message.content)

It is that package's own client, with everything that it can do; only where the service is and which key it wants
are found as :class:`coe_client.Coe` finds them: variables meant for OpenAI are not looked at, so that no key of
OpenAI's goes to another place. Nothing else in ``coe_client`` imports ``openai``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from coe_client.settings import API_KEY_VARIABLE, Settings, resolve
from coe_client.types import Explanation, RouteInfo

try:
    import openai
except ImportError as error:
    raise ImportError("coe_client.openai needs another package: pip install openai") from error

__all__ = ["AsyncOpenAI", "OpenAI", "explanation_of", "route_of"]


class OpenAI(openai.OpenAI):
    """``openai.OpenAI``, of this service.

    Args:
        base_url: Address of the service, with or without ``/v1``. Default: the variable ``COE_BASE_URL``, then
            ``http://127.0.0.1:8400``.
        api_key: Default: the variable ``COE_API_KEY``.
        options: As ``openai.OpenAI`` has them.

    Raises:
        ValueError: There is no key, or an address or key that cannot be one.
    """

    def __init__(
        self,
        *,
        base_url: Any = None,
        api_key: str | Callable[[], str] | None = None,
        **options: Any,
    ) -> None:
        settings, key = _resolved(base_url, api_key)
        if settings.is_loopback and options.get("http_client") is None:
            options["http_client"] = openai.DefaultHttpxClient(trust_env=False)
        super().__init__(base_url=f"{settings.base_url}/v1", api_key=key, **options)


class AsyncOpenAI(openai.AsyncOpenAI):
    """``openai.AsyncOpenAI``, of this service; arguments and errors as for :class:`OpenAI`."""

    def __init__(
        self,
        *,
        base_url: Any = None,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        **options: Any,
    ) -> None:
        settings, key = _resolved(base_url, api_key)
        if settings.is_loopback and options.get("http_client") is None:
            options["http_client"] = openai.DefaultAsyncHttpxClient(trust_env=False)
        super().__init__(base_url=f"{settings.base_url}/v1", api_key=key, **options)


def route_of(raw: Any) -> RouteInfo:
    """Tell where a request went.

    Args:
        raw: What a method of ``with_raw_response`` or ``with_streaming_response`` returned.
    """
    return RouteInfo.from_headers({name.lower(): value for name, value in raw.headers.items()})


def explanation_of(answer: Any) -> Explanation | None:
    """Tell how an answer, or the last chunk of a stream, came to be.

    ``None`` where the request did not ask with ``extra_body={"coe": {"explain": True}}``.
    """
    told = getattr(answer, "coe", None)
    return None if told is None else Explanation.model_validate(told)


def _resolved(base_url: Any, api_key: Any) -> tuple[Settings, Any]:
    """Return where the service is, and the key or what gives it."""
    asked = callable(api_key)
    address = None if base_url is None else str(base_url)
    settings = resolve(address, None if asked else api_key, None, 0)
    key = api_key if asked else settings.api_key
    if key is None:
        raise ValueError(f"api_key is missing: give it, or set {API_KEY_VARIABLE}")
    return settings, key
