"""Looks at what is in the stores: the catalogue, its secrets and limits, and the processes that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.call import CallRules, ExpertCaller
from experts.calling.embedding import EmbeddingRegistry
from experts.catalogue import repository
from experts.catalogue.expert import Expert, SecretRef
from experts.providers.addresses import AddressPolicy
from orchestrator.catalogue.secrets import (
    KEY_FILE,
    SecretKeyInvalid,
    SecretStore,
    SecretUnavailable,
    generate_key,
    split_keys,
)
from orchestrator.catalogue.service import catalogue_of
from orchestrator.cli.doctor.experts import (
    check_answers,
    check_catalogue,
    check_prices,
    check_secrets,
)
from orchestrator.cli.doctor.findings import Finding
from orchestrator.cli.doctor.installation import check_database, check_memory, check_processes
from orchestrator.cli.doctor.machine import check_clocks
from orchestrator.cli.doctor.trying import ask_all, try_all
from orchestrator.kit.database import make_engine
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.system.build import own_version
from orchestrator.system.presence import processes
from orchestrator.system.readings import AWAY, problem_of
from orchestrator.system.stores import Database, Memory, read_database, read_memory
from orchestrator.tenants.limits.book import LimitBook
from orchestrator.usage.journal import STREAM

T = TypeVar("T")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in the stores.

    Args:
        findings: What is to be told of it.
        limited: Whether anybody's use is limited; ``None``: unknown.
    """

    findings: list[Finding]
    limited: bool | None


async def examine_stores(
    settings: Settings,
    urls: StoreUrls,
    environ: Mapping[str, str],
    *,
    running: bool,
    ask: bool,
) -> Seen:
    """Look at Postgres and Redis, and at what is in them."""
    async with AsyncExitStack() as stack:
        engine = make_engine(urls.postgres)
        stack.push_async_callback(engine.dispose)
        redis = await stack.enter_async_context(
            Redis.from_url(
                urls.redis,
                socket_timeout=_SECONDS,
                socket_connect_timeout=_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        )
        database = await _or_finding(
            read_database(engine),
            Finding("database", "error", "Postgres", "Check DATABASE_URL and that it runs."),
        )
        memory = await _or_finding(
            read_memory(redis),
            Finding("redis", "error", "Redis", "Check REDIS_URL and that it runs."),
        )
        findings = [
            *(
                check_database(database, running=running)
                if isinstance(database, Database)
                else [database]
            ),
            *(check_memory(memory) if isinstance(memory, Memory) else [memory]),
            *check_clocks(
                {
                    "Postgres": database.clock_ahead_seconds
                    if isinstance(database, Database)
                    else None,
                    "Redis": memory.clock_ahead_seconds if isinstance(memory, Memory) else None,
                }
            ),
        ]
        if isinstance(memory, Memory):
            findings += await _processes(redis)
        if not isinstance(database, Database) or not database.migrated:
            return Seen(findings, None)
        findings += await _experts(settings, engine, environ, ask=ask)
        book = LimitBook(engine, _nobody)
        await book.refresh()
        return Seen(findings, book.any)


async def _or_finding(work: Awaitable[T], away: Finding) -> T | Finding:
    """Return what a store says, or that it does not."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await work
    except AWAY as error:
        seen = f"{away.seen} does not answer ({problem_of(error)})."
        return Finding(away.check, away.state, seen, away.advice)


async def _processes(redis: Redis) -> list[Finding]:
    listed, undrained = await processes(redis), int(await redis.xlen(STREAM))
    return check_processes(listed, needed=own_version(), undrained=undrained, now=datetime.now(UTC))


async def _experts(
    settings: Settings, engine: AsyncEngine, environ: Mapping[str, str], *, ask: bool
) -> list[Finding]:
    async with engine.connect() as connection:
        stored = await repository.heads(connection)
    catalogue = catalogue_of(0, stored)
    enabled = [one for one in catalogue.experts.values() if one.enabled]
    findings = [
        check_catalogue(enabled, len(stored), len(catalogue.experts)),
        *check_prices(enabled),
    ]
    try:
        store = SecretStore(engine, _keys(settings), environ, _nobody)
    except SecretKeyInvalid as error:
        return [*findings, Finding("secrets", "error", str(error))]
    async with engine.connect() as connection:
        await store.load(connection)

    def problem(reference: SecretRef) -> str | None:
        try:
            store.resolve(reference)
        except SecretUnavailable as error:
            return str(error)
        return None

    findings += check_secrets(enabled, problem)
    return [*findings, *await _answers(settings, enabled, store, ask=ask)]


async def _answers(
    settings: Settings, enabled: list[Expert], store: SecretStore, *, ask: bool
) -> list[Finding]:
    addresses = AddressPolicy.parse(settings.private_addresses, "COE_PRIVATE_ADDRESSES")
    if not ask:
        return check_answers(await try_all(enabled, addresses, store.resolve))
    # Who asks as the service does needs most of what the service imports.
    from orchestrator.bootstrap.parts import make_providers, residency_manager
    from orchestrator.telemetry.residency import ResidencyMetrics

    residency = residency_manager(settings, ResidencyMetrics())
    providers = make_providers(addresses, residency, settings.residency_servers)
    rules = CallRules(attempts=1, retries=0)
    caller = ExpertCaller(providers, store.resolve, rules=rules)
    embedder = ExpertCaller(EmbeddingRegistry(providers), store.resolve, rules=rules)
    try:
        return check_answers(await ask_all(enabled, caller, embedder))
    finally:
        await caller.aclose()


def _keys(settings: Settings) -> list[str]:
    """Return the encryption keys; where there are none yet, one that decrypts nothing."""
    if settings.secret_key is not None:
        return split_keys(settings.secret_key.get_secret_value())
    path = settings.data_dir / KEY_FILE
    return split_keys(path.read_text()) if path.exists() else [generate_key()]


async def _nobody(topic: str) -> None:
    """Announce nothing: nothing is changed here."""
    del topic
