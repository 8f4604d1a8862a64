"""Evaluation metrics as objects with named fields, made from the figures that JSON and tables show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fertools.core.notebook import html_table
from fertools.statistics.intervals import ConfidenceInterval, FoldMean
from fertools.training.evaluation.prediction_metrics import Metrics


@dataclass(frozen=True)
class Metric:
    """One metric of held-out faces.

    Attributes:
        value: over all faces pooled; None if the faces do not determine it.
        people: 95 % interval over people; None with too few of them, or for a metric that has none.
        folds: mean over folds with its interval; None where the metric is not measured by fold.
    """

    value: float | None
    people: ConfidenceInterval | None = None
    folds: FoldMean | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Metric:
        """Return the metric of an entry with `pooled` and, where known, `people` and `folds`."""
        people, folds = entry.get("people"), entry.get("folds")
        return cls(
            entry["pooled"], ConfidenceInterval(**people) if people else None, FoldMean(**folds) if folds else None
        )


@dataclass(frozen=True)
class PredictionMetrics:
    """The metrics of predictions.

    Attributes:
        faces: number of faces.
        subjects: number of known people.
        folds: the held-out folds.
        classes: the expressions of the predictions.
        classification: metrics of the expression by name, such as `accuracy`; empty where none is predicted.
        sequences: metrics of the votes over sequences by name; empty where faces are not frames of sequences.
        valence: metrics of valence by name, such as `ccc`; empty where it is not predicted.
        arousal: metrics of arousal by name; empty where it is not predicted.
    """

    faces: int
    subjects: int
    folds: tuple[int, ...]
    classes: tuple[str, ...]
    classification: Mapping[str, Metric]
    sequences: Mapping[str, Metric]
    valence: Mapping[str, Metric]
    arousal: Mapping[str, Metric]

    @classmethod
    def of(cls, scores: Metrics) -> PredictionMetrics:
        """Return the metrics of a result of `compute_metrics`."""
        points = scores.get("valence_arousal", {})
        return cls(
            scores["faces"],
            scores["subjects"],
            tuple(scores["folds"]),
            tuple(scores["classes"]),
            _metrics(scores.get("classification")),
            _metrics(scores.get("sequences")),
            _metrics(points.get("valence")),
            _metrics(points.get("arousal")),
        )

    def _repr_html_(self) -> str:
        parts = {
            "": self.classification,
            "sequences ": self.sequences,
            "valence ": self.valence,
            "arousal ": self.arousal,
        }
        named = {prefix + name: metric for prefix, part in parts.items() for name, metric in part.items()}
        return _shown(f"{self.faces} held-out faces", named.items())


@dataclass(frozen=True)
class FeatureDistance:
    """The distance of generated to real held-out faces in the features of a network.

    Attributes:
        fid: Fréchet distance.
        kid: kernel distance, the mean over subsets.
        kid_sd: standard deviation of the kernel distance over subsets.
        real: number of real faces.
        generated: number of generated faces.
    """

    fid: float
    kid: float
    kid_sd: float
    real: int
    generated: int


@dataclass(frozen=True)
class TranslationMetrics:
    """The metrics of translations of held-out faces.

    Attributes:
        faces: number of held-out faces that were translated.
        generated: number of generated faces.
        subjects: number of known people.
        folds: the held-out folds.
        targets: names of the translations.
        reconstruction: `l1`, `psnr` and `ssim` of faces translated there and back; empty if there is no way back.
        judges: by judge, the metrics of its predictions of generated faces against the targets.
        features: by weights, the distance to real faces; None with fewer than two faces on a side.
        identity: by weights, the cosine similarity to the input face.
        gan_train: by judge, the metrics of a classifier with its recipe that was trained only on generated faces.
        truth: `l1` to the true pictures, and `unchanged_l1` of the inputs; empty where none were drawn.
        people_probe: how often a linear probe names the person, by image; empty if it was not applied.
        nearest: `distance` to the nearest real face, and `same_emotion`; empty if none was searched.
        waiting: networks without outputs for some of the generated faces.
    """

    faces: int
    generated: int
    subjects: int
    folds: tuple[int, ...]
    targets: tuple[str, ...]
    reconstruction: Mapping[str, Metric]
    judges: Mapping[str, PredictionMetrics]
    features: Mapping[str, FeatureDistance | None]
    identity: Mapping[str, Metric]
    gan_train: Mapping[str, PredictionMetrics]
    truth: Mapping[str, Metric]
    people_probe: Mapping[str, Metric]
    nearest: Mapping[str, Metric]
    waiting: tuple[str, ...]

    @classmethod
    def of(cls, scores: Metrics) -> TranslationMetrics:
        """Return the metrics of a result of `compute_translation_metrics`."""
        return cls(
            scores["faces"],
            scores["generated"],
            scores["subjects"],
            tuple(scores["folds"]),
            tuple(scores["targets"]),
            _metrics(scores["reconstruction"]),
            {
                name: PredictionMetrics.of(found["generated"])
                for name, found in scores["judges"].items()
                if "generated" in found
            },
            {name: _distance(found["all"]) for name, found in scores["features"].items()},
            {name: Metric.of(found["cosine"]) for name, found in scores["identity"].items()},
            {name: PredictionMetrics.of(found) for name, found in scores["gan_train"].items()},
            _metrics(scores["truth"]),
            _metrics(scores["people_probe"]),
            _metrics(scores["nearest"]),
            tuple(scores["waiting"]),
        )

    def _repr_html_(self) -> str:
        caption = f"{self.generated} generated faces" + ", translated back" * bool(self.reconstruction)
        return _shown(caption, self.reconstruction.items())


@dataclass(frozen=True)
class RunComparison:
    """How two runs differ on the faces that both have classified.

    Attributes:
        first: name of one run.
        second: name of the other.
        faces: number of faces in common.
        left_out: number of faces that only one of them has classified.
        differences: first minus second, by metric.
        p_mcnemar: p-value of McNemar's exact test, corrected for the number of pairs (Holm).
        p_folds: p-value of the corrected paired test over folds by metric, corrected in the same way; None with one
            fold.
    """

    first: str
    second: str
    faces: int
    left_out: int
    differences: Mapping[str, Metric]
    p_mcnemar: float
    p_folds: Mapping[str, float | None]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> RunComparison:
        """Return the comparison of an entry of `compare_all`."""
        measures = found["measures"].items()
        return cls(
            found["first"],
            found["second"],
            found["faces"],
            found["left_out"],
            {name: Metric.of({"pooled": entry["difference"], "people": entry["people"]}) for name, entry in measures},
            found["mcnemar"]["p_holm"],
            {name: entry["folds"]["p_holm"] if entry["folds"] else None for name, entry in measures},
        )


@dataclass(frozen=True)
class Evaluation:
    """The metrics of several runs, or of the tested steps of an experiment.

    Attributes:
        predictions: metrics of the runs that predict, by name.
        translations: metrics of the runs that generate faces, by name.
        comparisons: the comparisons of methods that an experiment or `compare_runs` has made; else empty.
        leaks: how test people took part in training, by run; only for runs that were allowed to leak.
        figures: all figures as in the JSON output, with confusion matrices, curves and subsets. Its keys are `runs`,
            `translators` and, if there are any, `leaks`; see docs/how-to/evaluate.md. For an experiment, it is the
            content of `evaluation.json`; for a comparison, that of `comparison.json`.
    """

    predictions: Mapping[str, PredictionMetrics]
    translations: Mapping[str, TranslationMetrics]
    comparisons: tuple[RunComparison, ...]
    leaks: Mapping[str, tuple[str, ...]]
    figures: Mapping[str, Any]

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> Evaluation:
        """Return the metrics of the figures of some runs."""
        runs = figures["runs"]
        return cls(
            {name: PredictionMetrics.of(found) for name, found in runs.items() if "translation" not in found},
            {
                name: TranslationMetrics.of(found["translation"])
                for name, found in runs.items()
                if "translation" in found
            },
            tuple(RunComparison.of(entry) for entry in figures.get("comparisons", ())),
            {name: tuple(sentences) for name, sentences in figures.get("leaks", {}).items()},
            figures,
        )

    @classmethod
    def of_experiment(cls, figures: Mapping[str, Any]) -> Evaluation:
        """Return the metrics of an experiment from the content of its `evaluation.json`."""
        generated = {run: found for step in figures["translations"].values() for run, found in step["runs"].items()}
        leaks = tuple(figures["protocol"]["leaks"])
        return cls(
            {title: PredictionMetrics.of(found) for title, found in figures["runs"].items()},
            {run: TranslationMetrics.of(found) for run, found in generated.items()},
            tuple(RunComparison.of(entry) for entry in figures["comparisons"]),
            {figures["experiment"]: leaks} if leaks else {},
            figures,
        )

    def _repr_html_(self) -> str:
        runs: list[tuple[str, PredictionMetrics | TranslationMetrics]] = [
            *self.predictions.items(),
            *self.translations.items(),
        ]
        return "".join(html_table(name, (), ()) + found._repr_html_() for name, found in runs)


def _metrics(part: Mapping[str, Any] | None) -> dict[str, Metric]:
    return {name: Metric.of(entry) for name, entry in part["measures"].items()} if part else {}


def _distance(entry: Mapping[str, Any] | None) -> FeatureDistance | None:
    if entry is None:
        return None
    return FeatureDistance(entry["fid"], entry["kid"], entry["kid_sd"], entry["real"], entry["generated"])


def _shown(caption: str, metrics: Iterable[tuple[str, Metric]]) -> str:
    rows = [
        (
            name.replace("_", " "),
            metric.value,
            *((metric.people.low, metric.people.high) if metric.people else ("", "")),
        )
        for name, metric in metrics
    ]
    return html_table(caption, ("", "value", "low", "high"), rows)
