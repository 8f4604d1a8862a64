"""`fertools datasets`, and dry runs of an ingest."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.sources.datasets.trees import TREES, write_tree


def test_datasets_are_listed_and_shown(fertools: Run) -> None:
    listed = fertools("datasets")
    assert listed.code == 0
    assert "ckplus" in listed.out
    shown = fertools("datasets", "show", "ustc-nvie").out
    assert "No loader with the layout was found, so the layout is a guess. (not verified)" in shown
    assert "visible/P001/happiness/0001.jpg" in shown


def test_a_dry_run_shows_counts_and_rows(fertools: Run, tmp_path: Path) -> None:
    given = write_tree(tmp_path / "set", TREES["jaffe", "published"])
    told = fertools("ingest", given, "--dataset", "jaffe", "--dry-run", "-w", tmp_path / "w").out
    assert "files     3      213       differs" in told
    assert "KA.AN1.39.tiff  KA       anger" in told
    as_json = fertools("ingest", given, "--dataset", "jaffe", "--dry-run", "--json", "-w", tmp_path / "w").out
    assert json.loads(as_json)["counts"]["files"] == {"found": 3, "expected": 213}


def test_a_new_descriptor_reads_its_folder(fertools: Run, tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        for word in ("joy", "anger"):
            picture = tmp_path / "own" / person / word / "1.png"
            picture.parent.mkdir(parents=True)
            picture.write_bytes(b"")
    made = fertools("datasets", "new", tmp_path / "own", "own-set", "--crops", "--yes", "-w", tmp_path / "w")
    assert made.code == 0, made.err
    assert (tmp_path / "w" / "manifests" / "own-set.toml").is_file()
    told = fertools("ingest", tmp_path / "own", "--dataset", "own-set", "--dry-run", "-w", tmp_path / "w").out
    assert "ann/anger/1.png  ann      anger" in told
    again = fertools("datasets", "new", tmp_path / "own", "own-set", "--yes", "-w", tmp_path / "w")
    assert again.code == 2
    assert "exists; give another name" in again.err
