"""What a kept answer costs, and what becomes of identical requests when the replica that asks is killed.

Starts a Postgres, a Valkey and two replicas of the service on them, with a scripted expert.

- One client asks, one request after the other: for an answer that is kept, whole and streamed, and for one
  that is not, with the cache off. Rounds of all alternate. ``/healthz`` in the same rounds is the floor: a request
  that does nothing.
- A hundred clients ask both replicas for the same at once; then again, and the replica whose request asks
  the expert is killed meanwhile.

    python benchmarks/bench_cache.py [--json] [--requests 600]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey

KEY = "sk-coe-" + "b" * 40
ROUNDS = 6
CLIENTS = 100
SLOW_SECONDS = 1.0
EXPERTS = [
    {"id": "quick", "provider": "scripted", "model": f"fixed:{'word ' * 50}"},
    {"id": "slow", "provider": "scripted", "model": f"delay:{SLOW_SECONDS}|fixed:slow"},
]
CASES: dict[str, dict[str, Any]] = {
    "kept, whole": {"coe": {"cache": True}},
    "kept, streamed": {"coe": {"cache": True}, "stream": True},
    "not kept, whole": {},
}


@dataclass(frozen=True)
class Measured:
    """Medians of one client, in milliseconds, from sending to the last byte."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Flight:
    """Identical requests at once.

    Args:
        answered: How many had an answer, of those sent to replicas that live.
        asked: How many an expert was asked for.
        seconds: Until the last answer.
    """

    answered: int
    asked: int
    seconds: float


@contextmanager
def replica(
    directory: Path, environ: dict[str, str]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the URL and the process of a service."""
    directory.mkdir()
    with (directory / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("coe")), "serve"],
            env={**os.environ, **environ, "COE_DATA_DIR": str(directory)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        state = directory / "server.json"
        deadline = time.monotonic() + 60
        while not state.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((directory / "service.log").read_text())
            time.sleep(0.05)
        yield json.loads(state.read_text())["url"], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(30)


def request(model: str, text: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": model, "messages": messages, "temperature": 0, **fields}


async def ask(
    session: aiohttp.ClientSession, url: str, body: dict[str, Any]
) -> tuple[str | None, float]:
    """Return what the cache had of a request, and the seconds it took."""
    began = time.perf_counter()
    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
        said = await answer.read()
        if answer.status != 200:
            raise RuntimeError(said.decode())
        return answer.headers.get("x-coe-cache"), time.perf_counter() - began


async def floor(session: aiohttp.ClientSession, url: str) -> float:
    began = time.perf_counter()
    async with session.get(f"{url}/healthz") as answer:
        await answer.read()
    return time.perf_counter() - began


async def hits(session: aiohttp.ClientSession, url: str, requests: int) -> dict[str, Measured]:
    bodies = {name: request("quick", "one", **fields) for name, fields in CASES.items()}
    for body in bodies.values():
        for _ in range(20):
            await ask(session, url, body)
    seconds: dict[str, list[float]] = {name: [] for name in (*bodies, "nothing (/healthz)")}
    for _ in range(ROUNDS):
        for name, body in bodies.items():
            for _ in range(requests // ROUNDS):
                state, took = await ask(session, url, body)
                if (state == "hit") != name.startswith("kept"):
                    raise RuntimeError(f"{name}: {state}")
                seconds[name].append(took)
        for _ in range(requests // ROUNDS):
            seconds["nothing (/healthz)"].append(await floor(session, url))
    return {name: _summed_up(each) for name, each in seconds.items()}


async def flight(
    session: aiohttp.ClientSession,
    urls: list[str],
    text: str,
    killed: subprocess.Popen[bytes] | None = None,
) -> Flight:
    """Ask for the same at once; kill the replica asked first while its expert is being asked."""
    body = request("slow", text, coe={"cache": True})
    began = time.perf_counter()
    leading = [asyncio.create_task(ask(session, urls[0], body)) for _ in range(CLIENTS // 2)]
    await asyncio.sleep(0.1)
    following = [asyncio.create_task(ask(session, urls[1], body)) for _ in range(CLIENTS // 2)]
    if killed is not None:
        await asyncio.sleep(0.2)
        killed.kill()
        await asyncio.gather(*leading, return_exceptions=True)
        leading = []
    answers = await asyncio.gather(*leading, *following)
    asked = sum(state == "miss" for state, _ in answers)
    return Flight(len(answers), asked, round(time.perf_counter() - began, 2))


def _summed_up(seconds: list[float]) -> Measured:
    ordered = sorted(seconds)
    last = ordered[int(len(ordered) * 0.99)]
    return Measured(round(statistics.median(ordered) * 1e3, 3), round(last * 1e3, 3))


async def measure(urls: list[str], first: subprocess.Popen[bytes], requests: int) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {KEY}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        measured = await hits(session, urls[0], requests)
        return {
            "one client": {name: asdict(each) for name, each in measured.items()},
            "at once": asdict(await flight(session, urls, "one")),
            "at once, the one that asks is killed": asdict(
                await flight(session, urls, "two", first)
            ),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=600)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        postgres, valkey = EmbeddedPostgres(directory / "pg"), EmbeddedValkey(directory / "valkey")
        seed = directory / "experts.yaml"
        seed.write_text(yaml.safe_dump({"experts": EXPERTS}))
        try:
            environ = {
                "DATABASE_URL": postgres.start(),
                "REDIS_URL": valkey.start(),
                "COE_ADMIN_KEY": KEY,
                "COE_SECRET_KEY": "a" * 43 + "=",
                "COE_EXPERTS_FILE": str(seed),
                "COE_DISCOVER": "false",
                "COE_WORKER": "false",
                "COE_PORT": "0",
            }
            with (
                replica(directory / "one", environ) as (one, first),
                replica(directory / "two", environ) as (two, _),
            ):
                results = asyncio.run(measure([one, two], first, arguments.requests))
        finally:
            valkey.stop()
            postgres.stop()
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'one client':<22}{'p50 ms':>9}{'p99 ms':>9}")
    for case, each in results["one client"].items():
        print(f"{case:<22}{each['p50_ms']:>9}{each['p99_ms']:>9}")
    for case in ("at once", "at once, the one that asks is killed"):
        each = results[case]
        print(
            f"{case}: {each['answered']} answers, {each['asked']} of them asked for, "
            f"the last after {each['seconds']} s"
        )


if __name__ == "__main__":
    main()
