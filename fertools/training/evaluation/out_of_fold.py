"""Predictions for faces whose people a model has not learned from, over all runs of a workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.errors import FertoolsError
from fertools.core.workspace import Workspace
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.label_errors import Predictions
from fertools.training.evaluation.find import known_runs
from fertools.training.evaluation.predictions import Predictions as Table
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import Lineage, digest_person, read_lineage


def find_out_of_fold(workspace: Workspace, table: AuditTable) -> tuple[Predictions | None, tuple[str, ...]]:
    """Return the mean probabilities of faces by runs that did not learn from their people; None if there are none.

    A prediction counts only if the lineage of its run has neither the person of the face, as the run or as the manifest
    knows that, nor the face itself. Runs with other classes than most are left out.

    Args:
        workspace: the workspace with the runs.
        table: its faces.

    Returns:
        The predictions, and a sentence for each run that could not be read.
    """
    by_classes: dict[tuple[str, ...], list[tuple[str, NDArray[np.int64], NDArray[np.float64]]]] = defaultdict(list)
    unread = []
    for run in known_runs(workspace):
        folder = RunFolder(workspace.root / "training" / run)
        try:
            lineage = read_lineage(folder)
            if lineage is None or not folder.predictions_path().is_file():
                # The folder of an experiment: the runs of its steps have folders of their own.
                continue
            predicted = read_predictions(folder.predictions_path())
        except FertoolsError as error:
            unread.append(f"predictions of {run}: {error}")
            continue
        rows, chosen = _unseen(table, predicted, lineage)
        if predicted.classes and len(rows):
            by_classes[predicted.classes].append((run, rows, predicted.probabilities()[chosen]))
    if not by_classes:
        return None, tuple(unread)
    classes = max(by_classes, key=lambda one: sum(len(rows) for _, rows, _ in by_classes[one]))
    sums, counts = np.zeros((len(table), len(classes))), np.zeros(len(table))
    for _, rows, probabilities in by_classes[classes]:
        sums[rows] += probabilities
        counts[rows] += 1
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts[:, np.newaxis], out=means, where=counts[:, np.newaxis] > 0)
    return Predictions(classes, means, tuple(run for run, _, _ in by_classes[classes])), tuple(unread)


def _unseen(table: AuditTable, predicted: Table, lineage: Lineage) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of the audit, and the rows of their predictions, for people that a run did not learn from."""
    faces = predicted.table["face_id"]
    places = pc.fill_null(pc.index_in(faces, value_set=table.names), -1).to_numpy().astype(np.int64)
    subjects = predicted.table["subject_id"].to_pylist()
    now = table.column("subject")

    def people(row: int, place: int, face: str) -> Iterator[str]:
        yield digest_person(subjects[row], face)
        yield digest_person(now[place], face)
        yield digest_person(None, face)

    chosen = [
        row
        for row, (place, face) in enumerate(zip(places.tolist(), faces.to_pylist(), strict=True))
        if place >= 0 and lineage.people.isdisjoint(people(row, place, face))
    ]
    return places[chosen], np.array(chosen, np.int64)
