"""`compare_runs`: finished runs of any systems side by side on one test set, with paired tests."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from fertools.core import files, products
from fertools.core.arguments import argument, given
from fertools.core.device import choose_device
from fertools.core.errors import CheckFailed, InputError
from fertools.core.notebook import html_table
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.data.synthetic import count_drawn_named
from fertools.training.evaluation.common_faces import CommonFaces, find_common_faces
from fertools.training.evaluation.evaluation_results import Evaluation
from fertools.training.evaluation.find import find_methods, find_run, name_run, read_leaks
from fertools.training.evaluation.model_comparison import compare_all
from fertools.training.evaluation.predict_test_set import (
    TrainedPredictor,
    leave_out_people,
    open_predictor,
    predict_test_faces,
    select_test_faces,
)
from fertools.training.evaluation.predictions import Predictions, read_predictions, write_predictions
from fertools.training.evaluation.repeats import score_repeats
from fertools.training.reports.comparison_report import write_comparison_report
from fertools.training.runs.ancestry import count_people, list_people, name_learned
from fertools.training.runs.folder import PREDICTIONS_NAME, RunFolder, check_run_name
from fertools.training.runs.lineage import read_lineage

COMPARISON_NAME = "comparison.json"
"""The figures of a comparison, in its folder."""


@dataclass(frozen=True)
class ComparisonResult:
    """The result of `compare_runs`.

    Attributes:
        evaluation: metrics of each run and the paired tests, on the common faces.
        faces: number of common faces.
        people: number of known people whom they show.
        left_out: number of labelled faces of each run that the comparison leaves out.
        report: path of the report page.
    """

    evaluation: Evaluation
    faces: int
    people: int
    left_out: Mapping[str, int]
    report: Path

    def _repr_html_(self) -> str:
        rows = []
        for name, found in self.evaluation.predictions.items():
            shown = (found.classification.get(key) for key in ("accuracy", "balanced_accuracy", "macro_f1"))
            rows.append((name, *(None if metric is None else metric.value for metric in shown)))
        caption = f"{self.faces} faces of {self.people} people"
        tests = (
            (entry.first, entry.second, entry.differences["balanced_accuracy"].value, entry.p_mcnemar)
            for entry in self.evaluation.comparisons
        )
        return html_table(caption, ("run", "accuracy", "UAR", "macro F1"), rows) + html_table(
            "paired tests", ("first", "second", "difference of UAR", "McNemar p"), tests
        )


@dataclass(frozen=True)
class _Gathered:
    """The predictions to compare.

    Attributes:
        predictions: predictions by name of the run, one entry for each repeat.
        people: digests of the people that a run has learned from, by name, where they are known.
        known_leaks: leaks that the runs themselves record.
        test_set: the test set in words.
    """

    predictions: dict[str, list[Predictions]]
    people: dict[str, frozenset[str]]
    test_set: str
    known_leaks: dict[str, list[str]] = field(default_factory=dict)


def compare_runs(
    workspace: WorkspaceLike,
    runs: Sequence[str] = (),
    *,
    experiments: Sequence[str] = (),
    on: Sequence[str] = (),
    modality: str | None = None,
    unseen: bool = False,
    common: bool = False,
    against: str | None = None,
    name: str = "comparison",
    allow_leaks: bool = False,
    device: str = "auto",
    report: Reporter | None = None,
) -> ComparisonResult:
    """Compare finished runs of any systems face by face, and write a report.

    Without `on`, the stored predictions of held-out faces are compared, which needs runs with the same test faces. With
    `on`, every run predicts the faces of other datasets.

    Args:
        workspace: workspace of the runs; the report goes into its `training/comparisons/<name>/`.
        runs: two or more runs as `SYSTEM/RUN`, folders of predictions, or, with `on`, model files.
        experiments: experiments whose methods are compared as well, over all folds; not with `on`.
        on: datasets of the test set; empty for the held-out faces of the runs.
        modality: modality of the test faces; None for the one that the runs were trained on.
        unseen: whether to test only on people whom none of the runs has learned from.
        common: whether to compare on the faces and classes that all runs have; False to refuse runs that differ.
        against: the run to test all others against; None to test every pair.
        name: name of the comparison and its folder; an earlier one of this name is replaced.
        allow_leaks: whether test people may have a part in the training of a run; the report then says so.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        report: reporter of progress.

    Raises:
        InputError: there is no such run, dataset or experiment, fewer than two runs, or they differ in faces, labels or
            classes; see `find_common_faces`.
        CheckFailed: a run has learned from people of the test set.
        DeviceError: the device is unknown or not available.
        StorageError: the disk is full.

    Example:
        >>> found = compare_runs("my-dataset", ["classifier/cpu", "svm/recommended"])
        >>> found.evaluation.comparisons[0].first
        'classifier/cpu'
    """
    workspace, report = Workspace(workspace), report or Silent()
    folder = workspace.runs("comparisons") / check_run_name(name)
    if on:
        if experiments:
            raise InputError(
                f"{argument('experiments')} has only predictions of its own test faces, and {argument('on')} needs "
                "networks; name runs of the experiment, such as those of one fold"
            )
        gathered = _predict(workspace, runs, on, modality, device, report, unseen=unseen, allow_leaks=allow_leaks)
    else:
        if modality or unseen:
            wrong = argument("modality") if modality else given("unseen", True)
            raise InputError(f"{wrong} chooses among the faces of a test set; name one with {argument('on')}")
        gathered = _read(workspace, runs, experiments)
    if len(gathered.predictions) < 2:
        raise InputError(f"a comparison needs two runs; there is {', '.join(gathered.predictions) or 'none'}")
    if against is not None and against not in gathered.predictions:
        raise InputError(f"{argument('against')} is '{against}'; give one of {', '.join(gathered.predictions)}")
    found = find_common_faces(gathered.predictions, common=common)
    leaks = _find_leaks(gathered.people, found.faces) | gathered.known_leaks
    figures = _compute(workspace, gathered, found, leaks, against)
    with files.storage_errors(folder):
        _write(folder, figures, gathered if on else None)
        page = write_comparison_report(folder, figures)
    left_out = dict(found.left_out)
    return ComparisonResult(Evaluation.of(figures), figures["faces"], figures["people"], left_out, page)


def _read(workspace: Workspace, names: Sequence[str], experiments: Sequence[str]) -> _Gathered:
    """Return the stored predictions of held-out faces."""
    predictions: dict[str, list[Predictions]] = {}
    people, leaks = {}, {}
    for wanted in names:
        folder = find_run(workspace, wanted)
        name = name_run(workspace, folder)
        if not (folder / PREDICTIONS_NAME).is_file():
            raise InputError(f"{name} generates faces and predicts nothing; give a run that predicts")
        _add(predictions, name, [read_predictions(folder / PREDICTIONS_NAME)])
        if (lineage := read_lineage(RunFolder(folder))) is not None:
            people[name] = lineage.people
        if found := read_leaks(folder):
            leaks[name] = [f"{name}: {sentence}" for sentence in found]
    for experiment in experiments:
        for title, paths in find_methods(workspace, experiment).items():
            name = title if len(experiments) == 1 else f"{title} ({experiment})"
            _add(predictions, name, [read_predictions(path) for path in paths])
            if found := read_leaks(paths[0].parent):
                leaks[name] = [f"{name}: {sentence}" for sentence in found]
    return _Gathered(predictions, people, "the held-out faces of the runs", leaks)


def _predict(
    workspace: Workspace,
    names: Sequence[str],
    on: Sequence[str],
    modality: str | None,
    device: str,
    report: Reporter,
    *,
    unseen: bool,
    allow_leaks: bool,
) -> _Gathered:
    """Return the predictions of all runs for one test set."""
    on = [on] if isinstance(on, str) else list(on)
    chosen = choose_device(device)
    predictors = [open_predictor(workspace, name, chosen) for name in names]
    if modality is None:
        modality = _one_modality(predictors)
    faces = select_test_faces(workspace, on, modality)
    described = f"{modality} faces of {' and '.join(on)}"
    if unseen:
        nameless = [predictor.name for predictor in predictors if predictor.people is None]
        if nameless:
            raise InputError(f"nothing is recorded of the people that {nameless[0]} has learned from; train it again")
        faces = leave_out_people(faces, frozenset().union(*(predictor.people or () for predictor in predictors)))
        described += ", only of people whom no run has learned from"
        if not len(faces):
            raise InputError(
                f"every person of {' and '.join(on)} has a part in the training of a run; hold out the same folds in "
                "all runs, or test on another dataset"
            )
    people = {predictor.name: predictor.people for predictor in predictors if predictor.people is not None}
    if (leaks := _find_leaks(people, faces)) and not allow_leaks:
        first = next(iter(leaks.values()))[0]
        raise CheckFailed(
            f"{first}; test on other people with {given('unseen', True)}, or allow it with "
            f"{given('allow_leaks', True)}, which the report will say"
        )
    predictions: dict[str, list[Predictions]] = {}
    for predictor in predictors:
        report.note(f"{predictor.name} predicts {len(faces):,} faces")
        report.start(len(faces))
        _add(predictions, predictor.name, [predict_test_faces(workspace, predictor, faces, report)])
    return _Gathered(predictions, people, described)


def _one_modality(predictors: Iterable[TrainedPredictor]) -> str:
    found: dict[str, str] = {}
    for predictor in predictors:
        found.setdefault(predictor.network.modality, predictor.name)
    if len(found) > 1:
        (first, one), (second, other), *_ = found.items()
        raise InputError(
            f"{one} was trained on {first} faces, and {other} on {second} ones; say which all predict with "
            f"{argument('modality')}"
        )
    return next(iter(found), "")


def _add(predictions: dict[str, list[Predictions]], name: str, repeats: list[Predictions]) -> None:
    if name in predictions:
        raise InputError(f"{name} is named twice; name each run once")
    predictions[name] = repeats


def _find_leaks(people: Mapping[str, frozenset[str]], faces: pa.Table) -> dict[str, list[str]]:
    """Return how people of the test set took part in training, by run.

    Args:
        people: digests of the people that a run has learned from, by its name.
        faces: rows of the test faces.
    """
    total = len({*faces["subject_id"].to_pylist()} - {None})
    leaks = {}
    for name, learned in people.items():
        if known := name_learned(faces, learned):
            counts = f"{count_people(known)} of the {total} in the test set"
            leaks[name] = [f"{name} has learned from {counts} ({list_people(known)})"]
    return leaks


def _compute(
    workspace: Workspace,
    gathered: _Gathered,
    found: CommonFaces,
    leaks: Mapping[str, Sequence[str]],
    against: str | None,
) -> dict[str, Any]:
    runs = {name: score_repeats(repeats) for name, repeats in found.runs.items()}
    pairs = None if against is None else [(name, against, ()) for name in runs if name != against]
    names = found.faces["face_id"].to_pylist()
    return {
        "test_set": gathered.test_set,
        "faces": len(found.faces),
        "people": len({*found.faces["subject_id"].to_pylist()} - {None}),
        "drawn": count_drawn_named(workspace, names) if workspace.manifest.is_file() else 0,
        "classes": list(found.classes),
        "left_out": dict(found.left_out),
        "other_classes": {name: list(names) for name, names in found.other_classes.items() if names},
        "unrecorded": [name for name in runs if name not in gathered.people] if gathered.people else [],
        "runs": runs,
        "comparisons": compare_all(found.runs, pairs) if found.classes else [],
        "leaks": {name: list(sentences) for name, sentences in leaks.items()},
    }


def _write(folder: Path, figures: Mapping[str, Any], predicted: _Gathered | None) -> None:
    """Write the figures, and the predictions of a test set; remove those of an earlier comparison of this name."""
    products.mark(folder)
    for path in folder.glob(f"*/{PREDICTIONS_NAME}"):
        shutil.rmtree(path.parent)
    if predicted is not None:
        names = name_folders(predicted.predictions)
        for name, (predictions, *_) in predicted.predictions.items():
            write_predictions(folder / names[name] / PREDICTIONS_NAME, predictions)
    files.write_json(folder / COMPARISON_NAME, figures)


def name_folders(runs: Iterable[str]) -> dict[str, str]:
    """Return a name for the folder of each run, no two alike.

    Example:
        >>> name_folders(["classifier/cpu", "classifier-cpu"])
        {'classifier/cpu': 'classifier-cpu', 'classifier-cpu': 'classifier-cpu-2'}
    """
    found: dict[str, str] = {}
    for run in runs:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", run).strip("-.") or "run"
        name, number = plain, 2
        while name.lower() in {other.lower() for other in found.values()}:
            name, number = f"{plain}-{number}", number + 1
        found[run] = name
    return found
