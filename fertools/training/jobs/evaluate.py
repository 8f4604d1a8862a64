"""`evaluate`: all metrics of one or several runs, from their predictions or generated faces."""

from __future__ import annotations

from collections.abc import Sequence

from fertools.core.errors import InputError
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.evaluation_results import Evaluation
from fertools.training.evaluation.find import find_run, name_run, read_leaks
from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import TRANSLATIONS_NAME
from fertools.training.reports.translator_comparison import compare_translators
from fertools.training.runs.folder import PREDICTIONS_NAME


def evaluate_runs(workspace: WorkspaceLike, names: Sequence[str], *, seed: int = 0) -> Evaluation:
    """Return the metrics of runs; `compare_runs` tests classifiers for differences.

    Args:
        workspace: workspace with the runs.
        names: as `fertools.training.evaluation.find.find_run` takes them.
        seed: seed of the subsets of the kernel distance.

    Raises:
        InputError: no such run, a run named twice, or no truth to compare with.
        SchemaError: a file that is no table of predictions or of translated faces.

    Example:
        >>> found = evaluate_runs(Workspace("my-dataset"), ["classifier/cpu"])
        >>> 0 <= found.predictions["classifier/cpu"].classification["accuracy"].value <= 1
        True
    """
    workspace = Workspace(workspace)
    folders = {name_run(workspace, folder): folder for folder in (find_run(workspace, name) for name in names)}
    if len(folders) < len(names):
        raise InputError(f"a run is named twice among {', '.join(names)}; name each once")
    runs = {}
    for name, folder in folders.items():
        if (folder / TRANSLATIONS_NAME).is_file():
            runs[name] = {"translation": compute_translation_metrics(folder, seed=seed)}
            continue
        runs[name] = compute_metrics(read_predictions(folder / PREDICTIONS_NAME))
    making = {name: entry["translation"] for name, entry in runs.items() if "translation" in entry}
    beside = compare_translators(making) if len(making) > 1 else None
    figures = {"runs": runs, "translators": beside}
    leaks = {name: found for name, folder in folders.items() if (found := read_leaks(folder))}
    return Evaluation.of(figures | ({"leaks": leaks} if leaks else {}))


def assess_runs(
    workspace: WorkspaceLike,
    names: Sequence[str],
    options: EvaluationOptions,
    *,
    report: Reporter | None = None,
) -> None:
    """Apply evaluation networks to the generated faces of runs.

    Args:
        workspace: workspace with the runs.
        names: as `fertools.training.evaluation.find.find_run` takes them.
        options: networks to apply, and the device.
        report: shows the progress.

    Raises:
        InputError: none of these runs generates faces; and see `assess`.
    """
    workspace = Workspace(workspace)
    from fertools.training.jobs.evaluate_translator import assess

    folders = [find_run(workspace, name) for name in names]
    making = [name_run(workspace, folder) for folder in folders if (folder / TRANSLATIONS_NAME).is_file()]
    if not making:
        raise InputError(f"{', '.join(names)} generates no faces to evaluate; name a run of a system such as stargan")
    for name in making:
        assess(workspace, name, options, report=report)
