from __future__ import annotations

import re

import pytest

from tests.benchmarks.bench_agreement import main


def test_the_measurement_runs_and_counts_the_frames(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--frames", "1000", "--raters", "3", "--runs", "1"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    # Each frame is missed by a tenth of the raters, so that nearly all have two values.
    found = re.match(r"3 raters, ([\d,]+) frames", head)
    assert found is not None
    assert 950 < int(found[1].replace(",", "")) <= 1000
    assert len(rows) == 7
    assert any("agreement`, 3,000 clicks" in row for row in rows)
