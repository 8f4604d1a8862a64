"""The examples run from start to end, in an empty folder, and say what they promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(program: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(program), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells_of(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_script_goes_from_faces_to_a_model(tmp_path: Path) -> None:
    out = run(EXAMPLES / "first-dataset.py", tmp_path, "home")
    assert "portrait: 1 face" in out
    assert "trained: accuracy" in out
    assert (tmp_path / "home/dataset/training/classifier/smoke/report.html").is_file()


def test_every_cell_of_the_notebook_runs_and_shows_its_value(tmp_path: Path) -> None:
    """Each cell's last line is shown as a notebook shows it: by `_repr_html_`, else by `repr`."""
    shown = "def show(value):\n    print(value._repr_html_() if hasattr(value, '_repr_html_') else repr(value))\n"
    program = [shown]
    for cell in cells_of(EXAMPLES / "first-dataset.ipynb"):
        *lines, last = cell.splitlines()
        simple = not last.startswith((" ", "import", "from")) and "=" not in last.split("(")[0]
        program += [*lines, f"show(({last.split('  #')[0]}))" if simple else last]
    # Worker processes import the program's module again, so the notebook's lines stand below the guard.
    body = "\n".join("    " + line for block in program for line in block.splitlines())
    (tmp_path / "notebook.py").write_text(f"if __name__ == '__main__':\n{body}\n", encoding="utf-8")
    out = run(tmp_path / "notebook.py", tmp_path)
    assert out.count("<table") >= 4, "detect, ingest, faces, folds or the confusion matrix is shown as a table"
    assert "report.html" in out


def test_the_notebook_holds_no_output() -> None:
    cells = json.loads((EXAMPLES / "first-dataset.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
