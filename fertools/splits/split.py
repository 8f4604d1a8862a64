"""Splits by person: cross-validation folds, one fold per person, or one held-out part.

Faces that may show one person stay together (`fertools.splits.groups`), folds are alike in size and classes
(`fertools.splits.folds`), and the result is searched for leaks by other code (`fertools.manifests.leaks`)
before it is written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import argument, given
from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.notebook import html_table
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import nested, store
from fertools.manifests.change import changing
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.folds import Floats, Integers, assign_groups, confined_classes, imbalance
from fertools.splits.groups import GroupBy, group_faces
from fertools.splits.protocol import SplitOptions, describe_difference

SECTION = "split"
"""Section of `fertools.toml` that says how the split was made."""
_MEMBERSHIP = ("face_id", "source_id", "subject_id", "subject_origin", "parent_id")
"""Columns that decide who belongs together; a change in one of them makes an old split doubtful."""
_SIDES = ("train", "test")


@dataclass(frozen=True)
class PartSummary:
    """One fold, or one side of a hold-out.

    Attributes:
        name: the fold's number, or `train` or `test`.
        faces: kept faces in it.
        subjects: distinct subjects in it.
        emotions: faces per expression, in the order of the vocabulary, wider labels after.
    """

    name: str
    faces: int
    subjects: int
    emotions: dict[str, int]


@dataclass(frozen=True)
class SplitSummary:
    """What a split came to.

    Attributes:
        protocol: `folds`, `loso` or `holdout`.
        parts: the folds in order, or train and test.
        faces: kept faces in all.
        subjects: distinct subjects in all.
        groups: groups of subjects that may be one person.
        imbalance: see `fertools.splits.folds.imbalance`; 0 is perfect.
        warnings: sentences about what the split cannot give.
        changed: whether anything was written; False if the same split was there already.
    """

    protocol: str
    parts: tuple[PartSummary, ...]
    faces: int
    subjects: int
    groups: int
    imbalance: float
    warnings: tuple[str, ...]
    changed: bool

    def _repr_html_(self) -> str:
        labels = list(dict.fromkeys(label for part in self.parts for label in part.emotions))
        rows = (
            (part.name, part.faces, part.subjects, *(part.emotions.get(label, 0) for label in labels))
            for part in self.parts
        )
        return html_table(
            f"{self.faces:,} faces in {self.groups:,} groups", ("part", "faces", "subjects", *labels), rows
        )


def split(
    workspace: WorkspaceLike,
    *,
    folds: int | None = None,
    loso: bool = False,
    holdout: float | None = None,
    group_by: GroupBy = "subject",
    seed: int = 0,
    overwrite: bool = False,
) -> SplitSummary:
    """Write every kept face's fold, or its side of a hold-out, into the manifest.

    The result depends on the faces, their subjects and labels, and the options, not on the order of rows. The same
    call again does nothing.

    Args:
        workspace: whose manifest.
        folds: number of cross-validation folds, 2 or more. Give exactly one of `folds`, `loso` and `holdout`.
        loso: leave one subject out: one fold per group of subjects.
        holdout: share of the faces to hold out for testing, between 0 and 1.
        group_by: what a split never separates: a `subject`, or also all faces of a `source`.
        seed: breaks ties between equally good splits.
        overwrite: replace a split made with other options or for other faces.

    Raises:
        InputError: the protocol cannot be met: too few groups, a face without a subject, or a class that
            some fold would leave nobody to learn from.
        ResumeRefused: another split is recorded, or the faces have changed since.
        CheckFailed: the finished split has a leak.
    """
    workspace = Workspace(workspace)
    options = SplitOptions(folds=folds, loso=loso, holdout=holdout, seed=seed, group_by=group_by)
    with changing(workspace, "a split") as faces:
        kept = nested.keep(faces, pc.equal(faces["status"], "kept"))
        _refuse_too_little(workspace, kept)
        record = options.record() | {"faces": len(kept), "membership": store.fingerprint(kept, _MEMBERSHIP)}
        done = _done_already(workspace, kept, record, overwrite=overwrite)
        groups, names = group_faces(kept, options.group_by)
        counts, classes = _count_classes(kept, groups, len(names))
        shares = _shares(options, names, kept)
        parts = _parts_of(kept, options) if done else _assign(options, counts, shares)[groups]
        parts_of_groups = np.zeros(len(names), np.int64)
        parts_of_groups[groups] = parts
        warnings = _refuse_lost_classes(options, counts, classes, parts_of_groups, len(shares))
        finished = _with_parts(kept, parts, options)
        if leaks := find_leaks(finished, by_source=options.group_by == "source"):
            raise CheckFailed(
                f"the split has {len(leaks)} leaks, the first: {leaks[0]}; split again with {given('overwrite', True)}"
            )
        if not done:
            record["assignment"] = store.fingerprint(finished, ("face_id", "fold", "split"))
            workspace.save_settings(SECTION, record)
            store.write_table(workspace.manifest, FACES, _with_parts_of(faces, finished))
        return SplitSummary(
            protocol=options.protocol,
            parts=_summarise(finished, parts, options, len(shares)),
            faces=len(kept),
            subjects=pc.count_distinct(kept["subject_id"]).as_py(),
            groups=len(names),
            imbalance=imbalance(counts, shares, parts_of_groups),
            warnings=tuple(warnings),
            changed=not done,
        )


def _refuse_too_little(workspace: Workspace, kept: pa.Table) -> None:
    if not len(kept):
        raise InputError(
            f"there are no kept faces in {workspace.manifest} to split; ingest more, or relax what is kept"
        )
    labels = pc.unique(kept["emotion"].drop_null()).to_pylist()
    if len(labels) == 1:
        raise InputError(
            f"every labelled face is {labels[0]}, so there is nothing to tell apart; add faces of another emotion, "
            "or correct the labels"
        )


def _done_already(workspace: Workspace, kept: pa.Table, record: dict[str, Any], *, overwrite: bool) -> bool:
    """Return whether the manifest holds the split of `record`; refuse if it holds another one."""
    old = workspace.settings().get(SECTION)
    assigned = kept["fold"].null_count < len(kept) or kept["split"].null_count < len(kept)
    if old is None:
        if assigned and not overwrite:
            raise ResumeRefused(
                f"the manifest has folds that `fertools split` did not make; replace them by {given('overwrite', True)}"
            )
        return False
    intact = old.get("assignment") == store.fingerprint(kept, ("face_id", "fold", "split"))
    if intact and {name: value for name, value in old.items() if name != "assignment"} == record:
        return True
    if overwrite or not assigned:
        return False
    raise ResumeRefused(
        f"{describe_difference(old, record)}; give the same again, or replace the split by {given('overwrite', True)}"
    )


def _count_classes(kept: pa.Table, groups: Integers, group_count: int) -> tuple[Integers, list[str]]:
    """Return Gx(C+1) faces per group and class, the last column for faces without a label, and the C labels."""
    present = set(pc.unique(kept["emotion"].drop_null()).to_pylist())
    classes = [label for label in EMOTIONS if label in present] + sorted(present - set(EMOTIONS))
    column = pc.fill_null(pc.index_in(kept["emotion"], value_set=pa.array(classes, pa.string())), len(classes))
    counts = np.zeros((group_count, len(classes) + 1), np.int64)
    np.add.at(counts, (groups, column.to_numpy()), 1)
    return counts, classes


def _shares(options: SplitOptions, names: list[str], kept: pa.Table) -> Floats:
    """Return the wanted share of faces in each part; refuse more parts than groups."""
    if options.holdout is not None:
        shares = np.array([1 - options.holdout, options.holdout])
    else:
        fold_count = len(names) if options.folds is None else options.folds
        shares = np.full(fold_count, 1 / max(1, fold_count))
    if len(names) < max(2, len(shares)):
        subjects = pc.count_distinct(kept["subject_id"]).as_py()
        known = _plural(len(names), "subject")
        if len(names) != subjects:
            known = f"{_plural(len(names), 'group')} of subjects that can be told apart (from {subjects} subjects)"
        remedy = (
            f"give {argument('folds')} {len(names)} or fewer, or add people"
            if len(names) > 1
            else "add people, or give subjects"
        )
        raise InputError(f"{max(2, len(shares))} parts need as many people, and there {known}; {remedy}")
    return shares


def _plural(count: int, noun: str) -> str:
    return f"is 1 {noun}" if count == 1 else f"are {count} {noun}s"


def _assign(options: SplitOptions, counts: Integers, shares: Floats) -> Integers:
    if options.loso:
        return np.arange(len(counts))
    return assign_groups(counts, shares, np.random.default_rng(options.seed))


def _refuse_lost_classes(
    options: SplitOptions, counts: Integers, classes: list[str], folds: Integers, part_count: int
) -> list[str]:
    """Return warnings; refuse a split in which the training side of some part has nobody of a class.

    A wider label of a single group is a warning, since the seven-class systems leave its faces out.
    """
    if not classes:
        return ["no face has an emotion, so folds are alike in size alone"]
    warnings = []
    for column in confined_classes(counts, folds):
        members = np.flatnonzero(counts[:, column])
        if options.holdout is not None and folds[members[0]] == _SIDES.index("train"):
            continue
        where = "the test part" if options.holdout is not None else f"fold {folds[members[0]]}"
        lost = f"{classes[column]} is shown by {len(members)} group{'s' if len(members) > 1 else ''} of subjects, "
        lost += f"all in {where}, so nothing is left to learn it from when that is tested"
        if classes[column] in EMOTIONS:
            raise InputError(
                f"{lost}; add people who show {classes[column]}, give fewer folds, or another {argument('seed')}"
            )
        warnings.append(lost)
    tested = range(part_count) if options.holdout is None else (_SIDES.index("test"),)
    for column, label in enumerate(classes):
        lacking = [part for part in tested if not counts[folds == part, column].any()]
        if lacking and options.holdout is not None:
            warnings.append(f"the test part has no {label}")
        elif lacking and not options.loso:
            warnings.append(f"{len(lacking)} of {part_count} folds have no {label} to test on")
    return warnings


def _with_parts(kept: pa.Table, parts: Integers, options: SplitOptions) -> pa.Table:
    if options.holdout is not None:
        columns = {"fold": pa.nulls(len(kept), pa.int32()), "split": pa.array(np.take(_SIDES, parts), pa.string())}
    else:
        columns = {"fold": pa.array(parts, pa.int32()), "split": pa.nulls(len(kept), pa.string())}
    return store.replace_columns(kept, columns)


def _parts_of(kept: pa.Table, options: SplitOptions) -> Integers:
    """Return what `_with_parts` wrote."""
    if options.holdout is not None:
        return np.asarray(pc.index_in(kept["split"], value_set=pa.array(_SIDES)).to_numpy(), np.int64)
    return np.asarray(kept["fold"].to_numpy(), np.int64)


def _with_parts_of(faces: pa.Table, finished: pa.Table) -> pa.Table:
    """Return all faces with the parts of the kept ones; rejected faces take no part."""
    position = pc.index_in(faces["face_id"], value_set=finished["face_id"].combine_chunks())
    columns = {name: pc.take(finished[name], position).combine_chunks() for name in ("fold", "split")}
    return store.replace_columns(faces, columns)


def _summarise(finished: pa.Table, parts: Integers, options: SplitOptions, part_count: int) -> tuple[PartSummary, ...]:
    subjects = np.array(finished["subject_id"].to_pylist(), object)
    emotions = np.array(finished["emotion"].to_pylist(), object)
    order = {label: index for index, label in enumerate(EMOTIONS)}
    summaries = []
    for part in range(part_count):
        inside = parts == part
        found = Counter(label for label in emotions[inside] if label is not None)
        labels = sorted(found, key=lambda label: (order.get(label, len(order)), label))
        summaries.append(
            PartSummary(
                name=_SIDES[part] if options.holdout is not None else str(part),
                faces=int(inside.sum()),
                subjects=len(set(subjects[inside]) - {None}),
                emotions={label: found[label] for label in labels},
            )
        )
    return tuple(summaries)
