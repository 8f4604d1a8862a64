"""Experiments and a stand-in for training that predicts in no time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from fertools.core.errors import FertoolsError, InputError
from fertools.core.progress import Reporter
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.evaluation.predictions import make_predictions, write_predictions
from fertools.training.experiments.execution import ExperimentResult
from fertools.training.runs.folder import PREDICTIONS_NAME

TWO_STEPS = """
title = "Two methods"
source = "Somebody (2020), table 1"

[protocol]
kind = "k-fold"
folds = 4

[steps.plain]
title = "Plain"
system = "classifier"
preset = "smoke"
test = true

[steps.source]
system = "classifier"

[steps.tuned]
title = "Tuned"
system = "classifier"
test = true
set = { pretrained = "{source}/models/network.safetensors", lr = 0.001, flip = false }

[[reported]]
method = "Theirs"
step = "tuned"
accuracy = [0.4, 0.03]
macro_f1 = 0.38

[[reported]]
method = "Another"
accuracy = 0.5
"""


def write_experiment(root: Path, text: str = TWO_STEPS, name: str = "two") -> str:
    """Write an experiment into a workspace and return its name."""
    path = root / "training" / "experiments" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def figures_of(result: ExperimentResult) -> Mapping[str, Any]:
    """Return the figures of a finished experiment."""
    assert result.evaluation is not None
    return result.evaluation.figures


class Guesser:
    """Stands in for `fertools.train`: writes random predictions of the fold that is held out, once per run."""

    def __init__(self, fails: Iterable[str] = (), error: FertoolsError | None = None) -> None:
        self.fails = set(fails)
        self.error = error or InputError("something is wrong")
        self.trained: list[str] = []
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def __call__(
        self,
        workspace: Workspace,
        system: str,
        *,
        preset: str | None,
        overrides: Iterable[str],
        device: str,
        run: str,
        allow_leaks: bool,
        report: Reporter,
    ) -> None:
        overrides = tuple(overrides)
        self.asked.append((run, overrides))
        path = workspace.runs(system) / run / PREDICTIONS_NAME
        if path.is_file():
            return
        if run in self.fails:
            raise self.error
        self.trained.append(run)
        (fold,) = json.loads(next(text.partition("=")[2] for text in overrides if text.startswith("test_folds=")))
        table = store.read_faces(workspace)
        tested = table.filter(pc.equal(table["fold"], fold))
        shares = np.random.default_rng(len(run) + fold).dirichlet(np.ones(len(EMOTIONS)), len(tested))
        others = table.filter(pc.not_equal(table["fold"], fold))
        write_predictions(path, make_predictions(tested, others, fold=fold, classes=EMOTIONS, probabilities=shares))
