"""``coe lessons``: what runs have taught."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

app = typer.Typer(no_args_is_help=True, help="What runs have taught.")
_LARGEST_PAGE = 500
_SHOWN = 60


@app.command("list")
def list_lessons(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of this category.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List lessons, the latest first."""
    with connected(url, key) as client:
        found = client.lessons.list(
            tenant=tenant, category=category, page_size=min(limit, _LARGEST_PAGE)
        )
        lessons = list(islice(found, limit))
    if as_json:
        output.as_json(lessons)
        return
    rows = (
        [each.id, each.created_at, each.tenant, each.category, _short(each.task),
         _short(each.answer)]
        for each in lessons
    )  # fmt: skip
    columns = ["id", "at", "tenant", "category", "task", "answer"]
    output.table(columns, rows, empty="No lessons yet.")


@app.command()
def delete(
    lesson_id: Annotated[str, typer.Argument(metavar="ID", help="The lesson's id.")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Forget a lesson."""
    with connected(url, key) as client:
        client.lessons.delete(lesson_id)
    output.text(f"{lesson_id} is forgotten.")


def _short(text: str) -> str:
    plain = " ".join(output.clean(text).split())
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}…"
