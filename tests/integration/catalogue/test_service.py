"""The catalogue in memory follows the one in Postgres."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue import tables
from experts.catalogue.errors import CatalogueInvalid, ExpertExists, ExpertUnknown
from experts.catalogue.expert import Expert, SecretRef
from orchestrator.catalogue.secrets import SecretStore, generate_key
from orchestrator.catalogue.service import CatalogueService, candidate_of
from orchestrator.kit.database import make_engine
from router.decision import Candidate

Make = Callable[..., Expert]


async def _silent(_: str) -> None:
    return


def replica(engine: AsyncEngine) -> CatalogueService:
    return CatalogueService(engine, SecretStore(engine, [generate_key()], {}, _silent), _silent)


def test_what_the_router_learns_of_an_expert(expert: Make) -> None:
    made = expert(
        "a",
        tags=frozenset({"math"}),
        capabilities=frozenset({"tools"}),
        context_window=5,
        price={"input": 1, "output": 2},
        active_parameters=3.5,
        accepts=frozenset({"executable"}),
        enabled=False,
    )
    assert candidate_of(made) == Candidate(
        id="a",
        tags=frozenset({"math"}),
        capabilities=frozenset({"tools"}),
        context_window=5,
        price_in=1.0,
        price_out=2.0,
        active_parameters=3.5,
        accepts=frozenset({"executable"}),
        available=False,
    )


async def test_a_change_is_in_memory_and_announced_when_it_returns(
    service: CatalogueService, announced: list[str], expert: Make
) -> None:
    assert (service.current.revision, dict(service.current.experts)) == (0, {})
    before = service.current
    await service.apply([expert("b"), expert("a")], by="me")
    assert announced == ["catalogue"]
    assert [c.id for c in service.current.candidates] == ["a", "b"]
    await service.update(expert("a", context_window=9), by="you")
    assert service.current.experts["a"].context_window == 9
    assert service.current.versions["a"] == 2
    await service.create(expert("c"), by="me")
    await service.retire("b", by="me")
    await service.rollback("a", 1, by="me")
    assert {n: service.current.versions[n] for n in service.current.experts} == {"a": 3, "c": 1}
    assert (service.current.revision, announced) == (5, ["catalogue"] * 5)
    assert not before.experts  # who works on an older catalogue keeps it


async def test_the_catalogue_in_memory_cannot_be_changed(
    service: CatalogueService, expert: Make
) -> None:
    await service.create(expert("a"), by="me")
    with pytest.raises(TypeError):
        service.current.experts["b"] = expert("b")  # type: ignore[index]  # the point of the test


async def test_a_refused_change_changes_and_announces_nothing(
    service: CatalogueService, announced: list[str], expert: Make
) -> None:
    await service.create(expert("a"), by="me")
    with pytest.raises(ExpertExists):
        await service.create(expert("a"), by="me")
    with pytest.raises(ExpertUnknown):
        await service.retire("b", by="me")
    with pytest.raises(CatalogueInvalid):
        await service.apply([expert("b"), expert("b")], by="me")
    with pytest.raises(CatalogueInvalid):
        await service.create(expert("b", name="\x00"), by="me")
    await service.apply([expert("z")], by="me", prune=True, dry_run=True)
    assert (list(service.current.experts), announced) == (["a"], ["catalogue"])


async def test_another_replica_sees_the_change_at_its_next_poll(
    service: CatalogueService, engine: AsyncEngine, expert: Make
) -> None:
    other = replica(engine)
    await other.load()
    await service.apply([expert("a")], by="me")
    assert not other.current.experts
    await other.refresh()
    assert list(other.current.experts) == ["a"]


async def test_a_poll_without_a_change_reads_one_row(
    service: CatalogueService, engine: AsyncEngine, expert: Make
) -> None:
    await service.create(expert("a"), by="me")
    before = service.current
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    await service.refresh()
    sa.event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert service.current is before
    assert len(statements) == 1
    assert "catalogue_state" in statements[0]


async def test_concurrent_changes_leave_memory_at_the_last_revision(
    service: CatalogueService, expert: Make
) -> None:
    await asyncio.gather(*(service.create(expert(f"e{n}"), by="me") for n in range(8)))
    assert (service.current.revision, len(service.current.experts)) == (8, 8)


async def test_memory_serves_while_the_database_is_away(
    engine: AsyncEngine, expert: Make, service: CatalogueService
) -> None:
    await service.create(expert("a"), by="me")
    away = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2")
    service._engine = away
    with pytest.raises(SQLAlchemyError):
        await service.refresh()
    assert list(service.current.experts) == ["a"]
    await away.dispose()


async def test_one_unreadable_entry_takes_no_other_out_of_service(
    service: CatalogueService,
    engine: AsyncEngine,
    expert: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await service.create(expert("good"), by="me")
    async with engine.begin() as connection:
        await connection.execute(sa.insert(tables.experts).values(id="bad", head_version=1))
        await connection.execute(
            sa.insert(tables.expert_versions).values(
                expert_id="bad", version=1, spec={"id": "bad"}, content_hash=b"", created_by="x"
            )
        )
    with caplog.at_level(logging.ERROR):
        await service.load()
    assert list(service.current.experts) == ["good"]
    assert "'bad'" in caplog.text


async def test_secrets_are_loaded_with_the_catalogue(
    service: CatalogueService, store: SecretStore, engine: AsyncEngine
) -> None:
    await store.put("a.key", "s3cret", by="me")
    same_key = SecretStore(engine, ["x" * 43 + "="], {}, _silent)
    same_key._cipher = store._cipher
    other = CatalogueService(engine, same_key, _silent)
    await other.refresh()
    assert same_key.resolve(SecretRef(stored="a.key")) == "s3cret"
    await store.put("a.key", "n3w", by="me")
    await other.refresh()
    assert same_key.resolve(SecretRef(stored="a.key")) == "n3w"
