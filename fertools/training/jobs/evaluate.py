"""`evaluate`: every figure of one or several runs, from what they have predicted or made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.evaluation.find import find_run, name_run
from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import TRANSLATIONS_NAME
from fertools.training.reports.translator_comparison import compare_translators
from fertools.training.runs.folder import PREDICTIONS_NAME


def evaluate_runs(workspace: WorkspaceLike, names: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """Return the figures of runs, and of several that classify, how every two of them differ.

    Args:
        workspace: whose runs.
        names: as `fertools.training.evaluation.find.find_run` takes them.
        seed: of the subsets of the kernel distance.

    Returns:
        `runs`, by name what `fertools.training.evaluation.prediction_metrics.compute_metrics` gives, or for one that makes faces
        `translation` with what `fertools.training.evaluation.translation_metrics.compute_translation_metrics` gives;
        `comparisons`, what `fertools.training.evaluation.model_comparison.compare_all` gives; and `translators`, what
        `fertools.training.reports.translator_comparison.compare_translators` gives, None with fewer than two.

    Raises:
        InputError: no such run, a run named twice, no truth to compare with, or runs that share no face.
        SchemaError: a file that is no table of predictions or of translated faces.

    Example:
        >>> found = evaluate_runs(Workspace("my-dataset"), ["classifier/cpu"])
        >>> sorted(found["runs"]["classifier/cpu"]["classification"]["measures"]["accuracy"])[-1]
        'pooled'
    """
    workspace = Workspace(workspace)
    folders = {name_run(workspace, folder): folder for folder in (find_run(workspace, name) for name in names)}
    if len(folders) < len(names):
        raise InputError(f"a run is named twice among {', '.join(names)}; name each once")
    runs, predictions = {}, {}
    for name, folder in folders.items():
        if (folder / TRANSLATIONS_NAME).is_file():
            runs[name] = {"translation": compute_translation_metrics(folder, seed=seed)}
            continue
        predictions[name] = read_predictions(folder / PREDICTIONS_NAME)
        runs[name] = compute_metrics(predictions[name])
    classifying = {name: entry for name, entry in predictions.items() if "classification" in runs[name]}
    comparisons = compare_all(classifying) if len(classifying) > 1 else []
    making = {name: entry["translation"] for name, entry in runs.items() if "translation" in entry}
    beside = compare_translators(making) if len(making) > 1 else None
    return {"runs": runs, "comparisons": comparisons, "translators": beside}


def assess_runs(workspace: WorkspaceLike, names: Sequence[str], **options: Any) -> None:
    """Let networks read what runs have made, those among some that make faces.

    Args:
        workspace: whose runs.
        names: as `fertools.training.evaluation.find.find_run` takes them.
        options: as `fertools.training.jobs.evaluate_translator.assess` takes them.

    Raises:
        InputError: none of these runs makes faces; and see `assess`.
    """
    workspace = Workspace(workspace)
    from fertools.training.jobs.evaluate_translator import assess

    folders = [find_run(workspace, name) for name in names]
    making = [name_run(workspace, folder) for folder in folders if (folder / TRANSLATIONS_NAME).is_file()]
    if not making:
        raise InputError(
            f"{', '.join(names)} makes no faces that another network could read; name a run of a system such as stargan"
        )
    for name in making:
        assess(workspace, name, **options)
