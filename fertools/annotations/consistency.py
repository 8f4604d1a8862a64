"""How raters agree with themselves, and how strongly suggestions attract their ratings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.log import RatingLog
from fertools.annotations.matrix import AXES
from fertools.statistics.concordance import concordance, correlation
from fertools.statistics.intervals import mean_difference_interval
from fertools.statistics.jackknife import FEWEST_GROUPS

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AxisConsistency:
    """How far the first and the second rating of the same faces agree on one axis; None where it is undefined.

    Attributes:
        ccc: concordance correlation, -1 to 1.
        pcc: Pearson correlation, -1 to 1.
        mean_difference: mean absolute difference, 0 to 2.
    """

    ccc: float | None
    pcc: float | None
    mean_difference: float | None


@dataclass(frozen=True)
class RaterConsistency:
    """How far a rater agrees with their own repeated ratings of the calibration set.

    Attributes:
        rater: name of the rater.
        faces: number of faces with two ratings of valence and arousal.
        valence: agreement of the two ratings of valence.
        arousal: agreement of the two ratings of arousal.
        faces_named: number of faces with two emotion labels.
        same_emotion: share of these with equal labels, 0 to 1; None without such faces.
    """

    rater: str
    faces: int
    valence: AxisConsistency
    arousal: AxisConsistency
    faces_named: int
    same_emotion: float | None


@dataclass(frozen=True)
class Anchoring:
    """How much closer ratings are to a suggestion that was shown than to one that was hidden.

    Attributes:
        rater: name of the rater; `all` for all raters together.
        shown: number of ratings with a shown suggestion.
        hidden: number of ratings with a hidden suggestion.
        distance_shown: mean distance of rating and shown suggestion in the plane of valence and arousal.
        distance_hidden: mean distance of rating and hidden suggestion.
        pull: `distance_hidden` minus `distance_shown`; above 0 if suggestions attract ratings.
        low: lower end of the 95 % interval of `pull`; None with fewer than five ratings of a kind.
        high: upper end of the interval.
        accepted: share of the shown suggestions that were accepted unchanged, 0 to 1.
    """

    rater: str
    shown: int
    hidden: int
    distance_shown: float
    distance_hidden: float
    pull: float
    low: float | None
    high: float | None
    accepted: float


def measure_consistency(current: pa.Table, raters: Sequence[str]) -> list[RaterConsistency]:
    """Return the agreement of each rater with their own repeated ratings of the calibration set.

    Args:
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        raters: names of the raters.

    Returns:
        One entry for each rater with repeated ratings.
    """
    twice = pa.array(["calibration", "repeat"])
    table = current.filter(pc.and_(pc.equal(current["kind"], "face"), pc.is_in(current["part"], value_set=twice)))
    frame = table.select(["rater", "part", "face_id", "emotion", *AXES]).to_pandas()
    first, again = (frame[frame["part"] == part].drop(columns="part") for part in ("calibration", "repeat"))
    both = first.merge(again, on=["rater", "face_id"], suffixes=("", "_again"))
    found = []
    for rater in raters:
        own = both[both["rater"] == rater]
        rated = own[own["valence"].notna() & own["valence_again"].notna()]
        named = own[own["emotion"].notna() & own["emotion_again"].notna()]
        if rated.empty and named.empty:
            continue
        valence, arousal = (_on_axis(rated, axis) for axis in AXES)
        same = float((named["emotion"] == named["emotion_again"]).mean()) if len(named) else None
        found.append(RaterConsistency(rater, len(rated), valence, arousal, len(named), same))
    return found


def _on_axis(rated: pd.DataFrame, axis: str) -> AxisConsistency:
    one, other = rated[axis].to_numpy(np.float64), rated[f"{axis}_again"].to_numpy(np.float64)
    return AxisConsistency(
        _number(concordance(one, other)),
        _number(correlation(one, other)),
        _number(float(np.abs(one - other).mean())) if len(one) else None,
    )


def measure_anchoring(log: RatingLog, current: pa.Table, raters: Sequence[str]) -> list[Anchoring]:
    """Return how much closer ratings are to a suggestion that was shown than to one that was hidden.

    A `pull` above 0 whose interval excludes 0 means that suggestions influenced the ratings.

    Args:
        log: the log with the suggestions.
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        raters: names of the raters.

    Returns:
        One entry for all raters together, then one for each rater, if there are ratings of both kinds.
    """
    seen = _suggestions(log)
    table = current.filter(pc.and_(pc.equal(current["kind"], "face"), pc.is_valid(current["suggestion"])))
    frame = table.select(["rater", "part", "face_id", "suggestion", "accepted", *AXES]).to_pandas()
    frame = frame[frame["valence"].notna() & frame["rater"].isin(list(raters))]
    frame = frame.merge(seen, on=["rater", "part", "face_id"])
    frame["distance"] = np.hypot(
        frame["valence"] - frame["suggestion_valence"], frame["arousal"] - frame["suggestion_arousal"]
    )
    found = []
    for rater, own in [("all", frame), *((rater, frame[frame["rater"] == rater]) for rater in raters)]:
        shown = own[own["suggestion"] == "shown"]
        near, far = (
            own.loc[own["suggestion"] == kind, "distance"].to_numpy(np.float64) for kind in ("shown", "hidden")
        )
        if not len(near) or not len(far):
            continue
        enough = min(len(near), len(far)) >= FEWEST_GROUPS
        low, high = (mean_difference_interval(far, near) if enough else None) or (None, None)
        found.append(
            Anchoring(
                rater=rater,
                shown=len(near),
                hidden=len(far),
                distance_shown=float(near.mean()),
                distance_hidden=float(far.mean()),
                pull=float(far.mean() - near.mean()),
                low=low,
                high=high,
                accepted=float(shown["accepted"].mean()),
            )
        )
    return found


def _suggestions(log: RatingLog) -> pd.DataFrame:
    """Return the last suggestion per rater, part and face, shown or hidden."""
    rows = log.connection.execute(
        "SELECT rater, part, value, "
        "json_extract(body, '$.suggestion.valence'), json_extract(body, '$.suggestion.arousal') "
        "FROM events, json_each(body, '$.faces') WHERE events.kind = 'shown' "
        "AND json_extract(body, '$.suggestion.valence') IS NOT NULL ORDER BY done_ms, number"
    ).fetchall()
    names = ["rater", "part", "face_id", "suggestion_valence", "suggestion_arousal"]
    table = pd.DataFrame(rows, columns=names).astype({"suggestion_valence": float, "suggestion_arousal": float})
    return table.drop_duplicates(names[:3], keep="last")


def _number(value: float) -> float | None:
    return None if value != value else value
