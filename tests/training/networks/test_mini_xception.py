from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from fertools.core.errors import InputError
from fertools.training.networks.keras_h5 import read_keras
from fertools.training.networks.mini_xception import read_mini_xception
from tests.training.keras_file import forward, write_model


def test_the_outputs_are_those_of_an_independent_forward_pass(tmp_path: Path) -> None:
    weights = write_model(tmp_path / "model.hdf5", seed=3)
    network = read_mini_xception(tmp_path / "model.hdf5")
    rgb = np.random.default_rng(1).uniform(-1, 1, (2, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        found = network(torch.from_numpy(rgb)).softmax(dim=1).numpy()
    grey = np.einsum("nchw,c->nhw", rgb.astype(np.float64), [0.299, 0.587, 0.114])
    expected = np.stack([forward(weights, face) for face in grey])
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("damage", ["classes", "cut", "text"])
def test_other_and_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.hdf5"
    write_model(path, classes=5 if damage == "classes" else 7)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9000])
    if damage == "text":
        path.write_text("no weights")
    with pytest.raises(InputError, match="mini-Xception for 7" if damage == "classes" else "as a file of Keras"):
        read_mini_xception(path)


def test_values_in_other_files_are_refused_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    with h5py.File(tmp_path / "linked.h5", "w") as stored:
        stored["model_weights/a/b/kernel:0"] = np.ones(2, np.float32)
        stored["model_weights/c"] = h5py.ExternalLink(tmp_path / "other.h5", "x")
    assert list(read_keras(tmp_path / "linked.h5")) == ["a/kernel"]
    with h5py.File(tmp_path / "outside.h5", "w") as stored:
        place = [(str(tmp_path / "secret"), 0, 16)]
        stored.create_dataset("model_weights/a/kernel:0", (4,), np.float32, external=place)
    with pytest.raises(InputError, match="in another file"):
        read_keras(tmp_path / "outside.h5")
