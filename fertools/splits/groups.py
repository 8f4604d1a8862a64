"""Group faces that may belong to one person, so that a split never separates them.

A split that separates the faces of one person measures memory, not recognition. Seven rules link two faces:

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
- They are copies of one picture, if the caller has searched for them.

Groups are the connected components of these links.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.manifests.column_codes import Integers, combine, encode, is_equal
from fertools.manifests.leaks import MEMBERSHIP
from fertools.manifests.schema import ANIMATED
from fertools.splits.possible_people import possibly_same
from fertools.splits.protocol import GroupBy

COLUMNS = MEMBERSHIP
"""Columns of the manifest that `group_faces` needs."""
NO_LINKS = np.empty((0, 2), np.int64)
"""No further links of faces."""


def group_faces(
    faces: pa.Table, group_by: GroupBy = "subject", links: Integers = NO_LINKS
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the group of every face and the name of every group.

    Args:
        faces: rows of a manifest with COLUMNS, in any order. A generated face without a subject has its parent's, and a
            picture without one has that of its sequence.
        group_by: `source` also keeps all faces of a source together.
        links: L x 2 row numbers of further faces that stay together, such as copies of one picture.

    Returns:
        The group number of each row, and the name of each group: its alphabetically first subject. Groups are numbered
        in the order of their names, so the result does not depend on the order of rows.

    Raises:
        InputError: a face has no subject, and neither its parent nor its sequence has one.
    """
    own, names = encode(faces["subject_id"])
    parents = _parent_rows(faces)
    sequences = combine(*(encode(faces[name])[0] for name in ("dataset", "modality", "sequence_id")))
    subjects = _effective_subjects(faces, own, parents, sequences, len(names))
    edges = _Edges(len(names))
    edges.link(subjects[parents >= 0], subjects[parents[parents >= 0]])
    edges.link(subjects[links[:, 0]], subjects[links[:, 1]])
    edges.share(subjects, sequences)
    moments, _ = encode(faces["pair_id"])
    moments[is_equal(faces["modality"], ANIMATED)] = -1
    edges.share(subjects, moments)
    video = is_equal(faces["subject_origin"], "video")
    if group_by == "source":
        edges.share(subjects, encode(faces["source_id"])[0])
    elif video.any():
        filmed = faces.select(["source_id", "frame_index"]).filter(pa.array(video))
        frames = pc.fill_null(filmed["frame_index"], -1).to_numpy().astype(np.int64)
        edges.link(*possibly_same(encode(filmed["source_id"])[0], frames, subjects[video]))
    group_of, firsts = edges.components()
    return group_of[subjects], names.take(pa.array(firsts)).to_pylist()


def _parent_rows(faces: pa.Table) -> Integers:
    """Return the row of each face's parent; -1 for none, or one that is not in the table."""
    rows = np.full(len(faces), -1, np.int64)
    children = np.flatnonzero(pc.is_valid(faces["parent_id"]).to_numpy())
    if len(children):
        # Only parents are looked up, because a table of all identifiers would need much memory.
        wanted = pc.unique(faces["parent_id"].drop_null())
        place = pc.fill_null(pc.index_in(faces["face_id"], value_set=wanted), -1).to_numpy()
        row_of = np.full(len(wanted) + 1, -1, np.int64)
        row_of[place] = np.arange(len(faces))
        row_of[-1] = -1
        rows[children] = row_of[pc.index_in(faces["parent_id"].drop_null(), value_set=wanted).to_numpy()]
    return rows


def _effective_subjects(
    faces: pa.Table, own: Integers, parents: Integers, sequences: Integers, subject_count: int
) -> Integers:
    """Return the subject of each face: its own, else its parent's, else the first one of its sequence."""
    subjects = np.where((own < 0) & (parents >= 0), own[parents], own)
    of_sequence = np.full(sequences.max(initial=-1) + 2, subject_count, np.int64)
    known = (own >= 0) & (sequences >= 0)
    np.minimum.at(of_sequence, sequences[known], own[known])
    # A picture outside of sequences has the number -1: the last place, which is empty.
    subjects = np.where(subjects < 0, of_sequence[sequences], subjects)
    unknown = subjects == subject_count
    if unknown.any():
        raise InputError(
            f"{unknown.sum()} of {len(subjects)} kept faces have no subject (the first is "
            f"{faces['face_id'][int(unknown.argmax())].as_py()}), so a split could separate the faces of one person; "
            f"give subjects with {argument('subject_from')} at ingest, or import a table with a subject_id column"
        )
    return subjects


class _Edges:
    """Links of subjects. Whatever many faces share, such as a sequence, is a node beside the subjects.

    Args:
        subject_count: S, the number of subjects.
    """

    def __init__(self, subject_count: int) -> None:
        self._subjects = self._nodes = subject_count
        self._pairs: list[Integers] = []

    def link(self, first: Integers, second: Integers) -> None:
        """Link subjects by number."""
        differ = first != second
        # Most faces repeat a link. A pair of numbers as one number finds these quickly.
        pairs = np.unique(first[differ] * self._subjects + second[differ])
        self._pairs.append(np.stack([pairs // self._subjects, pairs % self._subjects]))

    def share(self, subjects: Integers, things: Integers) -> None:
        """Link the subjects of N faces that have the same number in `things`; -1 is none."""
        shared = things >= 0
        pairs = np.unique(subjects[shared] + self._subjects * things[shared])
        self._pairs.append(np.stack([pairs % self._subjects, self._nodes + pairs // self._subjects]))
        self._nodes += int(things.max(initial=-1)) + 1

    def components(self) -> tuple[Integers, Integers]:
        """Return the group of each subject, and the first subject of each group, which is in ascending order."""
        first, second = np.concatenate(self._pairs, axis=1)
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        graph = coo_array((np.ones(len(first)), (first, second)), (self._nodes, self._nodes))
        component = connected_components(graph, directed=False)[1][: self._subjects]
        # Subjects are numbered in the order of their names, so a component appears first at the first of its names.
        _, firsts, inverse = np.unique(component, return_index=True, return_inverse=True)
        order = np.argsort(firsts)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank[inverse], firsts[order]
