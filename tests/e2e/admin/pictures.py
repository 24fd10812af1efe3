"""Makes the pictures of the admin pages in the documentation: ``python -m tests.e2e.admin.pictures``.

It starts a service of its own with scripted experts, lets some tenants ask for a while, adds two days of requests
before that, and takes its pictures in Chromium.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from playwright.async_api import Browser, async_playwright

from coe_client import AsyncCoe, CoeError
from tests.e2e.admin.conftest import _NAMES, _QUIET, settled
from tests.e2e.conftest import Server

PICTURES = Path(__file__).resolve().parents[3] / "docs" / "pictures"
_EXPERTS = [
    {
        "id": "large",
        "name": "Large generalist",
        "provider": "scripted",
        "model": "delay:0.4|fixed:Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
        "tags": ["general", "writing"],
        "price": {"input": 3.0, "output": 15.0},
    },
    {
        "id": "small",
        "name": "Small generalist",
        "provider": "scripted",
        "model": "delay:0.1|fixed:Plants make sugar from light, water and air.",
        "price": {"input": 0.15, "output": 0.6},
    },
    {
        "id": "coder",
        "name": "Coder",
        "provider": "scripted",
        "model": "delay:0.2|fixed:def reverse(items): return items[::-1]",
        "tags": ["coding"],
        "price": {"input": 0.8, "output": 3.2},
    },
    {
        "id": "mathematician",
        "name": "Mathematician",
        "provider": "scripted",
        "model": "delay:0.2|fixed:17 times 23 is 391.",
        "tags": ["math", "science"],
        "price": {"input": 0.5, "output": 2.0},
    },
    {
        "id": "old",
        "name": "Old translator",
        "provider": "scripted",
        "model": "fail:503",
        "tags": ["translation"],
        "price": {"input": 0.1, "output": 0.3},
    },
]
_ASKED = (
    "Write a Python function that reverses a list.",
    "What is 17 times 23?",
    "Explain photosynthesis in one sentence.",
    "Translate 'good morning' into French.",
    "Summarise: the contract ends after two years unless it is renewed.",
    "Why does ice float on water?",
    "Write a haiku about rain.",
)
_BUDGETS = {"acme": 0.5, "globex": 20.0, "initech": 2.0}
_BEFORE = """
insert into usage (request_id, started_at, tenant, key_id, api, model, policy, status, error_code, streamed,
                   prompt_tokens, completion_tokens, tokens_estimated, cost_nanos, duration_ms, first_token_ms,
                   expert, expert_version, category, confidence, cache, saved_tokens, saved_nanos)
select 'req_' || lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 19),
       date_trunc('milliseconds', at), (array['acme', 'acme', 'globex', 'initech'])[1 + floor(r1 * 4)],
       'key_' || md5(floor(r1 * 4)::text), 'chat.completions', 'coe', 'balanced',
       case when r2 < 0.985 then 'ok' else 'failed' end, case when r2 >= 0.985 then 'expert_unavailable' end, r3 < 0.7,
       200 + (r4 * 1500)::int, 40 + (r5 * 600)::int, false, ((0.2 + r4 + r5 * 2) * 1e6)::bigint,
       200 + exp(r5 * 3) * 100, case when r3 < 0.7 then 60 + r4 * 500 end,
       (array['small', 'small', 'large', 'coder', 'mathematician'])[1 + floor(r6 * 5)], 1,
       (array['general', 'coding', 'math', 'writing', 'science'])[1 + floor(r7 * 5)], 0.9,
       case when r8 < 0.2 then 'hit' when r8 < 0.5 then 'miss' end, case when r8 < 0.2 then 500 end,
       case when r8 < 0.2 then 1500000 end
from (select i, now() - interval '20 minutes' - random() * (2 - sin(random() * 3.14) * 0.4) * interval '1 day' as at,
             random() r1, random() r2, random() r3, random() r4, random() r5, random() r6, random() r7, random() r8
      from generate_series(1, 4000) i) x
on conflict do nothing
"""
_ELSEWHERE = """
() => { const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) texts.currentNode.data =
          texts.currentNode.data.replace(/\\/\\S*coe-pictures-\\S*/, '/var/lib/coe'); }
"""
"""Where the data were while the pictures were taken is nobody's business."""
_PARTITION = """
do $$ declare d date := (now() at time zone 'utc')::date - {days}; begin
  execute format('create table if not exists usage_%s partition of usage for values from (%L) to (%L)',
                 to_char(d, 'YYYYMMDD'), d::text || ' 00:00Z', (d + 1)::text || ' 00:00Z'); end $$
"""


def _add_days_before(data_dir: Path) -> None:
    """Add requests of the two days before."""
    url = f"postgresql+psycopg://postgres@/postgres?host={data_dir / 'postgres'}&port=5432"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for days in range(4):
            connection.execute(sa.text(_PARTITION.format(days=days)))
        connection.exec_driver_sql(_BEFORE)
    engine.dispose()


async def _let_them_ask(server: Server) -> dict[str, str]:
    """Make tenants with keys and budgets, let them ask; returns ids for the pages of single things."""
    choose = random.Random(7)  # noqa: S311 (nothing secret)
    async with AsyncCoe(base_url=server.url, api_key=server.key, max_retries=0) as admin:
        keys = []
        for tenant, usd in _BUDGETS.items():
            await admin.tenants.put(tenant, name=tenant.title())
            await admin.limits.set(tenant=tenant, usd_per_day=usd, usd_per_month=usd * 20)
            keys.append((await admin.keys.create("production", tenant=tenant)).key)
        clients = [AsyncCoe(base_url=server.url, api_key=key, max_retries=0) for key in keys]

        async def ask(number: int) -> None:
            model = choose.choice(("coe", "coe", "coe-economy", "coe-quality", "old"))
            try:
                await choose.choice(clients).chat.create(
                    f"{choose.choice(_ASKED)} ({number})", model=model, max_tokens=60
                )
            except CoeError:
                return  # some are meant to fail

        for begin in range(0, 160, 8):
            await asyncio.gather(*(ask(begin + one) for one in range(8)))
        run = await admin.runs.start(
            "What is 17 times 23? Check the answer.", strategy="self-consistency"
        )
        await admin.runs.wait(run.id, within=60)
        await admin.routers.set_budget("starter", "balanced", money_usd=0.002, note="spend less")
        await asyncio.sleep(2)
        page = await admin.usage.page(category="math", status="ok", limit=1)
        for client in clients:
            await client.close()
    return {"run": run.id, "request": page.data[0].request_id}


async def _take(browser: Browser, server: Server, ids: dict[str, str]) -> None:
    wide, narrow = (1440, 900), (390, 844)
    shots = {
        "overview": ("", wide, "light"),
        "overview-dark": ("", wide, "dark"),
        "overview-phone": ("", narrow, "light"),
        "playground": (
            "/playground?model=coe&model=coe-economy&prompt=Explain+photosynthesis.",
            wide,
            "light",
        ),
        "request": (f"/requests/{ids['request']}", wide, "light"),
        "requests": ("/requests", wide, "light"),
        "experts": ("/experts", wide, "light"),
        "router": ("/router", wide, "light"),
        "router-quality": ("/router?tab=quality", wide, "light"),
        "run": (f"/conductor/runs/{ids['run']}", wide, "light"),
        "budgets": ("/budgets", wide, "light"),
        "system": ("/system", wide, "light"),
    }
    for name, (path, (width, height), theme) in shots.items():
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            timezone_id="Europe/Berlin",
        )
        await context.add_cookies([{"name": "coe_session", "value": server.key, "url": server.url}])
        page = await context.new_page()
        await page.goto(f"{server.url}/admin{path}")
        await settled(page)
        if name == "playground":
            await page.get_by_label("Message", exact=True).press("Enter")
            await page.get_by_role("link", name="Open the request").nth(1).wait_for()
        if name == "router":
            await page.get_by_role("button", name="Halve it").click()
        await page.wait_for_timeout(1_500)
        await page.evaluate(_ELSEWHERE)
        await page.screenshot(path=PICTURES / f"{name}.png")
        await context.close()
        sys.stdout.write(f"{name}\n")


async def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="coe-pictures-"))
    server = Server(scratch / "data", experts=_EXPERTS, worker=True).start()
    try:
        ids = await _let_them_ask(server)
        _add_days_before(scratch / "data")
        await asyncio.sleep(20)  # until the sums hold what was added
        program = next(filter(None, map(shutil.which, _NAMES)), None)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=list(_QUIET))
            await _take(browser, server, ids)
            await browser.close()
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
