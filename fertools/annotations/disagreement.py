"""The items on which raters disagree most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fertools.annotations.matrix import AXES, Ratings, run_starts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FaceRating:
    """The annotation of one face by one rater; None for what the rater did not rate.

    Attributes:
        valence: valence, -1 to 1, rounded to four decimals.
        arousal: arousal, -1 to 1, rounded to four decimals.
        emotion: name of the emotion.
    """

    valence: float | None = None
    arousal: float | None = None
    emotion: str | None = None


@dataclass(frozen=True)
class Disagreement:
    """A face, or the trace of a video, on which raters disagree.

    Attributes:
        about: `faces` or `traces`.
        source_id: source of the face or the trace; None if it is unknown.
        source: path of the source; None if it is unknown.
        frame_index: frame of the face, or the frame of the trace with the largest spread.
        spread: root of the summed variances of both axes over raters; for a trace, the mean over its frames. None if
            no two raters rated the face's valence and arousal.
        face_id: the face; None for a trace.
        pts_s: time of the frame of a trace in seconds; None for a face.
        named_otherwise: share of the raters who chose another emotion than the most frequent one, 0 to 1; None for a
            trace and without two labels.
        ratings: annotation of a face by rater; empty for a trace.
    """

    about: str
    source_id: str | None
    source: str | None
    frame_index: int | None
    spread: float | None
    face_id: str | None = None
    pts_s: float | None = None
    named_otherwise: float | None = None
    ratings: Mapping[str, FaceRating] = field(default_factory=dict)


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


def most_disputed_faces(ratings: Ratings, count: int, paths: Mapping[str, str]) -> list[Disagreement]:
    """Return the faces with the largest disagreement, largest first.

    Faces are sorted by the spread of the raters' points, then by the share of raters who chose another expression than
    the most frequent one.

    Args:
        ratings: ratings of faces.
        count: how many faces to return at most.
        paths: paths of the sources by their ID.
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
        given = {rater: _rating(ratings, row, column) for column, rater in enumerate(ratings.raters)}
        source_id = _or_none(item["source_id"])
        found.append(
            Disagreement(
                about="faces",
                source_id=source_id,
                source=paths.get(source_id),
                frame_index=_or_none(item["frame_index"], int),
                spread=_or_none(spread[row], float),
                face_id=item["face_id"],
                named_otherwise=_or_none(otherwise[row], float),
                ratings={rater: rating for rater, rating in given.items() if rating != FaceRating()},
            )
        )
    return found


def most_disputed_videos(ratings: Ratings, count: int, paths: Mapping[str, str]) -> list[Disagreement]:
    """Return the videos with the largest disagreement of traces, largest first.

    Args:
        ratings: ratings of frames.
        count: how many videos to return at most.
        paths: paths of the sources by their ID.
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
        found.append(
            Disagreement(
                about="traces",
                source_id=item["source_id"],
                source=paths.get(item["source_id"]),
                frame_index=int(item["frame_index"]),
                spread=mean,
                pts_s=float(item["pts_s"]),
            )
        )
    return found


def _rating(ratings: Ratings, row: int, column: int) -> FaceRating:
    values = [float(ratings.by_axis[axis][row, column]) for axis in AXES]
    valence, arousal = (round(value, 4) if np.isfinite(value) else None for value in values)
    code = int(ratings.emotion[row, column])
    return FaceRating(valence, arousal, ratings.labels[code] if code >= 0 else None)


def _or_none(value: Any, kind: type = str) -> Any:
    return None if value is None or value != value else kind(value)
