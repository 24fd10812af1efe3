"""Parts of the services as the settings want them."""

from __future__ import annotations

import math

from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.breaker import BreakerSettings
from experts.calling.call import ExpertCaller
from experts.calling.options import CallRules
from experts.calling.registry import ProviderRegistry
from experts.providers.addresses import AddressPolicy
from experts.providers.interpreter import Interpreter
from experts.providers.litellm import LiteLLMProvider
from experts.providers.local import LocalProvider
from experts.providers.managed import ManagedProvider
from experts.providers.openai import OpenAIProvider
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules
from experts.residency.servers import parse_servers
from experts.residency.watching import Watch
from orchestrator.assignments.service import Assignments
from orchestrator.caching.service import Caching
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.pipeline import ChatPipeline
from orchestrator.chat.stickiness import Sessions
from orchestrator.chat.strategies import StrategyPipeline
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.panel import Reliability
from orchestrator.kit.changes import ChangeFeed
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.routers.building import ahead, build_from, make_resolver
from orchestrator.routers.encoding import EncodedAhead
from orchestrator.routers.lifecycle import RouterVersions
from orchestrator.routers.loading import make_loader
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.routers.service import ActiveRouter
from orchestrator.usage.journal import UsageJournal

_CONFIRMED = 16_384
"""Vectors of an encoder that the cache remembers: 25 MB of MiniLM's."""
_FAIR_SECONDS = 30.0
"""Whoever was given as long as this, and said nothing, is to blame for being late."""


def breaker_settings(settings: Settings) -> BreakerSettings:
    """Return when an endpoint is left alone."""
    return BreakerSettings(
        cool_down=settings.breaker_cool_down, slow_seconds=settings.first_token_timeout / 2
    )


def call_rules(settings: Settings) -> CallRules:
    """Return how calls of experts are made."""
    return CallRules(
        idle_timeout=settings.idle_timeout,
        fair_timeout=min(settings.request_timeout / 4, _FAIR_SECONDS),
        fair_first_token=min(settings.first_token_timeout / 4, _FAIR_SECONDS),
        hedge=settings.hedge,
    )


def allowed_addresses(settings: Settings) -> AddressPolicy:
    """Return where experts may be."""
    return AddressPolicy.parse(settings.private_addresses, "COE_PRIVATE_ADDRESSES")


def residency_manager(settings: Settings, watch: Watch) -> ResidencyManager:
    """Return what decides which local models are in memory.

    Args:
        settings: Give it a budget.
        watch: Is told of loads and waiting.
    """
    capacity = settings.residency_budget or math.inf
    return ResidencyManager(Rules(capacity, max_wait=settings.residency_max_wait), watch)


def make_providers(
    addresses: AddressPolicy, residency: ResidencyManager, managed: str
) -> ProviderRegistry:
    """Return the providers; those that make connections know where these may lead.

    Args:
        addresses: Where that is.
        residency: Decides which local models are in memory.
        managed: Servers whose models it may load and unload, as in the setting.
    """
    wire = OpenAIProvider(addresses=addresses)
    servers = parse_servers(managed)
    return ProviderRegistry(
        {
            "openai": ManagedProvider(wire, residency, servers, addresses) if servers else wire,
            "litellm": LiteLLMProvider(addresses),
            "local": LocalProvider(manager=residency),
        }
    )


def chat_pipeline(
    settings: Settings,
    catalogue: CatalogueService,
    active: ActiveRouter,
    caller: ExpertCaller,
    journal: UsageJournal,
    outcomes: OutcomeMemory,
    interpreter: Interpreter,
    knowledge: Knowledge,
    assignments: Assignments,
    sessions: Sessions,
    caching: Caching,
) -> ChatPipeline:
    """Return what answers chat requests."""
    strategies = StrategyPipeline(
        catalogue=catalogue,
        router=active,
        caller=caller,
        journal=journal,
        sandbox=Sandbox(interpreter),
        default_policy=settings.default_policy,
        limits=run_limits(settings),
        timeout=settings.request_timeout,
        knowledge=knowledge,
        assignments=assignments,
    )
    return ChatPipeline(
        catalogue=catalogue,
        router=active,
        caller=caller,
        journal=journal,
        outcomes=outcomes,
        strategies=strategies,
        sessions=sessions,
        caching=caching,
        default_policy=settings.default_policy,
        timeout=settings.request_timeout,
        first_token_timeout=settings.first_token_timeout,
        reserved_tokens=settings.reserved_tokens,
    )


def cache_encoder(settings: Settings) -> EncodedAhead | None:
    """Return what confirms that requests are alike, loaded, if the settings name something.

    Raises:
        StartError: If there is no such encoder on this machine.
    """
    if settings.cache_encoder is None:
        return None
    from router.embedding.resolve import EmbedderUnavailable

    try:
        encoder = make_resolver(settings.embedders_dir).named(settings.cache_encoder)
    except EmbedderUnavailable as error:
        raise StartError(f"COE_CACHE_ENCODER: {error}") from error
    # One call at a time: a look for an answer must not take the processors from requests.
    return EncodedAhead(encoder, calls=1, together=4, kept=_CONFIRMED)


def read_reliability(settings: Settings) -> Reliability | None:
    """Read what was taught about experts' answers.

    Raises:
        StartError: If there is no such thing, or it cannot be used.
    """
    directory = settings.reliability_dir
    if directory is None:
        return None
    from orchestrator.conductor.reliability import read
    from router.artifact import ArtifactInvalid

    try:
        return read(directory)
    except ArtifactInvalid as error:
        raise StartError(
            f"COE_RELIABILITY_DIR: {error}. 'coe conductor teach' writes what belongs there."
        ) from error


def run_limits(settings: Settings) -> Limits:
    """Return what one run may use."""
    return Limits(
        rounds=settings.run_rounds,
        calls=settings.run_calls,
        depth=settings.run_depth,
        tokens=settings.run_tokens,
        usd=settings.run_usd,
        seconds=settings.run_seconds,
    )


def router_versions(
    settings: Settings,
    engine: AsyncEngine,
    feed: ChangeFeed,
    active: ActiveRouter,
    catalogue: CatalogueService,
) -> RouterVersions:
    """Return the versions of the router, and how they are loaded."""
    resolver = make_resolver(settings.embedders_dir, (active.router.embedder,), ahead)
    return RouterVersions(
        engine,
        active,
        make_loader(lambda artifact: build_from(artifact, resolver)),
        lambda: catalogue.current,
        feed.announce,
        settings.default_policy,
    )
