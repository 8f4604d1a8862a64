"""Damaged inputs: no exit of 1, no hang, no loss, whatever stands in a file."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz import long
from tests.fuzz.campaign import GOOD_CODES, Case, run_cases
from tests.fuzz.readers import READERS, Reader
from tests.fuzz.sandbox import build

QUICK = [reader for reader in READERS if not reader.trained]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz") / "seed"
    root.mkdir()
    build(root, trained=False)
    return root


def _shown(cases: list[Case]) -> str:
    return "\n".join(str(case) for case in cases if case.faults)


@pytest.mark.parametrize("reader", QUICK, ids=lambda reader: reader.name)
def test_a_few_damaged_inputs(pristine: Path, tmp_path: Path, reader: Reader) -> None:
    root = Path(shutil.copytree(pristine, tmp_path / "workspace"))
    cases = list(run_cases(root, reader, seed=0, numbers=range(3)))
    assert not any(case.faults for case in cases), _shown(cases)


@pytest.mark.slow
def test_thousands_of_damaged_inputs(tmp_path: Path) -> None:
    cases = list(long.run(tmp_path, seed=1, total=5000, workers=2))
    assert len(cases) >= 5000
    assert not any(case.faults for case in cases), _shown(cases)
    # What only ever succeeds was not damaged, or not read.
    codes = {reader.name: Counter[int]() for reader in READERS}
    for case in cases:
        codes[case.reader][case.code] += 1
    assert [name for name, count in codes.items() if not count.keys() - {0}] == []
    assert set(GOOD_CODES) >= set().union(*codes.values())
