"""The measurement of CycleGAN's training runs, and its two loops do the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "bench_cyclegan.py"
SMALL = ("--preset", "smoke", "--people", "3", "--blocks", "3", "--block", "2", "--threads", "1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "pairing"), [("cyclegan", "none"), ("et-cyclegan", "capture"), ("et-cyclegan", "cycle")]
)
def test_engine_and_plain_loop_come_to_the_same_losses(tmp_path: Path, system: str, pairing: str) -> None:
    settings = ("ema=0.9", "batch_size=3", "pool_size=2", f"pairing={pairing}")
    command = [sys.executable, str(SCRIPT), "--system", system, *SMALL]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = re.search(rf"^{system}, .* plain loop [\d.]+ ms, ratio [\d.]+ .*; losses within (\S+)$", ended.stdout)
    assert found is not None, ended.stdout
    assert float(found[1]) < 1e-3
