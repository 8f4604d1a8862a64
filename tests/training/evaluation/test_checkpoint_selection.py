"""The checkpoint of a translator, selected by a judge on people whom neither was trained on."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from fertools.core.device import choose_device
from fertools.core.errors import CheckFailed, InputError, Interrupted, RecipeError, ResumeRefused
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.training.data.faces import select_faces
from fertools.training.data.selection import Selection
from fertools.training.engine.checkpoint import best_path, list_checkpoints, load_checkpoint
from fertools.training.engine.journal import read_journal
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.evaluation.checkpoint_selection import open_selection_metric
from fertools.training.jobs.engine_setup import make_loader, make_loop
from fertools.training.jobs.generate import generate
from fertools.training.jobs.train import train
from fertools.training.jobs.translating import make_translator
from fertools.training.networks.backbones import build_backbone
from fertools.training.networks.imagenet import normalised
from fertools.training.recipes.domains import FACES
from fertools.training.runs.configuration import configure_run
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.job import Job
from fertools.training.systems.factory import build_system
from fertools.training.systems.stargan.recipe import StarganRecipe
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import TINY, lasting, read_record, train_tiny

SHARE = "val_share=0.3"
JUDGED = ("judge=classifier/judge", SHARE, "iterations=9", "sample_every=3", "checkpoint_every=9", "lr=2e-3", "ema=0.5")


def train_judge(workspace: Workspace, *overrides: str, run: str = "judge", resume: bool = True) -> None:
    settings = ("image_size=32", SHARE, *overrides)
    train(workspace, "classifier", preset="smoke", overrides=settings, device="cpu", run=run, resume=resume)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace of eight people with a judge, and a translator that it has judged."""
    rows = blob_rows(subjects=8)
    for row in rows:
        row["fold"] %= 4
    workspace = write_blobs(tmp_path_factory.mktemp("judged"), rows)
    train_judge(workspace, "task=emotion+va")
    train_tiny(workspace, *JUDGED)
    return workspace


def test_the_best_state_by_the_judge_is_the_one_that_is_used(judged: Workspace) -> None:
    folder = judged.runs("stargan") / "smoke"
    told = {
        int(entry["iteration"]): entry["val/judge_accuracy"]
        for entry in read_journal(folder / "metrics.jsonl")
        if "val/judge_accuracy" in entry
    }
    assert list(told) == [3, 6, 9]
    record = read_record(folder)
    best = max(told, key=lambda iteration: (told[iteration], -iteration))
    assert record["used_iteration"] == best < 9, "the last state would be used anyway"
    assert record["judge"]["run"] == "classifier/judge"
    assert record["data"]["val"]["subjects"] > 0
    kept = load_checkpoint(best_path(folder / "checkpoints"))
    assert kept.iteration == best


def test_the_judge_reads_what_the_generator_makes(judged: Workspace) -> None:
    """The measure is that of single pictures, made and read one by one."""
    settings = (*TINY, *JUDGED, "condition=class7+va2")
    configuration = configure_run("stargan", preset="smoke", overrides=settings, device="cpu", workspace=judged.root)
    faces = select_faces(judged, modality="visible", test_folds=[0], needs_emotion=True, needs_va=True, val_share=0.3)
    folder = RunFolder(judged.runs("stargan") / "measured")
    job = Job(
        judged, configuration, Selection({FACES: faces}), {}, folder, ProcessGroup(choose_device("cpu")), Silent()
    )
    recipe, system = configuration.resolved.recipe, build_system(configuration.resolved)
    assert isinstance(recipe, StarganRecipe)
    loader = make_loader(job, recipe, system)
    translator = make_translator(job, system, make_loop(job, recipe, system, loader), loader)
    assert translator is not None
    rows = faces.rows("val")
    measured = open_selection_metric(job, translator, {FACES: rows}, "classifier/judge")()
    network = build_backbone("resnet18", 9, width=0.125).eval()
    network.load_state_dict(load_file(judged.runs("classifier") / "judge/models/network.safetensors"))
    shares, asked, read = [], [], []
    for number, translation in enumerate(translator.translations):
        hits = []
        for row in rows:
            made = translator.translate(translator.loader.batch(np.array([row])).images, translation)
            sized = F.interpolate(made, (32, 32), mode="bilinear", antialias=True, align_corners=False)
            with torch.no_grad():
                outputs = network(normalised(sized))[0]
            hits.append(int(outputs[:7].argmax()) == number)
            asked.append(translation.valence_arousal)
            read.append(outputs[7:].tanh().tolist())
        shares.append(np.mean(hits))
    assert measured["judge_accuracy"] == pytest.approx(np.mean(shares), abs=1e-6)
    assert list(measured) == ["judge_accuracy", "ccc"]
    x, y = np.array(read), np.array(asked)
    spread = x.var(axis=0) + y.var(axis=0) + (x.mean(axis=0) - y.mean(axis=0)) ** 2
    ccc = 2 * ((x - x.mean(axis=0)) * (y - y.mean(axis=0))).mean(axis=0) / spread
    assert measured["ccc"] == pytest.approx(ccc.mean(), abs=1e-5)


def test_faces_are_made_by_the_best_state(judged: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(shutil.copytree(judged.root, tmp_path / "copy"))
    folder = workspace.runs("stargan") / "smoke"
    before = {path.name: path.read_bytes() for path in (folder / "generated").rglob("*.png")}
    shutil.rmtree(folder / "generated")
    # Whatever is in the last state, it is not what faces are made by.
    list_checkpoints(folder / "checkpoints")[-1].write_bytes(b"no state")
    generate(workspace, "stargan/smoke", device="cpu")
    after = {path.name: path.read_bytes() for path in (folder / "generated").rglob("*.png")}
    assert before.items() <= after.items()


def test_stopped_and_gone_on_with_it_has_the_same_best(judged: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(shutil.copytree(judged.root, tmp_path / "copy"))
    shutil.rmtree(workspace.runs("stargan"))

    class Stop(Silent):
        def advance(self, done: int, **counts: int) -> None:
            if done == 4:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train_tiny(workspace, *JUDGED, report=Stop())
    assert lasting(train_tiny(workspace, *JUDGED).path) == lasting(judged.runs("stargan") / "smoke")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("val_share=0",), "people whom this run validates on.*same test_folds and val_share"),
        (("test_folds=1",), "learned from 2 people held out here"),
    ],
)
def test_a_judge_that_knows_those_people_is_refused(
    judged: Workspace, tmp_path: Path, overrides: tuple[str, ...], words: str
) -> None:
    workspace = Workspace(shutil.copytree(judged.root, tmp_path / "copy"))
    train_judge(workspace, *overrides, run="other")
    with pytest.raises(CheckFailed, match=words):
        train_tiny(workspace, *JUDGED, "judge=classifier/other", run="refused")


def test_a_judge_that_tells_nothing_of_what_is_asked_for_is_refused(judged: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(shutil.copytree(judged.root, tmp_path / "copy"))
    train_judge(workspace, "task=va", run="plane")
    with pytest.raises(InputError, match="predicts none of the targets of this system"):
        train_tiny(workspace, *JUDGED, "judge=classifier/plane", run="refused")


def test_a_judge_that_was_trained_anew_is_refused(judged: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(shutil.copytree(judged.root, tmp_path / "copy"))

    class Stop(Silent):
        def advance(self, done: int, **counts: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train_tiny(workspace, *JUDGED, run="waits", report=Stop())
    train_judge(workspace, "task=emotion+va", "epochs=1", resume=False)
    with pytest.raises(ResumeRefused, match="the judge classifier/judge was trained again"):
        train_tiny(workspace, *JUDGED, run="waits")


def test_a_judge_needs_validation_people_who_may_be_kept_without_one() -> None:
    with pytest.raises(RecipeError, match="there is nobody whose faces it could read"):
        configure_run("stargan", preset="smoke", overrides=("judge=classifier/judge",), device="cpu")
    kept = configure_run("stargan", preset="smoke", overrides=(SHARE,), device="cpu")
    assert kept.resolved.recipe.inner_validation == 0.3
