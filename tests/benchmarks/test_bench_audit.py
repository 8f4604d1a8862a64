from __future__ import annotations

import re

import pytest

from tests.benchmarks.bench_audit import main


def test_the_measurement_finds_all_planted_copies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--hashes", "3000", "--beside", "1000", "--turns", "1", "--pictures", "100"]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"; 10 of 10 copies", out)) >= 2
    assert "30 of 30 copies" in out
    assert out.count("duplicate-inside") == 2
    assert "other pairs" not in out
