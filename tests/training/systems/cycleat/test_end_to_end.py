"""CycleAT on drawn people: by the command line, with a teacher of ours, interrupted, and refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from fertools.cli.main import cli
from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.inference.model import load_model
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.engine.journal import read_journal
from fertools.training.jobs.train import TrainResult, train
from fertools.training.systems.cycleat import ENTRY
from fertools.training.systems.cycleat.system import Cycleat
from tests.training.drawn_looks import write_drawn_looks
from tests.training.interrupted import interrupt_and_resume
from tests.training.tiny import lasting, read_record

WILD = "wild_dataset=wild"
SOURCE = ("image_size=32", "epochs=0.2", "val_share=0", "dataset=laboratory", "network=resnet18", "width=0.0625")


def train_smoke(workspace: Workspace, *overrides: str, run: str = "smoke") -> TrainResult:
    return train(workspace, "cycleat", preset="smoke", overrides=(WILD, *overrides), device="cpu", run=run)


def call(*arguments: str) -> str:
    found = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a classifier of laboratory faces, `laboratory`."""
    workspace = write_drawn_looks(tmp_path_factory.mktemp("looks"))
    train(workspace, "classifier", preset="smoke", overrides=SOURCE, device="cpu", run="laboratory")
    return workspace


@pytest.fixture
def workspace(drawn: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(drawn.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


def test_the_command_line_leads_from_training_to_generated_faces(workspace: Workspace) -> None:
    where = ("--workspace", str(workspace.root))
    chosen = ("--set", WILD, "--set", "teacher=classifier/laboratory", "--set", "start=teacher")
    call("train", "cycleat", "--preset", "smoke", "--device", "cpu", *chosen, *where)
    folder = workspace.root / "training" / "cycleat" / "smoke"
    record = read_record(folder)
    assert (record["iterations"], record["finished"], list(record["frozen"])) == (6, True, ["teacher"])
    assert record["start"]["teacher"]["name"] == "classifier/laboratory"
    # Wild people only test: two people of the laboratory and two of the web have trained.
    assert record["lineage"]["people"] == 4
    assert "train" not in record["data"]["domains"]["wild"]
    entries = read_journal(folder / "metrics.jsonl")
    first, last = set(entries[0]), set(entries[-1])
    assert {name for name in last - first if "/" in name} == {name for name in ENTRY.terms if "classifier" in name}
    for name in ("predictions", "predictions-wild"):
        assert pq.read_metadata(folder / f"{name}.parquet").num_rows == 7
    with Image.open(folder / "samples" / "000006.png") as grid:
        assert grid.height > 4 * 96
    call("generate", "cycleat/smoke", "--of", "train", "--limit", "3", "--device", "cpu", *where)
    generated = store.read_table(workspace.root / "manifests" / "generated" / "cycleat-smoke.parquet", FACES)
    shown = {row["face_id"]: row["emotion"] for row in store.read_table(workspace.manifest, FACES).to_pylist()}
    # Translations of web faces to the laboratory have no expression, and are not among the generated faces.
    assert all("/web/" in row["path"] for row in generated.to_pylist())
    made = [(row["target_emotion"], shown[row["parent_id"]]) for row in generated.to_pylist()]
    # The limit is 3, and the grid's faces were there before.
    assert len(made) >= 3
    assert all(told == wanted is not None for told, wanted in made), made
    page = (folder / "report.html").read_text(encoding="utf-8")
    told = [words for name, words in ENTRY.terms.items() if name in last]
    assert len(told) == 12
    for words in (ENTRY.title, "Zhang et al., 2018", *told):
        assert words in page, words
    assert load_model(folder / "models" / "classifier.safetensors").classes[0] == "anger"


def test_a_generator_alone_predicts_nothing(workspace: Workspace) -> None:
    folder = train_smoke(workspace, "stage2_iterations=0").path
    assert sorted(path.stem for path in (folder / "models").iterdir()) == ["generator_source", "generator_target"]
    assert not (folder / "predictions.parquet").exists()


@pytest.mark.parametrize(
    ("change", "overrides", "error", "message"),
    [
        (
            lambda row: row | {"emotion": None} if row["dataset"] == "laboratory" else row,
            (),
            InputError,
            "no face has one of the seven expressions",
        ),
        (
            lambda row: row | {"subject_id": "p06"} if row["dataset"] == "web" and row["fold"] == 1 else row,
            (),
            CheckFailed,
            "leaks between training and held-out faces.*p06",
        ),
        (lambda row: row, ("wild_dataset=street",), InputError, "no kept visible faces of the dataset 'street'"),
        (
            lambda row: row,
            ("teacher=classifier/laboratory", "classes=six"),
            InputError,
            "predicts anger, .*neutral.*; give a teacher that was trained on the same classes",
        ),
    ],
    ids=["labels", "people", "dataset", "classes"],
)
def test_what_cannot_be_learned_from_is_refused_before_training(
    workspace: Workspace,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    overrides: tuple[str, ...],
    error: type[Exception],
    message: str,
) -> None:
    rows = store.read_table(workspace.manifest, FACES).to_pylist()
    store.write_table(workspace.manifest, FACES, FACES.table([change(row) for row in rows]))
    with pytest.raises(error, match=message):
        train_smoke(workspace, *overrides)
    assert not (workspace.runs("cycleat") / "smoke" / "metrics.jsonl").exists()


LASTING = ("ema=0.9", "start=teacher", "batch_size=32", "accumulate=2", "gan_batch=2")


@pytest.mark.parametrize("stop_after", [2, 4])
def test_an_interrupted_run_goes_on_bit_for_bit_in_either_stage(
    drawn: Workspace, unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    def go_on() -> TrainResult:
        return train_smoke(drawn, *LASTING, run=f"stopped{stop_after}")

    resumed = interrupt_and_resume(monkeypatch, Cycleat, go_on, after=stop_after, of=6)
    assert resumed == unbroken


@pytest.fixture(scope="module")
def unbroken(drawn: Workspace) -> dict[str, bytes]:
    return lasting(train_smoke(drawn, *LASTING, run="unbroken").path)
