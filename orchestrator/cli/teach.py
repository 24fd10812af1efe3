"""``coe conductor teach``: local, without a server or a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.router import options
from orchestrator.cli.router.deciding import costs, judged

if TYPE_CHECKING:
    from experts.catalogue.expert import Expert
    from orchestrator.conductor.teaching.answered import Answered
    from router import Candidate, Router

_USUAL_BILLIONS = 7.0


def teach(
    data: options.Data,
    out: Annotated[Path, typer.Option(file_okay=False, help="Directory for the model.")],
    router: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="What 'coe router train' wrote, from other questions than these: what it expects "
            "of the experts. Default: the router that the service starts with.",
        ),
    ] = None,
    experts: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Catalogue file, as 'coe experts apply' reads: the data names an expert by its id "
            "or its model.",
        ),
    ] = None,
    active_parameters: options.Parameters = None,
    option_prior: Annotated[
        bool,
        typer.Option(
            "--option-prior",
            help="Learn also what options tell by themselves: knowledge of the test, not of the "
            "world.",
        ),
    ] = False,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learn from recorded answers how far each expert is to be believed, for votes and cascades.

    A row of the data: prompt, options, answer (the right one), answers (by expert). COE_RELIABILITY_DIR
    has the service use the model.
    """
    import numpy as np

    from orchestrator.conductor.reliability import write
    from orchestrator.conductor.teaching.answered import read_answered
    from orchestrator.conductor.teaching.expected import expected_qualities
    from orchestrator.conductor.teaching.teach import Material, measure
    from orchestrator.conductor.teaching.teach import teach as learn

    with options.sentences(), options.progress_bars(quiet=as_json) as progress:
        answered = read_answered(data)
        deciding = _router(router)
        if experts is not None:
            answered, candidates = _by_entries(answered, _entries(experts))
        else:
            candidates = _by_names(answered, active_parameters)
        qualities = expected_qualities(
            deciding,
            candidates,
            answered.texts,
            lambda texts: progress("asking the router", texts, len(texts)),
        )
        sizes = np.array([each.active_parameters or _USUAL_BILLIONS for each in candidates])
        _say_unknown_sizes(candidates)
        material = Material(answered, qualities, sizes, option_prior, seed)
        found = measure(material, progress)
        model = learn(material, progress)
        content_hash = write(model, out)
    summary = {
        "artifact": str(out),
        "content_hash": content_hash,
        "questions": len(answered),
        "experts": list(answered.experts),
        "router": deciding.version,
        "option_prior": option_prior,
        "held_out": found,
    }
    if as_json:
        output.as_json(summary)
    else:
        _show(summary)


def _router(directory: Path | None) -> Router:
    from router import starter_router

    return starter_router() if directory is None else judged(directory).router


def _entries(path: Path) -> list[Expert]:
    from experts.catalogue.entries import parse_entries
    from experts.catalogue.errors import CatalogueInvalid
    from orchestrator.cli import catalogue_file

    try:
        return list(parse_entries(catalogue_file.read(path.read_bytes())))
    except (CatalogueInvalid, catalogue_file.FileInvalid) as error:
        output.fail(f"{path.name}: {error}.".replace("..", "."))


def _by_entries(data: Answered, entries: list[Expert]) -> tuple[Answered, list[Candidate]]:
    """Return the answers under the ids of the catalogue, and its candidates."""
    from orchestrator.catalogue.service import candidate_of

    by_name = {entry.model: entry for entry in entries if entry.model}
    by_name |= {entry.id: entry for entry in entries}
    names = {name: by_name[name].id for name in data.experts if name in by_name}
    strangers = [name for name in data.experts if name not in by_name]
    if not names:
        output.fail(
            f"The catalogue has no expert whose id or model is in the data, such as {strangers[0]}."
        )
    if len(set(names.values())) < len(names):
        output.fail("Two columns of the data are the same expert, one by its id, one by its model.")
    if strangers:
        output.remark(f"Not in the catalogue, and left out: {', '.join(strangers)}.")
    own = {entry.id: entry for entry in entries}
    named = data.named(names)
    return named, [candidate_of(own[expert]) for expert in named.experts]


def _by_names(data: Answered, active_parameters: Path | None) -> list[Candidate]:
    """Return the experts as candidates of whom only the size is known."""
    prices = costs(data.experts, (), options.prices_in(None, active_parameters))
    return [prices[name].candidate(name) for name in data.experts]


def _say_unknown_sizes(candidates: list[Candidate]) -> None:
    unknown = [each.id for each in candidates if not each.active_parameters]
    if unknown:
        output.remark(
            f"Taken to have {_USUAL_BILLIONS:g} billion active parameters, as in the service, since "
            f"nobody says how many: {', '.join(unknown)}."
        )


def _show(summary: dict[str, Any]) -> None:
    found = summary["held_out"]
    output.text(
        f"Taught {len(summary['experts'])} experts from {summary['questions']} questions, with what "
        f"{summary['router']} expects of them. Written to {summary['artifact']}."
    )
    best = found["best_single"]
    output.text(
        f"Measured on {found['n']} questions held out; the best single expert ({best['expert']}) "
        f"has {best['quality']:.3f} right:"
    )
    rows = []
    for policy, ways in found["policies"].items():
        for way, each in ways.items():
            low, high = each["ci95"]
            gain = ("", "") if way == "direct" else _gain(each["over_direct"], low, high)
            figures = f"{each['quality']:.3f}", f"{each['billions']:.1f}", f"{each['calls']:.2f}"
            rows.append((policy, _WAYS[way], *figures, *gain))
    columns = ("policy", "", "right", "billions", "calls", "gain", "95 % interval")
    output.table(columns, rows, empty="")


_WAYS = {
    "direct": "the router's pick",
    "untaught": "cascade, untaught",
    "taught": "cascade, taught",
}


def _gain(gain: float, low: float, high: float) -> tuple[str, str]:
    return f"{gain:+.3f}", f"{low:+.3f} to {high:+.3f}"
