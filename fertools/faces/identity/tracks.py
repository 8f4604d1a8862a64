"""The tracks of a manifest, and the faces of each that show the person best.

A face of a picture is a track of one face. Generated faces and drawn characters show no person, so they have no track
here. A rejected face belongs to its track, but is not chosen.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.manifests.schema import ANIMATED

COLUMNS = (
    "face_id",
    "source_id",
    "dataset",
    "frame_index",
    "track_id",
    "box",
    "face_px",
    "blur",
    "yaw_deg",
    "pitch_deg",
    "crop_coverage",
    "interpolated",
    "status",
    "path",
    "subject_id",
    "subject_origin",
    "parent_id",
    "modality",
)
"""Columns of the manifest that `find_tracks` needs."""
_LARGE_PX = 160.0
"""A larger face says no more to an embedder: none has a larger input."""
_SHARP = 100.0
"""Variance of the Laplacian from which a crop counts as sharp."""
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Tracks:
    """Tracks with at least one usable face.

    Attributes:
        faces: rows of the manifest with COLUMNS.
        track_of: (N,) number of the track of each row, from 0; -1 for none.
        chosen: for each track, row numbers of its best faces in the order of time.
    """

    faces: pa.Table
    track_of: Rows
    chosen: tuple[Rows, ...]


def find_tracks(faces: pa.Table, per_track: int) -> Tracks:
    """Return the tracks of a manifest, and the best faces of each.

    Each track is cut into equal stretches of time. The best face of each stretch is chosen, so that the faces differ.

    Args:
        faces: rows of a manifest with COLUMNS, in any order.
        per_track: maximum number of faces to choose from one track.
    """
    real = pc.and_(pc.is_null(faces["parent_id"]), pc.not_equal(faces["modality"], ANIMATED)).to_numpy()
    usable = real & pc.and_(pc.equal(faces["status"], "kept"), pc.is_valid(faces["path"])).to_numpy()
    source = pc.dictionary_encode(faces["source_id"]).combine_chunks().indices.to_numpy().astype(np.int64)
    frame = pc.fill_null(faces["frame_index"], 0).to_numpy().astype(np.int64)
    track = pc.fill_null(faces["track_id"], -1).to_numpy().astype(np.int64)
    # A face of a picture has no track; its row number makes it one of its own.
    own = np.where(track < 0, np.arange(len(track)), track)
    keys = np.stack([source, track < 0, own], axis=1)
    keys[~real] = -1
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    has = np.flatnonzero(np.bincount(group[usable], minlength=group.max(initial=-1) + 1) > 0)
    number = np.full(group.max(initial=-1) + 1, -1, np.int64)
    number[has] = np.arange(len(has))
    track_of = np.where(real, number[group], -1)
    scores = face_scores(faces)
    order = np.lexsort((frame, track_of))
    order = order[usable[order]]
    starts = np.searchsorted(track_of[order], np.arange(len(has) + 1))
    chosen = tuple(_best(order[start:end], scores, per_track) for start, end in itertools.pairwise(starts.tolist()))
    return Tracks(faces, track_of, chosen)


def face_scores(faces: pa.Table) -> NDArray[np.float64]:
    """Return how well each face shows its person, from 0 to 1: large, sharp, frontal and whole faces score high.

    Args:
        faces: rows with the quality columns of COLUMNS. An unknown measure lowers nothing.
    """

    def column(name: str, unknown: float) -> NDArray[np.float64]:
        return np.asarray(pc.fill_null(faces[name], unknown).to_numpy(), np.float64)

    turned = [np.cos(np.radians(np.clip(column(name, 0), -90, 90))) for name in ("yaw_deg", "pitch_deg")]
    size = np.minimum(column("face_px", _LARGE_PX), _LARGE_PX) / _LARGE_PX
    sharp = np.sqrt(np.minimum(column("blur", _SHARP), _SHARP) / _SHARP)
    seen = np.where(faces["interpolated"].to_numpy(), 0.5, 1.0)
    return np.asarray(size * sharp * turned[0] * turned[1] * column("crop_coverage", 1) * seen, np.float64)


def _best(rows: Rows, scores: NDArray[np.float64], most: int) -> Rows:
    pieces = np.array_split(rows, min(most, len(rows)))
    return np.array([piece[np.argmax(scores[piece])] for piece in pieces], np.int64)
