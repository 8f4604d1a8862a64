"""The files that people and services expect at the root of a repository say what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import fertools
from tests.test_house import ORDER

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_rooms_of_the_guide_are_those_that_imports_are_held_to() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for package, rows in ORDER.items():
        table = text.partition(f"| rooms of `{package}` |")[2].partition("\n\n")[0]
        named = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[2:]]
        assert named == [set(rooms) for rooms in rows], package


def test_the_citation_is_of_this_version() -> None:
    citation = _read("CITATION.cff")
    assert (citation["version"], citation["license"]) == (fertools.__version__, PROJECT["license"])
    assert PROJECT["version"] == fertools.__version__


def test_ci_runs_the_readme_and_every_python() -> None:
    jobs = _read(".github/workflows/ci.yml")["jobs"]
    assert {"run": "bash .ci/run"} in jobs["pinned"]["steps"]
    matrix = jobs["ranges"]["strategy"]["matrix"]
    offered = [kind.rpartition(" ")[2] for kind in PROJECT["classifiers"] if ":: 3." in kind]
    assert matrix["python"] == offered
    assert matrix["include"] == [
        {"python": PROJECT["requires-python"].removeprefix(">="), "resolution": "lowest-direct"}
    ]


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
