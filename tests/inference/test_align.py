from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import fertools
from fertools.core.errors import InputError
from fertools.faces.templates import template


# Not `tight`: the detector places points less surely where a face fills the picture.
@pytest.mark.parametrize("name", ["arcface", "celeba", "ffhq", "loose"])
def test_a_crop_has_its_eyes_and_mouth_where_the_template_has_them(name: str, portrait: NDArray[np.uint8]) -> None:
    face = fertools.detect(portrait)[0]
    crop = fertools.align(portrait, face, template=name, size_px=256)
    assert crop.shape == (256, 256, 3)
    assert crop.dtype == np.uint8
    found = fertools.detect(crop)[0].landmarks
    # Two searches of one face place its points within a few pixels of one another.
    assert np.abs(found - template(name) * 256).max() < 256 * 0.06


def test_landmarks_of_another_detector_are_taken(portrait: NDArray[np.uint8]) -> None:
    face = fertools.detect(portrait)[0]
    crop = fertools.align(Image.fromarray(portrait), face.landmarks.tolist())
    np.testing.assert_array_equal(crop, fertools.align(portrait, face))
    assert crop.shape == (112, 112, 3)


def test_what_cannot_be_aligned_is_refused(portrait: NDArray[np.uint8]) -> None:
    face = fertools.detect(portrait)[0]
    with pytest.raises(InputError, match="no template 'dlib'"):
        fertools.align(portrait, face, template="dlib")
    with pytest.raises(InputError, match="size_px` is 8"):
        fertools.align(portrait, face, size_px=8)
    with pytest.raises(InputError, match="five finite"):
        fertools.align(portrait, face.landmarks[:4])
