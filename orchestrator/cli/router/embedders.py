"""Embedders that the local commands use: those that are named, and those of artefacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output

if TYPE_CHECKING:
    from router import Embedder
    from router.embedding.resolve import EmbedderResolver
    from router.taxonomy import Taxonomy

EmbedderName = Annotated[
    str,
    typer.Option(
        "--embedder",
        metavar="NAME",
        help="static, hashing, onnx:DIR or sentence-transformers:NAME_OR_DIR; several joined by '+'.",
    ),
]
Contrastive = Annotated[
    bool,
    typer.Option(
        "--contrastive", help="Learn a head on the embedder that draws categories together."
    ),
]


def resolver() -> EmbedderResolver:
    """Return what finds embedders here, among them those of the folder in the settings."""
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.settings import load_settings
    from orchestrator.routers.building import make_resolver

    try:
        return make_resolver(load_settings().embedders_dir)
    except StartError as error:
        output.fail(str(error))


def embedder_named(name: str, taxonomy: Taxonomy | None = None) -> Embedder:
    """Return the embedder of a name, beside those that categories of a taxonomy name.

    Ends the program with a sentence where there is none of a name.
    """
    from router.embedding.resolve import EmbedderUnavailable

    known = resolver()
    try:
        categories = taxonomy.categories if taxonomy is not None else ()
        return known.joined(known.named(name), (category.embedder for category in categories))
    except EmbedderUnavailable as error:
        output.fail(f"{error}.".replace("..", "."))
