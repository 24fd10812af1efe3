"""The client for coroutines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import random as uniform
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from coe_client.coroutines.access import AsyncAudit, AsyncKeys, AsyncTenants
from coe_client.coroutines.answers import AsyncChat, AsyncModels
from coe_client.coroutines.batches import AsyncBatches, AsyncFiles
from coe_client.coroutines.budgets import AsyncBudgets
from coe_client.coroutines.caching import AsyncCache
from coe_client.coroutines.experts import AsyncExperts, AsyncSecrets
from coe_client.coroutines.feedback import AsyncOpinions
from coe_client.coroutines.jobs import AsyncJobs
from coe_client.coroutines.limits import AsyncLimits
from coe_client.coroutines.overview import AsyncOverviews
from coe_client.coroutines.protocols import AsyncEmbeddings, AsyncMessages, AsyncResponses
from coe_client.coroutines.routers import AsyncRouter, AsyncRouters
from coe_client.coroutines.runs import AsyncRuns, AsyncWebhooks
from coe_client.coroutines.service import AsyncBreakers, AsyncConfig, AsyncResidency
from coe_client.coroutines.sessions import AsyncSessions
from coe_client.coroutines.strategies import AsyncLessons, AsyncStrategies
from coe_client.coroutines.usage import AsyncUsage
from coe_client.operations import access, answers, service, system
from coe_client.raw import RawResponse, noting, raw_of
from coe_client.settings import Timeouts, resolve
from coe_client.types import CoeOptions, Health, Me, Readiness, RoutingDecision, System

if TYPE_CHECKING:
    import httpx

    from coe_client.transport import AsyncTransport

P = ParamSpec("P")
R = TypeVar("R")


class AsyncCoe:
    """A composition-of-experts service, spoken to over HTTP from an asyncio event loop.

    Args:
        base_url: Address of the service. Default: the variable ``COE_BASE_URL``, then
            ``http://127.0.0.1:8400``. The environment is read here and not again.
        api_key: Default: the variable ``COE_API_KEY``.
        timeout: A :class:`Timeouts`, or seconds for the whole call.
        max_retries: How often a request is sent again after a failure that allows it.
        headers: That go along with every request.
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
        headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        random: Callable[[], float] = uniform,
    ) -> None:
        from coe_client.transport import AsyncTransport

        settings = resolve(base_url, api_key, timeout, max_retries, headers)
        self._use(AsyncTransport(settings, http_client, sleep, random))

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.chat = AsyncChat(transport)
        self.responses = AsyncResponses(transport)
        self.messages = AsyncMessages(transport)
        self.embeddings = AsyncEmbeddings(transport)
        self.models = AsyncModels(transport)
        self.feedback = AsyncOpinions(transport)
        self.usage = AsyncUsage(transport)
        self.overview = AsyncOverviews(transport)
        self.runs = AsyncRuns(transport)
        self.webhooks = AsyncWebhooks(transport)
        self.files = AsyncFiles(transport)
        self.batches = AsyncBatches(transport)
        self.experts = AsyncExperts(transport)
        self.secrets = AsyncSecrets(transport)
        self.router = AsyncRouter(transport)
        self.routers = AsyncRouters(transport)
        self.strategies = AsyncStrategies(transport)
        self.lessons = AsyncLessons(transport)
        self.keys = AsyncKeys(transport)
        self.tenants = AsyncTenants(transport)
        self.limits = AsyncLimits(transport)
        self.budgets = AsyncBudgets(transport)
        self.sessions = AsyncSessions(transport)
        self.audit = AsyncAudit(transport)
        self.jobs = AsyncJobs(transport)
        self.breakers = AsyncBreakers(transport)
        self.residency = AsyncResidency(transport)
        self.cache = AsyncCache(transport)
        self.config = AsyncConfig(transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Address of the service."""
        return self._transport.settings.base_url

    def with_options(
        self,
        *,
        timeout: Timeouts | float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a client over the same connections with other timeouts or retries, or more headers."""
        settings = self._transport.settings.but(
            timeout=timeout, max_retries=max_retries, headers=headers
        )
        other = object.__new__(type(self))
        other._use(self._transport.with_settings(settings))
        return other

    def with_raw_response(
        self, method: Callable[P, Awaitable[R]]
    ) -> Callable[P, Awaitable[RawResponse[R]]]:
        """Return a method of this client as one that returns the whole answer.

        ::

            raw = await client.with_raw_response(client.experts.get)("ada")
            print(raw.status, raw.headers["content-type"], raw.parse().version)

        Args:
            method: One that sends something: ``client.chat.create``, say, but none that returns a list.
        """

        async def call(*args: P.args, **kwargs: P.kwargs) -> RawResponse[R]:
            with noting() as answers:
                result = await method(*args, **kwargs)
            return raw_of(answers, result)

        return call

    async def route(
        self,
        request: answers.Messages,
        *,
        model: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        response_format: Mapping[str, Any] | None = None,
        coe: CoeOptions | None = None,
    ) -> RoutingDecision:
        """Tell where a request would go and why, without answering it.

        Args:
            request: A conversation, or just a text.
            model: ``coe`` or ``coe-<policy>``.
            tools: Tools the answer may need; experts without them are left out.
            response_format: Likewise for JSON answers.
            coe: What limits the choice: ``quality_floor``, ``max_cost``, ``max_latency``.
        """
        return await self._transport.send(
            answers.route(
                request, model=model, tools=tools, response_format=response_format, coe=coe
            )
        )

    async def health(self) -> Health:
        """Tell whether the service's process answers. Needs no key."""
        return await self._transport.send(service.get_health())

    async def ready(self) -> Readiness:
        """Tell whether the service can work, and what is missing if not. Needs no key."""
        return await self._transport.send(service.get_readiness())

    async def me(self) -> Me:
        """Tell who is asking, by the key."""
        return await self._transport.send(access.get_me())

    async def metrics(self) -> str:
        """Get the metrics of the replica that answers, as Prometheus reads them. Needs viewer."""
        return await self._transport.send(service.get_metrics())

    async def system(self) -> System:
        """Tell how processes, queues, stores and disk of the installation are. Needs viewer."""
        return await self._transport.send(system.get_system())

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
