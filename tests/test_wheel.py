"""The wheel by itself: built, installed in a clean environment, and put to the main job in another folder.

The environment borrows the installed dependencies through a `.pth` file, which leaves out the checkout's own
fertools (an editable install is a `.pth` file too, and those are not followed twice).
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a clean environment that holds the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    # Without a pip of its own, which takes longer to unpack than the wheel; the pip of this environment installs.
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return python


def _run(python: Path, folder: Path, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [str(python.parent / "fertools"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_code_and_the_package_data_come_from_the_wheel(python: Path, tmp_path: Path) -> None:
    program = (
        "import fertools, fertools.core.package_data as k; print(fertools.__file__); "
        "print(*(k.shipped_folder(kind) for kind in ('manifests', 'annotations', 'training')), sep='\\n')"
    )
    done = subprocess.run([str(python), "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    for line in done.stdout.split():
        assert Path(line).is_relative_to(python.parent.parent), line
        assert Path(line).exists(), line


def test_the_rating_page_travels_whole(python: Path, tmp_path: Path) -> None:
    program = "from fertools.annotations.app.site import STATIC; print(STATIC)"
    done = subprocess.run([str(python), "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    installed, ours = Path(done.stdout.strip()), ROOT / "fertools" / "annotations" / "app" / "static"
    assert installed.is_relative_to(python.parent.parent)
    files = [path.relative_to(ours) for path in sorted(ours.rglob("*")) if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert (installed / path).read_bytes() == (ours / path).read_bytes(), path


def test_the_main_job_runs_in_another_folder(python: Path, tmp_path: Path) -> None:
    _run(python, tmp_path, "sample", "drawn", "--people", "2", "--frames", "2")
    assert "subjects" in _run(python, tmp_path, "ingest", "drawn/videos")
    _run(python, tmp_path, "annotate", "--va", "--prior")
    _run(python, tmp_path, "split", "--folds", "2")
    _run(python, tmp_path, "train", "stargan", "--preset", "smoke")
    _run(python, tmp_path, "validate")
    assert len(list((tmp_path / "training" / "stargan").glob("*/report.html"))) == 1
