"""Tables of the metrics of runs that predict: side by side, one run in detail, and tests between runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fertools.statistics.jackknife import FEW_GROUPS, FEWEST_GROUPS
from fertools.training.evaluation.breakdowns import QUALITIES
from fertools.training.evaluation.prediction_metrics import AGREEMENTS, METRICS, Metrics
from fertools.training.evaluation.sequence_votes import DECISIONS
from fertools.training.reports.table_formatting import ResultTable

BASELINES = {"majority": "always the majority", "prior": "guessing by frequency"}
"""Names of the baselines that use no image."""
_SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "ece", "nll")
MISSING = "–"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as tables show it, a dash for none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def with_half_width(entry: Mapping[str, Any] | None) -> str:
    """Return `mean ± half` of an interval over folds; the mean alone of one fold.

    Example:
        >>> with_half_width({"mean": 0.5, "low": 0.45, "high": 0.55})
        '0.500 ± 0.050'
    """
    if entry is None:
        return MISSING
    reach = "" if entry["low"] is None else f" ± {(entry['high'] - entry['low']) / 2:.3f}"
    return number(entry["mean"]) + reach


def with_interval(value: float | None, ends: Mapping[str, float] | None) -> str:
    """Return a number and the ends of its interval.

    Example:
        >>> with_interval(0.5, {"low": 0.4, "high": 0.65})
        '0.500 [0.400, 0.650]'
    """
    return number(value) + (f" [{ends['low']:.3f}, {ends['high']:.3f}]" if ends and value is not None else "")


def interval_note(*parts: Any) -> str:
    """Return a note on the intervals in brackets, and whether there are enough people for them.

    Args:
        parts: parts of the metrics that have the intervals.

    Example:
        >>> interval_note({"accuracy": {"pooled": 0.5, "people": {"low": 0.4, "high": 0.6, "groups": 30}}})
        'In brackets: 95 % interval over people.'
    """
    if not (counts := list(_group_counts(parts))):
        return f"With fewer than {FEWEST_GROUPS} people there is no interval."
    remark = "" if min(counts) >= FEW_GROUPS else f"; with fewer than {FEW_GROUPS} people it is uncertain"
    return f"In brackets: 95 % interval over people{remark}."


def _group_counts(part: Any) -> Iterator[int]:
    """Yield the number of groups behind each interval in a part of the metrics."""
    if isinstance(part, Mapping):
        if "groups" in part:
            yield part["groups"]
        part = part.values()
    elif isinstance(part, str) or not isinstance(part, Iterable):
        return
    for inner in part:
        yield from _group_counts(inner)


def metric_tables(runs: Mapping[str, Metrics]) -> list[ResultTable]:
    """Return the tables of several runs side by side, with the baselines.

    Args:
        runs: scores by name.
    """
    tables = []
    classifying = {name: scores["classification"] for name, scores in runs.items() if "classification" in scores}
    if classifying:
        folds = {len(scores["by_fold"]) for scores in classifying.values()}
        if max(folds) > 1:
            tables.append(_classifying(classifying, over_folds=True))
        tables.append(_classifying(classifying, over_folds=False))
    tables += _voting({name: scores["sequences"] for name, scores in runs.items() if "sequences" in scores})
    tables += [
        _agreeing({run: scores["valence_arousal"][name] for run, scores in runs.items() if _has(scores, name)}, name)
        for name in ("valence", "arousal")
        if any(_has(scores, name) for scores in runs.values())
    ]
    return tables


def repeat_tables(runs: Mapping[str, Metrics]) -> list[ResultTable]:
    """Return the table of the spread between seeds, if a method has several.

    Args:
        runs: scores by name.
    """
    found = {
        name: scores["classification"]["repeats"]
        for name, scores in runs.items()
        if "repeats" in scores.get("classification", {})
    }
    if not found:
        return []
    rows = tuple(
        (
            name,
            f"{entry['count']}",
            *(
                MISSING if (line := entry["measures"][measure]) is None else f"{line['mean']:.3f} ({line['sd']:.3f})"
                for measure in _SHOWN
            ),
        )
        for name, entry in found.items()
    )
    head = ("", "seeds", *(METRICS[name] for name in _SHOWN))
    note = "Mean of the pooled values of all seeds, and in brackets their standard deviation. It is no interval."
    return [ResultTable("Spread between seeds", head, rows, note)]


def _has(scores: Metrics, name: str) -> bool:
    return name in scores.get("valence_arousal", {})


def _classifying(runs: Mapping[str, Metrics], *, over_folds: bool) -> ResultTable:
    def cells(measures: Mapping[str, Any]) -> tuple[str, ...]:
        entries = [measures.get(name) for name in _SHOWN]
        if over_folds:
            return tuple(with_half_width(entry["folds"]) if entry else MISSING for entry in entries)
        return tuple(with_interval(entry["pooled"], entry.get("people")) if entry else MISSING for entry in entries)

    rows = [(name, *cells(scores["measures"])) for name, scores in runs.items()]
    for guess, words in BASELINES.items():
        # Runs on the same faces have the same baselines, unless their training people differ.
        same: dict[tuple[str, ...], list[str]] = {}
        for name, scores in runs.items():
            same.setdefault(cells(scores["baselines"][guess]), []).append(name)
        rows += [
            (words if len(same) == 1 else f"{words}, beside {' and '.join(names)}", *found)
            for found, names in same.items()
        ]
    counts = sorted({scores["faces"] for scores in runs.values()})
    faces = " or ".join(f"{count:,}" for count in counts)
    single = max(len(scores["folds_of_one_class"]) for scores in runs.values())
    title = "Mean over folds ± half of the 95 % interval of Student's t" if over_folds else "All test faces pooled"
    alone = f" Left out of macro F1 and AUC: {single} folds whose faces are all of one class." if single else ""
    repeats = {scores["repeats"]["count"] for scores in runs.values() if "repeats" in scores}
    seeds = f" Of {max(repeats)} seeds, each fold has the mean." if repeats else ""
    if any(scores["repeats"]["new_folds"] for scores in runs.values() if "repeats" in scores):
        seeds = (
            f" {max(repeats)} complete repeats have other seeds and other folds. The folds of one number count as one. "
            "The interval over people, in the next table, does not depend on who shares a fold."
        )
    note = (
        f"Folds share training faces, so this interval is narrower than that of independent trials.{seeds}{alone}"
        if over_folds
        else f"{faces} faces. {interval_note(*(scores['measures'] for scores in runs.values()))}"
    )
    return ResultTable(title, ("", *(METRICS[name] for name in _SHOWN)), tuple(rows), note)


def _voting(runs: Mapping[str, Metrics]) -> Iterator[ResultTable]:
    """Yield the table of votes over the frames of sequences, if any run has some."""
    if not runs:
        return
    rows = []
    for name, scores in runs.items():
        cells = []
        for measure in DECISIONS:
            entry = scores["measures"][measure]
            cells += [with_interval(entry["pooled"], entry["people"]), with_half_width(entry["folds"])]
        rows.append((name, f"{scores['sequences']:,}", f"{scores['frames']:,}", *cells))
    columns = (f"{METRICS[name]}, {how}" for name in DECISIONS for how in ("pooled", "over folds"))
    head = ("", "sequences", "frames", *columns)
    mixed = max(scores["mixed"] for scores in runs.values())
    left_out = f" Left out: {mixed:,} sequences whose frames have several labels." if mixed else ""
    note = (
        "A sequence is a track of a video, or the stills of a drawn clip. The class of most frames wins; of "
        f"several, that of the highest mean probability. "
        f"{interval_note(*(scores['measures'] for scores in runs.values()))} ±: half of the 95 % interval of Student's "
        f"t over folds.{left_out}"
    )
    yield ResultTable("Sequences: the vote of their frames", head, tuple(rows), note)


def _agreeing(runs: Mapping[str, Metrics], name: str) -> ResultTable:
    rows = []
    for run, scores in runs.items():
        pooled = (
            with_interval(scores["measures"][key]["pooled"], scores["measures"][key]["people"]) for key in AGREEMENTS
        )
        rows.append((run, *pooled))
    constants = (tuple(number(scores["baseline"][key]["pooled"]) for key in AGREEMENTS) for scores in runs.values())
    rows += [("always the training mean", *cells) for cells in dict.fromkeys(constants)]
    return ResultTable(
        f"{name.capitalize()}, all test faces pooled",
        ("", *AGREEMENTS.values()),
        tuple(rows),
        interval_note(*(scores["measures"] for scores in runs.values())),
    )


def detail_tables(scores: Metrics) -> list[ResultTable]:
    """Return the tables about one run: classes, confusion, folds, people and subsets."""
    found = scores.get("classification")
    if found is None:
        return []
    return [
        _per_class(found),
        _confusion(found, scores["classes"]),
        *fold_tables(found),
        _people(found),
        *_parts(found),
    ]


def fold_tables(found: Metrics) -> Iterable[ResultTable]:
    """Yield the table of folds, if there are several."""
    if len(found["by_fold"]) > 1:
        rows = tuple(
            (
                str(part["fold"]),
                f"{part['faces']:,}",
                f"{part['subjects']:,}",
                MISSING if part["trained"] is None else f"{part['trained']:,}",
                *(number(part["measures"][name]) for name in _SHOWN),
            )
            for part in found["by_fold"]
        )
        yield ResultTable(
            "By fold", ("fold", "faces", "people", "trained on", *(METRICS[name] for name in _SHOWN)), rows
        )


def _per_class(found: Metrics) -> ResultTable:
    rows = tuple(
        (
            row["class"],
            f"{row['faces']:,}",
            number(row["precision"]),
            with_interval(row["recall"], row["recall_people"]),
            number(row["f1"]),
            with_half_width(row["f1_folds"]),
            number(row["auc"]),
        )
        for row in found["per_class"]
    )
    return ResultTable("By class", ("", "faces", "precision", "recall", "F1", "F1, mean over folds", "AUC"), rows)


def _confusion(found: Metrics, classes: Sequence[str]) -> ResultTable:
    rows = tuple((name, *map(str, counts)) for name, counts in zip(classes, found["confusion"]["counts"], strict=True))
    return ResultTable("Confusion matrix: rows are true classes, columns predictions", ("", *classes), rows)


def _people(found: Metrics) -> ResultTable:
    entry = found["by_subject"]
    cells = (f"{entry['subjects']:,}", *(number(entry[key]) for key in ("mean", "worst", "quarter", "median", "best")))
    head = ("", "people", "mean of people", "worst", "lower quarter", "median", "best")
    return ResultTable("Accuracy by person", head, (("accuracy", *cells),))


def _parts(found: Metrics) -> Iterable[ResultTable]:
    for column, parts in found["by"].items():
        rows = tuple(
            (part["words"], f"{part['faces']:,}", number(part["accuracy"]), number(part["balanced_accuracy"]))
            for part in parts
        )
        yield ResultTable(f"By {QUALITIES.get(column, column)}", ("", "faces", "accuracy", "balanced accuracy"), rows)


def comparison_tables(found: Sequence[Mapping[str, Any]]) -> list[ResultTable]:
    """Return the table of `compare_all`'s results, if there are any."""
    rows: list[tuple[str, ...]] = []
    for entry in found:
        measured = entry["measures"]
        rows.append(
            (
                f"{entry['first']} − {entry['second']}",
                *(
                    with_interval(measured[name]["difference"], measured[name]["people"])
                    for name in ("accuracy", "balanced_accuracy", "macro_f1")
                ),
                _p(entry["mcnemar"]),
                *(_p(measured[name]["folds"]) for name in ("accuracy", "balanced_accuracy")),
            )
        )
    head: tuple[str, ...] = (
        "difference",
        "accuracy",
        "balanced accuracy (UAR)",
        "macro F1",
        "McNemar p",
        "p over folds, accuracy",
        "p over folds, UAR",
    )
    over_folds = any(entry["measures"][name]["folds"] for entry in found for name in ("accuracy", "balanced_accuracy"))
    if not over_folds:
        head, rows = head[:-2], [row[:-2] for row in rows]
    folds = " Over folds: the corrected resampled t test (Nadeau and Bengio, 2003)." if over_folds else ""
    note = (
        f"Pooled differences. {interval_note(found)} McNemar's exact test assumes independent faces.{folds} p-values "
        "are corrected for the number of pairs (Holm)."
    )
    tables = [ResultTable("Differences between runs", head, tuple(rows), note)] if rows else []
    rows = [
        (
            f"{entry['first']} − {entry['second']}",
            name,
            with_interval(tested["difference"], tested["people"]),
            _p(tested["folds"]),
        )
        for entry in found
        for name, tested in entry["classes"].items()
    ]
    head = ("difference", "class", "recall", "p over folds")
    note = "The tests are those of the table above, corrected for the number of rows here (Holm)."
    return [*tables, ResultTable("Differences by class", head, tuple(rows), note)] if rows else tables


def _p(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return MISSING
    return "< 0.001" if entry["p_holm"] < 0.001 else f"{entry['p_holm']:.3f}"
