"""Runs that generate faces, side by side, with the mean over runs that are folds of one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from fertools.statistics.intervals import mean_over_folds
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.reports.result_tables import MISSING, number, with_half_width
from fertools.training.reports.table_formatting import ResultTable
from fertools.training.reports.translation_tables import why_dependent


def _judged(kind: str, measure: str, images: str = "generated") -> Callable[[Metrics], float | None]:
    """Return the function for a metric of the first judge; `kind` is `classification`, `valence` or `arousal`."""

    def read(found: Metrics) -> float | None:
        generated: Metrics = next(iter(found["judges"].values()), {images: {}}).get(images, {})
        entry = generated.get(kind) or generated.get("valence_arousal", {}).get(kind)
        value: float | None = entry["measures"][measure]["pooled"] if entry else None
        return value

    return read


def _reconstructed(measure: str) -> Callable[[Metrics], float | None]:
    def read(found: Metrics) -> float | None:
        parts = found["reconstruction"]
        value: float | None = parts["measures"][measure]["pooled"] if parts else None
        return value

    return read


def _distance(measure: str) -> Callable[[Metrics], float | None]:
    def read(found: Metrics) -> float | None:
        entry: Metrics | None = next(iter(found["features"].values()), {"all": None})["all"]
        value: float | None = entry[measure] if entry else None
        return value

    return read


def _cosine(found: Metrics) -> float | None:
    entry = next(iter(found["identity"].values()), None)
    value: float | None = entry["cosine"]["pooled"] if entry else None
    return value


def _learned(found: Metrics) -> float | None:
    entry = next(iter(found["gan_train"].values()), None)
    value: float | None = entry["classification"]["measures"]["balanced_accuracy"]["pooled"] if entry else None
    return value


def _true(found: Metrics) -> float | None:
    value: float | None = found["truth"]["measures"]["l1"]["pooled"] if found["truth"] else None
    return value


def _probed(image: str) -> Callable[[Metrics], float | None]:
    def read(found: Metrics) -> float | None:
        entry = (found["people_probe"] or {"measures": {}})["measures"].get(image)
        value: float | None = entry["pooled"] if entry else None
        return value

    return read


def _near(measure: str) -> Callable[[Metrics], float | None]:
    def read(found: Metrics) -> float | None:
        value: float | None = found["nearest"]["measures"][measure]["pooled"] if found["nearest"] else None
        return value

    return read


HEADLINES: dict[str, tuple[str, Callable[[Metrics], float | None]]] = {
    "consistency": ("expression consistency", _judged("classification", "accuracy")),
    "unchanged": ("expression consistency of unchanged inputs", _judged("classification", "accuracy", "unchanged")),
    "valence_ccc": ("CCC of valence", _judged("valence", "ccc")),
    "arousal_ccc": ("CCC of arousal", _judged("arousal", "ccc")),
    "fid": ("FID", _distance("fid")),
    "kid": ("KID", _distance("kid")),
    "cosine": ("identity", _cosine),
    "people": ("people told apart", _probed("generated")),
    "people_unchanged": ("people told apart, unchanged inputs", _probed("unchanged")),
    "nearest": ("distance to the nearest real face", _near("distance")),
    "nearest_emotion": ("nearest real face shows the target", _near("same_emotion")),
    "gan_train": ("GAN-train (UAR)", _learned),
    "truth": ("L1 to the true image (drawn)", _true),
    "l1": ("L1", _reconstructed("l1")),
    "psnr": ("PSNR (dB)", _reconstructed("psnr")),
    "ssim": ("SSIM", _reconstructed("ssim")),
}
"""The compared metrics: the name in tables and the function that returns the value."""


def compare_translators(runs: Mapping[str, Metrics]) -> dict[str, Any]:
    """Return the main metrics of several runs that generate faces.

    Args:
        runs: results of `compute_translation_metrics` by name.

    Returns:
        `runs`, by name the metrics of HEADLINES, None where unknown; `folds`, by metric the interval of Student's t
        over the runs, or None if two of them hold out the same fold; and `dependent`, the shown judges that are not
        independent of the generators, each with the reason.
    """
    values = {name: {key: read(found) for key, (_, read) in HEADLINES.items()} for name, found in runs.items()}
    held_out = [fold for found in runs.values() for fold in found["folds"]]
    folds: dict[str, Any] | None = None
    if len(set(held_out)) == len(held_out):
        each = {key: [line[key] for line in values.values()] for key in HEADLINES}
        known = {key: [value for value in line if value is not None] for key, line in each.items()}
        intervals = {key: mean_over_folds(line) for key, line in known.items() if len(line) == len(runs)}
        folds = {key: asdict(interval) for key, interval in intervals.items() if interval}
    judges = [next(iter(found["judges"].items()), None) for found in runs.values()]
    dependent = {entry[0]: why for entry in judges if entry and (why := why_dependent(entry[1]))}
    return {"runs": values, "folds": folds, "dependent": dependent}


def translator_comparison_tables(side_by_side: Mapping[str, Any] | None) -> list[ResultTable]:
    """Return the table of `compare_translators`'s results, if there are any."""
    if side_by_side is None:
        return []
    shown = [key for key in HEADLINES if any(line[key] is not None for line in side_by_side["runs"].values())]
    rows = [(name, *(number(line[key]) for key in shown)) for name, line in side_by_side["runs"].items()]
    note = f"Of several judges or weights, the first by name is shown.{dependence_note(side_by_side['dependent'])}"
    if side_by_side["folds"] is not None:
        rows.append(("mean over folds", *(_reach(side_by_side["folds"].get(key)) for key in shown)))
        note += " ±: half of the 95 % interval of Student's t over folds, which share training faces."
    return [
        ResultTable(
            "Generated faces of the runs side by side", ("", *(HEADLINES[key][0] for key in shown)), tuple(rows), note
        )
    ]


def generator_tables(generators: Mapping[str, Mapping[str, Any]]) -> list[ResultTable]:
    """Return a table with a row of mean metrics for each generator, if there are any.

    Args:
        generators: by title, what `fertools.training.experiments.beside_results.summarise_generators` returns.
    """
    shown = [key for key in HEADLINES if any(key in entry["measures"] for entry in generators.values())]
    if not shown:
        return []
    rows = tuple(
        (title, f"{entry['runs']}", *(_mean_with_deviation(entry["measures"].get(key)) for key in shown))
        for title, entry in generators.items()
    )
    dependent = {name: why for entry in generators.values() for name, why in entry["dependent"].items()}
    note = (
        "Mean over the runs of a step, with the standard deviation in brackets. There is no interval, since runs may "
        f"share held-out people. Of several judges or weights, the first by name is shown.{dependence_note(dependent)}"
    )
    head = ("", "runs", *(HEADLINES[key][0] for key in shown))
    return [ResultTable("Generators: their faces of held-out people", head, rows, note)]


def _mean_with_deviation(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return MISSING
    return number(entry["mean"]) + (f" ({number(entry['sd'])})" if entry["sd"] is not None else "")


def dependence_note(dependent: Mapping[str, str]) -> str:
    """Return a sentence on a judge that is not independent of the generators; empty if all are.

    Args:
        dependent: by name of the judge, why it is not.
    """
    if not dependent:
        return ""
    name, why = next(iter(dependent.items()))
    return f" The expression consistency (GAN-test) is by {name}, {why}."


def _reach(entry: Mapping[str, Any] | None) -> str:
    return MISSING if entry is None else with_half_width(entry)
