"""The same moment with another expression, found again from the files that `fertools sample` leaves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.samples.counterparts import find_drawn, open_drawn
from fertools.samples.dataset import draw_dataset
from fertools.samples.sample_options import SampleOptions


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_dataset(folder, SampleOptions(people=1, frames=2, stills=1, size_px=64, seed=3))
    return folder


def test_every_still_is_the_moment_that_its_path_names(root: Path) -> None:
    dataset = open_drawn(root)
    stills = sorted((root / "stills").rglob("*.png"))
    assert len(stills) == 2 * 3 * 7
    for still in stills:
        moment = dataset.moment(still, 0)
        assert moment is not None
        coded = cv2.imread(str(still), cv2.IMREAD_COLOR)
        assert coded is not None
        modality = still.relative_to(root).parts[1]
        np.testing.assert_array_equal(moment.picture(modality, 64), coded[..., ::-1])


def test_only_the_face_changes_with_the_expression(root: Path) -> None:
    dataset = open_drawn(root)
    clip = root / "videos/lab/p01/neutral/clip.mp4"
    shown = dataset.moment(clip, 1)
    assert shown is not None
    assert dataset.moment(clip, 1, "neutral") == shown
    before = shown.picture("visible", 64).astype(int)
    pictures = []
    for emotion in EMOTIONS:
        other = dataset.moment(clip, 1, emotion)
        own = dataset.moment(root / f"videos/lab/p01/{emotion}/clip.mp4", 1)
        assert other is not None
        assert own is not None
        assert (other.scene, other.person, other.frame) == (shown.scene, shown.person, shown.frame)
        assert (other.manner, other.intensity) == (own.manner, own.intensity)
        pictures.append(other.picture("visible", 64).astype(int))
        # Above the brows and beside the head nothing moves, the camera's noise included.
        assert not np.abs(pictures[-1] - before)[:12].any()
    apart = [[np.abs(one - two).max() for two in pictures] for one in pictures]
    assert (np.array(apart) + 255 * np.eye(7) > 20).all(), "each expression is another picture"


@pytest.mark.parametrize(
    "path",
    ["videos/lab/p02/fear/clip.mp4", "videos/lab/p01/joy/clip.mp4", "videos/hall/p01/fear/clip.mp4", "other.png"],
)
def test_what_was_not_drawn_has_no_moment(root: Path, path: str) -> None:
    assert open_drawn(root).moment(root / path, 0) is None
    assert open_drawn(root).moment(root / "videos/lab/p01/fear/clip.mp4", 2) is None


def test_a_drawn_dataset_is_found_from_within(root: Path, tmp_path: Path) -> None:
    assert find_drawn(root / "videos" / "lab") == root
    assert find_drawn(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"people": "many"}', '{"faces": 3}', '{"people": 0}'])
def test_damaged_options_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(InputError):
        open_drawn(tmp_path)
