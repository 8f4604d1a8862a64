"""`train`: the files of a run, and the errors."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core import locking
from fertools.core.arguments import in_python
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.progress import Silent
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.training.jobs.translating import evenly_spaced
from fertools.training.recipes.recipe import ORIGINS
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.runs.folder import RunFolder
from fertools.training.systems.factory import build_system
from fertools.training.systems.stargan.recipe import StarganRecipe
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import TINY, lasting, read_record, tiny_recipe, train_tiny


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_blobs(tmp_path)


def test_a_run_leaves_all_that_is_promised(workspace: Workspace) -> None:
    notes = Notes()
    result = train_tiny(workspace, report=notes)
    assert result.path == workspace.root / "training/stargan/smoke"
    assert (result.iterations, result.new_iterations, result.device) == (6, 6, "cpu")
    record = read_record(result.path)
    assert record["finished"] is True
    assert {entry["origin"] for entry in record["recipe"].values()} <= set(ORIGINS)
    assert record["data"]["train"] == {"faces": 21, "subjects": 3, "emotions": dict.fromkeys(EMOTIONS, 3)}
    assert record["data"]["test"]["subjects"] == 1
    assert record["sessions"][0]["iterations"] == 6
    assert record["sessions"][0]["seconds"] > 0
    assert record["results"] == result.evaluation.figures
    assert record["generated"] == "manifests/generated/stargan-smoke.parquet"
    assert (workspace.root / record["generated"]).is_file()
    assert result.report.is_file()
    with Image.open(result.path / "samples/000006.png") as grid:
        assert grid.width > 8 * 96
    assert len(list((result.path / "generated/fear").iterdir())) == 2
    assert len(list(workspace.pixels.iterdir())) == 1, "the crops are there for the next run"
    assert "reading 28 crops at 16 x 16, once for all runs" in notes.said
    again = Notes()
    train_tiny(workspace, run="again", report=again)
    assert not any("crops" in said for said in again.said)
    assert "preset smoke on the CPU: 6 iterations of 4 faces at 16 x 16" in notes.said[0]
    assert "21 faces of 3 subjects and held out 7 faces of 1 subject" in notes.said[0]
    told = re.fullmatch(r"of (\d+) values (.*); not fixed by the paper: (.*)", in_python(notes.said[1]))
    assert told is not None
    recipe = read_record(result.path)["recipe"]
    assert int(told[1]) == sum(int(part.split()[0]) for part in told[2].split(", ")) == len(recipe)
    assert f"{len(TINY)} set by you (set)" in told[2]
    assert set(told[3].split(", ")) == {name for name, entry in recipe.items() if entry["origin"] in ("C", "X")}


def test_the_recipe_that_a_run_writes_gives_the_same_run(workspace: Workspace, tmp_path: Path) -> None:
    result = train_tiny(workspace, "lr=3e-4", "flip=false", run="mine")
    own = tmp_path / "other"
    (own / "training").mkdir(parents=True)
    text = (result.path / "recipe.toml").read_text(encoding="utf-8")
    (own / "training/stargan.toml").write_text(text, encoding="utf-8")
    assert list(tomllib.loads(text)["presets"]) == ["mine"]
    assert resolve_recipe("stargan", StarganRecipe, "mine", (), own).recipe == tiny_recipe("lr=3e-4", "flip=false")


def test_a_finished_run_is_not_touched(workspace: Workspace) -> None:
    first = train_tiny(workspace)
    before = lasting(first.path)
    stamps = {path: path.stat().st_mtime_ns for path in first.path.rglob("*") if path.name != ".lock"}
    notes = Notes()
    again = train_tiny(workspace, report=notes)
    assert again.new_iterations == 0
    assert again.evaluation.figures == first.evaluation.figures
    assert lasting(first.path) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert "is finished" in notes.said[-1]


def test_runs_are_repeatable_and_depend_on_the_seed(workspace: Workspace) -> None:
    one, same, other = (train_tiny(workspace, f"seed={seed}", run=run) for seed, run in ((0, "a"), (0, "b"), (1, "c")))
    assert lasting(one.path) == lasting(same.path)
    assert lasting(one.path).keys() == lasting(other.path).keys()
    assert lasting(one.path) != lasting(other.path)


@pytest.mark.parametrize("override", ["lr=2e-4", "seed=1", "test_folds=1", "checkpoint_every=3"])
def test_another_recipe_is_refused_by_name(workspace: Workspace, override: str) -> None:
    result = train_tiny(workspace)
    before = lasting(result.path)
    with pytest.raises(ResumeRefused, match=f"begun with {override.split('=')[0]} = .*`resume=False`"):
        train_tiny(workspace, override)
    assert lasting(result.path) == before
    train_tiny(workspace, override, run="other")


def test_other_faces_are_refused_and_no_resume_begins_anew(workspace: Workspace) -> None:
    result = train_tiny(workspace)
    write_blobs(workspace.root, blob_rows(3))
    with pytest.raises(ResumeRefused, match="faces, labels or folds have changed"):
        train_tiny(workspace)
    stray = result.path / "samples/000001.png"
    stray.write_bytes(b"of the old run")
    restarted = train_tiny(workspace, resume=False)
    assert restarted.new_iterations == 6
    assert not stray.exists()
    assert len(read_record(restarted.path)["sessions"]) == 1
    assert read_record(restarted.path)["data"]["train"]["subjects"] == 2


def test_beginning_anew_takes_the_old_generated_faces_out_of_the_manifests_at_once(workspace: Workspace) -> None:
    class Unplugged(Silent):
        def start(self, total: int) -> None:
            raise RuntimeError("before the first iteration")

    result = train_tiny(workspace)
    generated = workspace.root / read_record(result.path)["generated"]
    assert generated.is_file()
    with pytest.raises(RuntimeError, match="before the first"):
        train_tiny(workspace, resume=False, report=Unplugged())
    assert not generated.exists(), "its pictures are gone"
    train_tiny(workspace)
    assert generated.is_file()


def test_a_run_that_is_being_worked_on_is_left_alone(workspace: Workspace) -> None:
    folder = RunFolder(workspace.runs("stargan") / "smoke")
    with locking.exclusive(folder.lock_path, "training"), pytest.raises(InputError, match="smoke is in use"):
        train_tiny(workspace, resume=False)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "x" * 101])
def test_a_run_needs_a_name_that_can_be_a_folder(workspace: Workspace, name: str) -> None:
    with pytest.raises(InputError, match="the run name"):
        train_tiny(workspace, run=name)
    assert not (workspace.root / "training").exists()


def test_a_damaged_record_is_named(workspace: Workspace) -> None:
    result = train_tiny(workspace)
    (result.path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json is not a whole record"):
        train_tiny(workspace)
    assert train_tiny(workspace, resume=False).new_iterations == 6


def test_expressions_that_nobody_shows_are_named(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, [row for row in blob_rows() if row["emotion"] not in ("fear", "disgust")])
    notes = Notes()
    train_tiny(workspace, report=notes)
    assert any(said.startswith("no training face shows disgust, fear") for said in notes.said)


@pytest.mark.parametrize("condition", ["va2", "class7+va2"])
def test_the_other_conditions_go_all_the_way(workspace: Workspace, condition: str) -> None:
    result = train_tiny(workspace, f"condition={condition}", "conditioning=cin", "ema=0.9")
    assert set(result.evaluation.figures["discriminator_head_va"]) == {"valence", "arousal"}
    assert ("discriminator_head" in result.evaluation.figures) == (condition != "va2")
    assert len(list((result.path / "generated").iterdir())) == 7


def test_initial_weights_depend_on_the_seed_alone() -> None:
    import torch

    resolved = resolve_recipe("stargan", StarganRecipe, "smoke", ("image_size=16", "discriminator_layers=2"))
    before = torch.get_rng_state()
    first = build_system(resolved).networks["generator"].state_dict()
    torch.manual_seed(77)
    after_seeding = torch.get_rng_state()
    second = build_system(resolved).networks["generator"].state_dict()
    assert torch.equal(torch.get_rng_state(), after_seeding)
    torch.set_rng_state(before)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, list(range(10))), (99, list(range(10))), (2, [0, 9]), (4, [0, 3, 6, 9])]
)
def test_faces_are_taken_at_even_distances(count: int, expected: list[int]) -> None:
    assert evenly_spaced(np.arange(10), count).tolist() == expected


def test_what_a_result_depends_on_is_written_down(workspace: Workspace) -> None:
    session = read_record(train_tiny(workspace).path)["sessions"][0]
    for name in ("torch", "numpy", "accelerate", "scikit-learn"):
        assert session["versions"][name] == importlib.metadata.version(name)
    assert session["code"] is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", session["code"])
