"""The life of router versions, on real stores."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy as sa

from experts.catalogue.expert import Expert
from orchestrator.routers.errors import (
    NothingToRollBack,
    RouterExpertsMissing,
    RouterPolicyMissing,
    RouterVersionActive,
    RouterVersionBuiltIn,
    RouterVersionUnknown,
    RouterVersionUnloadable,
)
from orchestrator.routers.lifecycle import BUILT_IN, RouterVersions
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.tables import router_state, router_versions
from tests.integration.routers.conftest import BUILT_IN as BUILT_IN_ROUTER
from tests.integration.routers.conftest import MakeReplica, Replica, artifact_bytes, build

BY = "test"


async def imported(replica: Replica, name: str, **manifest: Any) -> StoredVersion:
    stored, new = await replica.services.routers.add(artifact_bytes(name, **manifest), by=BY)
    assert new
    return stored


async def statuses(versions: RouterVersions) -> dict[str, str]:
    return {one.id: one.status for one in await versions.page(limit=100, after=None)}


async def test_a_candidate_decides_nothing_until_it_is_promoted(replica: Replica) -> None:
    versions = replica.services.routers
    built_in = await replica.decided_by()
    assert built_in.startswith("built-in-")
    stored = await imported(replica, "first")
    assert (stored.status, stored.experts, stored.created_by) == ("candidate", ("ada",), BY)
    assert await replica.decided_by() == built_in
    promoted = await versions.promote(stored.id, by="somebody")
    assert promoted is not None
    assert (promoted.status, promoted.status_changed_by) == ("active", "somebody")
    assert await replica.decided_by() == stored.version
    assert stored.version.startswith("first-")


async def test_the_same_content_is_stored_once(replica: Replica) -> None:
    stored = await imported(replica, "first")
    again, new = await replica.services.routers.add(artifact_bytes("first"), by="another")
    assert not new
    assert again == stored


async def test_rolling_back_goes_the_way_that_promotions_came(replica: Replica) -> None:
    versions = replica.services.routers
    one, two = await imported(replica, "one"), await imported(replica, "two")
    built_in = await replica.decided_by()
    for chosen in (one, two, one):
        await versions.promote(chosen.id, by=BY)
    await versions.promote(one.id, by=BY)  # is active already: no step of its own
    seen = []
    for _ in range(3):
        await versions.rollback(by=BY)
        seen.append(await replica.decided_by())
    assert seen == [two.version, one.version, built_in]
    with pytest.raises(NothingToRollBack):
        await versions.rollback(by=BY)
    assert set((await statuses(versions)).values()) == {"retired"}


async def test_the_built_in_router_can_be_promoted_and_rolled_back(replica: Replica) -> None:
    versions = replica.services.routers
    one = await imported(replica, "one")
    await versions.promote(one.id, by=BY)
    assert await versions.promote(BUILT_IN, by=BY) is None
    assert await versions.active_id() == BUILT_IN
    back = await versions.rollback(by=BY)
    assert back is not None
    assert back.id == one.id
    for refused in (versions.shadow(BUILT_IN, 0.5, by=BY), versions.canary(BUILT_IN, 0.5, by=BY)):
        with pytest.raises(RouterVersionBuiltIn):
            await refused
    with pytest.raises(RouterVersionBuiltIn):
        await versions.retire(BUILT_IN, by=BY)


async def test_a_retired_version_is_not_rolled_back_to(replica: Replica) -> None:
    versions = replica.services.routers
    one, two = await imported(replica, "one"), await imported(replica, "two")
    for chosen in (one, two, one):
        await versions.promote(chosen.id, by=BY)
    await versions.retire(two.id, by=BY)
    assert await versions.rollback(by=BY) is None  # what is before one is neither two nor one
    assert await versions.active_id() == BUILT_IN


async def test_versions_whose_experts_are_gone_are_refused(replica: Replica) -> None:
    versions, catalogue = replica.services.routers, replica.services.catalogue
    stored = await imported(replica, "needy", experts=["ada", "gone", "off"])
    off = Expert(id="off", provider="scripted", model="echo", enabled=False)
    await catalogue.create(off, by=BY)
    for refused in (versions.promote(stored.id, by=BY), versions.canary(stored.id, 0.5, by=BY)):
        with pytest.raises(RouterExpertsMissing, match="gone, off") as caught:
            await refused
        assert caught.value.missing == ("gone", "off")
    assert (await versions.get(stored.id)).status == "candidate"
    assert (await versions.details(stored.id))[2] == ("gone", "off")
    # As a shadow it harms nobody.
    assert (await versions.shadow(stored.id, 1.0, by=BY)).status == "shadow"
    await catalogue.update(off.model_copy(update={"enabled": True}), by=BY)
    await catalogue.create(off.model_copy(update={"id": "gone", "enabled": True}), by=BY)
    await versions.promote(stored.id, by=BY)
    assert await replica.decided_by() == stored.version


async def test_rolling_back_to_a_version_whose_experts_are_gone(replica: Replica) -> None:
    versions = replica.services.routers
    bo, ada = await imported(replica, "bo", experts=["bo"]), await imported(replica, "ada")
    await versions.promote(bo.id, by=BY)
    await versions.promote(ada.id, by=BY)
    await replica.services.catalogue.retire("bo", by=BY)
    with pytest.raises(RouterExpertsMissing, match="bo"):
        await versions.rollback(by=BY)
    assert await replica.decided_by() == ada.version
    await versions.retire(bo.id, by=BY)
    assert await versions.rollback(by=BY) is None


async def test_other_refusals(replica: Replica) -> None:
    versions = replica.services.routers
    policies = await imported(replica, "policies", policies=["quality"])
    with pytest.raises(RouterPolicyMissing, match="balanced"):
        await versions.promote(policies.id, by=BY)
    one = await imported(replica, "one")
    await versions.promote(one.id, by=BY)
    for refused in (
        versions.retire(one.id, by=BY),
        versions.shadow(one.id, 0.5, by=BY),
        versions.canary(one.id, 0.5, by=BY),
    ):
        with pytest.raises(RouterVersionActive):
            await refused
    for call in (versions.get, versions.report, versions.details, versions.comparison):
        with pytest.raises(RouterVersionUnknown):
            await call("rv_nobody")


async def test_what_cannot_be_loaded_is_not_promoted(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = replica.services.routers
    stored = await imported(replica, "stored")

    def broken(*_: Any) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr("orchestrator.bootstrap.parts.build_from", broken)
    with pytest.raises(RouterVersionUnloadable, match="no room"):
        await versions.promote(stored.id, by=BY)
    assert (await versions.get(stored.id)).status == "candidate"
    assert (await replica.decided_by()).startswith("built-in-")


async def test_two_promotions_at_once_leave_one_active(
    make_replica: MakeReplica,
) -> None:
    one, two = await make_replica(), await make_replica()
    stored = [await imported(one, f"v{n}") for n in range(6)]
    await asyncio.gather(
        *(
            replica.services.routers.promote(version.id, by=BY)
            for version in stored
            for replica in (one, two)
        ),
        *(one.services.routers.canary(version.id, 0.1, by=BY) for version in stored[:2]),
        return_exceptions=True,
    )
    found = list((await statuses(one.services.routers)).values())
    assert found.count("active") == 1
    assert found.count("canary") <= 1
    active = await one.services.routers.active_id()
    for replica in (one, two):
        await replica.services.routers.refresh()
        assert replica.services.router.plan.active.version_id == active


async def test_the_database_itself_keeps_one_active(replica: Replica) -> None:
    one, two = await imported(replica, "one"), await imported(replica, "two")
    await replica.services.routers.promote(one.id, by=BY)
    with pytest.raises(sa.exc.IntegrityError):
        async with replica.services.engine.begin() as connection:
            await connection.execute(
                sa.update(router_versions)
                .where(router_versions.c.id == two.id)
                .values(status="active")
            )


async def test_replicas_agree_within_a_second(make_replica: MakeReplica) -> None:
    one, two = await make_replica(), await make_replica()
    stored = await imported(one, "shared")
    for act in (
        one.services.routers.promote(stored.id, by=BY),
        two.services.routers.rollback(by=BY),
    ):
        began = time.monotonic()
        await act
        wanted = await one.services.routers.active_id()
        wanted_id = None if wanted == BUILT_IN else wanted
        while any(r.services.router.plan.active.version_id != wanted_id for r in (one, two)):
            assert time.monotonic() - began < 1.0
            await asyncio.sleep(0.005)
    three = await make_replica()
    assert await three.decided_by() == await one.decided_by()


async def test_a_replica_that_starts_later_has_what_is_promoted(make_replica: MakeReplica) -> None:
    one = await make_replica()
    stored = await imported(one, "earlier")
    await one.services.routers.promote(stored.id, by=BY)
    later = await make_replica()
    assert await later.decided_by() == stored.version


async def test_a_replica_that_cannot_load_keeps_the_old_one_and_says_so(
    make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await make_replica(), await make_replica()
    stored = await imported(one, "tricky")
    await one.services.routers.promote(stored.id, by=BY)
    await two.services.routers.refresh()
    other = await imported(one, "other")

    async with one.services.engine.begin() as connection:  # as if bytes were damaged on disk
        columns = router_versions.c
        bad = sa.update(router_versions).where(columns.id == other.id)
        await connection.execute(bad.values(artifact=b"damaged"))
        active = sa.update(router_versions).where(columns.id == stored.id)
        await connection.execute(active.values(status="retired"))
        now = sa.update(router_versions).where(columns.id == other.id)
        await connection.execute(now.values(status="active"))
        state = sa.update(router_state)
        await connection.execute(state.values(revision=router_state.c.revision + 1))
    await two.services.routers.refresh()
    assert await two.decided_by() == stored.version
    view = (await two.client.get("/admin/api/router")).json()
    assert (view["id"], view["version"]) == (stored.id, stored.version)
    assert [(f["id"], f["status"]) for f in view["failures"]] == [(other.id, "active")]
    assert "not a router artefact" in view["failures"][0]["reason"]
    assert other.id in caplog.text
    # One that starts now has nothing older to keep but the built-in one.
    assert (await (await make_replica()).decided_by()).startswith("built-in-")


async def test_promotion_under_load_drops_no_request(make_replica: MakeReplica) -> None:
    one, two = await make_replica(), await make_replica()
    stored = [await imported(one, f"load-{n}") for n in range(3)]
    seen: list[tuple[int, str | None]] = []
    done = asyncio.Event()

    async def ask(replica: Replica) -> None:
        body = {"model": "coe", "messages": [{"role": "user", "content": "one and one"}]}
        while not done.is_set():
            answer = await replica.client.post("/v1/chat/completions", json=body)
            seen.append((answer.status_code, answer.headers.get("x-coe-router-version")))

    askers = [asyncio.create_task(ask(replica)) for replica in (one, two) for _ in range(3)]
    for version in stored:
        await one.services.routers.promote(version.id, by=BY)
        await asyncio.sleep(0.2)
    await two.services.routers.rollback(by=BY)
    await asyncio.sleep(0.2)
    done.set()
    await asyncio.gather(*askers)
    assert len(seen) > 50
    assert {status for status, _ in seen} == {200}
    assert {version.version for version in stored} <= {version for _, version in seen}


async def test_slow_loading_keeps_nothing_else_waiting(
    make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await make_replica(), await make_replica()
    stored = await imported(one, "slow")

    def slowly(artifact: Any, *_: Any) -> Any:
        time.sleep(1.5)
        return build(artifact)

    monkeypatch.setattr("orchestrator.bootstrap.parts.build_from", slowly)
    await one.services.routers.promote(stored.id, by=BY)
    assert two.services.router.plan.active.version_id is None
    began = time.monotonic()
    await one.services.catalogue.create(Expert(id="new", provider="scripted", model="echo"), by=BY)
    while "new" not in two.services.catalogue.current.experts:
        assert time.monotonic() - began < 1.0
        await asyncio.sleep(0.005)
    assert await two.decided_by() == BUILT_IN_ROUTER.version
