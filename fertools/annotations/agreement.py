"""Agreement of raters: over all raters, per pair and per rater, with intervals over videos.

Every measure is computed from sums per video (`fertools.statistics`), so one pass over the items is enough.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fertools.annotations.consistency import Anchoring, RaterConsistency, measure_anchoring, measure_consistency
from fertools.annotations.current import current_annotations
from fertools.annotations.disagreement import Disagreement, most_disputed_faces, most_disputed_videos
from fertools.annotations.log import RatingLog
from fertools.annotations.matrix import AXES, Ratings, choose_raters, face_ratings, first_differences, trace_ratings
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.statistics.concordance import PAIR_SUMS, concordance_of, correlation_of, pair_terms
from fertools.statistics.jackknife import FEW_GROUPS, FEWEST_GROUPS, Scale, jackknife_intervals
from fertools.statistics.rater_agreement import (
    ICC_NAMES,
    alpha_interval_of,
    alpha_nominal_of,
    icc_of,
    icc_terms,
    interval_terms,
    nominal_terms,
)
from fertools.statistics.sums import group_sums

Floats = npt.NDArray[np.float64]

_SCALES: dict[str, Scale] = {"ccc": "correlation", "pcc": "correlation", "same": "share"}
"""Range of each measure; other measures have no lower bound."""
MEASURES = ("ccc", "pcc", *ICC_NAMES, "alpha")
"""Measures of an axis. The emotion has `alpha` and `same`, the share of pairs with the same label."""


@dataclass(frozen=True)
class Estimate:
    """An estimate of agreement.

    Attributes:
        about: the compared items: `faces`, `traces`, `trace differences` or `emotion`.
        axis: `valence`, `arousal` or `emotion`.
        who: the compared raters: `all`, a pair such as `anna & ben`, or one such as `anna`.
        measure: name of the measure: one of MEASURES, or `same`.
        value: the estimate; None if it is undefined.
        low: lower end of the 95 % interval; None with fewer than five videos, or if it is undefined.
        high: upper end of the 95 % interval; None if there is no lower end.
        items: number of items.
    """

    about: str
    axis: str
    who: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    items: int


@dataclass(frozen=True)
class Agreement:
    """The result of `measure_agreement`.

    Attributes:
        raters: names of the compared raters.
        videos: number of sources, by `Estimate.about`.
        estimates: estimates over all raters first, then of pairs, then of single raters.
        disagreements: the items with the largest disagreement, largest first, faces before traces.
        consistency: per rater, the agreement with their own repeated ratings.
        anchoring: per rater, the influence of suggestions.
        notes: sentences about what could not be computed, and why.
    """

    raters: tuple[str, ...]
    videos: dict[str, int]
    estimates: list[Estimate]
    disagreements: list[Disagreement]
    consistency: list[RaterConsistency]
    anchoring: list[Anchoring]
    notes: list[str]


def measure_agreement(
    workspace: WorkspaceLike,
    *,
    raters: Sequence[str] = (),
    disagreements: int = 10,
) -> Agreement:
    """Return the agreement of the raters of a workspace.

    Args:
        workspace: the workspace of the log of ratings.
        raters: names of the raters to compare; empty for all.
        disagreements: how many items to list, faces and videos each, largest disagreement first.

    Raises:
        InputError: there is no log, a rater is unknown, or no item was rated by two raters.
    """
    workspace = Workspace(workspace)
    if disagreements < 0:
        raise InputError(f"{argument('disagreements')} is {disagreements}; give 0 or more")
    with RatingLog(workspace.ratings_log, existing=True) as log:
        table = current_annotations(log, workspace)
        chosen = choose_raters(table, raters)
        if len(chosen) < 2:
            who = f"only {chosen[0]} has" if chosen else "nobody has"
            raise InputError(
                f"agreement needs the answers of two raters or more, and {who} answered in {workspace.ratings_log}; "
                "let another rate the same faces with `fertools annotate --va`"
            )
        consistency, anchoring = measure_consistency(table, chosen), measure_anchoring(log, table, chosen)
    faces, traces = face_ratings(table, chosen), trace_ratings(table, chosen)
    parts = {"faces": faces, "traces": traces, "trace differences": first_differences(traces)}
    estimates: list[Estimate] = []
    videos: dict[str, int] = {}
    for about, ratings in parts.items():
        found = axis_estimates(about, ratings)
        videos |= {about: int(ratings.videos.max()) + 1} if found else {}
        estimates += found
    named = emotion_estimates(faces)
    videos |= {"emotion": int(faces.videos.max()) + 1} if named else {}
    estimates += named
    if not estimates:
        raise InputError(
            f"no face and no frame was answered by two of {', '.join(chosen)}, so there is nothing to compare; "
            "raise the share that all get with `fertools annotate --va --overlap 0.2`, or let them rate on"
        )
    notes = _notes(estimates, videos)
    paths = dict(zip(*store.read_sources(workspace, ("source_id", "path")).to_pydict().values(), strict=True))
    return Agreement(
        chosen,
        videos,
        estimates,
        [*most_disputed_faces(faces, disagreements, paths), *most_disputed_videos(traces, disagreements, paths)],
        consistency,
        anchoring,
        notes,
    )


def axis_estimates(about: str, ratings: Ratings) -> list[Estimate]:
    """Return CCC, PCC, ICC and interval alpha of both axes; empty if no item has two values.

    CCC and PCC over all raters are means over pairs; those of a rater compare with the mean of the others. ICC uses the
    items that all raters rated, alpha those that two or more raters rated.
    """
    found = []
    for axis in AXES:
        values = ratings.by_axis[axis]
        given = np.isfinite(values)
        if len(values) and (given.sum(axis=1) > 1).any():
            found += _one_axis(about, axis, ratings, values - values[given].mean())
    return sorted(found, key=_rank)


def _one_axis(about: str, axis: str, ratings: Ratings, values: Floats) -> list[Estimate]:
    raters, videos = ratings.raters, ratings.videos
    pairs = list(itertools.combinations(range(len(raters)), 2))
    compared = [(values[:, one], values[:, other]) for one, other in pairs]
    compared += [(values[:, one], _mean_of_others(values, one)) for one in range(len(raters))]
    sums = [group_sums(videos, pair_terms(one, other)) for one, other in compared]
    sums += [group_sums(videos, icc_terms(values)), group_sums(videos, interval_terms(values))]
    table = np.concatenate(sums, axis=1)

    def evaluate(totals: Floats) -> Floats:
        two = totals[..., : PAIR_SUMS * len(compared)].reshape(*totals.shape[:-1], len(compared), PAIR_SUMS)
        rest = totals[..., PAIR_SUMS * len(compared) :]
        ccc, pcc = concordance_of(two), correlation_of(two)
        over_all = [_mean(one[..., : len(pairs)]) for one in (ccc, pcc)]
        alpha = alpha_interval_of(rest[..., len(raters) + 3 :])
        return np.concatenate(
            [np.stack(over_all, axis=-1), icc_of(rest[..., : len(raters) + 3]), alpha[..., None], ccc, pcc], axis=-1
        )

    total = table.sum(axis=0)
    complete, paired = int(total[PAIR_SUMS * len(compared)]), int((np.isfinite(values).sum(axis=1) > 1).sum())
    keys = [("all", name, complete if name in ICC_NAMES else paired) for name in MEASURES]
    who = [f"{raters[one]} & {raters[other]}" for one, other in pairs] + list(raters)
    common = [int(total[PAIR_SUMS * number]) for number in range(len(compared))]
    keys += [(name, measure, count) for measure in ("ccc", "pcc") for name, count in zip(who, common, strict=True)]
    return _estimates(about, axis, keys, table, evaluate)


def emotion_estimates(ratings: Ratings) -> list[Estimate]:
    """Return nominal alpha and the share of equal labels, over all, per pair and per rater; empty without overlap."""
    codes, raters = ratings.emotion, ratings.raters
    if not len(codes) or not ((codes >= 0).sum(axis=1) > 1).any():
        return []
    labels, videos = len(ratings.labels), ratings.videos
    pairs = list(itertools.combinations(range(len(raters)), 2))
    sums = [group_sums(videos, nominal_terms(codes, labels))]
    sums += [group_sums(videos, nominal_terms(codes[:, list(pair)], labels)) for pair in pairs]
    table = np.concatenate(sums, axis=1)

    def evaluate(totals: Floats) -> Floats:
        blocks = totals.reshape(*totals.shape[:-1], 1 + len(pairs), labels + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            same = 1 - blocks[..., -1] / blocks[..., :-1].sum(axis=-1)
        shares = [
            _mean(same[..., [1 + n for n, pair in enumerate(pairs) if one in pair]]) for one in range(len(raters))
        ]
        return np.concatenate([alpha_nominal_of(blocks), same, np.stack(shares, axis=-1)], axis=-1)

    counts = table.sum(axis=0).reshape(1 + len(pairs), labels + 1)[:, :-1].sum(axis=1)
    common = [int(((codes >= 0).sum(axis=1) > 1).sum()), *(int(count) // 2 for count in counts[1:])]
    who = ["all", *(f"{raters[one]} & {raters[other]}" for one, other in pairs)]
    keys = [(name, measure, count) for measure in ("alpha", "same") for name, count in zip(who, common, strict=True)]
    others = [sum(common[1 + n] for n, pair in enumerate(pairs) if one in pair) for one in range(len(raters))]
    keys += [(rater, "same", count) for rater, count in zip(raters, others, strict=True)]
    found = _estimates("emotion", "emotion", keys, table, evaluate)
    return sorted(found, key=_rank)


def _estimates(
    about: str,
    axis: str,
    keys: list[tuple[str, str, int]],
    table: Floats,
    evaluate: Callable[[Floats], Floats],
) -> list[Estimate]:
    values = evaluate(table.sum(axis=0))
    intervals = jackknife_intervals(table, evaluate, [_SCALES.get(measure, "reliability") for _, measure, _ in keys])
    return [
        Estimate(
            about,
            axis,
            who,
            measure,
            None if np.isnan(value) else float(value),
            ends.low if ends else None,
            ends.high if ends else None,
            count,
        )
        for (who, measure, count), value, ends in zip(keys, values, intervals, strict=True)
    ]


def _rank(one: Estimate) -> int:
    """Return the sort rank of an estimate: 0 over all raters, 1 of a pair, 2 of a rater."""
    return 1 if " & " in one.who else 0 if one.who == "all" else 2


def _mean_of_others(values: Floats, rater: int) -> Floats:
    others = np.delete(values, rater, axis=1)
    given = np.isfinite(others)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(given, others, 0.0).sum(axis=1) / given.sum(axis=1)
    return mean


def _mean(values: Floats) -> Floats:
    """Return the mean over the last axis, ignoring undefined values."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1)
    return mean


def _notes(estimates: list[Estimate], videos: dict[str, int]) -> list[str]:
    notes = []
    for about in videos:
        own = [one for one in estimates if one.about == about and one.who == "all"]
        if videos[about] < FEWEST_GROUPS:
            count = "one video" if videos[about] == 1 else f"{videos[about]} videos"
            notes.append(f"{about}: {count}, and an interval needs {FEWEST_GROUPS} or more")
        elif videos[about] < FEW_GROUPS:
            notes.append(f"{about}: intervals from {videos[about]} videos are rough; with {FEW_GROUPS} they are not")
        if any(one.measure in ICC_NAMES and one.items < 2 for one in own):
            notes.append(
                f"{about}: fewer than two items were rated by all, which ICC needs; name raters who share more"
            )
        unknown = [one for one in estimates if one.about == about and " & " in one.who and one.items < 2]
        if unknown:
            who = ", ".join(dict.fromkeys(one.who for one in unknown))
            notes.append(f"{about}: fewer than two items in common between {who}")
    return notes
