from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import fertools
from fertools.core.errors import DeviceError, InputError
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.inference.detect import largest


def test_a_path_an_image_and_an_array_give_the_same_faces(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    path = tmp_path / "astronaut.png"
    Image.fromarray(portrait).save(path)
    oracle = MtcnnDetector().detect([portrait])[0]
    for picture in (str(path), path, Image.open(path), portrait):
        faces = fertools.detect(picture)
        assert len(faces) == 1
        np.testing.assert_array_equal(faces[0].box, oracle.boxes[0])
        np.testing.assert_array_equal(faces[0].landmarks, oracle.landmarks[0])
        assert faces[0].score == float(oracle.scores[0])
        assert [face.score for face in faces] == faces.scores.tolist()


def test_several_pictures_give_a_list_in_their_order(portrait: NDArray[np.uint8]) -> None:
    nothing = np.zeros((64, 48, 3), np.uint8)
    found = fertools.detect([nothing, portrait, nothing])
    assert [len(faces) for faces in found] == [0, 1, 0]
    assert [len(faces) for faces in fertools.detect(list(np.stack([portrait, portrait])))]
    assert [len(faces) for faces in cast(list[fertools.Faces], fertools.detect(np.stack([portrait, portrait])))] == [
        1,
        1,
    ]
    assert fertools.detect([]) == []
    assert fertools.detect(nothing).landmarks.shape == (0, 5, 2)


def test_a_turned_photograph_is_read_upright(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    turned = Image.fromarray(np.rot90(portrait).copy())
    exif = turned.getexif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    path = tmp_path / "turned.png"
    turned.save(path, exif=exif)
    np.testing.assert_array_equal(fertools.detect(path).boxes, fertools.detect(portrait).boxes)
    np.testing.assert_array_equal(fertools.detect(Image.open(path)).boxes, fertools.detect(portrait).boxes)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\) and the type uint8; give height x width x 3"),
        (np.zeros((8, 8, 3), np.float32), "type float32"),
        (np.zeros((0, 8, 3), np.uint8), "shape"),
        ("missing.png", "missing.png"),
        (7, "int is no picture"),
        ([None], "NoneType is no picture"),
    ],
)
def test_what_is_no_picture_is_refused(picture: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fertools.detect(picture)


def test_arguments_reach_the_detector(portrait: NDArray[np.uint8]) -> None:
    assert len(fertools.detect(portrait, min_face=300)) == 0
    assert len(fertools.detect(portrait, min_face=fertools.MinFace(share=0.1))) == 1
    with pytest.raises(InputError, match="smallest face '5'"):
        fertools.detect(portrait, min_face=5)
    with pytest.raises(DeviceError):
        fertools.detect(portrait, device="abacus")


def test_faces_are_a_sequence_that_a_notebook_shows(portrait: NDArray[np.uint8]) -> None:
    faces = fertools.detect(portrait)
    assert [face.score for face in faces[:1]] == [faces[-1].score]
    with pytest.raises(IndexError):
        faces[1]
    assert "1 face<" in faces._repr_html_()
    assert repr(faces) == "Faces([[181, 62, 268, 172]])"
    assert largest(fertools.detect(np.zeros((64, 48, 3), np.uint8))) is None
    both = fertools.detect(np.hstack([portrait, portrait[::2, ::2].repeat(2, 0)[:, :256]]))
    assert largest(both) is not None


def test_the_largest_face_is_not_the_surest(portrait: NDArray[np.uint8]) -> None:
    small = np.asarray(Image.fromarray(portrait).resize((256, 256)))
    beside = np.zeros((512, 768, 3), np.uint8)
    beside[:256, :256], beside[:, 256:] = small, portrait
    faces = fertools.detect(beside)
    assert len(faces) == 2
    face = largest(faces)
    assert face is not None
    assert face.area == max(one.area for one in faces)
    assert face.box[0] > 256
