"""The documentation site: it builds without a warning, its links lead somewhere, and its references are complete."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

from docs.site import commands, names, pictures
from fertools.core import errors

ROOT = Path(__file__).resolve().parent.parent


def _build(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    # In a copy, so that pictures are drawn anew and nothing is written into the checkout.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(root / "docs"), str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns("pictures", "_build", "__pycache__"))
    for page in ROOT.glob("*.md"):
        shutil.copyfile(page, root / page.name)
    done = _build(root, root / "site")
    assert done.returncode == 0, done.stderr
    return root / "site"


class _Page(HTMLParser):
    """The anchors of a page, what it links to, and what a browser loads with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = {""}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attributes}
        self.ids.add(named.get("id", ""))
        if tag == "a":
            self.links.append(named.get("href", ""))
        elif tag in ("img", "script", "link"):
            self.loads += [named[name] for name in ("src", "href") if name in named]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    return {path: _Page(path) for path in site.rglob("*.html")}


def test_every_page_is_built(site: Path, pages: dict[Path, _Page]) -> None:
    written = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert written <= {path.relative_to(site) for path in pages}


def test_every_link_leads_somewhere(pages: dict[Path, _Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].ids if target in pages else {""}
            if not target.is_file() or unquote(parts.fragment) not in anchors:
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_a_reader_needs_no_network(pages: dict[Path, _Page]) -> None:
    assert not [link for page in pages.values() for link in page.loads if urlsplit(link).netloc]


def _anchors() -> Iterator[str]:
    """Yield the anchor of every option of every command."""
    for name, command in commands.walk():
        for option in command.get_params(commands.context_of(name, command)):
            if isinstance(option, click.Option) and not option.hidden:
                for flag in (*option.opts, *option.secondary_opts):
                    yield f"cmdoption-{name.replace(' ', '-')}-{flag.lstrip('-')}"


def test_the_reference_has_every_option_and_no_other(site: Path, pages: dict[Path, _Page]) -> None:
    page = pages[site / "reference/cli.html"]
    anchors = set(_anchors())
    assert len(anchors) > 150
    assert {name for name in page.ids if name.startswith("cmdoption-")} == anchors
    assert {name.replace(" ", "-") for name, _ in commands.walk()} <= page.ids


def test_the_reference_has_every_exit_code(site: Path) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert documented == {kind.exit_code for kind in kinds if issubclass(kind, errors.FertoolsError)} | {0, 143}


def test_the_reference_has_every_public_name(site: Path, pages: dict[Path, _Page]) -> None:
    wanted = {f"fertools.{name}" for name in names.public_names()}
    assert len(wanted) > 20
    assert wanted <= pages[site / "reference/python.html"].ids


@pytest.mark.parametrize("link", ["nowhere.md", "index.md#nowhere"])
def test_a_broken_link_fails_the_build(tmp_path: Path, link: str) -> None:
    shutil.copytree(ROOT / "docs/site", tmp_path / "docs/site")
    shutil.copyfile(ROOT / "docs/conf.py", tmp_path / "docs/conf.py")
    for name in pictures.NAMES:
        (tmp_path / "docs/pictures").mkdir(exist_ok=True)
        (tmp_path / "docs/pictures" / name).touch()
    (tmp_path / "docs/index.md").write_text(f"# A page\n\n[a link]({link})\n")
    done = _build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "xref_missing" in done.stderr
