from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import fertools
from fertools.core.errors import DeviceError, InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.inference.model import Model
from fertools.manifests import store
from fertools.training.evaluation.predictions import read_predictions
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import TINY

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "emotion": ("classifier", {"overrides": ("task=emotion",)}),
    "both": ("classifier", {"overrides": ("task=emotion+va",)}),
    "va": ("classifier", {"overrides": ("task=va",)}),
    "hog": ("svm", {}),
    "generator": ("stargan", {"overrides": (*TINY, "condition=class7+va2", "ema=0.5")}),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace with a run of each kind, and a copy of each run's folder somewhere else."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("home")
    workspace = write_blobs(root / "data")
    for name, (system, options) in RUNS.items():
        run = fertools.train(workspace, system, preset="smoke", run=name, device="cpu", **options)
        shutil.copytree(run.path, root / name)
    yield root
    torch.set_num_threads(threads)


def load(home: Path, name: str) -> Model:
    return fertools.load_model(home / name, device="cpu")


def crops(home: Path, identifiers: list[str]) -> list[Path]:
    paths = dict(zip(*store.read_faces(home / "data", ["face_id", "path"]).to_pydict().values(), strict=True))
    return [home / "data" / paths[face] for face in identifiers]


@pytest.mark.parametrize("name", ["emotion", "both", "va", "hog"])
def test_a_copied_model_predicts_what_its_run_predicted(home: Path, name: str) -> None:
    recorded = read_predictions(home / name / "predictions.parquet")
    model = load(home, name)
    found = model.predict(crops(home, recorded.table["face_id"].to_pylist()), aligned=True, batch_size=3)
    assert model.classes == found.classes == recorded.classes
    assert len(found) == len(recorded.table) == 7
    np.testing.assert_allclose(found.probabilities, recorded.probabilities(), atol=1e-5)
    if name in ("both", "va"):
        expected = np.stack([recorded.numbers(f"{axis}_predicted") for axis in ("valence", "arousal")], axis=1)
        np.testing.assert_allclose(found.valence_arousal, expected, atol=1e-5)
    else:
        assert found.valence_arousal.shape == (7, 0)


def test_a_model_says_what_it_is(home: Path) -> None:
    model, generator = load(home, "both"), load(home, "generator")
    assert (model.info.system, model.info.network, model.info.run) == ("classifier", "network", "both")
    assert model.classes == EMOTIONS
    assert model.info.crop.template == "loose"
    assert model.info.crop.aligned_px == 72
    assert model.info.held_out_folds == (0,)
    assert (model.info.subjects, model.info.faces) == (2, 14)
    assert model.info.recipe["task"] == "emotion+va"
    record = json.loads((home / "both/run.json").read_text())
    assert model.info.faces_digest == record["data"]["fingerprint"]
    assert generator.targets == EMOTIONS
    assert generator.classes == ()
    assert "14 faces of 2 people" in model._repr_html_()
    assert "translates to" in generator._repr_html_()
    assert "system='classifier'" in repr(model)
    places = ("models", "models/network.safetensors")
    folder, file = (fertools.load_model(home / "both" / place, device="cpu") for place in places)
    assert folder.info == file.info == model.info


def test_results_are_named(home: Path) -> None:
    recorded = read_predictions(home / "both" / "predictions.parquet")
    paths = crops(home, recorded.table["face_id"].to_pylist()[:2])
    found = load(home, "both").predict(paths, aligned=True)
    first = found[0]
    assert first.picture == str(paths[0])
    assert list(first.probabilities) == list(EMOTIONS)
    assert first.emotion == max(first.probabilities, key=lambda name: first.probabilities[name])
    assert first.valence == pytest.approx(float(found.valence_arousal[0, 0]))
    assert [one.picture for one in found] == [str(path) for path in paths]
    assert [one.picture for one in found[:1]] == [str(paths[0])]
    df = found.to_pandas()
    assert list(df) == ["image", "emotion", *(f"p_{name}" for name in EMOTIONS), "valence", "arousal"]
    assert df["emotion"].tolist() == [one.emotion for one in found]
    assert "2 pictures" in found._repr_html_()
    va = load(home, "va").predict(paths[0], aligned=True)
    assert len(va) == 1
    assert va[0].emotion is None
    assert list(va.to_pandas()) == ["image", "valence", "arousal"]


def test_the_face_of_a_picture_is_found_and_aligned(home: Path, portrait: NDArray[np.uint8]) -> None:
    model = load(home, "both")
    found = model.predict([portrait, Image.fromarray(portrait), np.zeros((64, 64, 3), np.uint8)])
    face = fertools.detect(portrait)[0]
    crop = fertools.align(portrait, face, model.info.crop.template, model.info.crop.aligned_px)
    expected = model.predict(crop, aligned=True)
    np.testing.assert_allclose(found.probabilities[:2], np.repeat(expected.probabilities, 2, 0), atol=1e-6)
    assert found.read.tolist() == [True, True, False]
    assert found[0].face is not None
    np.testing.assert_array_equal(found[0].face.box, face.box)
    nobody = found[2]
    assert (nobody.picture, nobody.face, nobody.emotion, nobody.valence) == ("2", None, None, None)
    assert nobody.probabilities == {}
    df = found.to_pandas()
    assert df["emotion"][2] is None
    assert np.isnan(df["p_anger"][2])
    assert "3 pictures, 1 without a face" in found._repr_html_()
    assert len(model.predict([])) == 0


def test_a_copied_generator_makes_what_its_run_made(home: Path, portrait: NDArray[np.uint8]) -> None:
    model = load(home, "generator")
    folder = home / "generator/generated/happiness"
    made = sorted(folder.iterdir())
    real = crops(home, [path.stem for path in made])
    translated = model.translate(real, "happiness", aligned=True, batch_size=1)
    assert translated.dtype == np.uint8
    for ours, path in zip(translated, made, strict=True):
        stored = np.asarray(Image.open(path))
        assert np.abs(ours.astype(int) - stored).max() <= 1
    one = model.translate(portrait, target="fear")
    assert one.shape == (16, 16, 3)
    assert model.translate([], "fear").shape == (0, 16, 16, 3)
    assert (model.translate(portrait, target="fear") != model.translate(portrait, target="anger")).any()
    with pytest.raises(InputError, match="there is no face in picture 0"):
        model.translate(np.zeros((64, 64, 3), np.uint8), "fear")
    with pytest.raises(InputError, match="target` is 'hapiness', did you mean 'happiness'; choose one of anger"):
        model.translate(portrait, "hapiness")
    with pytest.raises(InputError, match="translates faces and predicts nothing"):
        model.predict(portrait)


def test_wrong_uses_are_refused(home: Path, tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    model = load(home, "emotion")
    with pytest.raises(InputError, match="predicts and does not translate"):
        model.translate(portrait, "fear")
    with pytest.raises(InputError, match="batch_size` is 0"):
        model.predict(portrait, batch_size=0)
    with pytest.raises(InputError, match=r"there is no model at .*nowhere"):
        fertools.load_model(tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is no model in"):
        fertools.load_model(tmp_path)
    with pytest.raises(DeviceError):
        fertools.load_model(home / "emotion", device="abacus")
    (tmp_path / "run.json").write_text('{"finished": false}')
    with pytest.raises(InputError, match="is not finished"):
        fertools.load_model(tmp_path)
    models = tmp_path / "models"
    models.mkdir()
    for name in ("a", "b"):
        shutil.copy(home / "emotion/models/network.safetensors", models / f"{name}.safetensors")
    with pytest.raises(InputError, match="has several networks; give `network` as one of a, b"):
        fertools.load_model(tmp_path)
    with pytest.raises(InputError, match="has no network 'c'"):
        fertools.load_model(tmp_path, network="c")
    assert fertools.load_model(tmp_path, network="b", device="cpu").info.run == "emotion"


def test_crops_without_landmarks_are_asked_for(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    workspace = write_blobs(tmp_path, blob_rows(template="centre", landmarks=None))
    run = fertools.train(workspace, "classifier", preset="smoke", device="cpu")
    model = fertools.load_model(run.path, device="cpu")
    with pytest.raises(InputError, match=r"without landmarks.*aligned=True"):
        model.predict(portrait)
    assert len(model.predict(portrait, aligned=True)) == 1
