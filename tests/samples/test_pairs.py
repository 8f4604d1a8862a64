"""Drawn pairs: people who differ strongly, visible and thermal stills; other kinds stay as they were."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.vocabulary import EMOTIONS
from fertools.faces.alignment import align
from fertools.samples.clips import draw_clip_of
from fertools.samples.counterparts import open_drawn
from fertools.samples.dataset import draw_dataset
from fertools.samples.moments import draw_clip
from fertools.samples.sample_options import SampleOptions

OPTIONS = SampleOptions(people=2, frames=2, size_px=64, kind="pairs", thermal_people=1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    summary = draw_dataset(folder, OPTIONS)
    assert (summary.people, summary.videos, summary.frames, summary.stills) == (2, 0, 0, 6 * 2 * 3)
    return folder


def test_clips_are_drawn_as_before_there_were_other_populations() -> None:
    moment = draw_clip(3, "fear", "wild", 3, seed=1).moments[-1]
    person, manner, scene = moment.person, moment.manner, moment.scene
    of_the_person = (person.warmth, person.mouth_width, person.accent.jaw)
    of_the_occasion = (manner.peak, manner.apex.stretch, manner.offset.press, scene.begin.yaw_deg, scene.noise)
    assert of_the_person == pytest.approx((5.426551, 0.400783, 0.940734), abs=1e-6)
    assert of_the_occasion == pytest.approx((0.776019, 0.828202, 0.087592, -1.923224, 3.336581), abs=1e-6)
    assert moment.person.rest is None
    assert moment.person.heat.vessels == ()


def test_each_moment_has_a_visible_and_for_some_people_a_thermal_still(drawn: Path) -> None:
    with (drawn / "truth.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(drawn / row["path"]).is_file() for row in rows} == {True}
    assert not (drawn / "videos").exists()
    shown = Counter((row["subject_id"], row["modality"]) for row in rows)
    assert shown == {("p01", "visible"): 12, ("p01", "thermal"): 12, ("p02", "visible"): 12}
    assert {row["emotion"] for row in rows} == set(EMOTIONS) - {"neutral"}
    of_a_moment = Counter(row["moment"] for row in rows)
    assert {count for moment, count in of_a_moment.items() if "/p01/" in moment} == {2}


def test_each_frame_is_an_occasion_of_its_own() -> None:
    first, second = draw_clip_of(OPTIONS, 1, "anger", "lab").moments
    assert first.person == second.person
    assert first.manner != second.manner
    assert first.scene != second.scene
    longer = draw_clip_of(SampleOptions(people=1, frames=5, kind="pairs"), 1, "anger", "lab").moments
    assert longer[:2] == (first, second)


def test_the_true_picture_with_another_expression_can_be_drawn(drawn: Path) -> None:
    dataset = open_drawn(drawn)
    path = drawn / "stills/thermal/lab/p01/anger/0001.png"
    shown, other = dataset.moment(path, 0), dataset.moment(path, 0, "surprise")
    assert shown is not None
    assert other is not None
    assert other.scene == shown.scene
    assert other.manner == draw_clip_of(OPTIONS, 1, "surprise", "lab").moments[1].manner


def test_people_differ_more_than_in_clips_in_warmth_as_well() -> None:
    def spread(kind: str) -> float:
        options = SampleOptions(people=8, frames=1, kind=kind)
        faces = []
        for person in range(1, 9):
            (moment,) = draw_clip_of(options, person, "anger", "lab").moments
            picture = moment.picture("thermal", 96)
            faces.append(align(picture, moment.landmarks("thermal", 96), "tight", 32)[0].astype(float))
        return float(np.std(faces, axis=0).mean())

    assert spread("pairs") > 1.2 * spread("clips")


def test_a_dataset_of_another_kind_is_not_continued(drawn: Path) -> None:
    with pytest.raises(ResumeRefused, match="kind pairs, not clips"):
        draw_dataset(drawn, SampleOptions(people=2, frames=2, size_px=64))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "triples"}, "choose one of clips, pairs"),
        ({"kind": "pairs", "stills": 1}, "stills. shapes clips"),
        ({"kind": "pairs", "least_shown": 0.5}, "least_shown. shapes clips"),
        ({"thermal_people": 2}, "thermal_people. belongs to pairs"),
        ({"kind": "pairs", "people": 2, "thermal_people": 3}, "give 1 to 2, the people"),
    ],
)
def test_options_that_do_not_go_together_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SampleOptions(**values)  # type: ignore[arg-type]
