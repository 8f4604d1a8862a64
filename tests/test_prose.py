"""How the project writes: words by codespell, Markdown by rumdl, and short sentences by a count of our own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from docs.site.commands import walk

ROOT = Path(__file__).resolve().parent.parent
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
SETTINGS = TOOLS["codespell"]
WORDS = ROOT / "docs/words.txt"
LISTED = [entry.strip() for entry in SETTINGS["skip"].split(",") if entry.strip() and entry.strip() != "docs/words.txt"]
"""Rooms and pages that still use words which the project gave up."""
MOST_WORDS = 30
SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Examples?|Iterating raises):")
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ROOMS = sorted(
    {
        Path(*path.relative_to(ROOT).parts[: 3 if "training" in path.parts else 2])
        for path in (ROOT / "fertools").rglob("*.py")
    }
)
"""Packages, those of training one by one, and modules at the top."""


def _run(tool: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def _found(path: Path, elsewhere: Path) -> str:
    """Return what codespell says of a path when nothing is skipped; `elsewhere` has no settings of its own."""
    settings = {name: value for name, value in SETTINGS.items() if name != "skip"}
    settings["dictionary"] = f"{WORDS},-"
    return _run(
        "codespell", *(f"--{name}={value}" for name, value in settings.items()), str(path), cwd=elsewhere
    ).stdout


def test_words_are_those_of_the_field() -> None:
    done = _run("codespell", "docs", "fertools", "training", *(page.name for page in ROOT.glob("*.md")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_has_become_clean_is_no_longer_listed(tmp_path: Path) -> None:
    clean = [listed for listed in LISTED if not (ROOT / listed).exists() or not _found(ROOT / listed, tmp_path)]
    assert not clean, "take these out of tool.codespell.skip in pyproject.toml"


def test_each_phrase_is_looked_for(tmp_path: Path) -> None:
    given_up = [line.split("->")[0] for line in WORDS.read_text(encoding="utf-8").splitlines()]
    (tmp_path / "page.md").write_text("".join(f"Say {word} here.\n" for word in given_up))
    found = _found(tmp_path / "page.md", tmp_path).lower()
    assert not [word for word in given_up if f": {word} ==>" not in found]


def test_markdown_is_well_formed() -> None:
    assert TOOLS["rumdl"]["exclude"] == [".venv"]
    done = _run("rumdl", "check", "--no-cache", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def paragraphs(markdown: str) -> Iterator[str]:
    """Yield the running text of a page: no code, no tables, and a word in the place of each piece of inline code."""
    table = False
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        table = token.type == "table_open" or (table and token.type != "table_close")
        if token.type == "inline" and not table:
            kinds = {"text": None, "code_inline": "code", "softbreak": " ", "hardbreak": " "}
            parts = [kinds[part.type] or part.content for part in token.children or () if part.type in kinds]
            yield "".join(parts)


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph; a colon ends one too."""
    return [part for part in re.split(r"(?<=[.!?:])\s+", text.strip()) if part]


def too_long(text: str) -> list[str]:
    return [sentence for sentence in sentences(text) if len(sentence.split()) > MOST_WORDS]


def _long_sentences(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [sentence for paragraph in paragraphs(text) for sentence in too_long(paragraph)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sentences_are_short(page: Path) -> None:
    found = _long_sentences(page)
    assert not found, "\n".join(found)


def test_sentences_of_help_are_short() -> None:
    for name, command in walk():
        texts = [command.help or "", *(getattr(option, "help", None) or "" for option in command.params)]
        found = [sentence for text in texts for part in text.split("\n\n") for sentence in too_long(part)]
        assert not found, f"{name}: {found}"


def docstring_paragraphs(docstring: str) -> Iterator[str]:
    """Yield the running text of a docstring: no examples, no indented blocks, and each entry of a section by itself."""
    in_section = in_example = False
    for block in re.split(r"\n\s*\n", docstring):
        lines = block.splitlines()
        if SECTION.fullmatch(lines[0]):
            in_section, in_example = True, lines[0].startswith("Example")
            lines = lines[1:]
        elif not lines[0].startswith(" "):
            in_section = in_example = False
        if in_example or (lines and lines[0].startswith(" ") and not in_section):
            continue
        # An entry of a section has an indent of four, and its further lines a deeper one.
        text = "\n".join(lines)
        for entry in re.split(r"\n(?= {4}\S)", text) if in_section else [text]:
            yield re.sub(r"`[^`]*`", "code", " ".join(entry.split()))


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Yield the docstrings of a module and of its public classes, functions and methods."""
    found: list[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = [tree]
    for node in found:
        if docstring := ast.get_docstring(node):
            yield docstring
        if isinstance(node, ast.Module | ast.ClassDef):
            inside = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            found += [one for one in node.body if isinstance(one, inside) and not one.name.startswith("_")]


def _long_docstrings(room: Path) -> list[str]:
    """Return the long sentences of a room, with the file of each."""
    files = sorted((ROOT / room).rglob("*.py")) if (ROOT / room).is_dir() else [ROOT / room]
    return [
        f"{path.relative_to(ROOT)}: {sentence}"
        for path in files
        for docstring in docstrings(ast.parse(path.read_text(encoding="utf-8")))
        for paragraph in docstring_paragraphs(docstring)
        for sentence in too_long(paragraph)
    ]


@pytest.mark.parametrize("room", ROOMS, ids=Path.as_posix)
def test_sentences_of_docstrings_are_short(room: Path) -> None:
    found = _long_docstrings(room)
    assert not found, "\n".join(found)


def test_a_long_sentence_of_a_docstring_is_found() -> None:
    long = " ".join(["word"] * (MOST_WORDS + 1)) + "."
    module = f'''
"""Short. {long}

A block:

    {long}
"""

class Public:
    """Short.

    Args:
        one: {long}
        two: {"word " * (MOST_WORDS // 2)}
            {"word " * (MOST_WORDS // 2)}
        three: {"word " * (MOST_WORDS // 2)}

    Example:
        >>> {long}
    """

    def method(self):
        """{long}"""

def _private():
    """{long}"""
'''
    found = [too_long(text) for doc in docstrings(ast.parse(module)) for text in docstring_paragraphs(doc)]
    assert [sentence for part in found for sentence in part] == [long] * 3


def test_a_long_sentence_is_found() -> None:
    long = " ".join(["word"] * (MOST_WORDS + 1)) + "."
    assert list(map(too_long, paragraphs(f"Short. {long}\n\n    {long}\n\n| {long} |\n|---|\n| {long} |\n"))) == [
        [long]
    ]
    assert not too_long(f"One {'`a b c` ' * 3} two: three. " + "Four. " * MOST_WORDS)
