"""How raters agree with themselves, and how strongly suggestions attract their ratings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def measure_consistency(current: pa.Table, raters: Sequence[str]) -> list[dict[str, Any]]:
    """Return the agreement of each rater with their own repeated ratings of the calibration set.

    Args:
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        raters: names of the raters.

    Returns:
        For each rater with repeats: `rater` and `faces`; for each axis `ccc`, `pcc` and `mean_difference` (mean
        absolute difference); `faces_named` and `same_emotion` (share of equal labels). Undefined values are None.
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
        row: dict[str, Any] = {"rater": rater, "faces": len(rated)}
        for axis in AXES:
            one, other = rated[axis].to_numpy(np.float64), rated[f"{axis}_again"].to_numpy(np.float64)
            row[axis] = {
                "ccc": _number(concordance(one, other)),
                "pcc": _number(correlation(one, other)),
                "mean_difference": _number(float(np.abs(one - other).mean())) if len(one) else None,
            }
        same = float((named["emotion"] == named["emotion_again"]).mean()) if len(named) else None
        found.append({**row, "faces_named": len(named), "same_emotion": same})
    return found


def measure_anchoring(log: RatingLog, current: pa.Table, raters: Sequence[str]) -> list[dict[str, Any]]:
    """Return how much closer ratings are to a suggestion that was shown than to one that was hidden.

    A `pull` above 0 whose interval excludes 0 means that suggestions influenced the ratings.

    Args:
        log: the log with the suggestions.
        current: current annotations, rows of CURRENT_SCHEMA in `fertools.annotations.current`.
        raters: names of the raters.

    Returns:
        For all raters together (`rater` is `all`) and for each rater with ratings of both kinds: `shown` and `hidden`
        (numbers of ratings), `distance_shown` and `distance_hidden` (mean distance in the plane), `pull` (the second
        minus the first), its 95 % interval `low` and `high` (None with fewer than five ratings of a kind), and
        `accepted` (share of shown suggestions that were accepted unchanged).
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
            {
                "rater": rater,
                "shown": len(near),
                "hidden": len(far),
                "distance_shown": float(near.mean()),
                "distance_hidden": float(far.mean()),
                "pull": float(far.mean() - near.mean()),
                "low": low,
                "high": high,
                "accepted": float(shown["accepted"].mean()),
            }
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
