"""Compiled code and NumPy cut the same crop to the bit, wherever it lies in the picture."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.core.native.library import library
from fertools.faces import resampling
from fertools.faces.alignment import similarity, warp
from fertools.faces.resampling import LARGEST_SPAN, resample, resample_by_numpy
from fertools.faces.templates import template


def _similarity(turn: float, span: float, x: float, y: float) -> NDArray[np.float64]:
    a, b = span * np.cos(turn), span * np.sin(turn)
    return np.array([[a, -b, x], [b, a, y]])


@given(
    st.integers(0, 2**31),
    st.floats(-3.2, 3.2),
    st.floats(0.05, LARGEST_SPAN),
    st.floats(-40, 60),
    st.floats(-40, 60),
    st.integers(1, 40),
    st.integers(1, 40),
)
@settings(deadline=None, max_examples=200)
def test_compiled_code_and_numpy_agree_to_the_bit(
    seed: int, turn: float, span: float, x: float, y: float, height: int, width: int
) -> None:
    compiled = library()
    assert compiled is not None, "build it: python -m fertools.core.native.build"
    # Rows that lie apart, and the darkest and brightest pixels side by side.
    rng = np.random.default_rng(seed)
    picture = rng.choice(np.array([0, 1, 127, 254, 255], np.uint8), (height + 2, width + 5, 3))[1:-1, 2:-3]
    inverse = _similarity(turn, span, x, y)
    with pytest.MonkeyPatch.context() as patch:
        ours = resample(picture, inverse, 17)
        patch.setattr(resampling, "library", lambda: None)
        patch.setattr(compiled.__class__, "resample", lambda *_: pytest.fail("it is compiled"))
        assert resample(picture, inverse, 17).tobytes() == ours.tobytes()


def test_a_crop_is_this_one_on_every_machine() -> None:
    """The digests are those of x86-64; another processor that gives others breaks a promise."""
    ramp = np.arange(200 * 300, dtype=np.int64).reshape(200, 300, 1)
    picture = ((ramp * np.array([7, 11, 13]) + ramp * ramp // 97) % 256).astype(np.uint8)
    digests = []
    for size_px, scale, turn in ((64, 1.7, 0.2), (128, 0.9, -0.7), (48, 2.9, 0.0), (96, 1.0, 3.0)):
        face = (template("loose") - 0.5) * size_px * scale
        cos, sin = np.cos(turn), np.sin(turn)
        points = np.round(face @ np.array([[cos, sin], [-sin, cos]]) + [150, 100], 1)
        crop = warp(picture, similarity(points, "loose", size_px), size_px)
        digests.append(hashlib.sha256(crop.tobytes()).hexdigest()[:12])
    assert digests == DIGESTS


def test_an_even_picture_stays_even() -> None:
    for level in (0, 1, 100, 255):
        picture = np.full((30, 40, 3), level, np.uint8)
        for span in (0.3, 1.0, 1.5, 2.99):
            assert set(resample(picture, _similarity(0.3, span, 5, 5), 20).ravel().tolist()) == {level}


def test_numpy_alone_keeps_a_picture_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "library", lambda: None)
    picture = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    assert resample(picture, np.eye(2, 3), 9).tobytes() == picture.tobytes()
    assert resample_by_numpy.__doc__


DIGESTS = ["68d43c65154c", "c1535c38c831", "6a3b0138b2d7", "53e2eecad9c0"]
