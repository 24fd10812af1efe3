"""What the endpoints of categories take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.routers.schemas import RouterVersionView
from orchestrator.routers.workbench.categories import Origin
from router import Category

if TYPE_CHECKING:
    from router.learning.changing import Effect
    from router.learning.editing import Edit

MOST_MOVED = 20
_ID = Field(max_length=64, description="Lower-case letters, digits, `.`, `_` and `-`.")
_Name = Annotated[str, Field(max_length=200)]
_Description = Annotated[str, Field(max_length=2000)]
_Text = Annotated[str, Field(max_length=4000)]
_Examples = Annotated[list[_Text], Field(max_length=1000)]
_Keywords = Annotated[list[_Text], Field(max_length=500)]


class CategoryEntry(BaseModel):
    """A category of a version."""

    id: str
    name: str
    description: str
    parent: str | None
    examples: list[str]
    example_count: int
    keyword_count: int
    origin: Origin = Field(
        description="`starter`: as it comes with the package. `changed`: somebody changed that."
    )

    @classmethod
    def of(cls, category: Category, examples: int, origin: Origin) -> Self:
        """Return the view of a category with so many of its examples."""
        return cls(
            id=category.id,
            name=category.name,
            description=category.description,
            parent=category.parent,
            examples=list(category.examples[:examples]),
            example_count=len(category.examples),
            keyword_count=len(category.keywords),
            origin=origin,
        )


class CategoryDetail(CategoryEntry):
    """A category with all that is said of it."""

    keywords: list[str] = Field(description="Groups of words of the trade.")


class Possible(BaseModel):
    """Whether something can be done to a version."""

    possible: bool
    least_examples: int = Field(0, description="That it takes.")
    reason: str | None = Field(None, description="Why not, or what it takes.")


class PossibleView(BaseModel):
    """What can be done to a version's categories."""

    add_category: Possible
    change_texts: Possible = Field(description="Names and descriptions.")
    change_examples: Possible
    remove_category: Possible


class TaxonomyView(BaseModel):
    """A version's categories, in its order."""

    version_id: str
    version: str
    learned: bool = Field(description="From data. If not: made of what is said here alone.")
    data: list[CategoryEntry]
    possible: PossibleView


class AddChange(BaseModel):
    """A new category."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["add"]
    id: str = _ID
    name: _Name
    description: _Description
    examples: _Examples = Field(default_factory=list)
    keywords: _Keywords = Field(default_factory=list)
    parent: str | None = Field(None, max_length=64)

    def edit(self) -> Edit:
        """Return it as the router has it.

        Raises:
            InvalidTaxonomy: If this is no category.
        """
        from router.learning.editing import Add

        examples, keywords = tuple(dict.fromkeys(self.examples)), tuple(self.keywords)
        return Add(Category(self.id, self.name, self.description, examples, keywords, self.parent))


class TextsChange(BaseModel):
    """What is said of a category; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["change"]
    id: str = _ID
    name: _Name | None = None
    description: _Description | None = None
    keywords: _Keywords | None = Field(None, description="In place of all there are.")
    add_examples: _Examples = Field(default_factory=list)
    remove_examples: _Examples = Field(default_factory=list)

    def edit(self) -> Edit:
        """Return it as the router has it."""
        from router.learning.editing import Change

        return Change(
            self.id,
            self.name,
            self.description,
            None if self.keywords is None else tuple(self.keywords),
            tuple(self.add_examples),
            tuple(self.remove_examples),
        )


class RemoveChange(BaseModel):
    """A category that goes, with its examples."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["remove"]
    id: str = _ID

    def edit(self) -> Edit:
        """Return it as the router has it."""
        from router.learning.editing import Remove

        return Remove(self.id)


class TaxonomyRequest(BaseModel):
    """Changes of a version's categories, made in order."""

    model_config = ConfigDict(extra="forbid")

    changes: list[Annotated[AddChange | TextsChange | RemoveChange, Field(discriminator="op")]] = (
        Field(min_length=1, max_length=200)
    )
    note: str = Field("", max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")
    preview: bool = Field(False, description="Only tell what would come of it.")


class MovedView(BaseModel):
    """A prompt that is taken for another category than before."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    before: str
    after: str


class RegressionView(BaseModel):
    """What a change does to prompts whose category is known."""

    tried: int = Field(description="Prompts that were there before.")
    kept: int = Field(description="How many of them go to the same category as before.")
    changed: int
    changes: list[MovedView] = Field(description="Those that do not, up to 20.")
    examples: int = Field(description="Prompts that came with the change.")
    recognised: int = Field(description="How many of those go to their category.")
    overlaps: dict[str, int] = Field(description="How many of the others each category keeps.")

    @classmethod
    def of(cls, effect: Effect) -> Self:
        """Return the view of an effect."""
        return cls(
            tried=effect.tried,
            kept=effect.tried - len(effect.moved),
            changed=len(effect.moved),
            changes=[MovedView.model_validate(each) for each in effect.moved[:MOST_MOVED]],
            examples=effect.examples,
            recognised=effect.recognised,
            overlaps=effect.overlaps or {},
        )


class TaxonomyAnswer(BaseModel):
    """The candidate, and what it does to prompts whose category is known."""

    version: RouterVersionView | None = Field(description="Null: it was only tried.")
    regression: RegressionView
