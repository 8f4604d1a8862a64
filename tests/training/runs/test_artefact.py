from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fertools.core.errors import InputError
from fertools.core.sealed import write_sealed
from fertools.core.vocabulary import EMOTIONS
from fertools.training.runs.artefact import METADATA_KEY, Crop, ModelInfo, read_info, read_model, write_model

INFO = ModelInfo(
    system="classifier",
    network="network",
    run="a",
    preset="smoke",
    recipe={"lr": 1e-4, "test_folds": (0, 3), "network": "resnet18"},
    classes=EMOTIONS,
    prototypes=tuple((index / 10, -0.5) for index in range(7)),
    crop=Crop("arcface", 112, 64, "edge"),
    held_out_folds=(0, 3),
    subjects=5,
    faces=70,
    faces_digest="ab" * 16,
)
STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(7)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_model(tmp_path / "models/network.safetensors", STATE, INFO)
    return tmp_path / "models/network.safetensors"


def test_what_is_written_is_read(path: Path) -> None:
    info, state = read_model(path)
    assert info == INFO
    assert len(info.digest) == 32
    assert info.digest == read_info(path).digest
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], value) for name, value in STATE.items())
    other = path.with_name("other.safetensors")
    write_model(other, STATE, replace(INFO, run="b"))
    assert read_info(other).digest != info.digest
    write_model(other, {name: value.numpy() for name, value in STATE.items()}, replace(INFO, held_out_folds=None))
    assert read_info(other).held_out_folds is None


def test_the_same_model_is_the_same_file(path: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "again", STATE, replace(INFO, recipe=dict(reversed(list(INFO.recipe.items())))))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_any_program_reads_the_weights(path: Path) -> None:
    assert torch.equal(load_file(path)["fc.weight"], STATE["fc.weight"])
    with safe_open(path, "pt") as stored:
        assert json.loads(stored.metadata()[METADATA_KEY])["crop"]["template"] == "arcface"


def test_every_flipped_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"network\.safetensors"):
            read_model(path)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 700, -1])
def test_a_file_that_was_cut_off_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"network\.safetensors"):
        read_model(path)


def _plain(path: Path) -> None:
    save_file(STATE, path)


def _sealed(path: Path, text: Any) -> None:
    from safetensors.torch import save

    write_sealed(path, save(STATE, metadata={METADATA_KEY: json.dumps(text)}))


def test_what_is_no_model_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no model at .*no-such"):
        read_model(path.with_name("no-such"))
    with pytest.raises(InputError, match="there is no model at"):
        read_model(path.parent)
    _plain(path)
    with pytest.raises(InputError, match="is not a model of fertools"):
        read_model(path)
    _sealed(path, {"format": 99})
    with pytest.raises(InputError, match="another version of fertools"):
        read_model(path)
    texts: list[Any] = [{"format": 1}, {}, [], {"format": 1, "crop": {}, "held_out_folds": None}]
    for text in texts:
        _sealed(path, text)
        with pytest.raises(InputError, match="does not say what model it is"):
            read_model(path)
