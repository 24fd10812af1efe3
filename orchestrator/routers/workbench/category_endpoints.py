"""``/admin/api/routers/{id}/taxonomy``: categories, and candidates with others."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from orchestrator.kit.pages import errors
from orchestrator.routers.errors import RouterTaxonomyInvalid
from orchestrator.routers.schemas import RouterVersionView
from orchestrator.routers.translation import translated
from orchestrator.routers.version_endpoints import UPLOAD_PATH, VersionPath
from orchestrator.routers.workbench.categories import learned, origin_of
from orchestrator.routers.workbench.category_schemas import (
    CategoryDetail,
    CategoryEntry,
    Possible,
    PossibleView,
    RegressionView,
    TaxonomyAnswer,
    TaxonomyRequest,
    TaxonomyView,
)
from orchestrator.routers.workbench.doors import Bench, Editor, Viewer, known, named
from router import Category, InvalidTaxonomy

router = APIRouter(
    prefix=UPLOAD_PATH, tags=["router"], responses=errors(400, 401, 403, 404, 409, 503)
)

_ALL = 1_000_000
_NOT_NEW: dict[int | str, dict[str, Any]] = {
    200: {"model": TaxonomyAnswer, "description": "It was only tried, or stored already."}
}


@router.get("/{version_id}/taxonomy")
async def get_router_taxonomy(
    version_id: VersionPath,
    workbench: Bench,
    _: Viewer,
    q: Annotated[str, Query(max_length=200, description="Text in id, name or description.")] = "",
    examples: Annotated[int, Query(ge=0, le=50, description="Shown of each category.")] = 3,
) -> TaxonomyView:
    """Show a version's categories, and what can be changed of them."""
    with translated():
        bench = await workbench.categories.open(known(version_id))
    shipped = workbench.categories.shipped
    found = [c for c in bench.router.taxonomy.categories if _holds(c, q.casefold())]
    return TaxonomyView(
        version_id=version_id,
        version=bench.router.version,
        learned=learned(bench),
        data=[
            CategoryEntry.of(category, examples, origin_of(category, shipped)) for category in found
        ],
        possible=_possible(from_data=learned(bench)),
    )


@router.get("/{version_id}/taxonomy/{category_id}")
async def get_router_category(
    version_id: VersionPath,
    category_id: Annotated[str, Path(max_length=200)],
    workbench: Bench,
    _: Viewer,
) -> CategoryDetail:
    """Show a category with all its examples and keywords."""
    with translated():
        category = await workbench.categories.one(known(version_id), category_id)
    origin = origin_of(category, workbench.categories.shipped)
    entry = CategoryEntry.of(category, _ALL, origin)
    return CategoryDetail(**entry.model_dump(), keywords=list(category.keywords))


@router.post("/{version_id}/taxonomy", status_code=201, responses=_NOT_NEW)
async def change_router_taxonomy(
    version_id: VersionPath,
    body: TaxonomyRequest,
    response: Response,
    workbench: Bench,
    principal: Editor,
) -> TaxonomyAnswer:
    """Store a candidate with other categories, or only see what would come of it (200)."""
    with translated():
        try:
            edits = [change.edit() for change in body.changes]
        except InvalidTaxonomy as error:
            raise RouterTaxonomyInvalid(f"changes: {error}.") from error
        found = await workbench.categories.change(
            known(version_id), edits, by=named(principal), note=body.note, preview=body.preview
        )
    if not found.new:
        response.status_code = 200
    return TaxonomyAnswer(
        version=None if found.version is None else RouterVersionView.of(found.version),
        regression=RegressionView.of(found.effect),
    )


def _holds(category: Category, text: str) -> bool:
    said = f"{category.id} {category.name} {category.description}"
    return text in said.casefold()


def _possible(*, from_data: bool) -> PossibleView:
    from router.learning.adding import FEWEST

    if not from_data:
        everything = Possible(possible=True)
        return PossibleView(
            add_category=everything,
            change_texts=everything,
            change_examples=everything,
            remove_category=everything,
        )
    return PossibleView(
        add_category=Possible(
            possible=True,
            least_examples=FEWEST,
            reason="It is added only if no stored prompt of another category is routed "
            "differently.",
        ),
        change_texts=Possible(possible=True, reason="For people: the classifier stays."),
        change_examples=Possible(
            possible=False, reason="It was learned from data: train it again with these prompts."
        ),
        remove_category=Possible(
            possible=False, reason="It was learned from data: train it again without its prompts."
        ),
    )
