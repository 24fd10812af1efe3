"""Real stores that can be stopped and started again, and replicas of the service on them."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey
from tests.e2e.conftest import Server
from tests.e2e.support import eventually


@dataclass(frozen=True)
class Cluster:
    """Replicas of the service over a Postgres and a Valkey of their own.

    Args:
        replicas: The service's processes.
        postgres: Starts and stops where it was.
        valkey: The same.
    """

    replicas: tuple[Server, ...]
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    @property
    def urls(self) -> list[str]:
        """Where the replicas listen."""
        return [replica.url for replica in self.replicas]

    @property
    def key(self) -> str:
        """The admin's key, the same on all."""
        return self.replicas[0].key


@contextmanager
def running_cluster(
    directory: Path, experts: Sequence[dict[str, Any]], count: int = 2, **environ: str
) -> Iterator[Cluster]:
    """Run replicas over stores of their own; whatever still runs at the end is stopped.

    Args:
        directory: Where everything is kept.
        experts: What their experts file holds.
        count: How many replicas.
        environ: Further settings of theirs.
    """
    directory.mkdir()
    directory.chmod(0o755)
    postgres = EmbeddedPostgres(directory / "postgres")
    valkey = EmbeddedValkey(directory / "valkey")
    with ExitStack() as stopped:
        stopped.callback(postgres.stop)
        stopped.callback(valkey.stop)
        shared = {
            "DATABASE_URL": postgres.start().replace("postgresql+psycopg://", "postgresql://"),
            "REDIS_URL": valkey.start(),
            "COE_SECRET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "COE_WORKER": "false",
            **environ,
        }
        replicas = [
            Server(
                directory / f"replica-{number}",
                experts=list(experts),
                # A port of its own, so that clients find it again when it is started anew.
                environ={**shared, "COE_PORT": str(free_port())},
            )
            for number in range(count)
        ]
        stopped.callback(_stop, replicas)
        for replica in replicas:
            replica.launch()
        _share_key(replicas)
        for replica in replicas:
            replica._wait(60.0)
        yield Cluster(tuple(replicas), postgres, valkey)


def _share_key(replicas: Sequence[Server], seconds: float = 60.0) -> None:
    """Hand the admin's key, which the first that starts makes, to all."""
    files = [replica.data_dir / "admin-key" for replica in replicas]
    made = eventually(lambda: next((one for one in files if one.exists()), None), seconds)
    assert made, "\n".join(replica.log for replica in replicas)
    for file in files:
        if file != made:
            file.write_text(made.read_text())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stop(replicas: Sequence[Server]) -> None:
    """Stop those that still run, side by side."""
    running = [one for one in replicas if one.process and one.process.poll() is None]
    with ThreadPoolExecutor(len(replicas)) as pool:
        for code in pool.map(lambda one: one.stop(), running):
            assert code == 0
