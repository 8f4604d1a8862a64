"""The folder that `draw_dataset` makes: whole, true, resumable, never mixed."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.vocabulary import EMOTIONS
from fertools.samples.dataset import POINTS, draw_dataset
from fertools.samples.sample_options import MODALITIES, SampleOptions

OPTIONS = SampleOptions(people=1, frames=3, stills=1, size_px=128)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "drawn"
    summary = draw_dataset(folder, OPTIONS)
    assert vars(summary) == {"people": 1, "videos": 14, "frames": 42, "stills": 42}
    return folder


def test_truth_has_a_row_for_every_frame_and_still_and_every_file_is_there(drawn: Path) -> None:
    with (drawn / "truth.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 42 + 42
    assert {row["emotion"] for row in rows} == set(EMOTIONS)
    assert {row["look"] for row in rows} == {"lab", "wild"}
    for row in rows:
        assert (drawn / row["path"]).is_file()
        assert row["emotion"] in row["path"].split("/")
        assert -1 <= float(row["valence"]) <= 1
        assert -1 <= float(row["arousal"]) <= 1
        points = [float(row[f"{point}_{axis}"]) for point in POINTS for axis in "xy"]
        assert all(0 <= value <= 128 for value in points)
    videos = {path.relative_to(drawn).as_posix() for path in drawn.rglob("*.mp4")}
    assert videos == {row["path"] for row in rows if row["path"].endswith(".mp4")}


def test_moments_join_the_three_modalities(drawn: Path) -> None:
    with (drawn / "truth.csv").open(newline="") as stream:
        stills = [row for row in csv.DictReader(stream) if row["path"].startswith("stills/")]
    by_moment: dict[str, list[dict[str, str]]] = {}
    for row in stills:
        by_moment.setdefault(row["moment"], []).append(row)
    for rows in by_moment.values():
        assert [row["modality"] for row in rows] == list(MODALITIES)
        assert len({(row["emotion"], row["intensity"], row["valence"]) for row in rows}) == 1


def test_videos_have_their_frames_and_stills_are_pictures_of_them(drawn: Path) -> None:
    place = "lab/p01/happiness"
    with av.open(str(drawn / "videos" / place / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 3
    still = cv2.imread(str(drawn / "stills/visible" / place / "0002.png"))
    assert still is not None
    assert np.abs(still[..., ::-1].astype(float) - frames[2]).mean() < 6


def test_a_second_run_changes_nothing_and_a_broken_one_is_mended(drawn: Path) -> None:
    before = _digests(drawn)
    calls: list[tuple[int, int]] = []
    draw_dataset(drawn, OPTIONS, advance=lambda done, total: calls.append((done, total)))
    assert calls == []
    assert _digests(drawn) == before
    (drawn / "videos/wild/p01/fear/clip.mp4").unlink()
    (drawn / "truth.csv").unlink()
    draw_dataset(drawn, OPTIONS, advance=lambda done, total: calls.append((done, total)))
    assert calls == [(14, 14)]
    assert _digests(drawn) == before


def test_a_person_is_the_same_among_any_number(drawn: Path, tmp_path: Path) -> None:
    draw_dataset(tmp_path / "two", SampleOptions(people=2, frames=3, stills=0, size_px=128))
    clip = "videos/lab/p01/sadness/clip.mp4"
    assert (tmp_path / "two" / clip).read_bytes() == (drawn / clip).read_bytes()
    assert (tmp_path / "two" / clip.replace("p01", "p02")).read_bytes() != (drawn / clip).read_bytes()


def test_another_dataset_is_not_mixed_in(drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(ResumeRefused, match="drawn with people 1, not 2"):
        draw_dataset(drawn, SampleOptions(people=2, frames=3, stills=1, size_px=128))
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="holds other files"):
        draw_dataset(tmp_path, OPTIONS)
    with pytest.raises(InputError, match="is a file"):
        draw_dataset(tmp_path / "letter.txt", OPTIONS)


@pytest.mark.parametrize(
    ("frames", "stills", "numbers"), [(12, 2, [5, 11]), (12, 1, [11]), (12, 0, []), (1, 2, [0]), (3, 3, [0, 1, 2])]
)
def test_stills_are_spread_up_to_the_last_frame(frames: int, stills: int, numbers: list[int]) -> None:
    assert SampleOptions(frames=frames, stills=stills).still_frames() == numbers


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"people": 0}, "`people` is 0"),
        ({"size_px": 97}, "even number"),
        ({"size_px": 4096}, "`size_px` is 4096"),
        ({"frames": 0}, "`frames` is 0"),
        ({"stills": -1}, "`stills` is -1"),
    ],
)
def test_options_that_cannot_be(values: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SampleOptions(**values)  # type: ignore[arg-type]
