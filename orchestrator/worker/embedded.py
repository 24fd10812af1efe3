"""The worker process that comes with the service: started once it is ready, gone when it is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from orchestrator.kit.settings import Settings, environment_name
from orchestrator.kit.stores.embedded import StoreUrls

_STOP_SECONDS = 10.0
_AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


class EmbeddedWorker:
    """Runs a worker beside the service, and another if it dies.

    Args:
        settings: The service's; whether there is a worker at all is among them.
        urls: Where the stores are.
    """

    def __init__(self, settings: Settings, urls: StoreUrls) -> None:
        self._settings = settings
        self._urls = urls
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_soon()
        if self._watch is not None:
            await asyncio.wait((self._watch,))
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_stop, process)

    def start(self) -> None:
        """Start it, if there is to be one."""
        if self._settings.worker:
            self._start()
            self._watch = asyncio.create_task(self._keep())

    def stop_soon(self) -> None:
        """Have it stop, without waiting until it has."""
        if self._watch is not None:
            self._watch.cancel()
        if self._process is not None:
            self._process.terminate()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.worker.process"],
            env=_quiet(self._settings, environment_of(self._settings, self._urls)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # Celery's farewell; what is logged goes to standard error
            start_new_session=True,  # Ctrl-C reaches the service, which stops it in order
        )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_AGAIN_SECONDS)
            if self._process is not None and self._process.poll() is not None:
                log.error("the worker ended with %s; another is started", self._process.returncode)
                _close(self._process)
                self._start()


def environment_of(settings: Settings, urls: StoreUrls) -> dict[str, str]:
    """Return the environment in which another process finds the settings and the stores of the service.

    Secrets come from the environment alone, which it inherits.
    """
    given = {
        environment_name(name): str(value)
        for name in settings.model_fields_set
        if (value := getattr(settings, name)) is not None and not isinstance(value, SecretStr)
    }
    own = {
        "DATABASE_URL": urls.postgres,
        "REDIS_URL": urls.redis,
        "COE_DATA_DIR": str(settings.data_dir),
    }
    return {**os.environ, **given, **own}


def _quiet(settings: Settings, environment: dict[str, str]) -> dict[str, str]:
    """Let a worker say less: what the service says of itself need not be said twice."""
    quiet = {"COE_LOG_LEVEL": "warning"} if settings.log_level == "info" else {}
    return environment | quiet


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("the worker did not stop in time; its runs are taken up again later")
        process.kill()
        process.wait()
    _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
