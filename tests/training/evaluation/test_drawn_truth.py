"""Translations of drawn people beside the true images, by networks that are hardly trained."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.faces.alignment import align
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES
from fertools.samples.cast import cast_member, perform
from fertools.samples.counterparts import open_drawn
from fertools.samples.sample_options import SampleOptions
from fertools.training.data.faces import Faces, build_faces
from fertools.training.data.selection import Selection
from fertools.training.evaluation.drawn_truth import TRUTHS_NAME, draw_truths, truth_paths
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import read_translations
from fertools.training.jobs import drawn_judge
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.recipes.domains import Domain
from fertools.training.recipes.view import View
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.load import LoadedRun, load_translator
from tests.training.evaluation.trained_runs import TRANSLATOR, write_people
from tests.training.tiny import read_record, train_tiny

SEED = 1


def write_drawn(root: Path, modalities: Sequence[str] = ("visible",)) -> Workspace:
    """Write two drawn people, one face for each expression and modality, as they are where they have been ingested."""
    workspace, drawn = Workspace(root), root / "drawn"
    drawn.mkdir()
    (drawn / "sample.json").write_text(json.dumps(asdict(SampleOptions(people=2, frames=2, size_px=128, seed=SEED))))
    (drawn / "truth.csv").touch()
    dataset = open_drawn(drawn)
    sources, faces = [], []
    for person in (1, 2):
        for emotion in EMOTIONS:
            video = drawn / f"videos/lab/p{person:02d}/{emotion}/clip.mp4"
            moment = dataset.moment(video, 1)
            assert moment is not None
            for modality in modalities:
                file = (
                    video
                    if modality == "visible"
                    else drawn / f"stills/{modality}/lab/p{person:02d}/{emotion}/0001.png"
                )
                crop, matrix = align(moment.picture(modality, 128), moment.landmarks(modality, 128), size_px=64)
                name = hash_bytes(f"{person} {emotion} {modality}".encode())
                path = root / workspace.crop_path(name, ".png")
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), crop[..., ::-1])
                sources.append(
                    {"source_id": name, "path": file.relative_to(root).as_posix(), "kind": "video",
                     "modality": modality, "status": "done", "faces_kept": 1, "faces_rejected": 0}
                )  # fmt: skip
                faces.append(
                    {"face_id": name, "source_id": name, "dataset": "drawn", "modality": modality, "frame_index": 1,
                     "path": workspace.crop_path(name, ".png"), "size_px": 64, "matrix": matrix.tolist(),
                     "interpolated": False,
                     "template": "loose", "status": "kept", "subject_id": f"p{person:02d}", "subject_origin": "folder",
                     "emotion": emotion, "emotion_origin": "folder", "fold": person - 1}
                )  # fmt: skip
    store.write_table(workspace.sources, SOURCES, SOURCES.table(sources))
    store.write_table(workspace.manifest, FACES, FACES.table(faces))
    return workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = write_drawn(tmp_path_factory.mktemp("workspace"))
    train_tiny(workspace, "translate_faces=0")
    return workspace


def test_distances_are_those_to_the_drawn_truth(workspace: Workspace) -> None:
    root = workspace.root / "training" / TRANSLATOR
    assert "fertools evaluate stargan/smoke --drawn" in (root / "report.html").read_text(encoding="utf-8")
    translator, table = load_translator(workspace, TRANSLATOR), read_translations(root)
    draw_truths(workspace, translator, table, Silent())
    told = {row["face_id"]: row for row in pq.read_table(root / TRUTHS_NAME).to_pylist()}
    assert len(told) == len(table) == 7 * 7
    for entry in table.to_pylist():
        unchanged = told[entry["face_id"]]["unchanged_l1"]
        if entry["emotion"] == entry["target_emotion"]:
            assert unchanged == 0, "the true image of what a face shows already is the face"
        else:
            assert unchanged > 0
    found = compute_translation_metrics(root)["truth"]
    assert found["faces"] == 6 * 7
    assert found["measures"]["l1"]["pooled"] > found["measures"]["unchanged_l1"]["pooled"] > 0
    others = [
        told[entry["face_id"]]["l1"] for entry in table.to_pylist() if entry["emotion"] != entry["target_emotion"]
    ]
    assert found["measures"]["l1"]["pooled"] == pytest.approx(float(np.mean(others)))
    assert [part["target"] for part in found["by_target"]] == sorted(EMOTIONS)

    for truth, made in zip(truth_paths(root, table), table["path"].to_pylist(), strict=True):
        shutil.copyfile(truth, workspace.path_of(made))
    draw_truths(workspace, translator, table, Silent())
    assert compute_translation_metrics(root)["truth"]["measures"]["l1"]["pooled"] == 0


@pytest.mark.slow
def test_a_classifier_of_other_drawn_people_reads_both(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_judge, "_PEOPLE", 3)
    monkeypatch.setattr(drawn_judge, "_HELD_OUT", 1)
    root = workspace.root / "training" / TRANSLATOR
    options: dict[str, Any] = {"drawn": True, "device": "cpu"}
    assess(workspace, TRANSLATOR, EvaluationOptions(**options))
    (folder,) = (root / "drawn-judge").iterdir()
    assert folder.name == "seed-2", "people of the workspace's own seed would be known to it"
    record = read_record(folder)
    assert (record["data"]["train"]["faces"], record["data"]["test"]["faces"]) == (56, 28)
    judged = compute_translation_metrics(root)["judges"][drawn_judge.DRAWN_JUDGE]
    for whose, faces in (("generated", 49), ("unchanged", 49), ("truth", 49), ("real", 7)):
        assert judged[whose]["classification"]["faces"] == faces
    page = (root / "report.html").read_text(encoding="utf-8")
    for words in (
        "Distance to the true image (drawn people)",
        "L1 of the unchanged input",
        f"Expressions predicted by {drawn_judge.DRAWN_JUDGE}",
        "true images of the target (drawn people)",
    ):
        assert words in page, words
    assert "evaluate stargan/smoke --drawn" not in page, "nothing is left to measure"

    stamp = (folder / "models/network.safetensors").stat().st_mtime_ns
    assess(workspace, TRANSLATOR, EvaluationOptions(**options))
    assert (folder / "models/network.safetensors").stat().st_mtime_ns == stamp, "it is finished"


def test_faces_that_are_not_drawn_have_no_true_picture(tmp_path: Path) -> None:
    workspace = write_people(tmp_path)
    train_tiny(workspace, "translate_faces=1")
    with pytest.raises(InputError, match="leave `drawn` out"):
        assess(workspace, TRANSLATOR, EvaluationOptions(drawn=True, device="cpu"))
    assert "--drawn" not in (tmp_path / "training" / TRANSLATOR / "report.html").read_text(encoding="utf-8")


def _pictures_of(workspace: Workspace, members: tuple[int, ...]) -> Faces:
    """Write a face of each character, and return them as the faces of a domain."""
    rows = []
    for member in members:
        moment = perform(member, "fear", 0)
        crop, matrix = align(moment.picture("animated", 96), moment.landmarks("animated", 96), "tight", 48)
        name = hash_bytes(f"character {member}".encode())
        path = workspace.path_of(workspace.crop_path(name, ".png"))
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), crop[..., ::-1])
        rows.append(
            {"face_id": name, "source_id": name, "modality": "animated", "frame_index": 0, "size_px": 48,
             "path": workspace.crop_path(name, ".png"), "matrix": matrix.tolist(), "interpolated": False,
             "template": "tight", "status": "kept", "subject_id": f"c{member:02d}", "emotion": "fear"}
        )  # fmt: skip
    return build_faces(FACES.table(rows), np.zeros(len(rows), bool), EMOTIONS)


def _translator(root: Path, people: Faces, characters: Faces) -> LoadedRun[Any]:
    domains = [Domain("human", "visible"), Domain("character", "animated")]
    recipe = SimpleNamespace(image_size=48, view=View(48), domains=domains)
    selection = Selection({"human": people, "character": characters})
    return cast(
        "LoadedRun[Any]", SimpleNamespace(name="a/b", folder=RunFolder(root), recipe=recipe, selection=selection)
    )


def test_the_truth_of_a_character_is_the_one_of_the_domain_aligned_by_its_own_points(tmp_path: Path) -> None:
    workspace = write_drawn(tmp_path)
    people = build_faces(store.read_faces(workspace), np.zeros(2 * 7, bool), EMOTIONS)
    translator = _translator(tmp_path / "run", people, _pictures_of(workspace, (2,)))
    face = next(row for row in people.table.to_pylist() if row["emotion"] == "anger")
    video = tmp_path / "drawn/videos/lab" / face["subject_id"] / "anger/clip.mp4"
    moment = open_drawn(tmp_path / "drawn").moment(video, 1)
    assert moment is not None
    played = dataclasses.replace(moment, character=cast_member(2))
    truth, _ = align(played.picture("animated", 128), played.landmarks("animated", 128), "tight", 48)
    cv2.imwrite(str(tmp_path / "generated.png"), truth[..., ::-1])
    entry = {"face_id": "g", "parent_id": face["face_id"], "path": "generated.png", "target": "character",
             "target_emotion": "anger", "source_domain": "human", "target_domain": "character"}  # fmt: skip
    draw_truths(workspace, translator, pa.Table.from_pylist([entry]), Silent())
    (told,) = pq.read_table(tmp_path / "run" / TRUTHS_NAME).to_pylist()
    assert told["l1"] == 0
    assert told["unchanged_l1"] > 0.1

    several = _translator(tmp_path / "other", people, _pictures_of(workspace, (2, 3)))
    with pytest.raises(InputError, match=r"several characters \(c02, c03\)"):
        draw_truths(workspace, several, pa.Table.from_pylist([entry]), Silent())
