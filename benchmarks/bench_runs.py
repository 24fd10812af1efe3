"""Runs in the background: what a step costs beside its expert, and how many one worker does at once.

Starts a Postgres and a Valkey of its own and one worker in this process, with an expert that takes
``--delay`` seconds an answer. A run has ten steps. The limit for one run is 5 ms between the end of a step
and the beginning of the next, in which the step is committed; so the disk's own time is told beside it.

    python benchmarks/bench_runs.py [--json] [--runs 200] [--delay 1.0]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

from experts.catalogue.expert import Expert
from orchestrator.kit.database import migrate
from orchestrator.kit.ids import new_request_id
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey
from orchestrator.runs.record import RunRequest
from orchestrator.runs.service import RunService
from orchestrator.tenants.keys import Principal, Role
from orchestrator.worker.work import Work, open_work, warm_up
from router import Category, HashingEmbedder, Taxonomy, build_router

STEPS = 10
LIMIT_MS = 5.0
TURNS = [f'<call expert="Clerk">please-work {n}</call>' for n in range(1, 5)]
SCRIPT = {
    "turns": [*TURNS, "<answer>done</answer>"],
    "replies": {"please-work": "a part is done", "VERDICT": "VERDICT: CORRECT"},
}


@dataclass(frozen=True)
class Measured:
    """What so many runs at once took."""

    runs: int
    seconds: float
    ideal_seconds: float
    gap_ms: float
    """Median between the end of a step and the beginning of the next."""
    cpu_ms_a_step: float
    """Of the whole process, what it does beside runs included."""


async def measure(
    work: Work, service: RunService, who: Principal, runs: int, delay: float
) -> Measured:
    request = RunRequest(
        messages=({"role": "user", "content": "Add it all up."},),
        policy="quality",
        limits=asdict(work.services.runs.limits),
    )
    ids = []
    for _ in range(runs):
        started = await service.start(who, new_request_id(), "conductor", request, {}, None)
        ids.append(started.row["id"])
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*map(work.runner.offer, ids))
    while work.runner.busy:  # noqa: ASYNC110 (a benchmark may look now and then)
        await asyncio.sleep(0.005)
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    gaps = []
    for run_id in ids:
        row, _, steps = await service.get(who, run_id)
        if (row["status"], len(steps)) != ("finished", STEPS):
            raise RuntimeError(f"a run did not go as it should: {row}")
        for one, following in pairwise(steps):
            gaps.append(following["started_at"] - one["started_at"] - one["seconds"])
    gap = statistics.median(gaps) * 1000
    return Measured(runs, seconds, STEPS * delay, gap, used / runs / STEPS * 1000)


async def main(urls: StoreUrls, directory: Path, runs: int, delay: float) -> list[Measured]:
    warm_up()
    router = build_router(
        Taxonomy((Category("general", "General", "Everything."),)), HashingEmbedder(), name="bench"
    )
    settings = Settings(data_dir=directory)
    async with open_work(settings, urls, router) as work:
        entry = {
            "id": "e",
            "provider": "scripted",
            "parameters": {"script": {**SCRIPT, "delay": delay}},
        }
        await work.services.catalogue.create(Expert.model_validate(entry), by="benchmark")
        key, _ = await work.services.keys.create(name="b", role=Role.ADMIN, created_by="benchmark")
        who = Principal(key.id, key.name, key.tenant, key.role)

        async def untold(_: str) -> None:
            """The runs are handed over below, all at once."""

        service = replace(work.services.runs.service, enqueue=untold)
        return [await measure(work, service, who, n, delay) for n in (1, 1, 1, runs)][1:]


def disk_ms(directory: Path) -> float:
    """Return the median of what it takes to have 8 KB on the disk, in milliseconds."""
    times = []
    with (directory / "probe").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 8192)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--delay", type=float, default=1.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coe-bench-") as name:
        place = Path(name)
        place.chmod(0o755)
        postgres, valkey = EmbeddedPostgres(place / "postgres"), EmbeddedValkey(place / "valkey")
        try:
            stores = StoreUrls(postgres.start(), valkey.start(), exclusive=False)
            migrate(stores.postgres)
            found = asyncio.run(main(stores, place, chosen.runs, chosen.delay))
            disk = disk_ms(place)
        finally:
            valkey.stop()
            postgres.stop()
    if chosen.json:
        print(json.dumps({"disk_ms": disk, "measured": [asdict(each) for each in found]}))
    else:
        print(
            f"disk: {disk:.2f} ms to have 8 KB written; limit: {LIMIT_MS:g} ms between two steps of a run"
        )
        for each in found:
            print(
                f"{each.runs:4} at once: {each.seconds:6.2f} s (ideal {each.ideal_seconds:g}), "
                f"{each.gap_ms:6.2f} ms between steps, {each.cpu_ms_a_step:5.2f} ms of CPU a step"
            )
