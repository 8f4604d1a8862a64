"""Bad input: one sentence, the documented exit code, nothing lost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fertools.core.workspace import Workspace
from fertools.manifests.table_schema import VERSION_KEY
from tests.cli.conftest import Run, make_workspace
from tests.transfer.stores import make_dataset


def _one_sentence(text: str) -> bool:
    lines = text.strip().splitlines()
    return len(lines) == 1 and lines[0].startswith("fertools: ") and "Traceback" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest"], "SOURCE"),
        (["ingest", "videos"], "there is no file or folder videos"),
        (["ingest", "empty"], "no video or picture in empty"),
        (["ingest", "clips", "--device", "tpu"], "--device tpu is not a device"),
        (["ingest", "clips", "--device", "cuda:9"], "not on this machine"),
        (["ingest", "clips", "--min-face", "tiny"], "tiny"),
        (["ingest", "clips", "--thresholds", "0.6,0.7"], "--thresholds is 0.6, 0.7; give three"),
        (["ingest", "clips", "--factor", "1"], "--factor is 1"),
        (["ingest", "clips", "--max-faces", "0"], "--max-faces is 0"),
        (["ingest", "clips", "--weights", "clips"], "pnet.pt is not there"),
        (["ingest", "clips", "--weights", "mine.npz"], "there is no file of weights mine.npz"),
        (["ingest", "clips", "--template", "round"], "--template 'round' is unknown"),
        (["ingest", "clips", "--fps", "0"], "--fps is 0; give"),
        (["ingest", "clips", "--range", "9-3"], "--range is from 9 to 3"),
        (["ingest", "clips", "--centre", "0.5,0.5"], "give them with --crops"),
        (["ingest", "clips", "--every", "two"], "'two' is not a valid integer"),
        (["recrop"], "no manifest"),
        (["recrop", "--template", "round"], "--template 'round' is unknown"),
        (["ingest", "clips", "--workspace", "s3://bucket/name"], "copy it there with `fertools push s3://bucket/name`"),
        (["merge", "s3://bucket/a", "s3://bucket/b"], "back with `fertools pull s3://bucket/a`"),
        (["merge", "nowhere"], "nothing was ingested in"),
        (["push"], "URL"),
        (["push", "memory://nothing"], "nothing was ingested in"),
        (["push", "clips"], "clips is not the address of a store"),
        (["pull", "memory://nothing"], "there is no dataset at memory://nothing"),
        (["pull", "nonsense://x"], "Protocol not known: nonsense"),
        (["pull", "memory://x", "--prefer", "neither"], "'neither' is not one of"),
        (["ingest", "clips", "--engine", "steam"], "--engine 'steam' is unknown"),
        (["ingest", "clips", "--ray-address", "auto"], "give it with --engine ray"),
        (["ingest", "clips", "--shard", "3/2"], "--shard is 3 of 2"),
        (["merge"], "there is nothing in"),
        (["merge", "clips"], "nothing was ingested in"),
        (["annotate"], "fertools annotate --va --prior"),
        (["annotate", "--va", "--prior"], "no manifest"),
        (["annotate", "--emotion", "--prior"], "--prior gives valence and arousal"),
        (["annotate", "labels.csv"], "no manifest"),
        (["split"], "--folds"),
        (["split", "--folds", "10"], "no manifest"),
        (["split", "--folds", "10", "--loso"], "exactly one"),
        (["split", "--folds", "1"], "--folds is 1"),
        (["split", "--holdout", "1.5"], "--holdout is 1.5"),
        (["train", "stargan"], "no manifest"),
        (["train", "stargun"], "stargan"),
        (["validate"], "no manifest"),
        (["show"], "no manifest"),
        (["show", "--workspace", "clips/a.png"], "is a file"),
        (["inject"], "did you mean 'ingest'"),
        (["ingest", "--nonsense"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_one_sentence_and_exit_2(fertools: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.png").write_bytes(b"no picture")
    (tmp_path / "labels.csv").write_text("face_id,emotion\n")
    ended = fertools(*arguments)
    assert ended.code == 2, ended
    assert _one_sentence(ended.err), ended.err
    assert words in ended.err
    assert ended.out == ""


def test_ray_that_is_not_installed_is_said(fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.png").write_bytes(b"no picture")
    # A name that is None there counts as not installed.
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = fertools("ingest", "clips", "--engine", "ray")
    assert ended.code == 2
    assert ended.err == "fertools: --engine ray needs Ray; install it by: pip install 'fertools[ray]'\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "clips"]


def test_a_package_for_a_store_that_is_not_installed_is_said(
    fertools: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    ended = fertools("pull", "s3://bucket/name")
    assert ended.code == 2
    assert _one_sentence(ended.err)
    assert "install it with: pip install 'fertools[storage]'" in ended.err
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_written_is_said(fertools: Run, tmp_path: Path) -> None:
    make_dataset(tmp_path)
    (tmp_path / "store").write_text("a file, where a folder was to be")
    ended = fertools("push", f"file://{tmp_path}/store")
    assert ended.code == 2
    assert _one_sentence(ended.err), ended.err


def test_a_store_of_another_dataset_is_exit_5(fertools: Run, tmp_path: Path) -> None:
    make_dataset(tmp_path / "one")
    make_dataset(tmp_path / "other", crop_px=64)
    url = f"file://{tmp_path}/store"
    assert fertools("push", url, "-w", "one").code == 0
    for command in ("push", "pull"):
        ended = fertools(command, url, "-w", "other")
        assert ended.code == 5
        assert "crop_px 16, but this workspace with 64" in ended.err
        assert _one_sentence(ended.err)


def test_a_corrupt_file_among_others_is_exit_3_and_named(fertools: Run, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "bad.mp4").write_bytes(b"no video")
    ended = fertools("ingest", "videos", "--workers", "1")
    assert ended.code == 3
    assert "bad.mp4" in ended.err
    assert "1 of 1 sources failed" in ended.err
    assert fertools("ingest", "videos", "--workers", "1", "--crop-px", "64").code == 5


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("face_id,emotion\nffff,happy\n", "labels.csv:2"),
        ("source,valence,arousal\nvideos/s0/anger.mp4,1.4,0\n", "labels.csv:2"),
        ("source,emotion\nvideos/s0/anger.mp4,happyy\n", "happy"),
    ],
)
def test_labels_that_cannot_be_are_refused_whole(fertools: Run, tmp_path: Path, table: str, words: str) -> None:
    workspace = make_workspace(tmp_path)
    before = workspace.manifest.read_bytes()
    (tmp_path / "labels.csv").write_text(table)
    ended = fertools("annotate", "labels.csv")
    assert ended.code == 2
    assert words in ended.err
    assert workspace.manifest.read_bytes() == before


def test_more_folds_than_subjects(fertools: Run, tmp_path: Path) -> None:
    make_workspace(tmp_path, subjects=3)
    ended = fertools("split", "--folds", "10")
    assert ended.code == 2
    assert "3" in ended.err
    assert _one_sentence(ended.err)


@pytest.mark.parametrize(
    ("columns", "words"), [({"emotion": "happiness"}, "happiness"), ({"subject_id": None}, "subject")]
)
def test_what_cannot_be_split_is_refused(fertools: Run, tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    make_workspace(tmp_path, **columns)
    ended = fertools("split", "--folds", "2")
    assert ended.code == 2
    assert words in ended.err


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "fertools split"),
        ({"fold": 1, "emotion": None}, "emotion"),
        ({"fold": 1, "emotion": "fear"}, "fear"),
    ],
)
def test_train_says_what_is_missing(fertools: Run, tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    make_workspace(tmp_path, **columns)
    ended = fertools("train", "stargan", "--preset", "smoke")
    assert ended.code == 2, ended
    assert words in ended.err


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--preset", "papper"], "paper"),
        (["--set", "lambda_rek=3"], "lambda_rec"),
        (["--set", "iterations=many"], "iterations"),
        (["--device", "cuda"], "not on this machine"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(fertools: Run, tmp_path: Path, extra: list[str], words: str) -> None:
    import torch

    if "cuda" in extra and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    make_workspace(tmp_path)
    fertools("split", "--folds", "2")
    ended = fertools("train", "stargan", *extra)
    assert ended.code == 2, ended
    assert words in ended.err


@pytest.mark.parametrize(
    "command", [["annotate", "--va", "--prior"], ["split", "--folds", "2"], ["show"], ["validate"]]
)
def test_another_schema_version_is_named(fertools: Run, tmp_path: Path, command: list[str]) -> None:
    workspace = make_workspace(tmp_path)
    table = pq.read_table(workspace.manifest).replace_schema_metadata({VERSION_KEY: b"7"})
    pq.write_table(table, workspace.manifest)
    ended = fertools(*command)
    assert ended.code == 2
    assert "schema version 7" in ended.err


def test_a_file_that_is_no_manifest_is_named(fertools: Run, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.manifest.parent.mkdir()
    pq.write_table(pa.table({"x": [1]}), workspace.manifest)
    assert "no fertools manifest" in fertools("show").err
    workspace.manifest.write_bytes(b"PAR1 but not really")
    assert fertools("show").code == 2


def test_an_invalid_manifest_is_exit_4(fertools: Run, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    next(workspace.crops.rglob("*.png")).unlink()
    ended = fertools("validate")
    assert ended.code == 4
    assert "crop" in ended.out


def test_a_bug_of_ours_is_exit_1_and_says_so(fertools: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    monkeypatch.setattr("fertools.views.label_counts.count_labels", lambda workspace, conditions: 1 / 0)
    ended = fertools("show")
    assert ended.code == 1
    assert "bug in fertools" in ended.err
    assert "ZeroDivisionError" in ended.err
