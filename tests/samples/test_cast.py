"""Drawn characters: six who are always the same, easy to read, and each the true counterpart of a person's moment."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.faces.alignment import align
from fertools.ingestion.pairs import find_pair
from fertools.samples.cast import SIZE, cast_member, find_member, perform
from fertools.samples.counterparts import open_drawn
from fertools.samples.dataset import draw_dataset
from fertools.samples.expression import ACTION_NAMES
from fertools.samples.moments import Moment
from fertools.samples.sample_options import CAST_SIZE, SampleOptions

OPTIONS = SampleOptions(people=2, frames=3, size_px=64, kind="characters", characters=2, pictures=2)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("characters")
    summary = draw_dataset(folder, OPTIONS)
    assert (summary.videos, summary.stills) == (2 * 7, 2 * 7 * 3 * (1 + 2) + 2 * 7 * 2)
    return folder


def _stills(drawn: Path, under: str) -> list[dict[str, str]]:
    with (drawn / "truth.csv").open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["path"].startswith(f"stills/{under}/")]


def test_the_subject_of_a_character_is_the_character(drawn: Path) -> None:
    own, played, people = (_stills(drawn, under) for under in ("animated", "played", "visible"))
    assert Counter(row["subject_id"] for row in own) == {"c01": 14, "c02": 14}
    assert Counter(row["subject_id"] for row in played) == {"c01": 42, "c02": 42}
    assert Counter(row["subject_id"] for row in people) == {"p01": 21, "p02": 21}
    assert {row["modality"] for row in own + played} == {"animated"}
    assert {row["emotion"] for row in own} == set(EMOTIONS)
    for row in own + played:
        assert f"/{row['subject_id']}/{row['emotion']}/" in row["path"]
        assert (drawn / row["path"]).is_file()


def test_a_counterpart_shares_its_pair_with_the_person_and_a_characters_own_picture_with_nobody(drawn: Path) -> None:
    person = find_pair(drawn / "stills/visible/lab/p01/fear/0001.png")
    assert person is not None
    assert find_pair(drawn / "stills/played/c01/fear/lab-p01-0001.png") == person
    assert find_pair(drawn / "stills/played/c02/fear/lab-p01-0001.png") == person
    assert find_pair(drawn / "stills/played/c01/fear/lab-p01-0002.png") != person
    assert find_pair(drawn / "stills/animated/c01/fear/0001.png") is None


def test_every_still_is_the_moment_that_its_path_names(drawn: Path) -> None:
    dataset = open_drawn(drawn)
    for row in _stills(drawn, "visible")[::9] + _stills(drawn, "played")[::9] + _stills(drawn, "animated")[::5]:
        moment = dataset.moment(drawn / row["path"], 0)
        assert moment is not None
        coded = cv2.imread(str(drawn / row["path"]), cv2.IMREAD_COLOR)
        assert coded is not None
        np.testing.assert_array_equal(moment.picture(row["modality"], 64), coded[..., ::-1])


def test_the_counterpart_has_the_actions_of_the_person_at_that_moment(drawn: Path) -> None:
    dataset = open_drawn(drawn)
    person = dataset.moment(drawn / "stills/visible/lab/p02/anger/0000.png", 0)
    played = dataset.moment(drawn / "stills/played/c02/anger/lab-p02-0000.png", 0)
    assert person is not None
    assert played is not None
    assert played.actions == person.actions
    assert played.character == cast_member(2)
    other = dataset.moment(drawn / "stills/played/c02/anger/lab-p02-0000.png", 0, "sadness")
    assert other is not None
    assert (other.manner.emotion, other.character, other.scene) == ("sadness", played.character, played.scene)


@pytest.mark.parametrize(
    "path",
    [
        "stills/animated/c03/fear/0000.png",
        "stills/animated/c00/fear/0000.png",
        "stills/animated/c01/fear/0002.png",
        "stills/animated/c01/joy/0000.png",
        "stills/played/c01/fear/lab-p03-0000.png",
        "stills/played/c01/fear/hall-p01-0000.png",
        "stills/played/c01/fear/lab-p01-0003.png",
    ],
)
def test_what_was_not_drawn_has_no_moment(drawn: Path, path: str) -> None:
    assert open_drawn(drawn).moment(drawn / path, 0) is None


def test_the_frames_of_a_sequence_are_near_the_peak(drawn: Path) -> None:
    dataset = open_drawn(drawn)
    moments = [dataset.moment(drawn / f"stills/visible/lab/p01/fear/{frame:04d}.png", 0) for frame in range(3)]
    intensities = [moment.intensity for moment in moments if moment is not None]
    assert intensities == sorted(intensities)
    assert intensities[0] == pytest.approx(0.8 * intensities[-1])


def test_a_character_at_rest_does_nothing_and_looks_at_the_camera() -> None:
    rest = perform(1, "neutral", 0)
    assert {getattr(rest.actions, name) for name in ACTION_NAMES} == {0.0}
    assert rest.pose("animated").yaw_deg == 0
    assert perform(1, "neutral", 1).actions != rest.actions
    assert perform(1, "neutral", 0, seed=5).picture("animated", 64).tolist() == rest.picture("animated", 64).tolist()


def test_the_cast_does_not_depend_on_the_dataset() -> None:
    assert SIZE == CAST_SIZE
    assert perform(3, "fear", 1, seed=8).character == cast_member(3) == find_member("c03")
    assert [find_member(name) for name in ("c00", "c07", "p01", "")] == [None] * 4


def _crops(moments: list[Moment]) -> NDArray[np.float64]:
    return (
        np.array(
            [
                align(moment.picture("animated", 96), moment.landmarks("animated", 96), "tight", 24)[0]
                for moment in moments
            ]
        ).reshape(len(moments), -1)
        / 255.0
    )


def test_expressions_of_the_cast_are_easy_to_tell_apart_and_so_are_its_members() -> None:
    shown = [(member, emotion, number) for member in range(1, SIZE + 1) for emotion in EMOTIONS for number in range(6)]
    pixels = _crops([perform(*key) for key in shown])
    learnt = np.array([number < 4 for _, _, number in shown])
    for position, least in ((1, 0.95), (0, 1.0)):
        labels = np.array([key[position] for key in shown])
        classifier = RidgeClassifier().fit(pixels[learnt], labels[learnt])
        assert classifier.score(pixels[~learnt], labels[~learnt]) >= least


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"characters": 2}, "characters. belongs to characters"),
        ({"kind": "characters", "characters": 7}, "characters. is 7; give 1 to 6"),
        ({"kind": "characters", "pictures": 0}, "pictures. is 0"),
        ({"kind": "characters", "stills": 1}, "stills. shapes clips"),
        ({"kind": "characters", "thermal_people": 1}, "thermal_people. belongs to pairs"),
    ],
)
def test_options_that_do_not_go_together_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SampleOptions(**values)  # type: ignore[arg-type]
