"""A split leaves as a small file, and another machine checks and applies it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.splits.published import publish_split, read_published, verify_split
from fertools.splits.split import apply_split, split
from tests.cli.conftest import Run
from tests.cli.conftest import fertools as fertools
from tests.manifests.rows import build, face, faces_of
from tests.splits.test_split_options import folds_of, people


@pytest.mark.parametrize("options", [{"folds": 3, "repeats": 3}, {"loso": True}, {"holdout": 0.3, "validation": 0.2}])
def test_a_published_split_is_applied_exactly(tmp_path: Path, options: dict[str, object]) -> None:
    here, there = build(tmp_path / "here", people(9)), build(tmp_path / "there", people(9))
    split(here, **options)  # type: ignore[arg-type]
    digest = publish_split(here, tmp_path / "split.parquet")
    assert verify_split(there, tmp_path / "split.parquet").differences != ()
    assert apply_split(there, tmp_path / "split.parquet").changed
    assert faces_of(there) == faces_of(here)
    check = verify_split(there, tmp_path / "split.parquet")
    assert (check.digest, check.faces, check.differences) == (digest, 54, ())
    assert not split(there, **options).changed  # type: ignore[arg-type]
    assert publish_split(there, tmp_path / "again.parquet") == digest


def test_the_file_names_no_path_label_or_person(tmp_path: Path) -> None:
    workspace = build(tmp_path / "w", people(6))
    split(workspace, folds=3, repeats=2)
    publish_split(workspace, tmp_path / "split.parquet")
    assert pq.read_schema(tmp_path / "split.parquet").names == ["face_id", "part", "repeat_1"]
    content = str(pq.read_table(tmp_path / "split.parquet").to_pydict()) + str(
        pq.read_metadata(tmp_path / "split.parquet")
    )
    assert not any(word in content for word in ("p00", "anger", "faces/", "s0"))


def test_differences_are_named(tmp_path: Path) -> None:
    workspace = build(tmp_path / "w", people(6))
    split(workspace, folds=3)
    publish_split(workspace, tmp_path / "split.parquet")
    rows = sorted(faces_of(workspace).values(), key=lambda row: row["face_id"])
    moved = (rows[1]["fold"] + 1) % 3
    rows = [rows[1] | {"fold": moved}, *rows[2:], face("new", fold=0, subject_id="p00")]
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    lacking, further, other = verify_split(workspace, tmp_path / "split.parquet").differences
    assert lacking.startswith("1 faces of the published split are not among the kept faces")
    assert further.startswith("1 faces have a part and are not in the published split")
    assert other.startswith("1 faces are in another part")
    assert other.endswith(f"and in fold {moved} here")
    with pytest.raises(InputError, match="lists 1 faces that are not among the kept faces"):
        apply_split(workspace, tmp_path / "split.parquet", overwrite=True)


def test_faces_outside_of_the_file_get_no_part_and_can_join_later(tmp_path: Path) -> None:
    here, there = build(tmp_path / "a", people(6)), build(tmp_path / "b", people(7))
    split(here, folds=3)
    publish_split(here, tmp_path / "split.parquet")
    assert apply_split(there, tmp_path / "split.parquet").warnings == (
        "6 kept faces are not in the published split and have no part",
    )
    assert folds_of(there)["p06"] is None
    assert split(there, folds=3).joined == 6


def test_another_split_is_kept_and_a_leak_is_refused(tmp_path: Path) -> None:
    here, there = build(tmp_path / "a", people(6)), build(tmp_path / "b", people(6))
    split(here, loso=True)
    publish_split(here, tmp_path / "split.parquet")
    split(there, folds=2)
    with pytest.raises(ResumeRefused, match="has another split"):
        apply_split(there, tmp_path / "split.parquet")
    assert apply_split(there, tmp_path / "split.parquet", overwrite=True).changed
    one_person = build(tmp_path / "c", [row | {"subject_id": "p00"} for row in people(6)])
    with pytest.raises(CheckFailed, match="subject p00 is in fold 0"):
        apply_split(one_person, tmp_path / "split.parquet")
    assert set(folds_of(one_person).values()) == {None}


def test_other_and_changed_files_are_refused(tmp_path: Path) -> None:
    workspace = build(tmp_path / "w", people(6))
    with pytest.raises(InputError, match="has no split"):
        publish_split(workspace, tmp_path / "split.parquet")
    split(workspace, folds=3)
    with pytest.raises(InputError, match=r"does not end in \.parquet"):
        publish_split(workspace, tmp_path / "split.txt")
    with pytest.raises(InputError, match="is no published split"):
        read_published(workspace.manifest)
    with pytest.raises(InputError, match="is not a file"):
        read_published(tmp_path / "nothing.parquet")
    publish_split(workspace, tmp_path / "split.parquet")
    table = pq.read_table(tmp_path / "split.parquet")
    parts = table["part"].to_pylist()
    parts[0] += 1
    changed = table.set_column(1, "part", [parts])
    pq.write_table(changed, tmp_path / "split.parquet")
    with pytest.raises(InputError, match="was changed after it was published"):
        read_published(tmp_path / "split.parquet")


def test_the_command_publishes_verifies_and_applies(tmp_path: Path, fertools: Run) -> None:
    build(tmp_path / "a", people(6))
    build(tmp_path / "b", people(6))
    made = fertools("split", "-w", "a", "--holdout", "0.4", "--validation", "0.2", "--publish", "s.parquet")
    assert made.code == 0, made.err
    assert "published as s.parquet, digest" in made.out
    differs = fertools("split", "-w", "b", "--verify", "s.parquet")
    assert (differs.code, differs.out.count("another part")) == (4, 1)
    assert fertools("split", "-w", "b", "--from", "s.parquet").code == 0
    equal = fertools("split", "-w", "b", "--verify", "s.parquet")
    assert equal.code == 0
    assert equal.out.startswith("all 36 faces are in the parts of the split")
    mixed = fertools("split", "-w", "b", "--verify", "s.parquet", "--folds", "3")
    assert mixed.code == 2
    assert "--verify and --from" in mixed.err
