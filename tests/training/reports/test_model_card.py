"""The model card: written by a training, and true to its record and its files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fertools.core.vocabulary import EMOTIONS
from fertools.training.reports.model_card import write_model_card
from fertools.training.runs.artefact import read_info
from fertools.training.runs.folder import RunFolder
from tests.training.blobs import write_blobs
from tests.training.tiny import read_record, train_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(train_tiny(write_blobs(tmp_path_factory.mktemp("blobs"))).path)


@pytest.fixture
def record(folder: RunFolder) -> dict[str, Any]:
    return copy.deepcopy(read_record(folder.root))


def _write(folder: RunFolder, record: dict[str, Any]) -> str:
    write_model_card(folder, record)
    return folder.card_path.read_text(encoding="utf-8")


def test_a_training_writes_it(folder: RunFolder, record: dict[str, Any]) -> None:
    card = folder.card_path.read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---\n")[1])
    assert head == {"library_name": "fertools", "tags": ["facial-expression-recognition", "stargan"]}
    for path in folder.models.glob("*.safetensors"):
        assert f"| {path.name} | 16 px |" in card
        assert read_info(path).digest in card
    train = record["data"]["train"]
    counts = " | ".join(str(train["emotions"][name]) for name in EMOTIONS)
    assert f"| training | {train['faces']} | {train['subjects']} | {counts} |" in card
    assert f"| reconstruction l1 | {record['results']['reconstruction_l1']:.4f} |" in card
    assert _write(folder, record) == card


def test_its_example_opens_the_network(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder.card_path.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(folder.root)
    names: dict[str, Any] = {}
    exec(program, names)
    assert names["model"].info.system == "stargan"


def test_it_warns(folder: RunFolder, record: dict[str, Any]) -> None:
    card = folder.card_path.read_text(encoding="utf-8")
    assert "drawn" not in card
    assert "No training face shows" not in card
    assert "Test people" not in card
    record["data"]["drawn"] = 1200
    record["data"]["train"]["emotions"]["fear"] = 0
    record["lineage"] = {"leaks": ["the judge knew fold 0."]}
    warned = _write(folder, record)
    assert "**1,200 faces of this run are drawn.**" in warned
    assert "No training face shows fear, so" in warned
    assert "**Test people have a part in training:** the judge knew fold 0.\n" in warned


def test_each_domain_has_its_own_counts(folder: RunFolder, record: dict[str, Any]) -> None:
    train = record["data"]["train"]
    record["data"]["domains"] = {"human": {"train": train}, "web": {"train": {**train, "faces": 7, "emotions": {}}}}
    card = _write(folder, record)
    assert f"| human: training | {train['faces']} |" in card
    assert f"| web: training | 7 | {train['subjects']} | 0 |" in card


def test_without_held_out_people_no_metric_is_shown(folder: RunFolder, record: dict[str, Any]) -> None:
    del record["data"]["test"]
    card = _write(folder, record)
    assert "No metric of held-out people was measured." in card
    assert "reconstruction l1" not in card


def test_a_run_without_networks_has_none(folder: RunFolder, record: dict[str, Any], tmp_path: Path) -> None:
    write_model_card(RunFolder(tmp_path), record)
    assert not list(tmp_path.iterdir())
