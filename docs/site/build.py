"""Makes the site of the documentation: ``python docs/site/build.py``, or ``make docs``.

The pages are written for whoever reads them in the repository. What a site needs is done here: the
repository's own pages (changes, licence, ...) join those of ``docs/``, links follow them, the navigation is
read from the lists of ``docs/README.md``, and Mermaid is taken from NiceGUI, which brings it. Nothing of the
site is fetched from elsewhere, neither when it is built nor when it is read.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Pages outside of docs/, and what they are in the site.
PROJECT = {
    "README.md": "project/readme.md",
    "client/README.md": "project/client.md",
    "CHANGELOG.md": "project/changes.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/reporting.md",
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FENCE = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)
_INFO = re.compile(r"^```(\w+) [^\n]+$", re.MULTILINE)
_LINK = re.compile(r"(\[[^\]]*\]\()([^)\s]+)(\))")
_ITEM = re.compile(r"^(?:[-*]|\d+\.) \[([^\]]+)\]\(([^)#\s]+)\)", re.MULTILINE)

Navigation = list[dict[str, "str | Navigation"]]


class SiteError(ValueError):
    """The pages cannot be made a site: a link leads nowhere, say."""


def pages() -> dict[str, str]:
    """Return every page: its path in the repository, and the one in the site."""
    own = {}
    for page in sorted(DOCS.rglob("*.md")):
        place = page.relative_to(DOCS).as_posix()
        own[f"docs/{place}"] = posixpath.join(posixpath.dirname(place), _name(page))
    return own | PROJECT


def _name(page: Path) -> str:
    return "index.md" if page.name == "README.md" else page.name


def translated(source: str, text: str, where: dict[str, str], files: set[str]) -> str:
    """Return a page as the site has it.

    Args:
        source: Its path in the repository.
        text: What it says.
        where: See `pages`.
        files: Takes the other files of the repository that it links to.

    Raises:
        SiteError: If a link leads to neither a page nor a file.
    """
    parts, start = [], 0
    for fence in _FENCE.finditer(text):
        parts.append(_linked(source, text[start : fence.start()], where, files))
        # What follows the language is for the tests.
        parts.append(_INFO.sub(r"```\1", fence[0], count=1))
        start = fence.end()
    parts.append(_linked(source, text[start:], where, files))
    return "".join(parts)


def _linked(source: str, prose: str, where: dict[str, str], files: set[str]) -> str:
    here = posixpath.dirname(where[source])

    def follow(match: re.Match[str]) -> str:
        path, mark, anchor = match[2].partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target not in where:
            if not (ROOT / target).is_file():
                raise SiteError(f"{source}: {match[2]} is neither a page nor a file")
            files.add(target)
        place = where.get(target, f"files/{target}")
        return f"{match[1]}{posixpath.relpath(place, here or '.')}{mark}{anchor}{match[3]}"

    return _LINK.sub(follow, prose)


def navigation(where: dict[str, str]) -> Navigation:
    """Return the sections and pages of the index, in its order.

    A page that is an index itself, such as that of the decisions, has its own pages below it.
    """
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    found: Navigation = [{"Start": [{"Overview": "index.md"}]}]
    for part in re.split(r"^## +", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        entries = list(_entries("docs/README.md", body, where))
        if heading == "Start":
            found[0] = {heading: [{"Overview": "index.md"}, *entries]}
        elif entries:
            found.append({heading.strip(): entries})
    return found


def _entries(
    source: str, body: str, where: dict[str, str]
) -> Iterator[dict[str, str | Navigation]]:
    for title, link in _ITEM.findall(body):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if target not in where:
            continue
        if target.startswith("docs/") and target.endswith("/README.md"):
            inside = (ROOT / target).read_text(encoding="utf-8")
            yield {title: [{title: where[target]}, *_entries(target, inside, where)]}
        else:
            yield {title: where[target]}


def linked_pages(entries: Navigation) -> Iterator[str]:
    """Yield every page of a navigation."""
    for entry in entries:
        for value in entry.values():
            if isinstance(value, str):
                yield value
            else:
                yield from linked_pages(value)


def _toml(value: str | Navigation) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    items = (f"{{ {json.dumps(k)} = {_toml(v)} }}" for entry in value for k, v in entry.items())
    return f"[{', '.join(items)}]"


def stage(target: Path) -> None:
    """Write everything that Zensical reads into an empty folder."""
    where, files = pages(), set[str]()
    for source, place in where.items():
        page = target / "pages" / place
        page.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / source).read_text(encoding="utf-8")
        page.write_text(translated(source, text, where, files), encoding="utf-8")
    for file in files:
        copy = target / "pages" / "files" / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, copy)
    shutil.copytree(DOCS / "site" / "assets", target / "pages" / "assets")
    shutil.copytree(_mermaid(), target / "pages" / "assets" / "mermaid")
    config = (DOCS / "site" / "zensical.toml").read_text(encoding="utf-8")
    written = config.replace("nav = []", f"nav = {_toml(navigation(where))}")
    (target / "zensical.toml").write_text(written, encoding="utf-8")


def _mermaid() -> Path:
    found = importlib.util.find_spec("nicegui")
    if found is None or found.origin is None:
        raise SiteError("NiceGUI, whose Mermaid draws the diagrams, is not installed")
    return Path(found.origin).parent / "elements" / "mermaid" / "dist"


def build(target: Path) -> Path:
    """Build the site, and return its folder.

    Args:
        target: A folder that is emptied first.

    Raises:
        SiteError: If a link leads to nothing, or Zensical has anything else to say against a page.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    stage(target)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=target,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        said = _COLOUR.sub("", done.stdout).partition("Traceback")[0]
        raise SiteError(said.strip() or done.stdout)
    return target / "site"


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--target", type=Path, default=ROOT / "build" / "docs")
    try:
        print(build(arguments.parse_args().target))
    except SiteError as failure:
        sys.exit(str(failure))
