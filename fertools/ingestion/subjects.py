"""Name the subjects of the faces of a video, by its path and its tracks.

All arguments are columns of the faces of one video, in any order: `frames` (n,) the frame number of each face, `shots`
(n,) its shot, `tracks` (n,) its track, `kept` (n,) whether it is kept, `interpolated` (n,) whether it is interpolated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.faces.quality import Standard
from fertools.ingestion.plan import Source

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


def find_transient(frames: Numbers, tracks: Numbers, kept: Mask, interpolated: Mask) -> Mask:
    """Return which faces are kept in a single frame of their track, next to a face that is kept in several.

    Such a face is most often a false alarm.
    """
    frame, track, seen = _groups(frames), _groups(tracks), kept & ~interpolated
    lasting = seen & (_count(track, seen) > 1)
    return seen & ~lasting & (_count(frame, lasting) > 0)


def find_weak(tracks: Numbers, scores: NDArray[np.float32], kept: Mask, interpolated: Mask, standard: Standard) -> Mask:
    """Return which kept faces belong to weak tracks: short, and never with the score of a certain face.

    Args:
        tracks: (n,) track of each face.
        scores: (n,) face probabilities; NaN for a face without a detection, which counts as certain.
        kept: (n,) whether the face is kept.
        interpolated: (n,) whether the face is interpolated.
        standard: minimum score and length of a track.
    """
    track, seen = _groups(tracks), kept & ~interpolated
    sure = seen & ~(scores < standard.track_score)
    return np.asarray(kept & (_count(track, sure) == 0) & (_count(track, seen) < standard.track_frames), np.bool_)


def name_subjects(
    source: Source, frames: Numbers, shots: Numbers, tracks: Numbers, kept: Mask, interpolated: Mask
) -> tuple[list[str | None], str | None]:
    """Return the subject of every face of a video, None for faces without one, and the origin of the subjects.

    If no frame shows two faces, the subject of the folder or pattern applies. Without such a name, the video itself is
    one subject if all faces are in one shot, because another shot may show another person. If faces appear together or
    in several shots, each track is a subject of its own. A split keeps subjects together that may be one person
    (`fertools.splits.groups`).

    A rejected detection next to another face is most often a false alarm, so it has no subject and does not count.
    Interpolated faces do not count either; each has the subject of its track.
    """
    frame, detected = _groups(frames), ~interpolated
    sure = detected & (kept | (_count(frame, detected) == 1))
    alone = bool((_count(frame, sure & kept) <= 1).all())
    named = sure | (interpolated & (_count(_groups(tracks), sure) > 0))
    if alone and source.subject_id is not None:
        return [source.subject_id if one else None for one in named], source.subject_origin
    alone &= len(np.unique(shots[sure & kept])) <= 1
    name = f"v{source.source_id[:12]}"
    # One string per track, not per face.
    names = {track: name if alone else f"{name}-t{track}" for track in np.unique(tracks).tolist()}
    return [names[track] if one else None for one, track in zip(named, tracks.tolist(), strict=True)], "video"


def _groups(numbers: Numbers) -> NDArray[np.intp]:
    return np.unique(numbers, return_inverse=True)[1]


def _count(group: NDArray[np.intp], which: Mask) -> NDArray[np.intp]:
    """Return for each face the number of faces of its group in `which`."""
    return np.asarray(np.bincount(group[which], minlength=len(group))[group], np.intp)
