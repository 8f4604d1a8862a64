"""`evaluate`: every figure of one or several runs, from what they have predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.training.found import find_run, name_run
from fertools.training.measures.intervals import REPLICATES
from fertools.training.predictions import PREDICTIONS_NAME, read_predictions
from fertools.training.rivals import compare_all
from fertools.training.scoring import score


def evaluate_runs(
    workspace: Workspace, names: Sequence[str], *, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Any]:
    """Return the figures of runs, and of several that classify, how every two of them differ.

    Args:
        workspace: whose runs.
        names: as `fertools.training.found.find_run` takes them.
        replicates: how often people are drawn anew for an interval.
        seed: of these draws.

    Returns:
        `runs`, what `fertools.training.scoring.score` gives by name, and `comparisons`, what
        `fertools.training.rivals.compare_all` gives.

    Raises:
        InputError: no such run, a run named twice, no truth to compare with, or runs that share no face.
        SchemaError: a file that is no table of predictions.

    Example:
        >>> found = evaluate_runs(Workspace.at("my-dataset"), ["classifier/cpu"])  # doctest: +SKIP
        >>> found["runs"]["classifier/cpu"]["classification"]["measures"]["accuracy"]["pooled"]  # doctest: +SKIP
        0.41
    """
    folders = {name_run(workspace, folder): folder for folder in (find_run(workspace, name) for name in names)}
    if len(folders) < len(names):
        raise InputError(f"a run is named twice among {', '.join(names)}; name each once")
    predictions = {name: read_predictions(folder / PREDICTIONS_NAME) for name, folder in folders.items()}
    runs = {name: score(entry, replicates=replicates, seed=seed) for name, entry in predictions.items()}
    classifying = {name: predictions[name] for name in runs if "classification" in runs[name]}
    comparisons = compare_all(classifying, replicates=replicates, seed=seed) if len(classifying) > 1 else []
    return {"runs": runs, "comparisons": comparisons}
