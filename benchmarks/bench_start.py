"""How long the service takes to start, and how large its environment is.

    python benchmarks/bench_start.py [--json] [--repeats 3]

Measured from the start of the process, as a person waits: until it says that it is ready, and until
a first request to the packaged local model is answered. The floor beside each is the start of the
embedded stores alone, in a process of its own, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from coe_client import Coe

LOCAL_MODEL = "smollm2"
_START_SECONDS = 180.0
_STORES = """
from orchestrator.kit.settings import load_settings
from orchestrator.kit.stores.embedded import running_stores
with running_stores(load_settings()):
    print("Ready in", flush=True)
    input()
"""


@dataclass(frozen=True)
class Start:
    """One start, in seconds from the launch of the process; of the processor's time, its own alone."""

    ready: float
    cpu: float
    answered: float | None = None


def measure(repeats: int) -> dict[str, Any]:
    """Measure everything once, later starts ``repeats`` times."""
    with scratch() as first, scratch() as second:
        stores = [start_stores(first) for _ in range(1 + repeats)]
        fresh = start_service(second, ask=True)
        later = [start_service(second, ask=False) for _ in range(repeats)]
        asked = [start_service(second, ask=True) for _ in range(repeats)]
    return {
        "first_start_ready_s": fresh.ready,
        "first_start_answered_s": fresh.answered,
        "later_start_ready_s": statistics.median(start.ready for start in later),
        "later_start_ready_fastest_s": min(start.ready for start in later),
        "later_start_cpu_s": min(start.cpu for start in later),
        "later_start_answered_s": _median([start.answered for start in asked]),
        "stores_alone_first_s": stores[0],
        "stores_alone_later_s": statistics.median(stores[1:]),
        "environment_mb": size_of(Path(sys.prefix)) / 1e6,
        "repeats": repeats,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a fresh data directory that an embedded Postgres of root's can reach."""
    path = Path(tempfile.mkdtemp(prefix="coe-bench-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def start_stores(data_dir: Path) -> float:
    """Return how long the embedded stores alone take."""
    with launched([sys.executable, "-c", _STORES], data_dir) as (process, began):
        ready = until_ready(process, began)
        process.communicate(b"\n", timeout=60)
    return ready


def start_service(data_dir: Path, *, ask: bool) -> Start:
    """Start the service, ask the local model if wanted, and stop it."""
    command = [str(Path(sys.executable).with_name("coe")), "serve", "--port", "0"]
    with launched(command, data_dir) as (process, began):
        ready = until_ready(process, began)
        spent = psutil.Process(process.pid).cpu_times()
        answered = first_answer(data_dir, began) if ask else None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    return Start(ready, spent.user + spent.system, answered)


@contextmanager
def launched(command: list[str], data_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Start a process without vendor keys, as a person would; it is gone when the block ends."""
    environ = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_URL"))}
    # Where compiled modules may not be kept, each start compiles this project anew: a third of a second.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**environ, "COE_DATA_DIR": str(data_dir)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process, began
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def until_ready(process: subprocess.Popen[bytes], began: float) -> float:
    """Return the seconds until the process says that it is ready."""
    lines = []
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    for line in process.stdout or ():
        lines.append(line)
        if b"Ready in" in line:
            watchdog.cancel()
            return time.perf_counter() - began
    watchdog.cancel()
    raise SystemExit(b"".join(lines).decode(errors="replace") or "no start")


def first_answer(data_dir: Path, began: float) -> float | None:
    """Return the seconds until the local model has answered; ``None`` where there is none."""
    url = json.loads((data_dir / "server.json").read_text())["url"]
    key = (data_dir / "admin-key").read_text().strip()
    with Coe(base_url=url, api_key=key) as client:
        if LOCAL_MODEL not in {model.id for model in client.models.list()}:
            return None
        client.chat.create("Say hello.", model=LOCAL_MODEL, max_tokens=8)
    return time.perf_counter() - began


def size_of(folder: Path) -> int:
    """Return the bytes that the files of a folder take on disk."""
    return sum(p.lstat().st_blocks * 512 for p in folder.rglob("*") if not p.is_dir())


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def table(found: dict[str, Any]) -> str:
    """Return the measurements as a table."""

    def seconds(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f} s"

    rows = [
        ("", "first start", f"later starts (median of {found['repeats']})"),
        (
            "until ready",
            seconds(found["first_start_ready_s"]),
            seconds(found["later_start_ready_s"]),
        ),
        (
            "until the local model has answered",
            seconds(found["first_start_answered_s"]),
            seconds(found["later_start_answered_s"]),
        ),
        (
            "the embedded stores alone",
            seconds(found["stores_alone_first_s"]),
            seconds(found["stores_alone_later_s"]),
        ),
    ]
    lines = [f"{name:<36}{one:>12}  {other}" for name, one, other in rows]
    lines.append(
        f"fastest later start until ready: {seconds(found['later_start_ready_fastest_s'])}"
    )
    lines.append(
        f"of the processor's time, to ready, at the least: {seconds(found['later_start_cpu_s'])}"
    )
    lines.append(f"environment: {found['environment_mb']:.0f} MB")
    lines.append(
        f"{found['cores']} cores, load {found['load']:.1f} at the end, Python {found['python']}"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--repeats", type=int, default=3, help="later starts of each kind")
    options = parser.parse_args()
    found = measure(options.repeats)
    print(json.dumps(found, indent=2) if options.json else table(found))


if __name__ == "__main__":
    main()
