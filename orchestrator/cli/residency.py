"""``coe residency``: local models in memory, in a running service or simulated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output, residency_models

if TYPE_CHECKING:
    from experts.residency.simulation.machine import Machine
    from experts.residency.simulation.trace import Request

app = typer.Typer(
    no_args_is_help=True,
    help="Local models in memory: what is where, and plans for other machines.",
)
app.command("list")(residency_models.list_models)
for _change in (
    residency_models.load,
    residency_models.unload,
    residency_models.pin,
    residency_models.unpin,
):
    app.command()(_change)

_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?(?:/s)?", re.IGNORECASE)


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="File to write, JSON lines.")],
    experts: Annotated[int, typer.Option(min=1, help="How many there are.")] = 6,
    requests: Annotated[int, typer.Option(min=1, help="How many there are.")] = 1000,
    rate: Annotated[float, typer.Option(min=1e-6, help="Requests a second.")] = 2.0,
    skew: Annotated[
        float, typer.Option(min=0.0, help="Zipf's exponent of the experts' popularity.")
    ] = 1.0,
    categories: Annotated[int, typer.Option(min=1, help="Kinds of requests.")] = 3,
    burst: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of requests on the topic of the hour.")
    ] = 0.3,
    session: Annotated[
        float, typer.Option(min=1.0, help="Requests of one conversation, on average.")
    ] = 3.0,
    prompt_tokens: Annotated[int, typer.Option(min=1, help="Read, on average.")] = 200,
    output_tokens: Annotated[int, typer.Option(min=1, help="Written, on average.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same trace.")] = 0,
) -> None:
    """Make a trace up: popular and rare experts, topics that come and go, conversations."""
    from experts.residency.simulation import trace

    shape = trace.Shape(
        experts=experts,
        requests=requests,
        rate=rate,
        skew=skew,
        categories=categories,
        burst=burst,
        session=session,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        seed=seed,
    )
    try:
        trace.write(out, trace.generate(shape))
    except OSError as error:
        output.fail(f"{out}: {error.strerror}.")
    output.remark(f"{requests:,} requests written to {out}.")


@app.command()
def simulate(
    trace: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="JSON lines: at, expert or category, tokens."
        ),
    ],
    experts: Annotated[
        int | None,
        typer.Option(min=1, help="Spread requests that name no expert over so many."),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="SIZE", help="Of a model: 14GB for all, EXPERT=4GB for one."),
    ] = None,
    machine: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="workstation, processor, sn40l, dgx-a100, dgx-h100."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="That loaded models may take.")
    ] = None,
    bandwidth: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Bytes a second into it.")
    ] = None,
    main_memory: Annotated[str | None, typer.Option(metavar="SIZE", help="The tier below.")] = None,
    disk_bandwidth: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Bytes a second into that.")
    ] = None,
    latency: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds that a load takes whatever its size.")
    ] = None,
    prompt_rate: Annotated[
        float | None, typer.Option(min=1e-3, help="Tokens a second that are read.")
    ] = None,
    output_rate: Annotated[
        float | None, typer.Option(min=1e-3, help="Tokens a second that are written.")
    ] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Models that compute at once.")] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Requests that one model answers at once.")
    ] = None,
    warm: Annotated[
        bool, typer.Option("--warm", help="Begin with models in the tier below, not on disk.")
    ] = False,
    max_wait: Annotated[
        float, typer.Option(min=0.0, help="Seconds a request may wait for the sake of grouping.")
    ] = 30.0,
    ahead: Annotated[
        float, typer.Option(min=0.0, help="Least share of traffic to be loaded for unasked.")
    ] = 0.05,
    skew: Annotated[
        float, typer.Option(min=0.0, help="Zipf's exponent where --experts spreads requests.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of what --experts spreads.")] = 0,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a report with plots to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay a trace over a modelled memory, with the decisions the service makes and with others."""
    from experts.residency.simulation.simulate import ModelTooLarge
    from experts.residency.simulation.summary import SCHEDULES, compare, summarise
    from experts.residency.simulation.trace import TraceInvalid
    from orchestrator.residency.report import cells, render

    changes = {
        "loaded": _bytes(memory, "--memory"),
        "load_bandwidth": _bytes(bandwidth, "--bandwidth"),
        "mapped": _bytes(main_memory, "--main-memory"),
        "map_bandwidth": _bytes(disk_bandwidth, "--disk-bandwidth"),
        "load_latency": latency,
        "prompt_rate": prompt_rate,
        "output_rate": output_rate,
        "lanes": lanes,
        "slots": slots,
    }
    machines = [_machine(name, changes) for name in machine or ["workstation"]]
    try:
        requests = _requests(trace, experts, skew, seed)
        sizes = _sizes(requests, size or ["14GB"])
        with _progress(len(SCHEDULES) * len(machines), quiet=as_json) as done:
            runs = compare(
                requests, sizes, machines, max_wait=max_wait, ahead=ahead, warm=warm, done=done
            )
    except (TraceInvalid, ModelTooLarge) as error:
        output.fail(f"{error}.")
    report = summarise(runs, sizes, max_wait)
    if html is not None:
        _write(html, render(report, runs, subtitle=f"Simulated from {trace.name}."))
    if as_json:
        output.as_json(report)
    else:
        output.table(*cells(report), empty="")


def _requests(path: Path, experts: int | None, skew: float, seed: int) -> Sequence[Request]:
    from experts.residency.simulation import trace

    requests = trace.read(path)
    if all(one.answers for one in requests):
        named = len({one.answers for one in requests})
        if experts is not None and experts < named:
            output.fail(
                f"{path.name} names {named} experts, more than --experts {experts}.", code=2
            )
        return requests
    if experts is None:
        output.fail(f"{path.name} has requests that name no expert: give --experts.", code=2)
    return trace.spread(requests, experts, skew, seed)


def _sizes(requests: Sequence[Request], given: Sequence[str]) -> dict[str, int]:
    common: float | None = None
    own = {}
    for text in given:
        name, _, size = text.rpartition("=")
        found = _bytes(size, "--size")
        if name:
            own[name] = found
        else:
            common = found
    experts = sorted({one.answers for one in requests})
    for name in own:
        if name not in experts:
            output.fail(f"--size {name}: the trace has no such expert.", code=2)
    sizes = {name: own.get(name, common) for name in experts}
    for name, found in sizes.items():
        if not found:
            output.fail(f"How large is '{name}'? Give --size for all, or for it.", code=2)
    return {name: int(found) for name, found in sizes.items() if found}


def _machine(name: str, changes: dict[str, float | int | None]) -> Machine:
    from dataclasses import replace

    from experts.residency.simulation.machine import MACHINES

    if name not in MACHINES:
        output.fail(f"There is no machine '{name}'; there are {', '.join(MACHINES)}.", code=2)
    given = {field: value for field, value in changes.items() if value is not None}
    return replace(MACHINES[name], **given)  # type: ignore[arg-type]


def _bytes(text: str | None, option: str) -> float | None:
    """Read a size such as ``24GB``; a factor is 1,000."""
    if text is None:
        return None
    found = _BYTES.fullmatch(text.strip())
    if found is None or not float(found[1]):
        output.fail(f"{option} {text}: give a size such as 24GB or 500MB.", code=2)
    return float(found[1]) * _UNITS[found[2].lower()]


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show on standard error how many simulations are done; yields what to call after each."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    with Progress(console=console, transient=True, disable=hidden) as bars:
        bar = bars.add_task("simulations", total=total)
        yield lambda: bars.advance(bar)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        output.fail(f"{path}: {error.strerror}.")
    output.remark(f"Report written to {path}.")
