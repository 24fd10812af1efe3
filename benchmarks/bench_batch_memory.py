"""Memory of a process that takes a batch of many lines in: uploaded, checked, routed, put in as items.

Starts a Postgres and a Valkey of its own. No item is done, since what that takes does not depend on how
many there are. Tells the resident memory along the way; the limit is 64 MB more at the end than after the
first twentieth.

    python benchmarks/bench_batch_memory.py [--json] [--items 1000000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import psutil
from bench_batch import lines, serving

from experts.catalogue.expert import Expert
from orchestrator.batches.schemas import BatchWanted
from orchestrator.jobs import leases
from orchestrator.tenants.keys import Principal, Role
from orchestrator.worker.work import make_job_worker

LIMIT_MB = 64.0
ENTRY = {"id": "stub", "provider": "scripted", "model": "echo"}


def resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


async def run(items: int, directory: Path) -> dict[str, object]:
    async with serving(directory) as services:
        record, _ = await services.keys.create(name="b", role=Role.ADMIN, created_by="b")
        who = Principal(record.id, record.name, record.tenant, record.role)
        await services.catalogue.create(Expert.model_validate(ENTRY), by="bench")
        worker = make_job_worker(services, "bench", services.settings)
        async with services.engine.begin() as connection:
            await leases.register(connection, "bench", 86_400.0)
        idle, began = resident_mb(), time.perf_counter()
        file = await services.files.upload(who, "input.jsonl", "batch", lines(items, "stub"))
        uploaded, seconds = resident_mb(), [time.perf_counter() - began]
        wanted = BatchWanted(input_file_id=file["id"], endpoint="/v1/chat/completions")
        batch = await services.batches.create(who, wanted)
        preparing = asyncio.create_task(worker.preparer.once())
        seen: list[tuple[int, float]] = []
        while not preparing.done():
            await asyncio.sleep(0.5)
            row = await services.batches.get(who, batch["id"])
            seen.append((row["filled"], resident_mb()))
        await preparing
        seconds.append(time.perf_counter() - began)
    early = next((mb for filled, mb in seen if filled >= items / 20), seen[-1][1])
    return {
        "items": items,
        "file_mb": round(file["bytes"] / 1e6),
        "idle_mb": round(idle),
        "uploaded_mb": round(uploaded),
        "after_a_twentieth_mb": round(early),
        "most_mb": round(max(mb for _, mb in seen)),
        "at_the_end_mb": round(seen[-1][1]),
        "limit_mb": round(early + LIMIT_MB),
        "seconds": [round(each, 1) for each in seconds],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        import uvloop

        found = uvloop.run(run(given.items, Path(directory)))
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
