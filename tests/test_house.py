"""The house rules that no type checker knows, and the linters themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    {"cli"},
    {"ingest", "annotations", "training"},
    {"manifests", "sources", "faces", "samples"},
    {"core"},
)
MODULES = sorted((ROOT / "fertools").rglob("*.py"))


def _layer(package: str) -> int:
    return next(number for number, packages in enumerate(LAYERS) if package in packages)


def _imports(path: Path) -> set[str]:
    """Return the subpackages of fertools that the module at `path` imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("fertools.")}
    return {name for name in found if (ROOT / "fertools" / name).is_dir()}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT / "fertools").parts
    if len(parts) == 1:
        return  # the package itself offers everything, lazily
    own = parts[0]
    upward = {name for name in _imports(path) if name != own and _layer(name) <= _layer(own)}
    assert not upward, f"{own} may not import {upward}"


def test_the_rule_has_an_eye_for_an_arrow_back(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from fertools.cli.main import main\n")
    assert _imports(bad) == {"cli"}


def test_knowledge_folders_hold_no_python() -> None:
    assert not [path for kind in ("manifests", "annotations", "training") for path in (ROOT / kind).rglob("*.py")]


@pytest.mark.parametrize("arguments", [["--help"], ["ingest"], ["nonsense"], ["train", "--help"], ["split", "--help"]])
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
