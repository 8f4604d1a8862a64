"""The house rules that no type checker knows, and the linters themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = {
    "fertools": (
        ("cli",),
        ("views",),
        ("transfer", "inference"),
        ("ingestion", "annotations", "training"),
        ("splits",),
        ("sources", "faces", "samples"),
        ("manifests",),
        ("statistics", "core"),
    ),
    "fertools.training": (
        ("experiments",),
        ("jobs",),
        ("reports",),
        ("evaluation",),
        ("runs",),
        ("engine",),
        ("systems",),
        ("data", "networks", "losses"),
        ("recipes",),
    ),
}
"""Rooms by package, the highest first: a room imports only from rooms of the rows below its own."""
MODULES = sorted((ROOT / "fertools").rglob("*.py"))


REPEATED = {
    "__init__": "every package has one",
    "recipe": "each system's recipe, and the base of them in training.recipes",
    "system": "each system's steps",
    "networks": "each system's and each detector's networks",
    "methods": "each system's paragraph for a methods section",
    "base": "the interface that the modules beside it implement",
    "registry": "the table of what the modules beside it offer",
    "ray": "work on a Ray cluster: of ingest, and of experiments",
}
"""Names that several modules outside of the commands have, and what they mean."""


def _row(package: str, room: str) -> int:
    return next(number for number, rooms in enumerate(ORDER[package]) if room in rooms)


def _imports(path: Path) -> set[tuple[str, ...]]:
    """Return the modules of fertools that the module at `path` imports, wherever in it, as their parts."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {tuple(name.split(".")) for name in names if name.startswith("fertools.")}
    return found


def _arrows_back(package: str, path: Path, own: tuple[str, ...]) -> set[str]:
    """Return the rooms that the module at `path` may not import, and imports."""
    inside = tuple(package.split("."))
    rooms = {room for row in ORDER[package] for room in row}
    depth = len(inside)
    imported = {parts[depth] for parts in _imports(path) if parts[:depth] == inside and len(parts) > depth}
    room = own[depth]
    return {name for name in imported & rooms - {room} if _row(package, name) <= _row(package, room)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts
    for package in ORDER:
        depth = package.count(".") + 1
        # A package itself offers everything, lazily.
        if ".".join(own[:depth]) == package and len(own) > depth and own[depth] not in ("__init__", "__main__"):
            back = _arrows_back(package, path, own)
            assert not back, f"{'.'.join(own)} may not import {back}"


def test_every_room_has_its_place() -> None:
    for package, rows in ORDER.items():
        folder = ROOT.joinpath(*package.split("."))
        rooms = {path.parent.name for path in folder.glob("*/__init__.py")}
        assert rooms == {room for row in rows for room in row}


def test_the_rule_has_an_eye_for_an_arrow_back(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from fertools.training.jobs.train import train\n")
    assert _arrows_back("fertools.training", bad, ("fertools", "training", "engine", "bad")) == {"jobs"}


def test_package_data_holds_no_python() -> None:
    assert not [path for kind in ("manifests", "annotations", "training") for path in (ROOT / kind).rglob("*.py")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["ingest"],
        ["nonsense"],
        ["train", "--help"],
        ["split", "--help"],
        ["annotate", "--help"],
        ["sample", "--help"],
    ],
)
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['fertools', *{arguments!r}]\n"
        "from fertools.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'pandas', 'pyarrow', 'numpy', 'rich', 'av'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_module_name_means_one_thing() -> None:
    # A command's module has the name of the command, and calls what it is named after.
    names = Counter(path.stem for path in MODULES if "cli" not in path.relative_to(ROOT).parts)
    repeated = {name for name, count in names.items() if count > 1}
    assert not repeated - set(REPEATED), "give the module a name of its own"
    assert not set(REPEATED) - repeated, "no longer repeated: take it out of REPEATED"


def test_files_are_short_enough_to_read() -> None:
    long = {path.relative_to(ROOT).as_posix(): count for path in MODULES if (count := _lines(path)) > 400}
    assert not long


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_commands_of_the_readme_exist() -> None:
    from fertools.cli.main import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"^\s*(?:\S*/)?fertools ([a-z]+)", readme, flags=re.MULTILINE))
    assert used
    assert used <= set(COMMANDS)


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff", "format", "mypy"],
)
def test_linters_are_content(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
