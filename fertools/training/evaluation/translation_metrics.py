"""Every figure about a translator, from the tables in its run's folder and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.training.evaluation.cached_outputs import CachedOutputs, list_outputs
from fertools.training.evaluation.distances import feature_metrics, identity_metrics
from fertools.training.evaluation.drawn_truth import truth_metrics, truth_names
from fertools.training.evaluation.image_similarity import METRICS
from fertools.training.evaluation.originals import read_originals
from fertools.training.evaluation.prediction_metrics import Metrics, compute_metrics
from fertools.training.evaluation.predictions import Predictions, TrainingSummary, make_predictions, read_predictions
from fertools.training.evaluation.subject_means import mean_over_subjects, number_people
from fertools.training.evaluation.translations import read_translations
from fertools.training.runs.folder import GAN_TRAIN_FOLDER, PREDICTIONS_NAME, RunFolder


def compute_translation_metrics(root: Path, *, seed: int = 0) -> Metrics:
    """Return every figure about what a translator made of held-out faces.

    Args:
        root: folder of its run.
        seed: of the subsets of the kernel distance.

    Returns:
        `faces`, `made`, `subjects`, `folds`, `targets`; `drawn`, how many faces of the run are drawn; `truth`, what
        `truth_metrics` gives, None where no true pictures have been drawn; `reconstruction`; and, by the name of the
        network, as far as networks have read the pictures, `judges`, `features`, `identity` and `gan_train`; `waiting`
        names those that have not read all of them. See docs/how-to/evaluate.md.

    Raises:
        InputError: nothing has been translated.
        SchemaError: a table is none of this version.
    """
    table = read_translations(root)
    parents = table["parent_id"].to_pylist()
    ready, waiting = _ready(root, table)
    return {
        "faces": len(set(parents)),
        "made": len(table),
        "subjects": len(set(table["subject_id"].to_pylist()) - {None}),
        "folds": sorted(set(table["fold"].to_pylist())),
        "targets": list(dict.fromkeys(table.sort_by("target")["target"].to_pylist())),
        "drawn": (RunFolder(root).read() or {}).get("data", {}).get("drawn", 0),
        "truth": truth_metrics(root, table),
        "reconstruction": _reconstruction(table),
        "judges": {found.name: _judge_metrics(root, table, found) for found in ready if found.kind == "judge"},
        "features": {
            found.name: feature_metrics(root, table, found, seed=seed) for found in ready if found.kind == "features"
        },
        "identity": {found.name: identity_metrics(root, table, found) for found in ready if found.kind == "identity"},
        "gan_train": {
            path.parent.name: compute_metrics(read_predictions(path))
            for path in sorted((root / GAN_TRAIN_FOLDER).glob(f"*/{PREDICTIONS_NAME}"))
        },
        "waiting": waiting,
    }


def _ready(root: Path, table: pa.Table) -> tuple[list[CachedOutputs], list[str]]:
    """Return what networks said that have read all made and held-out faces, and the names of those that have not."""
    found = [entry for kind in ("judge", "features", "identity") for entry in list_outputs(root, kind)]
    if not found:
        return [], []
    names = [*table["face_id"].to_pylist(), *read_originals(root, held_out=True)["face_id"].to_pylist()]
    return [entry for entry in found if entry.covers(names)], [entry.name for entry in found if not entry.covers(names)]


def _reconstruction(table: pa.Table) -> Metrics:
    def measured(part: pa.Table) -> Metrics:
        values = np.stack([part[name].to_numpy() for name in METRICS], axis=1).astype(np.float64)
        return dict(zip(METRICS, mean_over_subjects(values, number_people(part)), strict=True))

    return {
        "measures": measured(table),
        "by_target": [{"target": name, "measures": measured(part)} for name, part in by_target(table)],
    }


def by_target(table: pa.Table) -> list[tuple[str, pa.Table]]:
    """Return the made faces of each target."""
    names = sorted(set(table["target"].to_pylist()))
    return [(name, table.filter(pc.equal(table["target"], name))) for name in names]


def _judge_metrics(root: Path, table: pa.Table, judge: CachedOutputs) -> Metrics:
    """Return what a judge says of made faces, of the same faces unchanged, of real ones, and of drawn true pictures.

    What was asked for is the truth of a made face, and of the unchanged one that stands in its place: a translator that
    changes nothing comes to that.
    """
    wanted = pa.table(
        {
            "face_id": table["face_id"],
            "subject_id": table["subject_id"],
            "emotion": table["target_emotion"],
            "valence": table["target_valence"],
            "arousal": table["target_arousal"],
        }
    )
    real = read_originals(root, held_out=True)
    results = {
        "made": _predictions(wanted, judge, table["face_id"].to_pylist()),
        "unchanged": _predictions(wanted, judge, table["parent_id"].to_pylist()),
        "real": _predictions(real, judge, real["face_id"].to_pylist()),
    }
    if judge.covers(truths := truth_names(table)):
        results["truth"] = _predictions(wanted, judge, truths)
    known = {"digest": judge.digest, "chose": judge.about["chose"]}
    return {**known, **{name: compute_metrics(found) for name, found in results.items() if _has_truth(found)}}


def _has_truth(found: Predictions) -> bool:
    """Return whether any truth is known of what was predicted."""
    valence_arousal = any(
        (~np.isnan(found.numbers(name)) & ~np.isnan(found.numbers(f"{name}_predicted"))).any()
        for name in ("valence", "arousal")
    )
    return valence_arousal or bool(found.classes and (found.labels() >= 0).any())


def _predictions(rows: pa.Table, judge: CachedOutputs, read: Sequence[str]) -> Predictions:
    """Return what a judge said as predictions of rows; `read` are the pictures that stand for them."""
    classes, values = tuple(judge.about["classes"]), judge.of(read)
    valence_arousal: NDArray[np.float64] | None = values[:, len(classes) :] if judge.about["reads_va"] else None
    found = make_predictions(
        rows,
        rows.slice(0, 0),
        classes=classes,
        probabilities=values[:, : len(classes)] if classes else None,
        valence_arousal=valence_arousal,
    )
    trained: dict[str, Any] = judge.about["trained"]
    return replace(found, trained={0: TrainingSummary(**trained)})
