"""The client for coroutines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import random as uniform
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from coe_client import (
    async_access_resources,
    async_batch_resources,
    async_limit_resources,
    async_resources,
    async_run_resources,
    async_strategy_resources,
    async_usage_resources,
    operations,
)
from coe_client.operations import Messages
from coe_client.settings import Timeouts, resolve
from coe_client.types import Health, Readiness, RoutingDecision

if TYPE_CHECKING:
    import httpx

    from coe_client.transport import AsyncTransport


class AsyncCoe:
    """A composition-of-experts service, spoken to over HTTP from an asyncio event loop.

    Args:
        base_url: Address of the service. Default: the variable ``COE_BASE_URL``, then
            ``http://127.0.0.1:8400``. The environment is read here and not again.
        api_key: Default: the variable ``COE_API_KEY``.
        timeout: A :class:`Timeouts`, or seconds for the whole call.
        max_retries: How often a request is sent again after a failure that allows it.
        http_client: A client of your own, for proxies, certificates or limits. You close it;
            the timeouts here are used instead of its own.
        sleep: Waits a number of seconds between tries. Default: ``asyncio.sleep``.
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
        http_client: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        random: Callable[[], float] = uniform,
    ) -> None:
        from coe_client.transport import AsyncTransport

        settings = resolve(base_url, api_key, timeout, max_retries)
        self._use(AsyncTransport(settings, http_client, sleep, random))

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.chat = async_resources.AsyncChat(transport)
        self.models = async_resources.AsyncModels(transport)
        self.experts = async_resources.AsyncExperts(transport)
        self.keys = async_access_resources.AsyncKeys(transport)
        self.tenants = async_access_resources.AsyncTenants(transport)
        self.limits = async_limit_resources.AsyncLimits(transport)
        self.audit = async_access_resources.AsyncAudit(transport)
        self.secrets = async_resources.AsyncSecrets(transport)
        self.usage = async_usage_resources.AsyncUsage(transport)
        self.router = async_resources.AsyncRouter(transport)
        self.routers = async_resources.AsyncRouters(transport)
        self.feedback = async_resources.AsyncOpinions(transport)
        self.runs = async_run_resources.AsyncRuns(transport)
        self.webhooks = async_run_resources.AsyncWebhooks(transport)
        self.files = async_batch_resources.AsyncFiles(transport)
        self.batches = async_batch_resources.AsyncBatches(transport)
        self.jobs = async_batch_resources.AsyncJobs(transport)
        self.strategies = async_strategy_resources.AsyncStrategies(transport)
        self.lessons = async_strategy_resources.AsyncLessons(transport)
        self.config = async_resources.AsyncConfig(transport)

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

    async def route(
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
        return await self._transport.send(
            operations.route(request, model=model, tools=tools, response_format=response_format)
        )

    async def health(self) -> Health:
        """Tell whether the service's process answers. Needs no key."""
        return await self._transport.send(operations.get_health())

    async def ready(self) -> Readiness:
        """Tell whether the service can work, and what is missing if not. Needs no key."""
        return await self._transport.send(operations.get_readiness())

    async def close(self) -> None:
        """Close the connections, unless they are an ``http_client`` of your own."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
