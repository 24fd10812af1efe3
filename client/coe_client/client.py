"""The client for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import random as uniform
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from coe_client import (
    access_resources,
    batch_resources,
    limit_resources,
    operations,
    resources,
    run_resources,
    strategy_resources,
    usage_resources,
)
from coe_client.operations import Messages
from coe_client.settings import Timeouts, resolve
from coe_client.types import Health, Readiness, RoutingDecision

if TYPE_CHECKING:
    import httpx

    from coe_client.transport import Transport


class Coe:
    """A composition-of-experts service, spoken to over HTTP. Safe to share between threads.

    Args:
        base_url: Address of the service. Default: the variable ``COE_BASE_URL``, then
            ``http://127.0.0.1:8400``. The environment is read here and not again.
        api_key: Default: the variable ``COE_API_KEY``.
        timeout: A :class:`Timeouts`, or seconds for the whole call.
        max_retries: How often a request is sent again after a failure that allows it.
        http_client: A client of your own, for proxies, certificates or limits. You close it;
            the timeouts here are used instead of its own.
        sleep: Waits a number of seconds between tries. Default: ``time.sleep``.
        random: Returns a number in [0, 1), for the jitter of those waits.

    Raises:
        ValueError: An address, key or number that cannot be one.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: Timeouts | float | None = None,
        max_retries: int = 2,
        http_client: httpx.Client | None = None,
        sleep: Callable[[float], None] | None = None,
        random: Callable[[], float] = uniform,
    ) -> None:
        from coe_client.transport import Transport

        settings = resolve(base_url, api_key, timeout, max_retries)
        self._use(Transport(settings, http_client, sleep, random))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.chat = resources.Chat(transport)
        self.models = resources.Models(transport)
        self.experts = resources.Experts(transport)
        self.keys = access_resources.Keys(transport)
        self.tenants = access_resources.Tenants(transport)
        self.limits = limit_resources.Limits(transport)
        self.audit = access_resources.Audit(transport)
        self.secrets = resources.Secrets(transport)
        self.usage = usage_resources.Usage(transport)
        self.router = resources.Router(transport)
        self.routers = resources.Routers(transport)
        self.feedback = resources.Opinions(transport)
        self.runs = run_resources.Runs(transport)
        self.webhooks = run_resources.Webhooks(transport)
        self.files = batch_resources.Files(transport)
        self.batches = batch_resources.Batches(transport)
        self.jobs = batch_resources.Jobs(transport)
        self.strategies = strategy_resources.Strategies(transport)
        self.lessons = strategy_resources.Lessons(transport)
        self.config = resources.Config(transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Address of the service."""
        return self._transport.settings.base_url

    def with_options(
        self, *, timeout: Timeouts | float | None = None, max_retries: int | None = None
    ) -> Self:
        """Return a client over the same connections with other timeouts or retries."""
        other = object.__new__(type(self))
        other._use(
            self._transport.with_settings(
                self._transport.settings.but(timeout=timeout, max_retries=max_retries)
            )
        )
        return other

    def route(
        self,
        request: Messages,
        *,
        model: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        response_format: Mapping[str, Any] | None = None,
    ) -> RoutingDecision:
        """Tell where a request would go and why, without answering it.

        Args:
            request: A conversation, or just a text.
            model: ``coe`` or ``coe-<policy>``.
            tools: Tools the answer may need; experts without them are left out.
            response_format: Likewise for JSON answers.
        """
        return self._transport.send(
            operations.route(request, model=model, tools=tools, response_format=response_format)
        )

    def health(self) -> Health:
        """Tell whether the service's process answers. Needs no key."""
        return self._transport.send(operations.get_health())

    def ready(self) -> Readiness:
        """Tell whether the service can work, and what is missing if not. Needs no key."""
        return self._transport.send(operations.get_readiness())

    def close(self) -> None:
        """Close the connections, unless they are an ``http_client`` of your own."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
