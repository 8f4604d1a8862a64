"""Group faces that may belong to one person, so that a split never separates them.

A split that separates the faces of one person measures memory, not recognition. Six rules link two faces:

- They have the same `subject_id`.
- Their subjects are tracks of one video (`subject_origin = video`) that never occur in the same frame. A tracker that
  loses a face and finds it again starts a new track, so both tracks may be one person. Two faces in one frame are two
  people.
- They are frames of one take: pictures with the same `sequence_id` in one dataset and modality. So a picture without a
  subject has that of its sequence.
- They come from the same source, if the caller asks for it.
- One was generated from the other.
- They show the same moment (`pair_id`), and neither is a drawn character. Each camera names its files by itself, so one
  person can have several subjects.

Groups are the connected components of these links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.manifests.leaks import MEMBERSHIP
from fertools.manifests.schema import ANIMATED
from fertools.splits.protocol import GroupBy

COLUMNS = MEMBERSHIP
"""Columns of the manifest that `group_faces` needs."""
_Sequence: TypeAlias = tuple[str | None, str, str]
"""Dataset, modality and `sequence_id`, which together name a sequence."""


def group_faces(faces: pa.Table, group_by: GroupBy = "subject") -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the group of every face and the name of every group.

    Args:
        faces: rows of a manifest with COLUMNS, in any order. A generated face without a subject has its parent's, and a
            picture without one has that of its sequence.
        group_by: `source` also keeps all faces of a source together.

    Returns:
        The group number of each row, and the name of each group: its alphabetically first subject. Groups are numbered
        in the order of their names, so the result does not depend on the order of rows.

    Raises:
        InputError: a face has no subject, and neither its parent nor its sequence has one.
    """
    columns = {name: faces[name].to_pylist() for name in COLUMNS}
    subjects = _effective_subjects(columns)
    sets = _DisjointSets(subjects)
    for first, second in _links(columns, subjects, group_by):
        sets.join(first, second)
    members = defaultdict(list)
    for subject in sets.members():
        members[sets.find(subject)].append(subject)
    name_of = {subject: min(group) for group in members.values() for subject in group}
    names = sorted(set(name_of.values()))
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[name_of[subject]] for subject in subjects], np.int64), names


def _effective_subjects(columns: dict[str, list[Any]]) -> list[str]:
    """Return the subject of each face: its own, else its parent's, else the first one of its sequence."""
    faces, sequences = columns["face_id"], _sequences(columns)
    known = dict(zip(faces, columns["subject_id"], strict=True))
    of_sequence: dict[_Sequence, str] = {}
    for sequence, subject in zip(sequences, columns["subject_id"], strict=True):
        if sequence is not None and subject is not None:
            of_sequence[sequence] = min(subject, of_sequence.get(sequence, subject))
    subjects = []
    for own, parent, sequence in zip(columns["subject_id"], columns["parent_id"], sequences, strict=True):
        inherited = own if own is not None else known.get(parent)
        subjects.append(inherited if inherited is not None or sequence is None else of_sequence.get(sequence))
    if missing := subjects.count(None):
        raise InputError(
            f"{missing} of {len(subjects)} kept faces have no subject (the first is {faces[subjects.index(None)]}), "
            f"so a split could separate the faces of one person; give subjects with {argument('subject_from')} at "
            "ingest, or import a table with a subject_id column"
        )
    return [subject for subject in subjects if subject is not None]


def _sequences(columns: dict[str, list[Any]]) -> list[_Sequence | None]:
    rows = zip(columns["dataset"], columns["modality"], columns["sequence_id"], strict=True)
    return [None if sequence is None else (dataset, modality, sequence) for dataset, modality, sequence in rows]


def _links(columns: dict[str, list[Any]], subjects: list[str], group_by: GroupBy) -> Iterator[tuple[str, str]]:
    subject_of = dict(zip(columns["face_id"], subjects, strict=True))
    for parent, subject in zip(columns["parent_id"], subjects, strict=True):
        if parent in subject_of:
            yield subject, subject_of[parent]
    first_of_sequence: dict[_Sequence, str] = {}
    for sequence, subject in zip(_sequences(columns), subjects, strict=True):
        if sequence is not None:
            yield subject, first_of_sequence.setdefault(sequence, subject)
    frames: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    first_of_source: dict[str, str] = {}
    first_of_pair: dict[str, str] = {}
    for pair, modality, subject in zip(columns["pair_id"], columns["modality"], subjects, strict=True):
        if pair is not None and modality != ANIMATED:
            yield subject, first_of_pair.setdefault(pair, subject)
    rows = zip(columns["source_id"], columns["frame_index"], columns["subject_origin"], subjects, strict=True)
    for source, frame, origin, subject in rows:
        if origin == "video":
            frames[source][frame].add(subject)
        if group_by == "source":
            yield subject, first_of_source.setdefault(source, subject)
    for rosters in frames.values():
        yield from _possibly_same(rosters.values())


def _possibly_same(rosters: Iterable[set[str]]) -> Iterator[tuple[str, str]]:
    """Yield pairs that connect all subjects of one video which may be one person.

    The search walks the complement of the graph "seen in one frame" without building it. Each step visits the subjects
    that are not reached yet, except those seen together with the current subject.
    """
    seen_with: dict[str, set[str]] = defaultdict(set)
    for roster in {frozenset(roster) for roster in rosters}:
        for subject in roster:
            seen_with[subject] |= roster
    unreached = set(seen_with)
    waiting: list[str] = []
    while unreached:
        subject = waiting.pop() if waiting else unreached.pop()
        unreached.discard(subject)
        reached = unreached - seen_with[subject]
        unreached -= reached
        waiting.extend(reached)
        for other in reached:
            yield subject, other


class _DisjointSets:
    """Disjoint sets of strings (union-find)."""

    def __init__(self, members: Iterable[str]) -> None:
        self._parent = {member: member for member in members}

    def members(self) -> Iterable[str]:
        return self._parent.keys()

    def find(self, member: str) -> str:
        root = member
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[member] != root:
            self._parent[member], member = root, self._parent[member]
        return root

    def join(self, first: str, second: str) -> None:
        self._parent[self.find(first)] = self.find(second)
