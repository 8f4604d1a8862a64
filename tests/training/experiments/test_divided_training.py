"""Experiments in which the folds of a step use different faces, and are joined nevertheless."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.engine.journal import read_journal
from fertools.training.experiments.execution import run_experiment
from fertools.training.reports.experiment_tables import experiment_tables
from tests.training.drawn_pairs import write_drawn_pairs
from tests.training.experiments.protocols import figures_of, write_experiment

_HALVES = """
title = "Halves"

[protocol]
kind = "leave-one-subject-out"
folds = 5

[steps.full]
title = "Full"
test = true
preset = "smoke"
"""
# Each run trains on one half of the people in each modality.
_HALF = 'system = "unpaired"\nset = { analysis_faces = 0 }\n'
# Each run trains on the visible faces of those who are not held out.
_ADDED = 'system = "classifier"\nset = { modality = "thermal", extra_modality = "visible", val_share = 0.25 }\n'


def _prepare(root: Path, step: str = _HALF) -> Workspace:
    workspace = write_drawn_pairs(root, people=5)
    write_experiment(root, _HALVES + step, "halves")
    return workspace


@pytest.mark.parametrize("step", [_HALF, pytest.param(_ADDED, marks=pytest.mark.slow)], ids=["halves", "added"])
def test_folds_are_joined_though_each_uses_other_faces(tmp_path: Path, step: str) -> None:
    workspace = _prepare(tmp_path, step)
    run_experiment(workspace, "halves", device="cpu")
    (metrics,) = figures_of(run_experiment(workspace, "halves", device="cpu"))["runs"].values()
    assert metrics["faces"] == 5 * 7


def test_methods_are_compared_by_their_analyses_and_validation(tmp_path: Path) -> None:
    """The steps of the first comparison have their figures side by side, and the rest only numbers."""
    step = 'system = "unpaired"\npreset = "smoke"\ntest = true\nset = {{ losses = "{}", val_share = {} }}\n'
    text = _HALVES[: _HALVES.index("[protocol]")] + '[protocol]\nkind = "hold-out"\n'
    for name, losses, share in (("full", "a,h,l,r", 0.25), ("alone", "v", 0.25), ("rest", "v,r", 0)):
        text += f"\n[steps.{name}]\n" + step.format(losses, share)
    workspace = write_drawn_pairs(tmp_path, people=5)
    write_experiment(tmp_path, text + '\n[[compared]]\nfirst = "full"\nsecond = "alone"\n', "analysed")
    result = run_experiment(workspace, "analysed", device="cpu")
    analyses = figures_of(result)["analyses"]
    assert list(analyses["numbers"]) == ["full", "alone", "rest"]
    for name, numbers in analyses["numbers"].items():
        own = json.loads((tmp_path / f"training/unpaired/analysed.{name}.fold-0/analysis.json").read_bytes())
        assert numbers == own["numbers"]
    assert set(analyses["figures"]) == {"full", "alone"}
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert ["full: features" in page, "alone: features" in page, "rest: features" in page] == [True, True, False]
    (table,) = [table for table in experiment_tables(figures_of(result)) if table.title.startswith("Validation")]
    journal = read_journal(tmp_path / "training/unpaired/analysed.full.fold-0/metrics.jsonl")
    best = max(entry["val/uar"] for entry in journal if "val/uar" in entry)
    assert [row[:4] for row in table.rows] == [("full", "uar", "1", f"{best:.3f}"), table.rows[1][:4]]
    assert table.rows[1][0] == "alone"


def test_folds_of_different_pixels_are_not_joined(tmp_path: Path) -> None:
    workspace = _prepare(tmp_path)
    for fold in range(4):
        run_experiment(workspace, "halves", fold=fold, device="cpu")
    faces = store.read_faces(workspace, ("face_id", "path", "fold", "modality")).to_pylist()
    # The last fold tests this person, and the others trained on it or left it out.
    paths = [workspace.root / row["path"] for row in faces if row["fold"] == 4]
    for path in paths:
        cv2.imwrite(str(path), np.full((48, 48, 3), 7, np.uint8))
    with pytest.raises(ResumeRefused, match=r"full\.fold-\d and halves\.full\.fold-4 were trained on different faces"):
        run_experiment(workspace, "halves", fold=4, device="cpu")
