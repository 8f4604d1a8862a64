"""Several runs on one test set: the faces, labels and classes that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import argument, given
from fertools.core.errors import InputError
from fertools.training.evaluation.predictions import Predictions


@dataclass(frozen=True)
class CommonFaces:
    """The predictions of several runs for the same faces.

    Attributes:
        runs: predictions by name of the run; all have the same faces in the same order, and the same classes. A run
            with repeats has one entry for each.
        classes: the common classes, in the order of the first run; empty if no run predicts expressions.
        left_out: number of labelled faces of each run that are left out.
        other_classes: classes of each run that are left out.
    """

    runs: Mapping[str, tuple[Predictions, ...]]
    classes: tuple[str, ...]
    left_out: Mapping[str, int]
    other_classes: Mapping[str, tuple[str, ...]]

    @property
    def faces(self) -> pa.Table:
        """The rows of the common faces, with the columns of the first run."""
        return next(iter(self.runs.values()))[0].table


def find_common_faces(runs: Mapping[str, Sequence[Predictions]], *, common: bool = False) -> CommonFaces:
    """Return the predictions of runs for one test set.

    Faces that no metric can use, because they have no label of a kind that is predicted, are left out.

    Args:
        runs: predictions by name of the run, one entry for each repeat.
        common: whether to keep the faces and classes that all runs have; False to refuse runs that differ. The
            probabilities of the common classes are scaled to the sum 1.

    Raises:
        InputError: the runs predict other labels, classes or faces, have no face in common, or a face has another
            label in one of them.
    """
    parts = {name: tuple(repeats) for name, repeats in runs.items()}
    classes = _common_classes({name: repeats[0].classes for name, repeats in parts.items()}, common=common)
    known = {name: tuple(_labelled(part, classes) for part in repeats) for name, repeats in parts.items()}
    every = [set(part.table["face_id"].to_pylist()) for repeats in known.values() for part in repeats]
    shared = set.intersection(*every)
    if not common:
        _refuse_other_faces(known)
    if not shared:
        raise InputError(
            f"{' and '.join(runs)} have no labelled face in common; test them on the same faces, such as with "
            f"{argument('on')}"
        )
    wanted = pa.array(sorted(shared), pa.string())
    aligned = {name: tuple(_restricted(part, wanted, classes) for part in repeats) for name, repeats in known.items()}
    _refuse_other_labels(aligned, classes)
    return CommonFaces(
        aligned,
        classes,
        {name: len(_labelled(repeats[0], repeats[0].classes).table) - len(shared) for name, repeats in parts.items()},
        {name: tuple(set(repeats[0].classes) - set(classes)) for name, repeats in parts.items()},
    )


def _common_classes(classes: Mapping[str, tuple[str, ...]], *, common: bool) -> tuple[str, ...]:
    (first, names), *others = classes.items()
    for other, those in others:
        if bool(those) != bool(names):
            one, two = (first, other) if names else (other, first)
            raise InputError(
                f"{one} predicts expressions, and {two} only valence and arousal; compare runs of one kind"
            )
        if set(those) != set(names) and not common:
            differing = sorted(set(names) ^ set(those))[0]
            knowing, unaware = (first, other) if differing in names else (other, first)
            raise InputError(
                f"{knowing} predicts {differing}, and {unaware} does not; compare runs with the same classes, or take "
                f"the faces and classes that all have with {given('common', True)}"
            )
    shared = tuple(name for name in names if all(name in those for _, those in others))
    if names and len(shared) < 2:
        raise InputError(
            f"{' and '.join(classes)} have {len(shared)} of their classes in common, and a comparison needs two"
        )
    return shared


def _labelled(part: Predictions, classes: tuple[str, ...]) -> Predictions:
    """Return the faces with a label that metrics can use."""
    if classes:
        known = pc.is_in(part.table["emotion"], value_set=pa.array(classes, pa.string()))
    else:
        columns = ("valence", "arousal", "valence_predicted", "arousal_predicted")
        missing = [np.isnan(part.numbers(column)) for column in columns]
        known = pa.array(~np.any(missing, axis=0))
    return Predictions(part.table.filter(known), part.classes, part.trained)


def _refuse_other_faces(known: Mapping[str, tuple[Predictions, ...]]) -> None:
    (first, parts), *others = known.items()
    faces = set(parts[0].table["face_id"].to_pylist())
    for name, repeats in [(first, parts[1:]), *others]:
        for part in repeats:
            those = set(part.table["face_id"].to_pylist())
            if those == faces:
                continue
            both, one = len(faces & those), min(faces ^ those)
            or_common = f", or take the faces and classes that all have with {given('common', True)}" if both else ""
            raise InputError(
                f"{first} and {name} were not tested on the same faces: {both:,} in common, {len(faces - those):,} "
                f"only in {first}, {len(those - faces):,} only in {name}, such as {one}; let all predict one test set "
                f"with {argument('on')}{or_common}"
            )


def _restricted(part: Predictions, wanted: pa.Array, classes: tuple[str, ...]) -> Predictions:
    """Return the rows of the wanted faces in their order, with probabilities of `classes` alone."""
    rows = pc.index_in(wanted, value_set=part.table["face_id"].combine_chunks())
    table = part.table.take(rows).combine_chunks()
    fixed = [name for name in table.column_names if name not in {f"p_{known}" for known in part.classes}]
    if set(part.classes) == set(classes):
        return Predictions(table.select([*fixed, *(f"p_{name}" for name in classes)]), classes, part.trained)
    probabilities = np.stack([table[f"p_{name}"].to_numpy() for name in classes], axis=1)
    totals = probabilities.sum(axis=1, keepdims=True)
    # A model may give all of its probability to classes that the others do not know.
    scaled = np.where(totals > 0, probabilities / np.where(totals > 0, totals, 1), 1 / len(classes))
    table = table.select(fixed)
    for index, name in enumerate(classes):
        column = pa.array(scaled[:, index].astype(np.float32))
        table = table.append_column(pa.field(f"p_{name}", pa.float32(), nullable=False), column)
    return Predictions(table, classes, part.trained)


def _refuse_other_labels(aligned: Mapping[str, tuple[Predictions, ...]], classes: tuple[str, ...]) -> None:
    (first, parts), *_ = aligned.items()
    table = parts[0].table
    for column in ("emotion",) if classes else ("valence", "arousal"):
        for name, repeats in aligned.items():
            for part in repeats:
                differs = pc.fill_null(pc.not_equal(table[column], part.table[column]), True)
                if pc.any(differs).as_py():
                    face = table["face_id"].filter(differs)[0].as_py()
                    raise InputError(
                        f"the face {face} has another {column} in {first} than in {name}; compare runs on the same "
                        "labels"
                    )
