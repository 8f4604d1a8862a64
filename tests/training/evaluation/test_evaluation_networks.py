"""Which classifiers may judge generated faces, and that a judge treats them like real ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fertools.core.errors import CheckFailed, FertoolsError, InputError, ResumeRefused
from fertools.core.hashing import hash_file
from fertools.core.workspace import Workspace
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.evaluation.cached_outputs import EvaluationNetwork
from fertools.training.evaluation.evaluation_networks import open_features, open_identity, open_judge
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.evaluation.translations import read_translations
from fertools.training.networks.backbones import read_weights
from fertools.training.networks.starting_weights import digest_weights
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.runs.load import LoadedRun, load_translator
from tests.training.blobs import blob_rows, write_blobs
from tests.training.evaluation.trained_runs import JUDGE, TRANSLATOR, train_both, train_judge, write_people
from tests.training.tiny import train_tiny


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    found = train_both(tmp_path_factory.mktemp("people"))
    train_tiny(found, "condition=va2", run="plane")
    train_tiny(found, "condition=class7+va2", run="both")
    train_judge(found, "test_folds=1", run="acquainted")
    train_judge(found, "task=va", run="feeling")
    train_judge(found, "task=emotion+va", "classes=six", run="six")
    return found


def open_for(workspace: Workspace, name: str, translator: LoadedRun[TranslatingRecipe]) -> EvaluationNetwork:
    return open_judge(workspace, name, translator, read_translations(translator.folder.root), "cpu")


def test_it_says_of_real_faces_what_it_said_when_it_was_trained(workspace: Workspace) -> None:
    translator = load_translator(workspace, TRANSLATOR)
    judge = open_for(workspace, JUDGE, translator)
    faces = translator.faces
    rows = faces.rows("test")
    pixels = load_pixels(workspace, faces, 32, workspace.pixels)
    found = judge.read(np.asarray(pixels[rows]))
    said = read_predictions(workspace.root / "training" / JUDGE / "predictions.parquet")
    names = said.table["face_id"].to_pylist()
    order = [names.index(name) for name in faces.table["face_id"].take(rows).to_pylist()]
    assert found == pytest.approx(said.probabilities()[order], abs=1e-5)
    assert judge.about["classes"] == list(faces.classes)
    assert judge.about["trained"]["faces"] == 7 * 3, "one of four training people was kept for validation"


def test_one_that_chose_the_best_state_of_the_translator_is_marked(workspace: Workspace) -> None:
    translator = load_translator(workspace, TRANSLATOR)
    assert not open_for(workspace, JUDGE, translator).about["chose"]
    chosen = dataclasses.replace(translator, record=translator.record | {"judge": {"run": JUDGE, "digest": "d"}})
    assert open_for(workspace, JUDGE, chosen).about["chose"]


@pytest.mark.parametrize("key", ["digest", "weights"])
def test_one_that_had_a_part_in_training_is_marked_by_its_weights(workspace: Workspace, key: str) -> None:
    """By the file, or by the weights in it, which stay the same when they are saved again under another name."""
    translator = load_translator(workspace, TRANSLATOR)
    assert "had_part" not in open_for(workspace, JUDGE, translator).about
    path = workspace.root / "training" / JUDGE / "models" / "network.safetensors"
    digests = {"digest": hash_file(path), "weights": digest_weights(read_weights(path))}
    for used, marked in (({key: digests[key]}, True), ({key: "another", "name": JUDGE}, False)):
        taught = dataclasses.replace(translator, record=translator.record | {"start": {"emotion": used}})
        assert open_for(workspace, JUDGE, taught).about.get("had_part", False) == marked


def test_pictures_of_another_size_are_brought_to_its_own(workspace: Workspace) -> None:
    judge = open_for(workspace, JUDGE, load_translator(workspace, TRANSLATOR))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    assert judge.read(pictures).shape == (3, 7)


def test_classes_and_the_point_stand_side_by_side(workspace: Workspace) -> None:
    judge = open_for(workspace, "classifier/six", load_translator(workspace, "stargan/both"))
    found = judge.read(np.zeros((2, 32, 32, 3), np.uint8))
    assert found.shape == (2, judge.width) == (2, 6 + 2)
    assert found[:, :6].sum(axis=1) == pytest.approx(1)
    assert judge.about["reads_va"]


@pytest.mark.parametrize(
    ("judge", "translator", "error", "words"),
    [
        ("classifier/smok", TRANSLATOR, InputError, "did you mean 'classifier/smoke'"),
        (TRANSLATOR, TRANSLATOR, InputError, "not a classifier network"),
        ("classifier/feeling", TRANSLATOR, InputError, "are expressions, but .* predicts valence and arousal alone"),
        (JUDGE, "stargan/plane", InputError, "are valence and arousal, but .* predicts expressions alone"),
        ("classifier/acquainted", TRANSLATOR, CheckFailed, r"2 of the people .*\(p00, p03\).*test_folds=\[0\]"),
    ],
)
def test_who_cannot_judge_is_refused(
    workspace: Workspace, judge: str, translator: str, error: type[FertoolsError], words: str
) -> None:
    with pytest.raises(error, match=words):
        open_for(workspace, judge, load_translator(workspace, translator))


def test_one_whose_faces_have_changed_is_refused(tmp_path: Path) -> None:
    workspace = write_people(tmp_path)
    train_judge(workspace)
    write_blobs(workspace.root, blob_rows(subjects=5))
    train_tiny(workspace)
    with pytest.raises(ResumeRefused, match="since classifier/smoke was trained"):
        open_for(workspace, JUDGE, load_translator(workspace, TRANSLATOR))


def test_weights_that_are_missing_or_wrong_are_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"inception-fid are not on this machine; download https://.*pytorch-fid"):
        open_features(workspace, "inception-fid", "cpu")
    with pytest.raises(InputError, match=r"facenet-vggface2 are not on this machine; download https://"):
        open_identity(workspace, "facenet-vggface2", "cpu")
    with pytest.raises(InputError, match=r"there is no file .* called 'nothing'"):
        open_features(workspace, "nothing", "cpu")
    classifier = f"training/{JUDGE}/models/network.safetensors"
    with pytest.raises(InputError, match="does not have the weights of Inception v3"):
        open_features(workspace, classifier, "cpu")
    with pytest.raises(InputError, match="does not have the weights of facenet"):
        open_identity(workspace, classifier, "cpu")
