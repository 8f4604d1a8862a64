"""Invalid labels, weights and landmarks are refused by name before the first iteration."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fertools.core.errors import InputError, StorageError
from fertools.core.workspace import Workspace
from fertools.training.engine.journal import Journal
from fertools.training.jobs.train import train
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import train_tiny

NAN, INF = float("nan"), float("inf")


def classify(workspace: Workspace, *overrides: str, **options: Any) -> object:
    return train(workspace, "classifier", preset="smoke", overrides=overrides, device="cpu", **options)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("valence", NAN, "valence of 1 faces in .*faces.parquet is not a number from -1 to 1, the first nan of face"),
        ("arousal", 1.5, "arousal of 1 faces .* the first 1.5 of face"),
        ("arousal", -INF, "the first -inf of face"),
        ("weight", NAN, "weight of 1 faces .* from 0 to inf, the first nan"),
        ("weight", INF, "the first inf of face"),
        ("weight", -1.0, "the first -1 of face"),
    ],
)
@pytest.mark.parametrize("subject", [0, 2], ids=["held out", "trained on"])
def test_numbers_that_are_none_are_named(tmp_path: Path, column: str, value: float, words: str, subject: int) -> None:
    rows = blob_rows()
    row = next(row for row in rows if row["fold"] == subject)
    row[column] = value
    workspace = write_blobs(tmp_path, rows)
    with pytest.raises(InputError, match=words) as caught:
        classify(workspace, "task=emotion+va")
    assert row["face_id"] in str(caught.value)
    with pytest.raises(InputError, match=words):
        train_tiny(workspace)
    assert not (tmp_path / "training/classifier/smoke/run.json").exists()


@pytest.mark.parametrize(
    ("subjects", "side"), [(range(4), "training"), (range(1, 4), "training"), (range(1), "held-out")]
)
def test_a_side_without_what_is_learned_is_refused(tmp_path: Path, subjects: range, side: str) -> None:
    rows = blob_rows()
    for row in rows:
        if row["fold"] in subjects:
            row["valence"] = row["arousal"] = row["va_origin"] = None
    workspace = write_blobs(tmp_path, rows)
    words = f"no {side} face has valence and arousal, which this system predicts; label some, split again, or set"
    with pytest.raises(InputError, match=words):
        classify(workspace, "task=emotion+va", "val_share=0")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_weights_with_nan_are_not_begun_with(tmp_path: Path, name: str) -> None:
    workspace = write_blobs(tmp_path)
    classify(workspace)
    weights = load_file(workspace.runs("classifier") / "smoke/models/network.safetensors")
    first = next(key for key, value in weights.items() if value.is_floating_point())
    weights[first].view(-1)[0] = NAN
    save_file(weights, tmp_path / name) if name.endswith("safetensors") else torch.save(weights, tmp_path / name)
    with pytest.raises(InputError, match=rf"{first} in .*{name} has values that are not finite"):
        classify(workspace, f"pretrained={name}", run="other")


def test_a_run_folder_that_cannot_be_written_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = write_blobs(tmp_path)
    folder = workspace.runs("stargan") / "smoke"
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder would be")
    with pytest.raises(StorageError, match=r"cannot write .*smoke/checkpoints/\.lock: a part of that path is a file"):
        train_tiny(workspace)
    folder.unlink()
    train_tiny(workspace)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(StorageError, match=r"cannot write .*: the disk is read-only"):
            train_tiny(workspace)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StorageError, match="smoke: the disk is read-only"):
            train_tiny(workspace, resume=False, run="smoke")
    (tmp_path / "folder.jsonl").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("fertools.training.engine.journal.files.write_text", lambda *_: None)
        patch.setattr(Path, "open", refuse)
        with pytest.raises(StorageError, match="the disk is read-only"):
            Journal(tmp_path / "m.jsonl", after=0)
