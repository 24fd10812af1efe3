"""Every operation of the catalogue on a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts.catalogue import repository, tables
from experts.catalogue.changes import content_hash
from experts.catalogue.entries import parse_entry
from experts.catalogue.errors import (
    ExpertExists,
    ExpertUnknown,
    StoredExpertInvalid,
    VersionConflict,
    VersionUnknown,
)
from experts.catalogue.expert import Expert

Make = Callable[..., Expert]


async def contents(engine: AsyncEngine) -> dict[str, tuple[int, int]]:
    """Version and context window in force, by id."""
    async with engine.connect() as connection:
        return {
            stored.id: (stored.version, stored.expert().context_window)
            for stored in await repository.heads(connection)
        }


async def revision(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return await repository.revision(connection)


async def seed(engine: AsyncEngine, *experts: Expert) -> None:
    async with engine.begin() as connection:
        await repository.apply(connection, experts, by="seed")


async def test_an_expert_comes_back_as_it_was_stored(engine: AsyncEngine, expert: Make) -> None:
    wanted = expert(
        "a",
        name="Ä name with 😀",
        tags=frozenset({"math", "code"}),
        parameters={"temperature": 0.1, "stop": ["\n", "é"], "logit_bias": {"1": -100, "2": 1e15}},
        price={"input": 0.15, "output": 1e-7},
    )
    async with engine.begin() as connection:
        stored = await repository.create(connection, wanted, by="me", comment="first")
    assert (stored.version, stored.head, stored.created_by, stored.comment) == (
        1,
        1,
        "me",
        "first",
    )
    async with engine.connect() as connection:
        found = await repository.get(connection, "a")
        row = (await connection.execute(sa.select(tables.expert_versions))).one()
    assert found.expert() == wanted
    assert row.content_hash == content_hash(found.spec)


async def test_a_taken_id_is_refused(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a"))
    with pytest.raises(ExpertExists):
        async with engine.begin() as connection:
            await repository.create(connection, expert("a"), by="me")
    assert await revision(engine) == 1


async def test_an_update_is_a_new_version_only_if_something_differs(
    engine: AsyncEngine, expert: Make
) -> None:
    await seed(engine, expert("a", context_window=1))
    async with engine.begin() as connection:
        same = await repository.update(connection, expert("a", context_window=1), by="me")
    assert (same.version, await revision(engine)) == (1, 1)
    async with engine.begin() as connection:
        changed = await repository.update(connection, expert("a", context_window=2), by="me")
    assert (changed.version, changed.head, await revision(engine)) == (2, 2, 2)


async def test_an_update_can_mind_a_change_in_between(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a"))
    async with engine.begin() as connection:
        await repository.update(connection, expert("a", context_window=2), by="me", expected=1)
    with pytest.raises(VersionConflict, match="at version 2, not 1"):
        async with engine.begin() as connection:
            await repository.update(connection, expert("a", context_window=3), by="x", expected=1)
    assert await contents(engine) == {"a": (2, 2)}


async def test_unknown_experts_and_versions(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a"))
    async with engine.connect() as connection:
        with pytest.raises(ExpertUnknown):
            await repository.get(connection, "b")
        with pytest.raises(ExpertUnknown):
            await repository.get(connection, "b", 1)
        with pytest.raises(VersionUnknown):
            await repository.get(connection, "a", 2)
        with pytest.raises(ExpertUnknown):
            await repository.versions(connection, "b", limit=10)
        with pytest.raises(ExpertUnknown):
            await repository.update(connection, expert("b"), by="me")
        with pytest.raises(ExpertUnknown):
            await repository.retire(connection, "b", by="me")
        with pytest.raises(ExpertUnknown):
            await repository.rollback(connection, "b", 1, by="me")
        with pytest.raises(VersionUnknown):
            await repository.rollback(connection, "a", 9, by="me")


async def test_a_retired_expert_is_gone_and_its_history_stays(
    engine: AsyncEngine, expert: Make
) -> None:
    await seed(engine, expert("a", context_window=1), expert("b"))
    async with engine.begin() as connection:
        await repository.retire(connection, "a", by="me")
    assert list(await contents(engine)) == ["b"]
    assert await revision(engine) == 2
    async with engine.begin() as connection:
        with pytest.raises(ExpertUnknown):
            await repository.get(connection, "a")
        with pytest.raises(ExpertUnknown):
            await repository.retire(connection, "a", by="me")
        with pytest.raises(ExpertUnknown):
            await repository.update(connection, expert("a"), by="me")
        (old,) = await repository.versions(connection, "a", limit=10)
        assert old.retired
        again = await repository.create(connection, expert("a", context_window=5), by="me")
    assert (again.version, again.retired) == (2, False)


async def test_rolling_back_adds_a_version_with_the_old_content(
    engine: AsyncEngine, expert: Make
) -> None:
    for window in (1, 2, 3):
        await seed(engine, expert("a", context_window=window))
    async with engine.begin() as connection:
        back = await repository.rollback(connection, "a", 1, by="me")
        again = await repository.rollback(connection, "a", 1, by="me")
        history = await repository.versions(connection, "a", limit=10)
    assert (back.version, back.comment, again.version) == (4, "rolled back to version 1", 4)
    assert [v.spec["context_window"] for v in history] == [1, 3, 2, 1]
    assert [v.version for v in history] == [4, 3, 2, 1]


async def test_rolling_back_brings_a_retired_expert_back(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a", context_window=7))
    async with engine.begin() as connection:
        await repository.retire(connection, "a", by="me")
    async with engine.begin() as connection:
        await repository.rollback(connection, "a", 1, by="me")
    assert await contents(engine) == {"a": (2, 7)}


async def test_pages(engine: AsyncEngine, expert: Make) -> None:
    names = ["a", "a-b", "a.b", "a_b", "ab", "b"]
    await seed(engine, *(expert(name) for name in names))
    seen: list[str] = []
    async with engine.connect() as connection:
        while found := await repository.heads(connection, limit=2, after=seen[-1] if seen else ""):
            seen += [stored.id for stored in found]
    assert seen == sorted(names)
    for window in range(1, 4):
        await seed(engine, expert("a", context_window=window))
    async with engine.connect() as connection:
        older = await repository.versions(connection, "a", limit=2, before=3)
    assert [stored.version for stored in older] == [2, 1]


async def test_apply_does_all_of_it_and_says_so(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a", context_window=1), expert("b"), expert("c"))
    wanted = [expert("d"), expert("a", context_window=2), expert("b")]
    async with engine.connect() as connection:
        plan = await repository.apply(connection, wanted, by="me", prune=True, dry_run=True)
    assert await contents(engine) == {"a": (1, 1), "b": (1, 8192), "c": (1, 8192)}
    assert await revision(engine) == 1
    async with engine.begin() as connection:
        done = await repository.apply(connection, wanted, by="me", prune=True)
    assert done == plan
    assert [(change.id, change.action) for change in done] == [
        ("d", "create"),
        ("a", "update"),
        ("b", "unchanged"),
        ("c", "retire"),
    ]
    assert done[1].fields == {"context_window": (1, 2)}
    assert await contents(engine) == {"a": (2, 2), "b": (1, 8192), "d": (1, 8192)}
    async with engine.begin() as connection:
        again = await repository.apply(connection, wanted, by="me", prune=True)
    assert {change.action for change in again} == {"unchanged"}
    assert await revision(engine) == 2


async def test_values_that_databases_bend_stay_unchanged(engine: AsyncEngine) -> None:
    entry = {
        "id": "a",
        "provider": "scripted",
        "parameters": {
            "zero": -0.0,
            "big": float(2**53),
            "tiny": 5e-324,
            "whole": 1.0,
            "odd": 0.1 + 0.2,
            "bool": True,
            "int": -(2**53),
            "order": {"b": 1, "aa": 2},
        },
    }
    await seed(engine, parse_entry(entry))
    async with engine.begin() as connection:
        (change,) = await repository.apply(connection, [parse_entry(entry)], by="me")
    assert change.action == "unchanged"


async def test_an_apply_that_fails_half_way_changes_nothing(
    engine: AsyncEngine, expert: Make
) -> None:
    await seed(engine, expert("a", context_window=1))
    async with engine.begin() as connection:
        # The versions of 'a' and 'b' are written before the one of 'boom' is refused.
        await connection.execute(
            sa.text("ALTER TABLE expert_versions ADD CONSTRAINT boom CHECK (expert_id <> 'boom')")
        )
    wanted = [expert("a", context_window=2), expert("b"), expert("boom"), expert("c")]
    with pytest.raises(DBAPIError, match="boom"):
        async with engine.begin() as connection:
            await repository.apply(connection, wanted, by="me", prune=True)
    assert await contents(engine) == {"a": (1, 1)}
    assert await revision(engine) == 1


async def test_a_rollback_that_fails_changes_nothing(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a", context_window=1))
    await seed(engine, expert("a", context_window=2))
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("ALTER TABLE catalogue_state ADD CONSTRAINT two CHECK (revision <= 2)")
        )
    # The version is written; counting the change, the last step, is what fails.
    with pytest.raises(DBAPIError, match="two"):
        async with engine.begin() as connection:
            await repository.rollback(connection, "a", 1, by="me")
    assert await contents(engine) == {"a": (2, 2)}


async def test_the_history_cannot_be_rewritten(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a"))
    table = tables.expert_versions
    for statement in (
        sa.update(table).values(created_by="someone else"),
        sa.delete(table),
        sa.delete(tables.experts),
    ):
        with pytest.raises(DBAPIError, match=r"immutable|violates foreign key"):
            async with engine.begin() as connection:
                await connection.execute(statement)
    async with engine.connect() as connection:
        (version,) = await repository.versions(connection, "a", limit=10)
    assert version.created_by == "seed"


async def test_a_head_always_points_at_a_version(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a"))
    with pytest.raises(DBAPIError, match="experts_head_fkey"):
        async with engine.begin() as connection:
            await connection.execute(sa.update(tables.experts).values(head_version=2))


async def _update(engine: AsyncEngine, wanted: Expert) -> int:
    async with engine.begin() as connection:
        stored = await repository.update(connection, wanted, by="me")
        await asyncio.sleep(0.02)  # stay in the transaction while the others want in
        return stored.version


async def test_concurrent_updates_each_get_their_version(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a", context_window=1))
    updates = [_update(engine, expert("a", context_window=window)) for window in range(2, 8)]
    assert sorted(await asyncio.gather(*updates)) == [2, 3, 4, 5, 6, 7]
    assert await revision(engine) == 7
    async with engine.connect() as connection:
        history = await repository.versions(connection, "a", limit=10)
    assert sorted(v.spec["context_window"] for v in history) == [1, 2, 3, 4, 5, 6, 7]


async def test_of_two_that_looked_at_one_version_one_wins(
    engine: AsyncEngine, expert: Make
) -> None:
    await seed(engine, expert("a"))

    async def change(window: int) -> None:
        async with engine.begin() as connection:
            wanted = expert("a", context_window=window)
            await repository.update(connection, wanted, by="me", expected=1)

    results = await asyncio.gather(change(2), change(3), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "VersionConflict"]


async def test_concurrent_creates_of_one_id_make_one(engine: AsyncEngine, expert: Make) -> None:
    async def create() -> None:
        async with engine.begin() as connection:
            await repository.create(connection, expert("a"), by="me")

    results = await asyncio.gather(create(), create(), create(), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["ExpertExists", "ExpertExists", "NoneType"]


async def test_a_reader_never_waits_for_a_writer(engine: AsyncEngine, expert: Make) -> None:
    await seed(engine, expert("a"))
    async with engine.begin() as connection:
        await repository.update(connection, expert("a", context_window=2), by="me")
        async with asyncio.timeout(2):
            assert await contents(engine) == {"a": (1, 8192)}
            assert await revision(engine) == 1


async def test_a_stuck_writer_does_not_hold_the_others_for_ever(
    engine: AsyncEngine, expert: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine.begin() as stuck:
        await repository.lock(stuck)
        monkeypatch.setattr(repository, "LOCK_SECONDS", 0.1)
        with pytest.raises(OperationalError, match="lock timeout"):
            await seed(engine, expert("a"))


async def _store_raw(connection: AsyncConnection, spec: dict[str, object]) -> None:
    await connection.execute(sa.insert(tables.experts).values(id="a", head_version=1))
    await connection.execute(
        sa.insert(tables.expert_versions).values(
            expert_id="a", version=1, spec=spec, content_hash=b"", created_by="another release"
        )
    )


async def test_what_a_newer_release_added_is_left_out(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        spec = {"id": "a", "provider": "scripted", "new_field": 1, "price": {"cached": 2}}
        await _store_raw(connection, spec)
    async with engine.connect() as connection:
        assert (await repository.get(connection, "a")).expert().id == "a"


async def test_an_unreadable_entry_can_be_replaced(engine: AsyncEngine, expert: Make) -> None:
    async with engine.begin() as connection:
        await _store_raw(connection, {"id": "a", "provider": "carrier-pigeon"})
    async with engine.begin() as connection:
        with pytest.raises(StoredExpertInvalid, match="'a'"):
            (await repository.get(connection, "a")).expert()
        with pytest.raises(StoredExpertInvalid):
            await repository.rollback(connection, "a", 1, by="me")
        stored = await repository.update(connection, expert("a"), by="me")
    assert stored.version == 2


async def test_a_full_catalogue_is_applied_in_seconds(engine: AsyncEngine, expert: Make) -> None:
    async with asyncio.timeout(20):
        await seed(engine, *(expert(f"e{number}") for number in range(5000)))
        async with engine.begin() as connection:
            done = await repository.apply(connection, [expert("last")], by="me", prune=True)
    assert sum(change.action == "retire" for change in done) == 5000
    assert list(await contents(engine)) == ["last"]
