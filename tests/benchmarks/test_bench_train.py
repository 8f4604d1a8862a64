"""The measurement of training runs, and its three loops do the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "bench_train.py"
SMALL = ("--preset", "smoke", "--faces", "28", "--iterations", "12", "--block", "2", "--threads", "1")


@pytest.mark.parametrize("loader", ["memory", pytest.param("files", marks=pytest.mark.slow)])
def test_engine_and_both_other_loops_come_to_the_same_losses(tmp_path: Path, loader: str) -> None:
    command = [sys.executable, str(SCRIPT), *SMALL, "--loader", loader, "--set", "ema=0.9", "--set", "lr=1e-4"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ["stargan", "classifier"]
    for line in lines:
        ratios = r"plain loop [\d.]+ ms, ratio [\d.]+ .*tuned loop [\d.]+ ms, ratio [\d.]+ "
        found = re.search(ratios + r".*waiting for data [\d.]+%; losses within (\S+)$", line)
        assert found is not None, line
        assert float(found[1]) < 1e-3
