"""The client for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import random as uniform
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from coe_client.operations import access, answers, service, system
from coe_client.raw import RawResponse, noting, raw_of
from coe_client.settings import Timeouts, resolve
from coe_client.threads.access import Audit, Keys, Tenants
from coe_client.threads.answers import Chat, Models
from coe_client.threads.batches import Batches, Files
from coe_client.threads.budgets import Budgets
from coe_client.threads.caching import Cache
from coe_client.threads.experts import Experts, Secrets
from coe_client.threads.feedback import Opinions
from coe_client.threads.jobs import Jobs
from coe_client.threads.limits import Limits
from coe_client.threads.overview import Overviews
from coe_client.threads.protocols import Embeddings, Messages, Responses
from coe_client.threads.routers import Router, Routers
from coe_client.threads.runs import Runs, Webhooks
from coe_client.threads.service import Breakers, Config, Residency
from coe_client.threads.sessions import Sessions
from coe_client.threads.strategies import Lessons, Strategies
from coe_client.threads.usage import Usage
from coe_client.types import CoeOptions, Health, Me, Readiness, RoutingDecision, System

if TYPE_CHECKING:
    import httpx

    from coe_client.transport import Transport

P = ParamSpec("P")
R = TypeVar("R")


class Coe:
    """A composition-of-experts service, spoken to over HTTP. Safe to share between threads.

    Args:
        base_url: Address of the service. Default: the variable ``COE_BASE_URL``, then
            ``http://127.0.0.1:8400``. The environment is read here and not again.
        api_key: Default: the variable ``COE_API_KEY``.
        timeout: A :class:`Timeouts`, or seconds for the whole call.
        max_retries: How often a request is sent again after a failure that allows it.
        headers: That go along with every request.
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
        headers: Mapping[str, str] | None = None,
        http_client: httpx.Client | None = None,
        sleep: Callable[[float], None] | None = None,
        random: Callable[[], float] = uniform,
    ) -> None:
        from coe_client.transport import Transport

        settings = resolve(base_url, api_key, timeout, max_retries, headers)
        self._use(Transport(settings, http_client, sleep, random))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.chat = Chat(transport)
        self.responses = Responses(transport)
        self.messages = Messages(transport)
        self.embeddings = Embeddings(transport)
        self.models = Models(transport)
        self.feedback = Opinions(transport)
        self.usage = Usage(transport)
        self.overview = Overviews(transport)
        self.runs = Runs(transport)
        self.webhooks = Webhooks(transport)
        self.files = Files(transport)
        self.batches = Batches(transport)
        self.experts = Experts(transport)
        self.secrets = Secrets(transport)
        self.router = Router(transport)
        self.routers = Routers(transport)
        self.strategies = Strategies(transport)
        self.lessons = Lessons(transport)
        self.keys = Keys(transport)
        self.tenants = Tenants(transport)
        self.limits = Limits(transport)
        self.budgets = Budgets(transport)
        self.sessions = Sessions(transport)
        self.audit = Audit(transport)
        self.jobs = Jobs(transport)
        self.breakers = Breakers(transport)
        self.residency = Residency(transport)
        self.cache = Cache(transport)
        self.config = Config(transport)

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

    def with_raw_response(self, method: Callable[P, R]) -> Callable[P, RawResponse[R]]:
        """Return a method of this client as one that returns the whole answer.

        ::

            raw = client.with_raw_response(client.experts.get)("ada")
            print(raw.status, raw.headers["content-type"], raw.parse().version)

        Args:
            method: One that sends something: ``client.chat.create``, say, but none that returns a list.
        """

        def call(*args: P.args, **kwargs: P.kwargs) -> RawResponse[R]:
            with noting() as answers:
                result = method(*args, **kwargs)
            return raw_of(answers, result)

        return call

    def route(
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
        return self._transport.send(
            answers.route(
                request, model=model, tools=tools, response_format=response_format, coe=coe
            )
        )

    def health(self) -> Health:
        """Tell whether the service's process answers. Needs no key."""
        return self._transport.send(service.get_health())

    def ready(self) -> Readiness:
        """Tell whether the service can work, and what is missing if not. Needs no key."""
        return self._transport.send(service.get_readiness())

    def me(self) -> Me:
        """Tell who is asking, by the key."""
        return self._transport.send(access.get_me())

    def metrics(self) -> str:
        """Get the metrics of the replica that answers, as Prometheus reads them. Needs viewer."""
        return self._transport.send(service.get_metrics())

    def system(self) -> System:
        """Tell how processes, queues, stores and disk of the installation are. Needs viewer."""
        return self._transport.send(system.get_system())

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
