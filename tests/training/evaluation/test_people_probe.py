"""A probe of identity: it finds people where they can be told apart, and guesses where they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.progress import Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.training.data.faces import Pixels
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.people_probe import fit_and_name, probe_metrics, probe_people, split_sequences
from fertools.training.evaluation.translations import read_translations
from fertools.training.jobs.compare_pictures import compare_pictures
from fertools.training.runs.load import load_translator
from tests.training.evaluation.trained_runs import TRANSLATOR, train_both

PEOPLE, VIDEOS, FRAMES = 6, 8, 3


def draw(identity: float, rng: np.random.Generator) -> tuple[list[Pixels], list[str], list[str]]:
    """Return noisy frames of videos; `identity` is how much of a person they show."""
    faces = rng.normal(size=(PEOPLE, 16, 16, 3))
    pictures, people, sequences = [], [], []
    for person in range(PEOPLE):
        for video in range(VIDEOS):
            scene = rng.normal(size=(16, 16, 3))
            for _ in range(FRAMES):
                picture = identity * faces[person] + scene + 0.05 * rng.normal(size=(16, 16, 3))
                pictures.append(np.clip(127 + 30 * picture, 0, 255).astype(np.uint8))
                people.append(f"p{person}")
                sequences.append(f"{person} {video}")
    return pictures, people, sequences


def test_people_are_told_apart_if_pictures_show_them_and_only_then() -> None:
    rng = np.random.default_rng(0)
    for identity, least, most in ((1.0, 0.9, 1.0), (0.0, 0.0, 0.35)):
        pictures, people, sequences = draw(identity, rng)
        numbers = np.array([int(person[1:]) for person in people])
        accuracy = (fit_and_name(pictures, numbers, split_sequences(people, sequences)) == numbers).mean()
        assert least <= accuracy <= most, identity


def test_frames_of_a_video_in_both_halves_would_give_people_away() -> None:
    """Without identity, a probe that has seen other frames of a video is right; that is the leak to avoid."""
    pictures, people, _ = draw(0.0, np.random.default_rng(0))
    numbers = np.array([int(person[1:]) for person in people])
    leaky = np.arange(len(people)) % 2
    assert (fit_and_name(pictures, numbers, leaky) == numbers).mean() > 0.9


def test_a_video_is_in_one_half_and_every_person_in_both() -> None:
    _, people, sequences = draw(0.0, np.random.default_rng(0))
    halves = split_sequences(people, sequences)
    assert {len({*halves[np.array(sequences) == name]}) for name in set(sequences)} == {1}
    assert {len({*halves[np.array(people) == name]}) for name in set(people)} == {2}
    mixed = np.random.default_rng(1).permutation(len(people))
    again = split_sequences([people[row] for row in mixed], [sequences[row] for row in mixed])
    assert again.tolist() == halves[mixed].tolist(), "the order of faces changes nothing"


def test_metrics_have_intervals_over_people_and_the_chance_of_guessing(tmp_path: Path) -> None:
    pictures, people, sequences = draw(1.0, np.random.default_rng(0))
    names = [f"{number:03}" for number in range(len(people))]
    assert probe_people(tmp_path, names, people, sequences, {"generated": pictures, "unchanged": pictures}) == PEOPLE
    found = probe_metrics(tmp_path, pa.table({"face_id": names}))
    assert found is not None
    assert (found["faces"], found["people"], found["chance"]) == (len(names), PEOPLE, pytest.approx(1 / PEOPLE))
    assert found["measures"]["generated"] == found["measures"]["unchanged"]
    assert found["measures"]["generated"]["pooled"] > 0.9
    assert probe_metrics(tmp_path, pa.table({"face_id": ["other"]})) is None


def test_one_person_has_no_probe(tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    assert probe_people(tmp_path, ["a", "b"], ["p", "p"], ["v", "w"], {"generated": [picture] * 2}) == 1
    assert probe_metrics(tmp_path, pa.table({"face_id": ["a", "b"]})) is None


def test_a_run_is_probed_and_its_nearest_faces_are_listed(tmp_path: Path) -> None:
    from csv import DictReader

    from PIL import Image

    from fertools.training.evaluation.translation_metrics import compute_translation_metrics
    from fertools.training.reports.translation_tables import measured_tables, missing_measures

    workspace = train_both(tmp_path)
    run = load_translator(workspace, TRANSLATOR)
    table = read_translations(run.folder.root)
    before = compute_translation_metrics(run.folder.root)
    assert {"people told apart on generated faces", "nearest real faces"} <= {
        name for name, _ in missing_measures(TRANSLATOR, before)
    }
    compare_pictures(workspace, run, table, EvaluationOptions(people_probe=True, nearest=True), Silent())
    found = compute_translation_metrics(run.folder.root)
    assert found["people_probe"]["people"] == 2
    assert set(found["people_probe"]["measures"]) == {"generated", "unchanged"}
    titles = [table.title for table in measured_tables(found)]
    assert {"People told apart by a linear probe", "Nearest real faces"} <= set(titles)

    rows = list(DictReader((run.folder.root / "nearest-faces.csv").read_text().splitlines()))
    assert len(rows) == len(table) == found["nearest"]["faces"]
    training = run.faces.rows("train")
    labels = dict(zip(run.faces.table["face_id"].to_pylist(), run.faces.table["emotion"].to_pylist(), strict=True))
    known = {run.faces.table["face_id"][int(row)].as_py() for row in training}
    for row in rows:
        assert row["nearest_id"] in known, "a face that the generator has trained on"
        assert labels[row["nearest_id"]] == row["emotion"]
        assert row["nearest_of_all_emotion"] in EMOTIONS
        for name in ("parent_path", "generated_path", "nearest_path"):
            assert workspace.path_of(row[name]).is_file()
    with Image.open(run.folder.root / "nearest-faces.png") as picture:
        assert picture.width > 3 * 96
