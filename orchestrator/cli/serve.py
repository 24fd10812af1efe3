"""``coe serve``: run the service in this terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestrator.kit.settings import Settings
    from orchestrator.kit.started import Started

FIRST_QUESTION = "In one short sentence: what is a prime number?"


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks one.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where embedded stores keep their data.")
    ] = None,
    experts_file: Annotated[
        Path | None, typer.Option(help="An experts.yaml that seeds an untouched catalogue.")
    ] = None,
    workers: Annotated[
        str | None, typer.Option(help="Processes that serve requests; 'auto': one for each core.")
    ] = None,
    tour: Annotated[
        bool, typer.Option("--tour", help="Ask a first question once it is ready.")
    ] = False,
) -> None:
    """Start everything that is needed and serve until Ctrl-C."""
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.logs import configure_logging
    from orchestrator.kit.settings import load_settings

    try:
        settings = load_settings(
            host=host,
            port=port,
            data_dir=data_dir,
            experts_file=experts_file,
            workers=workers,
        )
        configure_logging(settings)
        _warn_of_opened_directories(settings)
        _run(settings, tour=tour)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("Stopped while starting.\n")
        raise typer.Exit(130) from interrupt


def _run(settings: Settings, *, tour: bool) -> None:
    from orchestrator.kit.started import local_admin_key
    from orchestrator.start import run

    async def on_ready(started: Started) -> None:
        _print_started(settings, started)
        if tour:
            key = started.new_key or local_admin_key(settings.data_dir)
            await _first_question(started.url, key)

    run(settings, on_ready)
    sys.stdout.write("Stopped. The data is kept.\n")


def _print_started(settings: Settings, started: Started) -> None:
    from orchestrator.kit.started import ADMIN_KEY_FILE

    experts = ", ".join(started.experts) or "none yet: see README, own experts"
    lines = [
        *(f"  {finding}" for finding in started.findings),
        "",
        f"Ready in {started.seconds:.1f} s.",
        f"  URL       {started.url}/v1",
        f"  Experts   {experts}",
        f"  Router    {started.router}",
        f"  Data      {settings.data_dir}",
        *((f"  Workers   {started.workers} processes",) if started.workers > 1 else ()),
        *((f"  Admin     {started.url}/admin",) if settings.admin_ui else ()),
        f"  Docs      {started.url}/docs",
    ]
    key_file = settings.data_dir / ADMIN_KEY_FILE
    if started.new_key is not None:
        lines.append(f"  Admin key {started.new_key}")
        lines.append(
            f"            (shown once; kept for this machine's command line in {key_file})"
        )
    elif key_file.exists():
        lines.append(f"  Admin key the one in {key_file}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


async def _first_question(url: str, key: str | None) -> None:
    """Ask the service itself, as any client would, and show the answer with its route."""
    from coe_client import AsyncCoe, CoeError

    if key is None:
        sys.stdout.write("No local admin key, so no first question.\n")
        return
    sys.stdout.write(f"\nAsking: {FIRST_QUESTION}\n")
    sys.stdout.flush()
    messages = [{"role": "user", "content": FIRST_QUESTION}]
    async with AsyncCoe(base_url=url, api_key=key) as client:
        try:
            answer = await client.chat.create(model="coe", messages=messages, max_tokens=60)
        except CoeError as error:
            sys.stdout.write(f"The first question failed: {error}\n")
            return
    route = answer.route
    content = answer.choices[0].message.content
    sys.stdout.write(
        f"Answer: {content}\n"
        f"Route:  {route.category} ({route.confidence:.2f} sure) -> {route.expert}, "
        f"policy {route.policy}, ${route.cost:g}, request {route.request_id}\n"
        "\nPress Ctrl-C to stop.\n"
    )
    sys.stdout.flush()


def _warn_of_opened_directories(settings: Settings) -> None:
    from orchestrator.kit.stores.postgres import directories_to_open

    if not settings.embedded_postgres:
        return
    opened = directories_to_open(settings.data_dir, Path(sys.prefix) / "lib")
    if opened:
        sys.stderr.write(
            "Running as root: Postgres refuses that, so it runs as the system user 'pgserver', which "
            "has to reach its program and its data. These directories become readable for others: "
            f"{', '.join(map(str, opened))}. Set DATABASE_URL, or run as an ordinary user, to avoid it.\n"
        )
