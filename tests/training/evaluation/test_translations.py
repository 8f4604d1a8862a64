"""The table of faces generated from held-out faces: by training, and by `generate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fertools.core.errors import InputError, SchemaError
from fertools.core.vocabulary import EMOTIONS
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import select_faces
from fertools.training.evaluation.translations import TRANSLATIONS_NAME, add_translations, read_translations
from fertools.training.jobs.generate import generate
from tests.training.blobs import write_blobs
from tests.training.tiny import train_tiny


def test_training_lists_what_it_made_and_generate_adds_held_out_faces_alone(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    result = train_tiny(workspace)
    first = read_translations(result.path)
    manifest = store.read_table(workspace.generated / "stargan-smoke.parquet", FACES)
    assert first["face_id"].to_pylist() == manifest["face_id"].to_pylist(), "generated faces have one name everywhere"
    assert first["l1"].to_numpy().mean() == pytest.approx(result.evaluation.figures["reconstruction_l1"])
    parents = {row["face_id"]: row for row in store.read_faces(workspace).to_pylist()}
    for row in first.to_pylist():
        parent = parents[row["parent_id"]]
        assert all(row[name] == parent[name] for name in ("subject_id", "fold", "emotion", "valence", "arousal"))
        assert row["target"] == row["target_emotion"] == Path(row["path"]).parent.name
        assert row["target_valence"] is row["target_arousal"] is None
        assert (workspace.root / row["path"]).is_file()
        assert -1 <= row["ssim"] <= 1
        assert (row["size_px"], row["psnr"] > 0) == (16, True)

    assert generate(workspace, "stargan/smoke", which="all", emotions=["fear", "anger"], device="cpu").new_faces == 52
    more = read_translations(result.path).to_pylist()
    assert {parents[row["parent_id"]]["fold"] for row in more} == {0}
    assert len(more) == 2 * 7 + 2 * 5
    assert [row for row in more if row["face_id"] in set(first["face_id"].to_pylist())] == first.to_pylist()


def test_pictures_without_a_row_are_measured_again_by_generate(tmp_path: Path) -> None:
    """As after an end between the pictures and the table."""
    workspace = write_blobs(tmp_path)
    result = train_tiny(workspace)
    whole = read_translations(result.path)
    (result.path / TRANSLATIONS_NAME).unlink()
    add_translations(result.path, whole.slice(0, 3))
    assert generate(workspace, "stargan/smoke", limit=2, device="cpu").new_faces == 0
    again = read_translations(result.path)
    assert again["face_id"].equals(whole["face_id"])
    np.testing.assert_allclose(again["psnr"].to_numpy(), whole["psnr"].to_numpy(), rtol=1e-4)


def test_rows_say_which_point_was_asked_for(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    plane = read_translations(train_tiny(workspace, "condition=va2", run="plane").path).to_pylist()
    for row in plane:
        assert row["target"] == f"v {row['target_valence']:+.1f} a {row['target_arousal']:+.1f}"
        assert row["target_emotion"] is None
    both = read_translations(train_tiny(workspace, "condition=class7+va2", run="both").path).to_pylist()
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=True)
    for row in both:
        wanted = faces.prototypes()[EMOTIONS.index(row["target_emotion"])]
        assert (row["target_valence"], row["target_arousal"]) == pytest.approx(tuple(wanted))


def test_what_is_no_such_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finish the run"):
        read_translations(tmp_path)
    pq.write_table(pa.table({"face_id": ["a"]}), tmp_path / TRANSLATIONS_NAME)
    with pytest.raises(SchemaError, match="of version 1"):
        read_translations(tmp_path)
    (tmp_path / TRANSLATIONS_NAME).write_bytes(b"x")
    with pytest.raises(SchemaError, match="as Parquet"):
        read_translations(tmp_path)
