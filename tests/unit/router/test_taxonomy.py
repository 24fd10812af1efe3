import json
from pathlib import Path

import pytest

from router import Category, InvalidTaxonomy, Taxonomy, load_taxonomy, starter_taxonomy
from router.taxonomy import category_from

GENERAL = Category("general", "General", "Everything else.", ("hi",))


def law(**changes: object) -> Category:
    fields: dict[str, object] = {"id": "law", "name": "Law", "description": "Courts."}
    return Category(**{**fields, **changes})  # type: ignore[arg-type]  # wrong values on purpose


def test_the_starter_taxonomy_is_rich_and_valid() -> None:
    taxonomy = starter_taxonomy()
    assert set(taxonomy.ids) == {
        *("general", "coding", "math", "science", "health", "law"),
        *("finance", "humanities", "writing", "translation"),
    }
    assert taxonomy.ids[-1] == "general"
    for category in taxonomy.categories:
        assert len(category.examples) >= 80, category.id
        assert category.description


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ((law(),), "holds the category 'general'"),
        ((GENERAL, law(), law()), "used twice: law"),
        ((GENERAL, law(parent="nowhere")), "there is no parent 'nowhere'"),
        ((GENERAL, law(parent="law")), "its own ancestor"),
        ((GENERAL, law(examples=("hi",))), "example of 'general' and of 'law'"),
    ],
)
def test_what_is_not_a_taxonomy(categories: tuple[Category, ...], message: str) -> None:
    with pytest.raises(InvalidTaxonomy, match=message):
        Taxonomy(categories)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "Law"}, "category id 'Law'"),
        ({"id": ""}, "category id ''"),
        ({"description": " "}, "needs a name and a description"),
        ({"examples": ("sue", " ")}, "empty example"),
        ({"examples": ("sue", "sue")}, "twice"),
    ],
)
def test_what_is_not_a_category(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidTaxonomy, match=message):
        law(**changes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "a mapping of fields"),
        ({"id": "law", "name": "Law"}, "'description' is a text"),
        ({"id": 3, "name": "Law", "description": "x"}, "'id' is a text"),
        ({"id": "law", "name": "L", "description": "x", "colour": 1}, "unknown fields: colour"),
        ({"id": "law", "name": "L", "description": "x", "examples": [1]}, "'examples' is a list"),
        ({"id": "law", "name": "L", "description": "x", "parent": 1}, "'parent' is the id"),
    ],
)
def test_a_bad_document_names_its_file(data: object, message: str) -> None:
    with pytest.raises(InvalidTaxonomy, match=rf"law\.yaml.*{message}"):
        category_from(data, "law.yaml")


def test_a_folder_of_yaml_and_json_is_a_taxonomy(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(
        json.dumps({"id": "general", "name": "G", "description": "d", "examples": ["hi"]})
    )
    (tmp_path / "z.yaml").write_text(
        "id: law\nname: Law\ndescription: d\nexamples: |\n  first: one?\n\n  second\n"
        "keywords: [tort]\nparent: general\n"
    )
    (tmp_path / "notes.txt").write_text("not a category")
    taxonomy = load_taxonomy(tmp_path)
    assert taxonomy.ids == ("law", "general")
    assert taxonomy.categories[0].examples == ("first: one?", "second")
    assert taxonomy.categories[0].keywords == ("tort",)
    assert taxonomy.categories[0].parent == "general"


@pytest.mark.parametrize(("name", "text"), [("a.yaml", "id: [unclosed"), ("a.json", "{")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidTaxonomy, match=rf"{name} cannot be read"):
        load_taxonomy(tmp_path)
