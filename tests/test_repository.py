"""The files that people and services expect at the root of a repository say what is so."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import fertools
from tests.conftest import LONGEST
from tests.test_house import ORDER

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


PYTHONS = [kind.rpartition(" ")[2] for kind in PROJECT["classifiers"] if ":: 3." in kind]
"""The versions of Python that fertools says it works with."""


def _read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_rooms_of_the_guide_are_those_that_imports_are_held_to() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for package, rows in ORDER.items():
        table = text.partition(f"| rooms of `{package}` |")[2].partition("\n\n")[0]
        named = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[2:]]
        assert named == [set(rooms) for rooms in rows], package


def test_the_files_that_begin_first_exist() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []


def test_the_citation_is_of_this_version() -> None:
    citation = _read("CITATION.cff")
    assert (citation["version"], citation["license"]) == (fertools.__version__, PROJECT["license"])
    assert PROJECT["version"] == fertools.__version__


def test_the_newest_changes_are_those_of_this_version_on_its_date() -> None:
    heading = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading is not None
    citation = _read("CITATION.cff")
    assert heading[1] == f"{citation['version']} - {citation['date-released']:%Y-%m-%d}"


def test_ci_runs_the_readme_and_every_python() -> None:
    jobs = _read(".github/workflows/ci.yml")["jobs"]
    assert {"run": "bash .ci/run"} in jobs["pinned"]["steps"]
    matrix = jobs["ranges"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert matrix["include"] == [
        {"python": PROJECT["requires-python"].removeprefix(">="), "resolution": "lowest-direct"}
    ]


def test_nox_runs_every_python_and_the_guide_names_its_sessions() -> None:
    # nox itself is not installed with the rest.
    program = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    values = {
        node.targets[0].id: node.value
        for node in program.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert list(ast.literal_eval(values["PYTHONS"])) == PYTHONS
    sessions = {node.name for node in program.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    named = re.findall(r"`[^`]*nox -s ([\w ]+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert {session for line in named for session in line.split()} == sessions - {"lint"}


def test_wheels_are_built_for_every_platform_of_the_configuration() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    built = {name.partition("-")[2] for name in tomllib.loads(text)["tool"]["cibuildwheel"]["build"]}
    platforms = {
        "ubuntu-24.04": "manylinux_x86_64",
        "ubuntu-24.04-arm": "manylinux_aarch64",
        "macos-14": "macosx_arm64",
    }
    runners = _read(".github/workflows/wheels.yml")["jobs"]["wheel"]["strategy"]["matrix"]["runner"]
    assert {platforms[runner] for runner in runners} == built


@pytest.mark.parametrize("command", ["pip install -c constraints.txt torch", "--no-deps -r constraints.txt -e ."])
def test_ci_sets_up_as_the_readme_says(command: str) -> None:
    steps = (ROOT / ".ci/run").read_text(encoding="utf-8").replace(" -q", "")
    assert command in steps
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_forms_for_issues_have_fields(path: Path) -> None:
    form = _read(str(path))
    assert form["name"]
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids)) > 0
