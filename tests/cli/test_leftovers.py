"""What commands that were killed left behind is gone after the next command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fertools.core.files import TEMPORARY_PREFIX, replacing
from tests.cli.conftest import Run, make_workspace

KILLED = """
import os, signal, sys
from pathlib import Path
from fertools.core.files import replacing
for name in sys.argv[1:]:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    replacing(path).__enter__().write_bytes(b"half")
os.kill(os.getpid(), signal.SIGKILL)
"""
PLACES = ("fertools.toml", "manifests/faces.parquet", "manifests/generated/stargan/a.parquet", "annotations/r.parquet")


def _leftovers(root: Path) -> list[str]:
    return sorted(path.parent.relative_to(root).as_posix() for path in root.rglob(f"{TEMPORARY_PREFIX}*"))


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["split", "--folds", "4"], 0),
        (["annotate", "--va", "--prior"], 0),
        (["annotate", "labels.csv"], 0),
        (["annotate", "publish"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_a_killed_writer_left_is_removed(fertools: Run, tmp_path: Path, command: list[str], code: int) -> None:
    workspace = make_workspace(tmp_path / "dataset")
    os.chdir(workspace.root)
    Path("labels.csv").write_text(f"face_id,valence,arousal\n{0:032x},0.5,0.5\n")
    subprocess.run([sys.executable, "-c", KILLED, *PLACES], check=False)
    assert _leftovers(workspace.root) == [".", "annotations", "manifests", "manifests/generated/stargan"]
    with replacing(workspace.manifest.parent / "live.parquet") as live:
        live.write_bytes(b"of a command at work")
        assert fertools(*command).code == code
        assert _leftovers(workspace.root) == ["manifests"]
