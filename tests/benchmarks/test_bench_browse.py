"""The measurement of the browse page runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_measurement_runs() -> None:
    command = [sys.executable, str(Path(__file__).parent / "bench_browse.py"), "--rows", "2000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("2,000 faces")
    assert ended.stdout.count("new: ") == 6
