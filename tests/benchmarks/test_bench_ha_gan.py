"""The measurement of HA-GAN runs, and its two loops do the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "bench_ha_gan.py"
SMALL = ("--preset", "smoke", "--people", "4", "--blocks", "3", "--block", "2", "--threads", "1")


@pytest.mark.slow
def test_engine_and_plain_loop_come_to_the_same_losses(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), *SMALL]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = re.search(r"^ha-gan, .* plain loop [\d.]+ ms, ratio [\d.]+ .*; losses within (\S+)$", ended.stdout, re.M)
    assert found is not None, ended.stdout
    assert float(found[1]) < 1e-3
    assert re.search(r"^the 110-fold warp of 8 faces: [\d.]+ ms, [\d.]+ of an iteration$", ended.stdout, re.M)
