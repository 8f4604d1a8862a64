"""The metrics of a method that was trained several times with other seeds, as one row of a table.

The seeds of a fold share its test faces and most of its training faces. They are one cluster, not several results. So a
fold counts once, with the mean over its seeds. Intervals over people keep all seeds of a person together.

Repeats may also have other folds. Then the folds of one number are one cluster, although they hold different people.
Their number stays that of the folds, so repeats do not make the interval narrower than the folds allow. The interval
over people does not depend on which people share a fold.
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
from fertools.training.evaluation.sequence_votes import intervals_of_votes


def score_repeats(repeats: Sequence[Predictions]) -> Metrics:
    """Return the metrics of one method over its repeats.

    Args:
        repeats: the predictions of all folds, once for each seed.

    Returns:
        The result of `compute_metrics`. If there are several repeats, each measure is the mean over them, in each fold
        and pooled, with the interval of that mean. Curves and confusion matrices cover all repeats. `classification`
        has `repeats`: their `count`, whether they have `new_folds`, and for each measure the `mean` and the standard
        deviation `sd` of the pooled values. `faces` counts each face once.

    Raises:
        InputError: no face has both a prediction and a label.
    """
    first = repeats[0]
    if len(repeats) == 1:
        return compute_metrics(first)
    # Each repeat votes on its own: a sequence has a name in each.
    tables = [_named_apart(run.table, number) for number, run in enumerate(repeats)]
    together = compute_metrics(replace(first, table=pa.concat_tables(tables).combine_chunks()))
    alone = [compute_metrics(run) for run in repeats]
    together |= {"faces": alone[0]["faces"], "nameless": alone[0]["nameless"]}
    if (found := together.get("classification")) is not None:
        each = [scores["classification"] for scores in alone]
        new_folds = any((run.folds() != first.folds()).any() for run in repeats if len(run.table) == len(first.table))
        found |= {"faces": each[0]["faces"], "left_out": each[0]["left_out"]}
        for number, part in enumerate(found["by_fold"]):
            lines = [scores["by_fold"][number] for scores in each]
            part |= {key: round(float(np.mean([line[key] for line in lines]))) for key in ("faces", "subjects")}
            part["measures"] = {name: _mean([line["measures"][name] for line in lines]) for name in part["measures"]}
        spread, people = {}, intervals_over_people(repeats)["measures"]
        for name, entry in found["measures"].items():
            values = [scores["measures"][name]["pooled"] for scores in each]
            entry["pooled"], entry["people"] = _mean(values), people.get(name)
            entry["folds"] = interval_over_folds(part["measures"][name] for part in found["by_fold"])
            seeds = mean_over_folds([float("nan") if value is None else value for value in values])
            spread[name] = {"mean": seeds.mean, "sd": seeds.sd} if seeds else None
        found["repeats"] = {"count": len(repeats), "new_folds": new_folds, "measures": spread}
        if new_folds:
            # Guessing by the frequencies of the training faces needs one set of folds.
            found["baselines"] = each[0]["baselines"]
    if (voted := together.get("sequences")) is not None:
        each = [scores["sequences"] for scores in alone]
        voted |= {key: each[0][key] for key in ("sequences", "frames", "mixed")}
        for number, part in enumerate(voted["by_fold"]):
            lines = [scores["by_fold"][number] for scores in each]
            part["sequences"] = round(float(np.mean([line["sequences"] for line in lines])))
            part["measures"] = {name: _mean([line["measures"][name] for line in lines]) for name in part["measures"]}
        over_people = intervals_of_votes(repeats)
        for name, entry in voted["measures"].items():
            entry["pooled"] = _mean([scores["measures"][name]["pooled"] for scores in each])
            entry["people"] = over_people[name]
            entry["folds"] = interval_over_folds(part["measures"][name] for part in voted["by_fold"])
    for axis, entry in together.get("valence_arousal", {}).items():
        each = [scores["valence_arousal"][axis] for scores in alone]
        entry["faces"] = each[0]["faces"]
    return together


def _named_apart(table: pa.Table, number: int) -> pa.Table:
    names = [None if name is None else f"{number} {name}" for name in table["sequence"].to_pylist()]
    return table.set_column(table.column_names.index("sequence"), "sequence", pa.array(names, pa.string()))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
