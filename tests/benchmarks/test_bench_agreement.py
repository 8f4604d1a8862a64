from __future__ import annotations

import pytest

from tests.benchmarks.bench_agreement import main


def test_the_measurement_runs_and_counts_the_frames(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--frames", "1000", "--raters", "3", "--runs", "1"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    # Each frame is missed by a tenth of the raters, so that nearly all have two values.
    assert 950 < int(head.split(",")[1].split()[0].replace(",", "")) <= 1000
    assert len(rows) == 6
