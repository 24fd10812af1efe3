"""``coe feedback``: what answers were worth, and the scores that come of it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import ContentChoice, Scores

app = typer.Typer(no_args_is_help=True, help="Feedback on answers, and scores from it.")
LARGEST_PAGE = 100


@app.command()
def give(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    rating: Annotated[
        float | None, typer.Option(min=-1, max=1, help="-1 (bad) to 1 (good).")
    ] = None,
    stars: Annotated[float | None, typer.Option(min=1, max=5, help="1 (bad) to 5 (good).")] = None,
    category: Annotated[
        str | None, typer.Option(help="The category it should have gone to.")
    ] = None,
    preferred: Annotated[str | None, typer.Option(help="A better answer.")] = None,
    preferred_request: Annotated[
        str | None,
        typer.Option(metavar="ID", help="A request whose answer to the same was better."),
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Say what an answer was worth. Said again, it replaces what was said before."""
    if rating is not None and stars is not None:
        output.fail("Give --rating or --stars, not both.", code=2)
    with connected(url, key) as client:
        given = client.feedback.give(
            request_id,
            rating=rating if stars is None else stars,
            scale=None if stars is None else "stars",
            corrected_category=category,
            preferred_answer=preferred,
            preferred_request=preferred_request,
        )
    if as_json:
        output.as_json(given)
        return
    output.text(f"{given.id}: stored.")
    if preferred is not None and not given.answer_stored:
        output.remark("Only that there is a better answer: its text is not stored for this tenant.")


@app.command("list")
def list_feedback(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List the latest feedback."""
    with connected(url, key) as client:
        found = client.feedback.list(page_size=min(limit, LARGEST_PAGE))
        records = list(islice(found, limit))
    if as_json:
        output.as_json(records)
        return
    rows = (
        [r.request_id, r.created_at, r.tenant, r.rating, r.corrected_category, r.prefers_other]
        for r in records
    )
    columns = ["request", "at", "tenant", "rating", "category", "other preferred"]
    output.table(columns, rows, empty="No feedback yet.")


@app.command()
def scores(
    compute: Annotated[
        bool, typer.Option("--compute", help="Compute them anew from the feedback there is.")
    ] = False,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="With --compute: requests of how many days.")
    ] = 90,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List the candidate scores that feedback came to. The live router does not use them."""
    with connected(url, key) as client:
        found = client.feedback.compute_scores(days=days) if compute else client.feedback.scores()
    if as_json:
        output.as_json(found)
    else:
        _show(found)


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here instead of printing.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Requests of how many days.")] = 90,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write judged prompts with scores as JSON lines, which 'router train --data' reads."""
    with connected(url, key) as client:
        lines = client.feedback.export(days=days)
    if not lines:
        output.fail(
            "Nothing to export: no feedback on requests whose text is stored. "
            "'coe feedback content TENANT --store' stores texts from now on."
        )
    if out is None:
        output.text(lines, end="")
        return
    try:
        out.write_text(lines, encoding="utf-8")
    except OSError as error:
        output.fail(f"{out}: {error.strerror}.")
    output.remark(f"{out}: {lines.count(chr(10))} prompts.")


@app.command()
def content(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose callers.")],
    store: Annotated[
        bool | None,
        typer.Option("--store/--erase", help="Store texts from now on, or erase and stop."),
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="off, prompts, or all: what experts answer, too.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="How long it is kept; unset: until it is erased.")
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(help="A regular expression of what is blotted out. May be repeated."),
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Tell what is stored of what a tenant's callers and experts say, or choose it."""
    if store is not None and level is not None:
        output.fail("--level says it all: leave out --store and --erase.")
    if store is None and level is None and (days or pattern):
        output.fail("--days and --pattern belong to a choice: add --level.")
    with connected(url, key) as client:
        if store is None and level is None:
            choice = client.feedback.stores_content(tenant)
        else:
            choice = client.feedback.store_content(
                tenant, store=store, level=level, retention_days=days, patterns=pattern or ()
            )
    if as_json:
        output.as_json(choice)
    else:
        output.text(f"{tenant}: texts are {_what_is_stored(choice)}.")


def _what_is_stored(choice: ContentChoice) -> str:
    if not choice.store:
        return "not stored"
    kept = f" for {choice.retention_days} days" if choice.retention_days else ""
    return f"stored{kept} ({'prompts and answers' if choice.level == 'all' else 'prompts'})"


def _show(found: Scores) -> None:
    rows = (
        [s.category, s.expert, s.n, round(s.mean, 3), round(s.se, 3), s.updated_at]
        for s in found.data
    )
    columns = ["category", "expert", "requests", "mean", "se", "computed"]
    output.table(columns, rows, empty="No scores yet; --compute makes them.")
