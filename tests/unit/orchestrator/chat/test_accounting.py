"""An account is closed once, whoever asks for it and whoever stops waiting."""

from __future__ import annotations

import asyncio
from typing import Any

from experts.catalogue.expert import Expert
from orchestrator.catalogue.service import Catalogue
from orchestrator.chat.accounting import Account
from orchestrator.chat.target import Target
from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.keys import Principal, Role
from orchestrator.usage.record import UsageRecord

EXPERT = Expert(id="a", provider="scripted", model="echo")


class Journal:
    def __init__(self) -> None:
        self.closed: list[UsageRecord] = []

    async def close(self, record: UsageRecord) -> None:
        await asyncio.sleep(0.01)
        self.closed.append(record)


def account(journal: Any) -> Account:
    return Account(
        journal,
        Principal("key_1", "a key", "acme", Role.USER),
        request_id=new_request_id(),
        api="chat.completions",
        model="a",
        target=Target(EXPERT, Catalogue(experts={"a": EXPERT}, versions={"a": 1})),
        streamed=True,
        prompt_tokens=5,
    )


async def test_two_that_close_at_once_write_one_record() -> None:
    journal = Journal()
    opened = account(journal)
    one, other = await asyncio.gather(opened.close("ok"), opened.close("cancelled"))
    assert one is other
    assert [record.status for record in journal.closed] == ["ok"]


async def test_it_is_closed_even_if_nobody_waits_any_more() -> None:
    journal = Journal()
    opened = account(journal)
    closing = asyncio.create_task(opened.close("ok"))
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert closing.cancelled()
    assert (await opened.close("cancelled")).status == "ok"
    assert len(journal.closed) == 1
