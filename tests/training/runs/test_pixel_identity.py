"""Pixels are part of the identity of a run: changed crops are refused wherever the run is used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fertools.core.errors import InputError, Interrupted, ResumeRefused
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.experiments.execution import run_experiment
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.jobs.generate import generate
from fertools.training.jobs.train import train
from fertools.training.runs.load import load_predictor
from tests.training.blobs import write_blobs
from tests.training.data.test_faces import select
from tests.training.evaluation.trained_runs import JUDGE, TRANSLATOR, train_both
from tests.training.experiments.protocols import write_experiment
from tests.training.tiny import read_record, train_tiny


def overwrite(workspace: Workspace, count: int = 28) -> list[str]:
    """Turn crops upside down in place; return their names in the order of `face_id`."""
    crops = sorted(workspace.crops.rglob("*.png"), key=lambda path: path.stem)[:count]
    for path in crops:
        cv2.imwrite(str(path), np.ascontiguousarray(cv2.imread(str(path))[::-1]))  # type: ignore[index]
    return [path.relative_to(workspace.root).as_posix() for path in crops]


class Stopped(Silent):
    """Ends a run after its first iterations."""

    def advance(self, done: int, **counts: int) -> None:
        if done > 3:
            raise Interrupted("stopped")


def test_a_run_does_not_go_on_with_other_pixels(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    with pytest.raises(Interrupted):
        train_tiny(workspace, "checkpoint_every=1", report=Stopped())
    shutil.copytree(workspace.crops, tmp_path / "kept")
    first = overwrite(workspace, 5)[0]
    with pytest.raises(ResumeRefused, match=rf"5 of 28 crops have changed since stargan/smoke .* first {first};"):
        train_tiny(workspace, "checkpoint_every=1")
    shutil.copytree(tmp_path / "kept", workspace.crops, dirs_exist_ok=True)
    assert train_tiny(workspace, "checkpoint_every=1").new_iterations > 0, "the same pixels in newer files"


def test_a_file_of_the_same_size_and_time_is_another_once_it_is_read(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    train_tiny(workspace)
    shutil.rmtree(workspace.pixels)
    one = min(workspace.crops.rglob("*.png"))
    stamp, content = one.stat(), one.read_bytes()
    picture = cv2.imread(str(one))
    assert picture is not None
    cv2.imwrite(str(one), 255 - picture)
    os.utime(one, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert one.read_bytes() != content
    with pytest.raises(ResumeRefused, match="1 of 28 crops"):
        train_tiny(workspace)


@pytest.mark.parametrize("system", ["classifier", "svm"])
def test_a_finished_run_of_other_pixels_is_not_taken_for_one_of_these(tmp_path: Path, system: str) -> None:
    if system == "svm":
        pytest.importorskip("sklearn")
    workspace = write_blobs(tmp_path)
    train(workspace, system, preset="smoke", device="cpu")
    overwrite(workspace)
    with pytest.raises(ResumeRefused, match="28 of 28 crops"):
        train(workspace, system, preset="smoke", device="cpu")


def test_nobody_generates_or_judges_with_other_pixels(tmp_path: Path) -> None:
    workspace = train_both(tmp_path)
    overwrite(workspace, 3)
    with pytest.raises(ResumeRefused, match=f"3 of 42 crops have changed since {TRANSLATOR}"):
        generate(workspace, TRANSLATOR, device="cpu")
    with pytest.raises(ResumeRefused, match=f"3 of 42 crops have changed since {TRANSLATOR}"):
        assess(workspace, TRANSLATOR, EvaluationOptions(judges=[JUDGE], device="cpu"))
    with pytest.raises(ResumeRefused, match=f"3 of 42 crops have changed since {JUDGE}"):
        load_predictor(workspace, JUDGE)


def test_a_run_without_a_record_of_its_pixels_says_so(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    result = train_tiny(workspace)
    (result.path / "pixels.npy").unlink()
    assert train_tiny(workspace).new_iterations == 0
    overwrite(workspace)
    with pytest.raises(ResumeRefused, match="crops have changed since stargan/smoke was begun;"):
        train_tiny(workspace)
    text = (result.path / "run.json").read_text(encoding="utf-8")
    digest = read_record(result.path)["data"]["pixels"]
    (result.path / "run.json").write_text(text.replace(f'"pixels": "{digest}"', '"other": 0'), encoding="utf-8")
    with pytest.raises(ResumeRefused, match="stargan/smoke has no record of its pixels"):
        train_tiny(workspace)


def test_weights_to_begin_with_are_part_of_a_run(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    for run, seed in (("a", 0), ("b", 1)):
        train(workspace, "classifier", preset="smoke", overrides=(f"seed={seed}",), device="cpu", run=run)
    used = workspace.root / "w.safetensors"
    shutil.copy(workspace.runs("classifier") / "a/models/network.safetensors", used)
    mine = {"preset": "smoke", "overrides": (f"pretrained={used.name}",), "device": "cpu", "run": "mine"}
    with pytest.raises(Interrupted):
        train(workspace, "classifier", report=Stopped(), **mine)  # type: ignore[arg-type]
    shutil.copy(workspace.runs("classifier") / "b/models/network.safetensors", used)
    with pytest.raises(ResumeRefused, match=r"w\.safetensors holds other weights than those that the run 'mine'"):
        train(workspace, "classifier", **mine)  # type: ignore[arg-type]


def test_folds_of_different_pixels_make_no_figure(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    write_experiment(
        tmp_path,
        """
title = "One"

[protocol]
kind = "k-fold"
folds = 4

[steps.plain]
title = "Plain"
system = "classifier"
preset = "smoke"
test = true
set = { epochs = 1 }
""",
    )
    for fold in range(3):
        run_experiment(workspace, "two", fold=fold, device="cpu")
    overwrite(workspace)
    with pytest.raises(ResumeRefused, match=r"two\.plain\.fold-0 and two\.plain\.fold-3 were trained on different"):
        run_experiment(workspace, "two", fold=3, device="cpu")


def test_a_damaged_cache_of_pixels_is_written_anew(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    faces = select(workspace)
    before = np.array(load_pixels(workspace, faces, 24, tmp_path / "cache"))
    (path,) = (tmp_path / "cache").iterdir()
    content = bytearray(path.read_bytes())
    content[1000] ^= 255
    path.write_bytes(content)
    np.testing.assert_array_equal(load_pixels(workspace, faces, 24, tmp_path / "cache"), before)
    path.write_bytes(content[:-10])
    np.testing.assert_array_equal(load_pixels(workspace, faces, 24, tmp_path / "cache"), before)
    shutil.rmtree(workspace.crops)
    with pytest.raises(InputError, match="cannot be read"):
        load_pixels(workspace, faces, 24, tmp_path / "cache")
