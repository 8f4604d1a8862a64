"""Faces for training: the rows of the manifest that are used, and the split part of each.

A face is held out if its fold is a test fold. Where the manifest was split by a hold-out, it is held out if its split
is `test`. A face that has neither a fold nor a split is not used. No person may be in two parts. This is checked here,
even if another tool made the split. Some of the other people may be kept for validation. Their faces select the
checkpoint, so that the test fold selects nothing.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import calls
from fertools.core.errors import CheckFailed, InputError
from fertools.core.hashing import hash_bytes
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.leaks import COLUMNS as LEAK_COLUMNS
from fertools.manifests.leaks import find_leaks
from fertools.splits.resplit import resplit
from fertools.splits.split_record import read_record, recorded_links
from fertools.training.data.generated_faces import read_generated
from fertools.training.data.manifest_rows import (
    describe_people,
    held_out_rows,
    rows_of_character,
    rows_with_emotion,
    rows_with_split,
    select_rows,
)
from fertools.training.data.validation_people import choose_validation_people

Side = Literal["train", "val", "test"]
Pixels = NDArray[np.uint8]

_MEANING = ("face_id", "path", "emotion", "valence", "arousal", "subject_id", "fold", "split", "weight")
"""Columns that a run depends on: a change in one of them makes it another run."""


@dataclass(frozen=True)
class Faces:
    """The faces of one domain of a run, sorted by `face_id`.

    Attributes:
        table: the rows with all columns of the manifest.
        held_out: N booleans: whether a face is in the test part, which trains nothing and selects nothing.
        validating: N booleans: whether a face is kept for validation.
        classes: names of the expressions.
        emotions: N int64 indices into `classes`; -1 where unknown.
        valence_arousal: Nx2 float32 in [-1, 1]; NaN where unknown.
        soft_labels: NxC float32, the share of raters who chose each class; rows of NaN where there are no ratings.
        trains_on_test: whether the test part is trained on as well, as in leaky protocols.
        real_copies: number of times that each real training face comes in an epoch.
        source: digest of the real rows that they were taken from, before a fold or a part was left out. It is the same
            for all folds of a protocol.
    """

    table: pa.Table
    held_out: NDArray[np.bool_]
    validating: NDArray[np.bool_]
    classes: tuple[str, ...]
    emotions: NDArray[np.int64]
    valence_arousal: NDArray[np.float32]
    soft_labels: NDArray[np.float32]
    trains_on_test: bool = False
    real_copies: int = 1
    source: str = ""

    def fingerprint(self) -> str:
        """Return a digest of the columns that training depends on."""
        digest = store.fingerprint(self.table, _MEANING)
        return digest if np.isnan(self.soft_labels).all() else hash_bytes(digest.encode(), self.soft_labels.tobytes())

    def rows(self, side: Side) -> NDArray[np.int64]:
        """Return the row numbers of one split part."""
        parts = {
            "train": ~self.validating if self.trains_on_test else ~(self.held_out | self.validating),
            "val": self.validating,
            "test": self.held_out,
        }
        return np.flatnonzero(parts[side])

    def in_an_epoch(self) -> NDArray[np.int64]:
        """Return how often each training face comes in an epoch, in the order of `rows("train")`."""
        real = np.asarray(pc.is_null(self.table["parent_id"]))[self.rows("train")]
        return np.where(real, self.real_copies, 1)

    @property
    def has_folds(self) -> bool:
        """Whether the test part is made of folds, and not of a hold-out."""
        return bool(self.table["fold"].null_count < len(self.table))

    def keep(self, chosen: NDArray[np.bool_]) -> Faces:
        """Return the faces where an N boolean mask is True."""
        return dataclasses.replace(
            self,
            table=nested.keep(self.table, chosen),
            held_out=self.held_out[chosen],
            validating=self.validating[chosen],
            emotions=self.emotions[chosen],
            valence_arousal=self.valence_arousal[chosen],
            soft_labels=self.soft_labels[chosen],
        )

    def only(self, classes: tuple[str, ...]) -> Faces:
        """Return the faces that show one of `classes`, which become the classes of the result in this order."""
        emotions = _class_numbers(self.table, classes)
        kept = dataclasses.replace(
            self,
            classes=classes,
            emotions=emotions,
            soft_labels=np.full((len(emotions), len(classes)), np.nan, np.float32),
        )
        return kept.keep(emotions >= 0)

    def counts(self, side: Side) -> dict[str, int]:
        """Return the number of faces of each expression in one part, in the order of `classes`."""
        found = Counter(self.emotions[self.rows(side)].tolist())
        return {emotion: found[index] for index, emotion in enumerate(self.classes)}

    def subjects(self, side: Side) -> int:
        """Return the number of people in one part."""
        return len(set(self.table["subject_id"].take(pa.array(self.rows(side))).to_pylist()) - {None})

    def prototypes(self) -> NDArray[np.float32]:
        """Return Cx2 mean valence and arousal of each expression in the training part; 0 where none is known."""
        means = np.zeros((len(self.classes), 2), np.float32)
        known = ~(self.held_out | self.validating) & ~np.isnan(self.valence_arousal).any(axis=1)
        for index in range(len(self.classes)):
            if (members := known & (self.emotions == index)).any():
                means[index] = self.valence_arousal[members].mean(axis=0)
        return means


def select_faces(
    workspace: Workspace,
    *,
    modality: str,
    test_folds: Sequence[int] = (0,),
    split_seed: int = 0,
    dataset: str = "",
    generated: Sequence[str] = (),
    generated_ratio: float = 0.0,
    extra_modality: str = "",
    needs_emotion: bool,
    needs_va: bool,
    classes: Sequence[str] = EMOTIONS,
    val_share: float = 0.0,
    character: str = "",
    allow_leaks: bool = False,
) -> Faces:
    """Return the faces that a system can be trained and tested on.

    Args:
        workspace: workspace with the manifest.
        modality: modality of the faces, such as `visible`.
        test_folds: folds to hold out, where the manifest has folds.
        split_seed: 0 for the folds of the manifest; any other number for other folds, see `fertools.splits.resplit`.
        dataset: name of the only dataset to use; empty for all.
        generated: runs or selections with generated faces to add to the training part; see `read_generated`.
        generated_ratio: limit on the generated training faces for each real one; 0 for all.
        extra_modality: modality of further real training faces of the same people; empty for none.
        needs_emotion: leave out faces without one of `classes`.
        needs_va: leave out faces without valence and arousal.
        classes: names of the expressions.
        val_share: share of the faces outside the test part that is kept for validation, by person; 0 for none. See
            `choose_validation_people`.
        character: `subject_id` of the only character to use, whose faces all train; see `Domain`.
        allow_leaks: whether to use generated faces of a generator that was trained on a held-out fold.

    Raises:
        InputError: there is no manifest, face, split or label. Or there is a single class, an empty part, or too few
            people for validation. Or a label or weight is out of range. The message says what to do.
        CheckFailed: a person is in two parts.
    """
    classes = tuple(classes)
    table = store.read_faces(workspace)
    real = pc.and_(pc.equal(table["status"], "kept"), pc.is_null(table["parent_id"]))
    everybody = resplit(workspace, nested.keep(table, real), split_seed)
    table = select_rows(workspace, everybody, modality, dataset)
    if character:
        table = rows_of_character(table, character)
    if needs_emotion:
        table = rows_with_emotion(table, classes)
    if needs_va:
        table = nested.keep(table, pc.and_(pc.is_valid(table["valence"]), pc.is_valid(table["arousal"])))
        if not len(table):
            raise InputError(
                "no face has valence and arousal, which this recipe needs; rate them with `fertools annotate --va`"
            )
    source = table
    if extra_modality:
        extra = select_rows(workspace, everybody, extra_modality, dataset)
        extra = rows_with_emotion(extra, classes) if needs_emotion else extra
        source = pa.concat_tables([table, extra])
        extra = nested.keep(extra, ~held_out_rows(extra, test_folds, extra_modality))
        table = nested.in_order(pa.concat_tables([table, extra]), "face_id")
    if generated:
        added = [
            read_generated(
                workspace,
                name,
                modality=modality,
                classes=classes,
                real=table,
                test_folds=test_folds,
                allow_leaks=allow_leaks,
            )
            for name in generated
        ]
        table = _each_once(pa.concat_tables([table, *added]))
    held_out = np.zeros(len(table), bool) if character else held_out_rows(table, test_folds, modality)
    refuse_leaks(table, held_out)
    people = frozenset() if character else _validation_people(workspace, everybody, test_folds, val_share)
    faces = build_faces(table, held_out, classes, validation_people=people)
    faces = dataclasses.replace(faces, source=store.fingerprint(source, _MEANING))
    # Validation uses real faces of the one modality only, and its people are not trained on.
    added_rows = np.asarray(pc.or_(pc.is_valid(table["parent_id"]), pc.not_equal(table["modality"], modality)))
    faces = faces.keep(~(faces.validating & added_rows))
    if generated_ratio:
        faces = _limit_generated(faces, generated_ratio)
    if not character:
        _refuse_empty_parts(faces, modality, needs_emotion=needs_emotion)
    return faces


def _each_once(table: pa.Table) -> pa.Table:
    """Return rows in the order of `face_id`, each face once: a run and a selection may name the same generated face."""
    _, first = np.unique(np.asarray(table["face_id"].to_pylist(), object), return_index=True)
    return nested.take(table, first)


def _limit_generated(faces: Faces, ratio: float) -> Faces:
    """Return faces with at most `ratio` generated training faces for each real one, chosen by their identifiers."""
    rows = faces.rows("train")
    generated = rows[np.asarray(pc.is_valid(faces.table["parent_id"]))[rows]]
    wanted = round(ratio * (len(rows) - len(generated)))
    names = faces.table["face_id"].to_pylist()
    # An identifier is a digest, so the order of identifiers is random but always the same.
    left_out = sorted(generated.tolist(), key=lambda row: names[row])[wanted:]
    kept = np.ones(len(names), bool)
    kept[left_out] = False
    return faces.keep(kept)


def build_faces(
    table: pa.Table,
    held_out: NDArray[np.bool_],
    classes: tuple[str, ...],
    *,
    validation_people: Collection[str] = frozenset(),
) -> Faces:
    """Return rows of a manifest as faces to train and test on.

    Args:
        table: N rows, with the labels to learn in `emotion`, `valence` and `arousal`.
        held_out: N booleans: whether a face is in the test part.
        classes: names of the expressions.
        validation_people: `subject_id` of the people who are kept for validation, with all faces outside the test part.
    """
    kept = [name in validation_people for name in table["subject_id"].to_pylist()]
    return Faces(
        table=table,
        held_out=held_out,
        validating=np.array(kept, bool) & ~held_out,
        classes=classes,
        emotions=_class_numbers(table, classes),
        valence_arousal=np.stack(
            [np.asarray(table[name].to_numpy(), np.float32) for name in ("valence", "arousal")], axis=1
        ),
        soft_labels=np.full((len(table), len(classes)), np.nan, np.float32),
    )


def refuse_leaks(table: pa.Table, held_out: NDArray[np.bool_]) -> None:
    """Raise if a person of the test part is in another part.

    Args:
        table: N rows of a manifest.
        held_out: N booleans: whether a face is in the test part.

    Raises:
        CheckFailed: there is a leak; the message names the first one.
    """
    parts = store.replace_columns(
        table.select(list(LEAK_COLUMNS)),
        {"fold": pa.nulls(len(table), pa.int32()), "split": np.where(held_out, "test", "train").tolist()},
    )
    if leaks := find_leaks(parts):
        raise CheckFailed(
            f"{len(leaks)} leaks between training and held-out faces, the first: {leaks[0]}; split again with "
            f"{calls.SPLIT_ANEW}"
        )


def _class_numbers(table: pa.Table, classes: tuple[str, ...]) -> NDArray[np.int64]:
    indices = pc.index_in(table["emotion"], value_set=pa.array(classes))
    return np.asarray(pc.fill_null(indices, -1).to_numpy(), np.int64)


def _validation_people(
    workspace: Workspace, everybody: pa.Table, test_folds: Sequence[int], share: float
) -> frozenset[str]:
    """Return the people kept for validation, chosen among all real faces of a manifest and not of one domain."""
    table = rows_with_split(workspace, everybody)
    links = recorded_links(read_record(workspace), table["face_id"])
    return choose_validation_people(table, held_out_rows(table, test_folds, "real"), share, links)


def _refuse_empty_parts(faces: Faces, modality: str, *, needs_emotion: bool) -> None:
    sides: dict[Side, str] = {"train": "training", "test": "held-out"}
    for side, words in sides.items():
        if not len(faces.rows(side)):
            raise InputError(
                f"no labelled face is left in the {words} part of the {modality} faces, which show "
                f"{describe_people(faces.table)} in all; split again with fewer folds, or add people"
            )
    present = [emotion for emotion, count in faces.counts("train").items() if count]
    if needs_emotion and len(present) == 1 < len(faces.classes):
        raise InputError(
            f"every training face is {present[0]}, and a classifier needs two classes; choose other test_folds"
        )


def pick_examples(faces: Faces, count: int) -> NDArray[np.int64]:
    """Return the row numbers of at most `count` held-out faces for sample grids: many people, then many expressions.

    The choice depends only on the rows.
    """
    rows = faces.rows("test")
    subjects = faces.table["subject_id"].take(pa.array(rows)).to_pylist()
    by_subject: dict[str | None, list[int]] = {}
    for row, subject in zip(rows.tolist(), subjects, strict=True):
        by_subject.setdefault(subject, []).append(row)
    chosen: list[int] = []
    seen: Counter[int] = Counter()
    queues = list(by_subject.values())
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                best = min(queue, key=lambda row: (seen[int(faces.emotions[row])], row))
                queue.remove(best)
                seen[int(faces.emotions[best])] += 1
                chosen.append(best)
    return np.array(chosen, np.int64)
