"""Find the tracks of a video that may be one person: a tracker that loses a face starts a new track.

Two tracks in one frame are two people. Two tracks that no frame shows together may be one person, and so may two that
a third one connects in this way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from fertools.manifests.column_codes import Integers


def possibly_same(sources: Integers, frames: Integers, subjects: Integers) -> tuple[Integers, Integers]:
    """Return pairs of subjects that connect all subjects of one video which may be one person.

    Args:
        sources: N source numbers of faces whose subjects are tracks.
        frames: N frame numbers.
        subjects: N subject numbers.

    Returns:
        The first and the second subject of each pair.

    Example:
        >>> first, second = possibly_same(np.zeros(3, np.int64), np.array([0, 0, 9]), np.array([0, 1, 2]))
        >>> sorted(map(sorted, zip(first.tolist(), second.tolist())))
        [[0, 2], [1, 2]]
    """
    count = int(subjects.max(initial=-1)) + 1
    # A member is a subject in a video. Members are numbered video by video.
    members, member = np.unique(sources * count + subjects, return_inverse=True)
    begins = np.flatnonzero(np.diff(members // max(1, count), prepend=-1))
    sizes = np.diff(begins, append=len(members))
    first, second = _seen_together(sources, frames, member)
    lows, highs = np.searchsorted(first, begins), np.searchsorted(first, begins + sizes)
    # Most videos show one track, or all of their tracks together; these need no search.
    searched = highs - lows < sizes * (sizes - 1) // 2
    found: list[tuple[int, int]] = []
    for begin, size, low, high in np.column_stack([begins, sizes, lows, highs])[searched].tolist():
        together = zip(first[low:high].tolist(), second[low:high].tolist(), strict=True)
        found += _connect(range(begin, begin + size), together)
    pairs = members[np.array(found, np.int64).reshape(-1, 2)] % max(1, count)
    return pairs[:, 0], pairs[:, 1]


def _seen_together(sources: Integers, frames: Integers, member: Integers) -> tuple[Integers, Integers]:
    """Return the smaller and the larger member of each pair that a frame shows, without repeats and in order."""
    frame = sources * (frames.max(initial=0) + 2) + frames + 1
    order = np.argsort(frame, kind="stable")
    frame, member, count = frame[order], member[order], int(member.max(initial=-1)) + 1
    found = [np.empty(0, np.int64)]
    rows, step = np.arange(len(order)), 1
    while len(rows):
        # Faces of one frame are neighbours. Each round pairs a face with the one `step` places further.
        rows = rows[rows + step < len(order)]
        rows = rows[frame[rows] == frame[rows + step]]
        one, other = member[rows], member[rows + step]
        found.append(np.unique((np.minimum(one, other) * count + np.maximum(one, other))[one != other]))
        step += 1
    pairs = np.unique(np.concatenate(found))
    return pairs // max(1, count), pairs % max(1, count)


def _connect(members: Iterable[int], together: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield pairs that connect the members of one video which may be one person.

    The search walks the complement of the graph "seen in one frame" without building it. Each step visits the subjects
    that are not reached yet, except those seen together with the current subject.
    """
    seen_with: dict[int, set[int]] = defaultdict(set)
    for one, other in together:
        seen_with[one].add(other)
        seen_with[other].add(one)
    unreached = set(members)
    waiting: list[int] = []
    while unreached:
        subject = waiting.pop() if waiting else unreached.pop()
        unreached.discard(subject)
        reached = unreached - seen_with[subject]
        unreached -= reached
        waiting.extend(reached)
        for other in reached:
            yield subject, other
