"""Cached outputs: no image is processed twice, and outputs of two networks are not mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError, SchemaError
from fertools.core.progress import Silent
from fertools.training.evaluation.cached_outputs import (
    EvaluationNetwork,
    ImageSet,
    list_outputs,
    outputs_path,
    read_outputs,
    update_outputs,
)


class Camera:
    """Pictures of one colour each, and a network that tells the colour and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.fails_at = -1
        self.reader = EvaluationNetwork("judge", "classifier/x", "d1", {"classes": ["a"]}, 2, self.read)

    def images(self, *shades: int) -> ImageSet:
        def load(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
            return np.stack([np.full((2, 2, 3), shades[row], np.uint8) for row in rows])

        return ImageSet([f"face {shade}" for shade in shades], [f"digest {shade}" for shade in shades], load)

    def read(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        shades = pictures[:, 0, 0, 0].tolist()
        if self.fails_at in shades:
            raise KeyboardInterrupt
        self.asked += shades
        return np.stack([[shade, -shade] for shade in shades]).astype(np.float32)


@pytest.fixture
def camera() -> Camera:
    return Camera()


def test_pictures_are_read_once_and_later_ones_are_added(camera: Camera, tmp_path: Path) -> None:
    update_outputs(tmp_path, camera.reader, [camera.images(1, 2), camera.images(3)], Silent())
    update_outputs(tmp_path, camera.reader, [camera.images(2, 4)], Silent())
    assert camera.asked == [1, 2, 3, 4]
    (found,) = list_outputs(tmp_path, "judge")
    assert (found.name, found.digest, found.about) == ("classifier/x", "d1", {"classes": ["a"]})
    assert found.of(["face 4", "face 1"]).tolist() == [[4, -4], [1, -1]]
    assert found.covers(["face 3"])
    assert not found.covers(["face 3", "face 9"])
    with pytest.raises(InputError, match="has no outputs for 1 of 2 images"):
        found.of(["face 3", "face 9"])


def test_an_interrupted_reading_goes_on(camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fertools.training.evaluation.cached_outputs._CHUNK", 2)
    monkeypatch.setattr("fertools.training.evaluation.cached_outputs._BLOCK", 2)
    camera.fails_at = 5
    images = camera.images(*range(8))
    with pytest.raises(KeyboardInterrupt):
        update_outputs(tmp_path, camera.reader, [images], Silent())
    camera.fails_at = -1
    update_outputs(tmp_path, camera.reader, [images], Silent())
    assert camera.asked == list(range(8))
    found = read_outputs(outputs_path(tmp_path, "judge", "classifier/x"))
    assert found.of(images.names)[:, 0].tolist() == list(range(8))


def test_other_weights_begin_anew(camera: Camera, tmp_path: Path) -> None:
    update_outputs(tmp_path, camera.reader, [camera.images(1, 2)], Silent())
    update_outputs(tmp_path, replace(camera.reader, digest="d2"), [camera.images(2)], Silent())
    found = read_outputs(outputs_path(tmp_path, "judge", "classifier/x"))
    assert (found.digest, found.names) == ("d2", ("face 2",))


def test_a_picture_that_was_overwritten_is_read_again(camera: Camera, tmp_path: Path) -> None:
    images = camera.images(1, 2, 3)
    update_outputs(tmp_path, camera.reader, [images], Silent())
    other = replace(camera.images(1, 7, 3), names=images.names, digests=["digest 1", "another", "digest 3"])
    update_outputs(tmp_path, camera.reader, [other], Silent())
    assert camera.asked == [1, 2, 3, 7]
    (found,) = list_outputs(tmp_path, "judge")
    assert found.of(images.names)[:, 0].tolist() == [1, 7, 3]


def test_numbers_that_are_none_are_refused(camera: Camera, tmp_path: Path) -> None:
    broken = replace(camera.reader, read=lambda pictures: np.full((len(pictures), 2), np.nan, np.float32))
    with pytest.raises(InputError, match="not finite"):
        update_outputs(tmp_path, broken, [camera.images(1)], Silent())
    assert list_outputs(tmp_path, "judge") == []


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "network-outputs/judge-x.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"face_id": ["a"]}), path)
    with pytest.raises(SchemaError, match="not a table of cached outputs"):
        list_outputs(tmp_path, "judge")
    path.write_bytes(b"x")
    with pytest.raises(SchemaError, match="as Parquet"):
        list_outputs(tmp_path, "judge")
