from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import fertools
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.data.pixel_cache import read_crop
from tests.training.blobs import blob_rows, write_blobs


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    rows = blob_rows()
    rows[0] |= {"valence": None, "arousal": None, "va_origin": None}
    rows[1] |= {"emotion": None, "emotion_origin": None}
    return write_blobs(tmp_path_factory.mktemp("w"), rows)


def test_an_item_is_its_crop_and_its_labels(workspace: Workspace) -> None:
    dataset = fertools.FaceDataset(workspace, fold=0, side="test", image_size=24, needs_emotion=False)
    rows = {row["face_id"]: row for row in store.read_faces(workspace).to_pylist()}
    assert len(dataset) == 7
    unknown = 0
    for image, labels in dataset:
        row = rows[labels.face_id]
        assert (row["fold"], row["subject_id"]) == (0, labels.subject_id)
        crop = torch.from_numpy(read_crop(workspace.root / row["path"], 24)).permute(2, 0, 1)
        assert image.dtype == torch.float32
        assert torch.equal(((image + 1) * 127.5).round().to(torch.uint8), crop)
        assert int(labels.emotion) == (EMOTIONS.index(row["emotion"]) if row["emotion"] else -1)
        if row["valence"] is None:
            assert bool(labels.valence.isnan() and labels.arousal.isnan())
        else:
            assert (float(labels.valence), float(labels.arousal)) == pytest.approx((row["valence"], row["arousal"]))
        unknown += row["valence"] is None or row["emotion"] is None
    assert unknown == 2


@pytest.mark.parametrize("options", [{}, {"val_share": 0.34}])
def test_no_person_is_in_two_parts(workspace: Workspace, options: dict[str, Any]) -> None:
    sides = ("train", "val", "test") if options else ("train", "test")
    parts = [fertools.FaceDataset(str(workspace.root), 1, side, **options) for side in sides]  # type: ignore[arg-type]
    people = [set(part.table["subject_id"].to_pylist()) for part in parts]
    assert sum(map(len, people)) == len(set.union(*people)) == 4
    assert people[-1] == {"p01"}
    assert sum(map(len, parts)) == 27
    assert len(list(workspace.pixels.glob("*-112.npy"))) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_batches_it(workspace: Workspace, workers: int) -> None:
    dataset = fertools.FaceDataset(workspace, fold=0, side="train", image_size=16)
    loader = DataLoader(dataset, batch_size=8, num_workers=workers)
    batches = list(loader)
    assert [len(images) for images, _ in batches] == [8, 8, 5]
    images, labels = batches[0]
    assert images.shape == (8, 3, 16, 16)
    assert labels.emotion.dtype == torch.int64
    assert labels.valence.dtype == torch.float32
    assert labels.arousal.shape == (8,)
    assert list(labels.face_id) == dataset.table["face_id"].to_pylist()[:8]
    assert torch.equal(images[3], dataset[3][0])


def test_a_worker_is_sent_the_place_of_the_pixels(workspace: Workspace) -> None:
    dataset = fertools.FaceDataset(workspace, image_size=48)
    sent = pickle.dumps(dataset)
    assert len(sent) < len(dataset) * 48 * 48
    again = pickle.loads(sent)
    assert torch.equal(again[-1][0], dataset[-1][0])
    assert again[-1][1].face_id == dataset[-1][1].face_id


def test_a_transform_is_applied(workspace: Workspace) -> None:
    plain = fertools.FaceDataset(workspace, image_size=16)
    mirrored = fertools.FaceDataset(workspace, image_size=16, transform=lambda image: image.flip(2))
    assert torch.equal(mirrored[2][0], plain[2][0].flip(2))
    assert not torch.equal(mirrored[2][0], plain[2][0])
    with pytest.raises(IndexError):
        plain[len(plain)]


def test_it_says_what_is_in_it(workspace: Workspace) -> None:
    dataset = fertools.FaceDataset(workspace, fold=2, side="test", classes=("fear", "anger"), image_size=16)
    assert dataset.classes == ("fear", "anger")
    assert sorted(int(labels.emotion) for _, labels in dataset) == [0, 1]
    assert "test: 2 faces of 1 people" in dataset._repr_html_()
    np.testing.assert_equal(len(fertools.FaceDataset(workspace, needs_va=True, image_size=16)), 21)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": "tests"}, "side` is 'tests'; choose one of train, val, test"),
        ({"side": "val"}, "give a share"),
        ({"val_share": 0.9}, "val_share` is 0.9"),
        ({"image_size": 2}, "image_size` is 2"),
        ({"fold": 9}, "9"),
        ({"modality": "thermal"}, "no kept thermal faces"),
    ],
)
def test_what_cannot_be_is_refused(workspace: Workspace, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fertools.FaceDataset(workspace, **options)


def test_a_workspace_without_a_split_is_refused(tmp_path: Path) -> None:
    write_blobs(tmp_path, blob_rows(fold=None))
    with pytest.raises(InputError, match="split"):
        fertools.FaceDataset(tmp_path)
