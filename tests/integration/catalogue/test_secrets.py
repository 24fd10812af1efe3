"""Secrets: in clear in memory only, unreadable without the key, and said so clearly."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue import repository, tables
from experts.catalogue.expert import SecretRef
from experts.errors import ExpertMisconfigured
from orchestrator.catalogue.secrets import (
    SecretKeyInvalid,
    SecretStore,
    SecretUnavailable,
    SecretUnknown,
    cipher_of,
    generate_key,
    split_keys,
)

VALUE = "sk-the-real-thing"
STORED = SecretRef(stored="a.key")


async def _silent(_: str) -> None:
    return


def store_with(engine: AsyncEngine, *keys: str, **environment: str) -> SecretStore:
    return SecretStore(engine, keys, environment, _silent)


async def load(store: SecretStore, engine: AsyncEngine) -> SecretStore:
    async with engine.connect() as connection:
        await store.load(connection)
    return store


async def dump(engine: AsyncEngine) -> bytes:
    async with engine.connect() as connection:
        return bytes(await connection.scalar(sa.select(tables.secrets.c.ciphertext)) or b"")


async def test_a_secret_is_stored_encrypted_and_resolved_from_memory(
    engine: AsyncEngine, store: SecretStore, announced: list[str]
) -> None:
    await store.put("a.key", VALUE, by="me")
    assert store.resolve(STORED) == VALUE
    assert VALUE.encode() not in await dump(engine)
    assert announced == ["catalogue"]
    async with engine.connect() as connection:
        assert await repository.revision(connection) == 1


async def test_a_secret_is_replaced_and_deleted(store: SecretStore) -> None:
    await store.put("a.key", VALUE, by="me")
    await store.put("a.key", "another", by="me")
    assert store.resolve(STORED) == "another"
    assert [record.name for record in await store.page(limit=10)] == ["a.key"]
    await store.delete("a.key")
    with pytest.raises(SecretUnavailable, match=r"coe secrets set a\.key"):
        store.resolve(STORED)
    with pytest.raises(SecretUnknown):
        await store.delete("a.key")


def test_environment_variables_are_looked_up(engine: AsyncEngine) -> None:
    store = store_with(engine, generate_key(), A_KEY="value", EMPTY="", DATABASE_URL="postgres://")
    assert store.resolve(SecretRef(env="A_KEY")) == "value"
    for name in ("MISSING", "EMPTY"):
        with pytest.raises(ExpertMisconfigured, match=f"{name} is not set"):
            store.resolve(SecretRef(env=name))


def test_the_services_own_credentials_are_not_for_experts(engine: AsyncEngine) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "COE_SECRET_KEY", "database_url"):
        store = store_with(engine, generate_key(), **{name: "credential"})
        with pytest.raises(SecretUnavailable, match="not for experts") as caught:
            store.resolve(SecretRef(env=name))
        assert "credential" not in str(caught.value)


async def test_a_wrong_key_is_named_where_the_secret_is_used(
    engine: AsyncEngine, store: SecretStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.put("a.key", VALUE, by="me")
    other = store_with(engine, generate_key(), A_KEY="still there")
    with caplog.at_level(logging.ERROR):
        await load(other, engine)
    assert other.unreadable == {"a.key"}
    assert "COE_SECRET_KEY" in caplog.text
    with pytest.raises(SecretUnavailable, match="COE_SECRET_KEY"):
        other.resolve(STORED)
    assert other.resolve(SecretRef(env="A_KEY")) == "still there"
    await other.put("a.key", "anew", by="me")
    assert (other.resolve(STORED), other.unreadable) == ("anew", frozenset())


@pytest.mark.parametrize("keys", [[], ["short"], ["ü" * 44], [generate_key(), "x"]])
def test_a_malformed_key_names_the_setting(keys: list[str]) -> None:
    with pytest.raises(SecretKeyInvalid, match="COE_SECRET_KEY") as caught:
        cipher_of(keys)
    assert not any(key and key in str(caught.value) for key in keys if len(key) > 8)


def test_a_setting_may_hold_several_keys() -> None:
    assert split_keys(" a , b,,") == ["a", "b"]


async def test_keys_rotate_without_losing_a_secret(engine: AsyncEngine) -> None:
    old, new = generate_key(), generate_key()
    await store_with(engine, old).put("a.key", VALUE, by="me")
    both = await load(store_with(engine, new, old), engine)
    assert both.resolve(STORED) == VALUE
    assert await both.rotate() == 1
    alone = await load(store_with(engine, new), engine)
    assert alone.resolve(STORED) == VALUE
    former = await load(store_with(engine, old), engine)
    assert former.unreadable == {"a.key"}


async def test_a_ciphertext_moved_to_another_name_is_noticed(
    engine: AsyncEngine, store: SecretStore
) -> None:
    await store.put("a.key", VALUE, by="me")
    async with engine.begin() as connection:
        await connection.execute(sa.update(tables.secrets).values(name="b.key"))
    await load(store, engine)
    assert store.unreadable == {"b.key"}


async def test_what_does_not_fit_in_a_header_is_refused(store: SecretStore) -> None:
    for value in ("", "a\x00", "a\nb", "ü", "\ud800", "a" * 8193):
        with pytest.raises(ValueError, match="secret"):
            await store.put("a.key", value, by="me")


async def test_no_log_line_holds_a_secret(
    engine: AsyncEngine, store: SecretStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await store.put("a.key", VALUE, by="me")
        await load(store_with(engine, generate_key()), engine)
        await store.delete("a.key")
    assert VALUE not in caplog.text
    assert VALUE not in repr(store)
