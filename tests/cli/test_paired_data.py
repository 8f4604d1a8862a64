"""Paired data from the command line: draw, ingest each modality, split, and train with pairing=capture."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Run

_PEOPLE = 3


def _ingest(fertools: Run, modality: str) -> None:
    given = ("--crops", "--landmarks", "drawn/truth.csv", "--crop-px", 32, "--workers", 1, "--quality", "keep-all")
    ended = fertools("ingest", f"drawn/stills/{modality}", "--modality", modality, "--dataset", "drawn", *given)
    assert ended.code == 0, ended.err


@pytest.fixture
def drawn(fertools: Run) -> None:
    """Draw pairs and ingest them by two commands."""
    ended = fertools("sample", "drawn", "--kind", "pairs", "--people", _PEOPLE, "--frames", 1, "--size-px", 64)
    assert ended.code == 0, ended.err
    for modality in ("visible", "thermal"):
        _ingest(fertools, modality)
    assert fertools("split", "--folds", _PEOPLE).code == 0


def _train(fertools: Run, *overrides: str) -> tuple[int, str]:
    settings = [word for override in overrides for word in ("--set", override)]
    ended = fertools("train", "cyclegan", "--preset", "smoke", "--run", "pairs", "--device", "cpu", *settings)
    return ended.code, ended.err


@pytest.mark.usefixtures("drawn")
def test_cyclegan_trains_on_pairs_of_one_moment(fertools: Run) -> None:
    assert fertools("validate").code == 0
    code, error = _train(fertools, "pairing=capture")
    assert code == 0, error
    (record,) = Path("training/cyclegan").glob("*/run.json")
    assert json.loads(record.read_text())["finished"]


@pytest.mark.usefixtures("drawn")
def test_without_pairs_or_a_modality_training_is_refused_with_what_to_do(fertools: Run) -> None:
    path = Path("manifests/faces.parquet")
    table = pq.read_table(path)
    place = table.column_names.index("pair_id")
    pq.write_table(table.set_column(place, table.schema.field("pair_id"), pa.nulls(len(table), pa.string())), path)
    code, error = _train(fertools, "pairing=capture")
    assert (code, error.count("fertools: "), error.count("Traceback")) == (2, 1, 0)
    assert "no two training faces of the two domains have the same pair_id; import a table" in error
    code, error = _train(fertools, "target=nir")
    assert (code, error.count("fertools: "), error.count("Traceback")) == (2, 1, 0)
    assert "no kept nir faces with crops; ingest some first, with `fertools ingest DIR --modality nir`" in error


def test_a_fold_without_thermal_people_is_refused_with_their_number(fertools: Run) -> None:
    sample = ("sample", "drawn", "--kind", "pairs", "--people", _PEOPLE, "--frames", 1, "--size-px", 64)
    assert fertools(*sample, "--thermal-people", 1).code == 0
    for modality in ("visible", "thermal"):
        _ingest(fertools, modality)
    assert fertools("split", "--folds", _PEOPLE).code == 0
    (fold,) = (
        pq.read_table("manifests/faces.parquet", filters=[("modality", "=", "thermal")])["fold"].unique().to_pylist()
    )
    for tested, words in (
        ((fold + 1) % _PEOPLE, "for the thermal faces, which show 1 person in all; give one of these folds, or split"),
        (fold, "in the training part of the thermal faces, which show 1 person in all; split again with fewer folds"),
    ):
        settings = ("--set", "modality=thermal", "--set", f"test_folds={tested}")
        ended = fertools("train", "classifier", "--preset", "smoke", "--device", "cpu", *settings)
        assert ended.code == 2
        assert words in ended.err
