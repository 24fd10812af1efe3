"""Every script and every batch touches the keys of one hash slot, as a Redis Cluster wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from redis.asyncio.client import Pipeline, Redis
from redis.crc import key_slot

from orchestrator.kit.slots import USAGE, beside_usage
from orchestrator.kit.together import Together
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.journal import STREAM
from tests.integration.tenants.limits.conftest import Replica, new_record

_SCRIPTS = {"EVAL", "EVALSHA"}


def keys_of(command: Sequence[Any]) -> list[bytes]:
    """Return the keys of a command: the first argument, or those of a script."""
    name, *arguments = command
    if str(name).upper() in _SCRIPTS:
        return [_bytes(key) for key in arguments[2 : 2 + int(arguments[1])]]
    return [_bytes(arguments[0])]


def _bytes(key: Any) -> bytes:
    return key if isinstance(key, bytes) else str(key).encode()


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[set[bytes]]:
    """The keys of each script and of each batch, as they are sent."""
    seen: list[set[bytes]] = []
    send, execute, run = Redis.execute_command, Pipeline.execute, Together.run

    async def sent(self: Any, *command: Any, **options: Any) -> Any:
        if str(command[0]).upper() in _SCRIPTS:
            seen.append(set(keys_of(command)))
        return await send(self, *command, **options)

    async def executed(self: Any, *arguments: Any, **options: Any) -> Any:
        seen.append({key for command, _ in self.command_stack for key in keys_of(command)})
        return await execute(self, *arguments, **options)

    async def asked(self: Any, *commands: Any) -> Any:
        seen.append({key for one in commands for key in keys_of(one)})
        return await run(self, *commands)

    monkeypatch.setattr(Redis, "execute_command", sent)
    monkeypatch.setattr(Together, "run", asked)
    monkeypatch.setattr(Pipeline, "execute", executed)
    return seen


async def test_what_changes_together_is_in_one_slot(
    replica: Replica, together: list[set[bytes]]
) -> None:
    await replica.limit(requests=10, tokens=1_000, concurrent=5, day=1_000, month=1_000)
    await replica.limit("key_a", day=1_000)
    await replica.request(nanos=10, cost=5)
    record = new_record()
    ask = Ask(record.request_id, "default", "key_a", nanos=10)
    await replica.journal.open(record, ask)
    assert await replica.journal.top_up(ask, 5)
    await replica.limiter.renew_for("default", [record.request_id], {record.request_id: 7})
    await replica.limiter.settle_for("default", record.request_id, 1, 1)
    await replica.limiter.reconcile()
    await replica.limiter.forget("default", "key_a")
    await replica.drain.flush()  # what no living process has open is closed
    assert {len(keys) for keys in together} == {1, 2, 3, 4}  # four: a request that ends
    assert {frozenset(map(key_slot, keys)) for keys in together} == {
        frozenset([key_slot(STREAM.encode())])
    }


def test_tenants_do_not_meet() -> None:
    names = [beside_usage(kind, name) for kind in ("limits", "due") for name in ("a", "b", "a:b")]
    assert len(set(names)) == len(names)
    assert {key_slot(name.encode()) for name in names} == {key_slot(USAGE.encode())}
