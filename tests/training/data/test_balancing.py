"""How much faces count and how often they come."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.training.data.balancing import SamplingOrder, sampling_weights, read_soft_labels, loss_weights
from fertools.training.data.faces import Faces, select_faces
from fertools.training.data.sampler import Sampler
from tests.training.blobs import blob_rows, write_blobs


def uneven(root: Path) -> Faces:
    """Return faces of which anger is rare (2 in training) and fear is not (6), half of the latter of one person."""
    rows = [row for row in blob_rows(4, takes=3) if row["emotion"] in ("anger", "fear")]
    rows = [row for row in rows if row["emotion"] == "fear" or row["frame_index"] == 0]
    rows = [row for row in rows if row["emotion"] == "anger" or row["fold"] in (0, 1) or row["frame_index"] == 0]
    for row in rows:
        row["weight"] = 3.0 if row["subject_id"] == "p02" else None
    return select_faces(write_blobs(root, rows), modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)


def test_classes_that_are_rare_count_more(tmp_path: Path) -> None:
    faces = uneven(tmp_path)
    training, names = faces.rows("train"), faces.emotions
    assert faces.counts("train")["anger"] == 3
    assert faces.counts("train")["fear"] == 5
    plain = loss_weights(faces, "none", use_weight=False)
    assert plain.tolist() == [1] * len(names)
    inverse = loss_weights(faces, "inverse", use_weight=False)
    sums = {int(name): 0.0 for name in names}
    for row in training:
        sums[int(names[row])] += float(inverse[row])
    assert len({round(total, 4) for total in sums.values()}) == 1, "each class counts the same in all"
    root = loss_weights(faces, "root", use_weight=False)
    ratios = [weights[names == 0][0] / weights[names == 2][0] for weights in (inverse, root)]
    assert ratios == pytest.approx([5 / 3, (5 / 3) ** 0.5])
    for weights in (inverse, root, loss_weights(faces, "inverse", use_weight=True)):
        assert weights[training].mean() == pytest.approx(1)


def test_the_column_weight_counts(tmp_path: Path) -> None:
    faces = uneven(tmp_path)
    weights = loss_weights(faces, "none", use_weight=True)
    heavy = np.array([name == "p02" for name in faces.table["subject_id"].to_pylist()])
    assert np.unique(weights[heavy]) == pytest.approx(3 * np.unique(weights[~heavy]))


def test_weights_that_are_all_zero_are_refused(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(2, weight=0.0))
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    with pytest.raises(InputError, match="every training face has the weight 0"):
        loss_weights(faces, "none", use_weight=True)
    with pytest.raises(InputError, match="weight 0"):
        sampling_weights(faces, "balanced", use_weight=True)


@pytest.mark.parametrize(("order", "column"), [("balanced", "emotion"), ("groups", "subject_id")])
def test_each_class_or_person_comes_equally_often(tmp_path: Path, order: SamplingOrder, column: str) -> None:
    faces = uneven(tmp_path)
    found = sampling_weights(faces, order)
    assert found is not None
    sampler = Sampler(len(found), 4000, 0, found)
    values = faces.table[column].take(faces.rows("train")).to_pylist()
    counts = Counter(values[row] for row in sampler.next().tolist())
    assert set(counts) == set(values)
    assert max(counts.values()) / min(counts.values()) < 1.15
    assert sampling_weights(faces, "shuffled") is None


@pytest.mark.parametrize("order", ["shuffled", "balanced", "groups"])
def test_faces_come_as_often_as_their_weights_say(tmp_path: Path, order: SamplingOrder) -> None:
    """The first of each person's faces of an expression counts three times, and one person not at all."""
    rows = blob_rows(4, takes=2)
    for row in rows:
        take, person = row["frame_index"], row["subject_id"]
        row["weight"] = 0.0 if person == "p03" else 3.0 if take == 0 else None
    workspace = write_blobs(tmp_path, rows)
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    found = sampling_weights(faces, order, use_weight=True)
    assert found is not None
    training = faces.table.take(faces.rows("train")).to_pylist()
    sums: Counter[tuple[str, int]] = Counter()
    for row, chance in zip(training, found / found.sum(), strict=True):
        sums[row["subject_id"], row["frame_index"]] += chance
    expected = {
        ("p01", 0): 3 / 8,
        ("p01", 1): 1 / 8,
        ("p02", 0): 3 / 8,
        ("p02", 1): 1 / 8,
        ("p03", 0): 0,
        ("p03", 1): 0,
    }
    assert dict(sums) == pytest.approx(expected)


def test_weights_of_1_leave_every_face_once_an_epoch(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(2, weight=1.0))
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    assert sampling_weights(faces, "shuffled", use_weight=True) is None


def write_votes(path: Path, faces: Faces, text: str) -> Path:
    path.write_text(text.replace("FIRST", faces.table["face_id"][0].as_py()), encoding="utf-8")
    return path


def test_votes_become_shares(tmp_path: Path) -> None:
    faces = uneven(tmp_path)
    header = "face_id,anger,disgust,fear,happiness,neutral,sadness,surprise,unknown\n"
    soft_labels = read_soft_labels(
        write_votes(tmp_path / "a.csv", faces, header + "FIRST,3,,1,0,0,0,0,9\nother,1,1,1,1,1,1,1,1\n"), faces
    )
    assert soft_labels[0].tolist() == [0.75, 0, 0.25, 0, 0, 0, 0]
    assert np.isnan(soft_labels[1:]).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("face_id,anger\nFIRST,1\n", "has no column disgust"),
        (
            "face_id,anger,disgust,fear,happiness,neutral,sadness,surprise\nFIRST,x,0,0,0,0,0,0\n",
            "a.csv:2: a vote is no",
        ),
        (
            "face_id,anger,disgust,fear,happiness,neutral,sadness,surprise\nFIRST,-1,0,0,0,0,0,0\n",
            "a.csv:2: a vote is bel",
        ),
        ("face_id,anger,disgust,fear,happiness,neutral,sadness,surprise\nother,1,0,0,0,0,0,0\n", "votes on none"),
    ],
)
def test_bad_votes_are_refused(tmp_path: Path, text: str, words: str) -> None:
    faces = uneven(tmp_path)
    with pytest.raises(InputError, match=words):
        read_soft_labels(write_votes(tmp_path / "a.csv", faces, text), faces)
