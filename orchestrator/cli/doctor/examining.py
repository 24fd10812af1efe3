"""Looks at the installation of this machine's settings, whether the service runs or not."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from coe_client import AsyncCoe, CoeError
from orchestrator.cli.doctor.findings import Finding
from orchestrator.cli.doctor.installation import (
    Service,
    check_exposure,
    check_service,
)
from orchestrator.cli.doctor.machine import (
    Directory,
    check_directory,
    check_disk,
    check_files,
    check_spool,
)
from orchestrator.cli.doctor.stores import examine_stores
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls, attached_stores, running_stores
from orchestrator.system.service import read_disk

_SECRET_FILES = ("admin-key", "secret-key")
_READY_SECONDS = 5.0


def examine(
    settings: Settings, environ: Mapping[str, str] | None = None, *, ask: bool = False
) -> list[Finding]:
    """Return what is found.

    Args:
        settings: Of the service.
        environ: Where experts' secrets are looked up.
        ask: Whether experts are asked a short question, which may be billed.
    """
    environ = os.environ if environ is None else environ
    directory = settings.data_dir
    service, pid = asyncio.run(_service(directory))
    findings = [check_service(service), *_machine(settings, pid, running=service.running)]
    limited: bool | None = None
    if (found := _without_stores(settings)) is not None:
        findings.append(found)
    else:
        try:
            with _stores(settings) as urls:
                seen = asyncio.run(
                    examine_stores(settings, urls, environ, running=service.running, ask=ask)
                )
        except StartError as error:
            logs = f"Their logs are {directory}/postgres/log and {directory}/valkey/valkey.log."
            findings.append(Finding("stores", "error", str(error), logs))
        else:
            findings += seen.findings
            limited = seen.limited
    return [
        *findings,
        *check_exposure(
            settings.host,
            public_url=settings.public_url,
            limited=limited,
            metrics_public=settings.metrics_public,
        ),
    ]


async def _service(directory: Path) -> tuple[Service, int | None]:
    """Return what is known of the service of a data directory, and its process id if it runs."""
    try:
        told = json.loads((directory / "server.json").read_text(encoding="utf-8"))
        url, pid = str(told["url"]), int(told["pid"])
    except FileNotFoundError:
        return Service(None), None
    except (OSError, ValueError, KeyError, TypeError):
        return Service(str(directory / "server.json")), None
    try:
        async with AsyncCoe(base_url=url, timeout=_READY_SECONDS, max_retries=0) as client:
            ready = await client.ready()
    except CoeError:
        return Service(url), None
    wrong = tuple(f"{name}: {state}" for name, state in ready.checks.items() if state != "ok")
    return Service(url, ready.status, wrong), pid


def _machine(settings: Settings, pid: int | None, *, running: bool) -> list[Finding]:
    path = settings.data_dir
    found = check_directory(_directory(path), root=os.geteuid() == 0)
    try:
        disk = read_disk(_nearest(path), path / "usage.spool")
    except OSError as error:
        found.append(Finding("disk", "error", f"{path} cannot be looked at ({error.strerror})."))
    else:
        found.append(check_disk(disk.path, disk.total_bytes, disk.free_bytes))
        found.append(check_spool(disk.spool_bytes, running=running))
    limit, of_service = _files(pid)
    return [*found, check_files(limit, of_service=of_service)]


def _directory(path: Path) -> Directory:
    secrets = {}
    for name in _SECRET_FILES:
        try:
            secrets[name] = (path / name).stat().st_mode & 0o777
        except OSError:
            continue  # there is none, or not even its directory can be entered: that is told
    return Directory(str(path), path.is_dir(), os.access(path, os.W_OK | os.X_OK), secrets)


def _nearest(path: Path) -> Path:
    """Return a directory, or the nearest one above it that is there."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())


def _files(pid: int | None) -> tuple[int | None, bool]:
    """Return how many files may be open, and whether that holds for the service or for this process."""
    of_service = False
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if pid is not None and hasattr(psutil.Process, "rlimit"):
        try:
            soft, _ = psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)
            of_service = True
        except psutil.Error:
            of_service = False  # another user's
    return (None if soft == resource.RLIM_INFINITY else soft), of_service


def _without_stores(settings: Settings) -> Finding | None:
    """Return a finding where there are no embedded stores yet, since nothing ever ran."""
    kept = settings.data_dir / "postgres" / "PG_VERSION"
    if settings.embedded_postgres and not kept.exists():
        return Finding("database", "note", "There is none yet; the first start makes it.")
    return None


@contextmanager
def _stores(settings: Settings) -> Iterator[StoreUrls]:
    """Yield where the stores are; embedded ones that do not run do so meanwhile."""
    attached = attached_stores(settings)
    if attached is not None:
        yield attached
        return
    with running_stores(settings) as urls:
        yield urls
