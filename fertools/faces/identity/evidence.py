"""What a workspace knows about its tracks: frames with several faces, names, earlier runs, and decisions of people."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.faces.identity.decisions import Decision, pairs_of
from fertools.faces.identity.links import Links, pairs_in_frames
from fertools.faces.identity.tracks import Tracks

NAMED = ("dataset", "folder")
"""Origins of subjects that a dataset, a folder or a table states."""
OWN = ("identity", "person")
"""Origins of subjects that `fertools identify` gave, the second by a decision of a person."""
_SAME_FACE = 0.3
"""Intersection over union above which two boxes in one frame are two detections of one face."""


def links_of_frames(tracks: Tracks) -> Links:
    """Return that tracks with faces side by side in one frame show two people."""
    return Links(different=pairs_in_frames(_frames(tracks)))


def links_of_names(tracks: Tracks) -> Links:
    """Return what names say: one subject of a dataset is one person, and two subjects are two."""
    return Links(names=[(track, dataset, name) for track, (dataset, name) in sorted(_names(tracks, NAMED).items())])


def earlier_subjects(tracks: Tracks) -> dict[int, str]:
    """Return the subject that an earlier run gave to each track, by the number of the track."""
    return {track: name for track, (_, name) in _names(tracks, OWN).items()}


def links_of_earlier(tracks: Tracks, decided: set[int]) -> Links:
    """Return the people of an earlier run. They stay, except for tracks whose decision was undone.

    Args:
        tracks: the tracks.
        decided: numbers of tracks that a decision is about.
    """
    by_similarity = _names(tracks, ("identity",))
    names = [
        (track, "earlier", name)
        for track, (_, name) in sorted(_names(tracks, OWN).items())
        if track in by_similarity or track in decided
    ]
    return Links(names=names)


def links_of_decisions(decisions: Sequence[Decision], track_of: Mapping[str, int]) -> Iterator[tuple[Decision, Links]]:
    """Yield the decisions with their links, the newest first, because it wins.

    Args:
        decisions: decisions that count, the oldest first.
        track_of: number of the track of each face.
    """
    for decision in reversed(decisions):
        pairs = pairs_of(decision, track_of)
        yield decision, Links(same=pairs) if decision.kind == "same" else Links(different=pairs)


def _names(tracks: Tracks, origins: Sequence[str]) -> dict[int, tuple[str | None, str]]:
    """Return the most frequent dataset and subject of the faces of each track, among subjects of some origins."""
    mask = pc.and_(pc.is_in(tracks.faces["subject_origin"], _array(origins)), pc.is_valid(tracks.faces["subject_id"]))
    rows = np.flatnonzero(pc.fill_null(mask, False).to_numpy() & (tracks.track_of >= 0))
    table = tracks.faces.select(["dataset", "subject_id"]).take(rows)
    counts: dict[int, Counter[tuple[str | None, str]]] = {}
    named = zip(table["dataset"].to_pylist(), table["subject_id"].to_pylist(), strict=True)
    for track, name in zip(tracks.track_of[rows].tolist(), named, strict=True):
        counts.setdefault(track, Counter())[name] += 1
    # Ties go to the first name in the alphabet, so that the order of rows does not matter.
    return {track: min(found.items(), key=lambda item: (-item[1], str(item[0])))[0] for track, found in counts.items()}


def _array(values: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _frames(tracks: Tracks) -> Iterator[list[int]]:
    """Yield the tracks of each frame with several kept faces, pair by pair where boxes do not overlap."""
    kept = pc.equal(tracks.faces["status"], "kept").to_numpy() & (tracks.track_of >= 0)
    source = pc.dictionary_encode(tracks.faces["source_id"]).combine_chunks().indices.to_numpy()
    frame = pc.fill_null(tracks.faces["frame_index"], 0).to_numpy()
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((frame[rows], source[rows]))]
    if not len(rows):
        return
    changes = (np.diff(source[rows]) != 0) | (np.diff(frame[rows]) != 0)
    groups = [group for group in np.split(rows, np.flatnonzero(changes) + 1) if len(group) > 1]
    if not groups:
        return
    shared = np.concatenate(groups)
    boxes = dict(zip(shared.tolist(), tracks.faces["box"].take(shared).to_pylist(), strict=True))
    for group in groups:
        for one, two in itertools.combinations(group.tolist(), 2):
            if tracks.track_of[one] != tracks.track_of[two] and _overlap(boxes[one], boxes[two]) < _SAME_FACE:
                yield [int(tracks.track_of[one]), int(tracks.track_of[two])]


def _overlap(one: Sequence[float] | None, two: Sequence[float] | None) -> float:
    """Return the intersection over union of two boxes; 0 where one is unknown."""
    if one is None or two is None:
        return 0.0
    first: NDArray[np.float64] = np.array(one, np.float64)
    second: NDArray[np.float64] = np.array(two, np.float64)
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = [float(np.prod(np.maximum(box[2:] - box[:2], 0))) for box in (first, second)]
    return shared / max(sum(areas) - shared, 1e-9)
