"""Damaged inputs: no exit of 1, no hang, no loss, whatever stands in a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fuzz import long
from tests.fuzz.campaign import Case, run_cases
from tests.fuzz.readers import READERS, Reader
from tests.fuzz.sandbox import build, call, content_of, inside, restore

QUICK = [reader for reader in READERS if not reader.trained]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz") / "seed"
    root.mkdir()
    build(root, trained=False)
    return root


def test_what_is_not_damaged_is_read(pristine: Path, tmp_path: Path) -> None:
    """Otherwise all cases could end in a refusal that has nothing to do with the damage."""
    root = Path(shutil.copytree(pristine, tmp_path / "workspace"))
    whole = content_of(root)
    with inside(root):
        for reader in QUICK:
            ended = call(*(part.replace("{}", "lr=0.1") for part in reader.commands[0]))
            assert (ended.code, ended.hung) == (0, False), (reader.name, ended)
            shutil.rmtree(root / "new", ignore_errors=True)
            restore(root, whole)


def test_a_header_of_100000_columns_takes_no_time(pristine: Path) -> None:
    columns = ",".join(f"c{number}" for number in range(100_000))
    (pristine / "wide.csv").write_text(f"face_id,emotion,{columns}\n")
    with inside(pristine):
        # Comparing each name with each other would take hundreds of times as long as `call` allows.
        ended = call("annotate", "wide.csv", "--json")
    (pristine / "wide.csv").unlink()
    assert (ended.code, ended.hung) == (0, False), ended.err[:500]


def _shown(cases: list[Case]) -> str:
    return "\n".join(str(case) for case in cases if case.faults)


@pytest.mark.parametrize("reader", QUICK, ids=lambda reader: reader.name)
def test_a_few_damaged_inputs(pristine: Path, tmp_path: Path, reader: Reader) -> None:
    root = Path(shutil.copytree(pristine, tmp_path / "workspace"))
    cases = list(run_cases(root, reader, seed=0, numbers=range(2)))
    assert not any(case.faults for case in cases), _shown(cases)


@pytest.mark.slow
def test_thousands_of_damaged_inputs(tmp_path: Path) -> None:
    cases = list(long.run(tmp_path, seed=1, total=5000, workers=2))
    assert len(cases) >= 5000
    assert not any(case.faults for case in cases), _shown(cases)
    assert {case.reader for case in cases} == {reader.name for reader in READERS}
