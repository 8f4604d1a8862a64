"""The items on which raters disagree most."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fertools.annotations.matrix import AXES, Ratings, run_starts

Floats = npt.NDArray[np.float64]


def spread_of(values: Floats) -> Floats:
    """Return the standard deviation over raters (n - 1) of N x K ratings; NaN for fewer than two ratings."""
    given = np.isfinite(values)
    count = given.sum(axis=1)
    x = np.where(given, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = x.sum(axis=1) / count
        squares = (np.where(given, x - mean[:, None], 0.0) ** 2).sum(axis=1)
        return np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)


def _distance(ratings: Ratings) -> Floats:
    """Return the spread of the raters' points: the root of the sum of the variances of both axes."""
    with np.errstate(invalid="ignore"):
        squares = np.stack([spread_of(ratings.by_axis[axis]) ** 2 for axis in AXES])
    known = np.isfinite(squares)
    return np.where(known.any(axis=0), np.sqrt(np.where(known, squares, 0.0).sum(axis=0)), np.nan)


def most_disputed_faces(ratings: Ratings, count: int) -> list[dict[str, Any]]:
    """Return the faces with the largest disagreement, largest first.

    Faces are sorted by the spread of the raters' points, then by the share of raters who chose another expression than
    the most frequent one.

    Returns:
        For each face `face_id`, `source_id`, `frame_index`, `spread`, `named_otherwise`, and `said`, the annotation of
        each rater.
    """
    spread = _distance(ratings)
    named = np.stack([(ratings.emotion == label).sum(axis=1) for label in range(len(ratings.labels))] or [[0]])
    total = (ratings.emotion >= 0).sum(axis=1)
    otherwise = np.where(total > 1, 1 - named.max(axis=0) / np.maximum(total, 1), np.nan)
    order = np.lexsort((-np.nan_to_num(otherwise), -np.nan_to_num(spread)))
    found = []
    for row in order[:count].tolist():
        if not (spread[row] > 0 or otherwise[row] > 0):
            break
        item = ratings.items.iloc[row]
        said = {rater: _said(ratings, row, column) for column, rater in enumerate(ratings.raters)}
        found.append(
            {
                "about": "faces",
                "face_id": item["face_id"],
                "source_id": _or_none(item["source_id"]),
                "frame_index": _or_none(item["frame_index"], int),
                "spread": _or_none(spread[row], float),
                "named_otherwise": _or_none(otherwise[row], float),
                "said": {rater: answer for rater, answer in said.items() if answer},
            }
        )
    return found


def most_disputed_videos(ratings: Ratings, count: int) -> list[dict[str, Any]]:
    """Return the videos with the largest disagreement of traces, largest first.

    Returns:
        For each video `source_id`, `spread` (mean over its frames), and `frame_index` and `pts_s` of the frame with the
        largest spread.
    """
    spread, starts = _distance(ratings), run_starts(ratings.videos)
    means = []
    for start, stop in zip(starts.tolist(), [*starts.tolist()[1:], len(ratings)], strict=False):
        own = spread[start:stop]
        if np.isfinite(own).any():
            means.append((float(np.nanmean(own)), start + int(np.nanargmax(own))))
    found = []
    for mean, row in sorted(means, key=lambda one: (-one[0], one[1]))[:count]:
        item = ratings.items.iloc[row]
        place = {"frame_index": int(item["frame_index"]), "pts_s": float(item["pts_s"])}
        found.append({"about": "traces", "source_id": item["source_id"], "spread": mean, **place})
    return found


def _said(ratings: Ratings, row: int, column: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        axis: round(float(value), 4) for axis in AXES if np.isfinite(value := ratings.by_axis[axis][row, column])
    }
    if (code := int(ratings.emotion[row, column])) >= 0:
        said["emotion"] = ratings.labels[code]
    return said


def _or_none(value: Any, kind: type = str) -> Any:
    return None if value is None or value != value else kind(value)
