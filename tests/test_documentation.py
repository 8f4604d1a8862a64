"""What the documentation says is run: its commands are parsed, its Python and the examples of docstrings executed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from PIL import Image
from skimage.data import astronaut

import fertools as package
from docs.site import datasets
from docs.site.commands import walk
from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.training.jobs.generate import generate
from fertools.training.jobs.train import train
from tests.cli.conftest import Run, fertools
from tests.training.blobs import write_blobs
from tests.training.tiny import TINY

__all__ = ["fertools"]

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_IMPORTED = {
    "fertools.__main__",  # runs the command line
    "fertools.core.cluster",  # this and the next two import Ray, an extra
    "fertools.ingestion.engines.ray",
    "fertools.training.experiments.ray",
}
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]+")
MODULES = sorted({info.name for info in pkgutil.walk_packages(package.__path__, "fertools.")} - NOT_IMPORTED)


def blocks(page: Path) -> Iterator[str]:
    """Yield the code blocks of a Markdown page: those between fences, and those that are indented by four spaces."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    text = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for indented in re.findall(r"(?:^\n|\A)((?:^    .*\n|^\n(?=    ))+)", text, re.MULTILINE):
        yield re.sub(r"^    ", "", indented, flags=re.MULTILINE)


def commands() -> list[list[str]]:
    """Return the arguments of every `fertools` command that the documentation names."""
    found = []
    for page in PAGES:
        lines = [line for block in blocks(page) for line in block.splitlines()]
        lines += re.findall(r"`(fertools [^`\n]+)`", page.read_text(encoding="utf-8"))
        for line in lines:
            if match := re.match(r"(?:\.venv/bin/)?fertools ((?!=).+)", line.strip()):
                # A variable or a command of the shell stands for a word.
                words = shlex.split(re.sub(r"\$\(.*?\)|\$\w+", "2", match[1]), comments=True)
                ends = [place for place, word in enumerate(words) if word in (">", "|", "&&")]
                found.append(words[: ends[0]] if ends else words)
    return [list(words) for words in sorted({tuple(words) for words in found})]


def python_pages() -> list[Path]:
    return [page for page in PAGES if any(map(_is_python, blocks(page)))]


def _is_python(block: str) -> bool:
    return bool(re.match(r"(import|from) \w", block))


def test_the_reader_of_pages_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Text:\n\n    import a\n\n    a()\n\nmore\n\n```sh\nfertools x\n```\n")
    assert list(blocks(tmp_path / "a.md")) == ["fertools x\n", "import a\n\na()\n"]
    assert len(commands()) > 80
    assert len(python_pages()) >= 5


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_one(fertools: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: 0)
    ended = fertools(*["2" if re.fullmatch("[A-Z]", word) else word for word in words])
    # In running text a command is named without its arguments, and the files of an example are not here.
    assert ended.code == 0 or re.search(r"Missing argument|does not exist", ended.err), ended.err


FOREIGN = {"--nproc_per_node", "--num_processes", "--num_machines", "--multi_gpu", "--cpu", "--no-deps"}
"""Options of other programs: launchers of training, and pip."""
HISTORY = [page for page in PAGES if page.parent.name == "decisions" or page.name == "benchmarks.md"]
"""Pages that also name options which are gone, or those of scripts."""


def test_every_command_is_in_a_guide() -> None:
    guides = [page for room in ("tutorial", "how-to", "systems") for page in (ROOT / "docs" / room).glob("*.md")]
    text = " ".join(" ".join(page.read_text(encoding="utf-8") for page in guides).split())
    names = [name for name, _ in walk()]
    assert len(names) > 30
    assert not [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)]


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(HISTORY)), ids=lambda page: page.name)
def test_every_option_in_running_text_exists(page: Path) -> None:
    options = [option for _, command in walk() for option in command.params]
    known = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
    named = set(OPTION.findall(" ".join(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))))
    assert named <= known | FOREIGN | {"--help"}


def _write_sources(workspace: Workspace) -> None:
    """Give each face of blobs a source, without which no rating can be imported."""
    counts = {"faces_kept": 1, "faces_rejected": 0, "faces_interpolated": 0}
    rows = [
        {"source_id": name, "path": f"{name}.mp4", "kind": "video", "modality": "visible", "status": "done", **counts}
        for name in package.read_faces(workspace, ["source_id"])["source_id"].unique().to_pylist()
    ]
    store.write_table(workspace.sources, SOURCES, SOURCES.table(rows))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `my-dataset` has what the examples speak of: faces, folds, labels, ratings and trained runs."""
    home = tmp_path_factory.mktemp("prepared")
    workspace = write_blobs(home / "my-dataset")
    RatingLog(workspace.ratings_log).close()
    train(workspace, "classifier", preset="smoke", run="cpu", device="cpu")
    train(workspace, "stargan", preset="smoke", overrides=TINY, run="cpu", device="cpu")
    train(workspace, "svm", preset="smoke", run="recommended", device="cpu")
    generate(workspace, "stargan/cpu", device="cpu")
    (home / "training").symlink_to("my-dataset/training")
    Image.fromarray(astronaut()).save(home / "photo.jpg")
    _write_sources(workspace)
    first, second = package.read_faces(workspace, ["face_id"])["face_id"][:2].to_pylist()
    rated = [
        f"{face},{rater},{value},0.1" for face, value in ((first, 0.2), (second, 0.6)) for rater in ("anna", "ben")
    ]
    (home / "ratings.csv").write_text("\n".join(["face_id,rater,valence,arousal", *rated, ""]))
    package.import_labels(workspace, home / "ratings.csv")
    (home / "labels.csv").write_text(f"face_id,valence,arousal\n{first},0.5,0.5\n")
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy of that folder, since examples change it."""
    shutil.copytree(prepared, tmp_path / "home", symlinks=True)
    monkeypatch.chdir(tmp_path / "home")


@pytest.mark.parametrize("page", python_pages(), ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(home: None, page: Path) -> None:
    names: dict[str, object] = {}
    for block in filter(_is_python, blocks(page)):
        exec(compile(block, str(page), "exec"), names)


def _examples(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module), module)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings_run(request: pytest.FixtureRequest, module: str) -> None:
    for test in _examples(module):
        request.getfixturevalue("home")
        assert not any(example.options.get(doctest.SKIP) for example in test.examples), f"{test.name} is not run"
        said: list[str] = []
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)
        assert not said, "".join(said)


def test_the_reference_of_datasets_has_every_descriptor() -> None:
    rendered = datasets.render()
    page = (ROOT / "docs" / "reference" / "datasets.md").read_text(encoding="utf-8")
    assert datasets.MARK in page
    for path in (ROOT / "manifests").glob("*.toml"):
        assert f"## {path.stem}\n" in rendered
