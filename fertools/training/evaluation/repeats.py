"""The metrics of a method that was trained several times with other seeds, as one row of a table.

The seeds of a fold share its test faces and most of its training faces. They are one cluster, not several results. So a
fold counts once, with the mean over its seeds. Intervals over people keep all seeds of a person together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from fertools.statistics.intervals import mean_over_folds
from fertools.training.evaluation.prediction_metrics import (
    Metrics,
    compute_metrics,
    interval_over_folds,
    intervals_over_people,
)
from fertools.training.evaluation.predictions import Predictions


def score_repeats(repeats: Sequence[Predictions]) -> Metrics:
    """Return the metrics of one method over its repeats.

    Args:
        repeats: the predictions of all folds, once for each seed.

    Returns:
        The result of `compute_metrics`. If there are several repeats, each measure is the mean over them, in each fold
        and pooled, with the interval of that mean. Curves and confusion matrices cover all repeats. `classification`
        has `repeats`: for each measure the `mean` and the standard deviation `sd` of the pooled values over seeds.
        `faces` counts each face once.

    Raises:
        InputError: no face has both a prediction and a label.
    """
    first = repeats[0]
    if len(repeats) == 1:
        return compute_metrics(first)
    together = compute_metrics(replace(first, table=pa.concat_tables([run.table for run in repeats]).combine_chunks()))
    alone = [compute_metrics(run) for run in repeats]
    together |= {"faces": alone[0]["faces"], "nameless": alone[0]["nameless"]}
    if (found := together.get("classification")) is not None:
        each = [scores["classification"] for scores in alone]
        found |= {"faces": each[0]["faces"], "left_out": each[0]["left_out"]}
        for number, part in enumerate(found["by_fold"]):
            lines = [scores["by_fold"][number] for scores in each]
            part["faces"] = lines[0]["faces"]
            part["measures"] = {name: _mean([line["measures"][name] for line in lines]) for name in part["measures"]}
        spread, people = {}, intervals_over_people(repeats)["measures"]
        for name, entry in found["measures"].items():
            values = [scores["measures"][name]["pooled"] for scores in each]
            entry["pooled"], entry["people"] = _mean(values), people.get(name)
            entry["folds"] = interval_over_folds(part["measures"][name] for part in found["by_fold"])
            seeds = mean_over_folds([float("nan") if value is None else value for value in values])
            spread[name] = {"mean": seeds.mean, "sd": seeds.sd} if seeds else None
        found["repeats"] = {"count": len(repeats), "measures": spread}
    for axis, entry in together.get("valence_arousal", {}).items():
        each = [scores["valence_arousal"][axis] for scores in alone]
        entry["faces"] = each[0]["faces"]
    return together


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
