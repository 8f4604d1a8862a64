"""Who the faces of a video are, as far as its place and its tracks say.

All arguments are columns of the faces of one video, in any order: `frames` (n,) the number of each face's frame,
`shots` (n,) of its shot,
`tracks` (n,) of its track, `kept` (n,) whether it is kept, `interpolated` (n,) whether it was put between two others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.faces.quality import Standard
from fertools.ingestion.plan import Source

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


def find_transient(frames: Numbers, tracks: Numbers, kept: Mask, interpolated: Mask) -> Mask:
    """Return which faces are kept in a single frame of their track, beside a face that is kept in several.

    That is most often a false alarm.
    """
    frame, track, seen = _groups(frames), _groups(tracks), kept & ~interpolated
    lasting = seen & (_count(track, seen) > 1)
    return seen & ~lasting & (_count(frame, lasting) > 0)


def find_weak(tracks: Numbers, scores: NDArray[np.float32], kept: Mask, interpolated: Mask, standard: Standard) -> Mask:
    """Return which kept faces are in tracks that show too little to be somebody: short, and never surely a face.

    Args:
        tracks: see above.
        scores: (n,) face probabilities; NaN for a face that no detector saw, which counts as sure.
        kept: see above.
        interpolated: see above.
        standard: says what is enough.
    """
    track, seen = _groups(tracks), kept & ~interpolated
    sure = seen & ~(scores < standard.track_score)
    return np.asarray(kept & (_count(track, sure) == 0) & (_count(track, seen) < standard.track_frames), np.bool_)


def name_subjects(
    source: Source, frames: Numbers, shots: Numbers, tracks: Numbers, kept: Mask, interpolated: Mask
) -> tuple[list[str | None], str | None]:
    """Return the subject of every face of a video, None where it has none, and where the subjects come from.

    The folder's or pattern's subject holds where only one face is ever in the picture; a video without such a
    name is then a subject itself, if it shows faces in one shot alone: another shot may show somebody else. Where faces
    stand side by side, or in several shots, each track is a subject of its own; a split keeps together those that may
    be one person (`fertools.splits.groups`). A rejected detection
    beside another face is most often a false alarm: it has no subject and makes no company. Interpolated faces decide
    nothing; each is who the rest of its track is.
    """
    frame, detected = _groups(frames), ~interpolated
    sure = detected & (kept | (_count(frame, detected) == 1))
    alone = bool((_count(frame, sure & kept) <= 1).all())
    named = sure | (interpolated & (_count(_groups(tracks), sure) > 0))
    if alone and source.subject_id is not None:
        return [source.subject_id if one else None for one in named], source.subject_origin
    alone &= len(np.unique(shots[sure & kept])) <= 1
    name = f"v{source.source_id[:12]}"
    # One text per track, not per face.
    names = {track: name if alone else f"{name}-t{track}" for track in np.unique(tracks).tolist()}
    return [names[track] if one else None for one, track in zip(named, tracks.tolist(), strict=True)], "video"


def _groups(numbers: Numbers) -> NDArray[np.intp]:
    return np.unique(numbers, return_inverse=True)[1]


def _count(group: NDArray[np.intp], which: Mask) -> NDArray[np.intp]:
    """Return for each face how many of its group are among `which`."""
    return np.asarray(np.bincount(group[which], minlength=len(group))[group], np.intp)
