"""`fertools datasets`, and dry runs of an ingest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

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


WRONG = [
    ("ckplus", "published", "Emotion", "Labels", "_emotion"),
    (
        "raf-db",
        "aligned",
        "EmoLabel/list_patition_label.txt",
        "EmoLabel/list_partition_label.txt",
        "list_patition_label",
    ),
    ("fer2013", "ferplus", "FER2013Train/label.csv", "FER2013Train/labels.csv", "label.csv"),
    ("expw", "published", "label/label.lst", "label.lst", "label/label.lst"),
    ("celeba", "aligned", "identity_CelebA.txt", None, "identity_CelebA.txt"),
    ("affectnet", "lists", "Manually_Annotated_file_lists/training.csv", None, "training.csv"),
    ("crema-d", "votes", "processedResults/summaryTable.csv", "summaryTable.csv", "processedResults/summaryTable.csv"),
]
"""Datasets and layouts, a file or folder, the wrong name that it gets (None: it is lost), and what is expected."""


@pytest.mark.parametrize(("name", "layout", "lost", "instead", "expected"), WRONG)
def test_a_wrong_layout_is_refused_with_what_was_expected(
    fertools: Run, tmp_path: Path, name: str, layout: str, lost: str, instead: str | None, expected: str
) -> None:
    given = write_tree(tmp_path / "set", TREES[name, layout])
    if instead is None:
        (given / lost).unlink()
    else:
        (given / lost).rename(given / instead)
    for source in (given, Path(shutil.make_archive(str(tmp_path / "packed"), "zip", given))):
        for more in ([], ["--dry-run"]):
            arguments = ["--dataset", name, "--descriptor", f"{name}:{layout}", *more, "-w", tmp_path / "w"]
            ended = fertools("ingest", source, *arguments)
            assert ended.code == 2
            (line,) = ended.err.splitlines()
            assert f"{source} is not laid out as " in line
            assert f"for the layout '{layout}'" in line
            assert "no file is named as '" in line
            assert expected in line.replace("\\", "")
            assert f"see `fertools datasets show {name}`, or give --descriptor none" in line
    assert not (tmp_path / "w").exists()


def test_the_nearest_layout_is_told_without_its_name(fertools: Run, tmp_path: Path) -> None:
    given = write_tree(tmp_path / "set", TREES["raf-db", "original"])
    (given / "EmoLabel" / "list_patition_label.txt").rename(given / "labels.txt")
    ended = fertools("ingest", given, "--dataset", "raf-db", "-w", tmp_path / "w")
    assert ended.code == 2
    assert "for the layout 'original'" in ended.err


def test_a_dry_run_reads_an_archive(fertools: Run, tmp_path: Path) -> None:
    given = write_tree(tmp_path / "set", TREES["jaffe", "published"])
    packed = shutil.make_archive(str(tmp_path / "packed"), "gztar", tmp_path, "set")
    shown = [
        fertools("ingest", one, "--dataset", "jaffe", "--dry-run", "-w", tmp_path / "w") for one in (given, packed)
    ]
    assert shown[0] == shown[1]
    assert shown[0].code == 0


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
