"""All metrics of a translator, computed from the tables in the folder of its run alone."""

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
from fertools.training.evaluation.nearest_faces import nearest_metrics
from fertools.training.evaluation.originals import read_originals
from fertools.training.evaluation.people_probe import probe_metrics
from fertools.training.evaluation.prediction_metrics import Metrics, compute_metrics
from fertools.training.evaluation.predictions import Predictions, TrainingSummary, make_predictions, read_predictions
from fertools.training.evaluation.subject_means import mean_over_subjects, number_people
from fertools.training.evaluation.translations import read_translations
from fertools.training.runs.folder import GAN_TRAIN_FOLDER, PREDICTIONS_NAME, RunFolder


def compute_translation_metrics(root: Path, *, seed: int = 0) -> Metrics:
    """Return all metrics of the faces that a translator generated from held-out faces.

    Args:
        root: folder of its run.
        seed: seed of the subsets of the kernel distance.

    Returns:
        `faces`, `generated` (number of generated faces), `subjects`, `folds`, `targets`, `drawn` (number of drawn faces
        of the run), `truth` (result of `truth_metrics`), `people_probe` (of `probe_metrics`), `nearest` (of
        `nearest_metrics`) and `reconstruction`. `judges`, `features`, `identity` and
        `gan_train` have an entry for each network. `waiting` has the networks without outputs for some of the images.
        See docs/how-to/evaluate.md.

    Raises:
        InputError: there are no generated faces.
        SchemaError: a table has another version.
    """
    table = read_translations(root)
    parents = table["parent_id"].to_pylist()
    ready, waiting = _ready(root, table)
    return {
        "faces": len(set(parents)),
        "generated": len(table),
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
        "people_probe": probe_metrics(root, table),
        "nearest": nearest_metrics(root, table),
        "gan_train": {
            path.parent.name: compute_metrics(read_predictions(path))
            for path in sorted((root / GAN_TRAIN_FOLDER).glob(f"*/{PREDICTIONS_NAME}"))
        },
        "waiting": waiting,
    }


def _ready(root: Path, table: pa.Table) -> tuple[list[CachedOutputs], list[str]]:
    """Return the outputs of networks that cover all generated and held-out faces, and the names of the others."""
    found = [entry for kind in ("judge", "features", "identity") for entry in list_outputs(root, kind)]
    if not found:
        return [], []
    names = [*table["face_id"].to_pylist(), *read_originals(root, held_out=True)["face_id"].to_pylist()]
    return [entry for entry in found if entry.covers(names)], [entry.name for entry in found if not entry.covers(names)]


def _reconstruction(table: pa.Table) -> Metrics | None:
    """Return the metrics of faces that were translated back; None if there are none."""
    table = table.filter(pc.invert(pc.is_nan(table[METRICS[0]])))
    if not len(table):
        return None

    def measured(part: pa.Table) -> Metrics:
        values = np.stack([part[name].to_numpy() for name in METRICS], axis=1).astype(np.float64)
        return dict(zip(METRICS, mean_over_subjects(values, number_people(part)), strict=True))

    return {
        "measures": measured(table),
        "by_target": [{"target": name, "measures": measured(part)} for name, part in by_target(table)],
    }


def by_target(table: pa.Table) -> list[tuple[str, pa.Table]]:
    """Return the rows of the generated faces by target."""
    names = sorted(set(table["target"].to_pylist()))
    return [(name, table.filter(pc.equal(table["target"], name))) for name in names]


def _judge_metrics(root: Path, table: pa.Table, judge: CachedOutputs) -> Metrics:
    """Return the metrics of a judge on generated faces, on their unchanged parents, on real faces and on true images.

    The label of a generated face is its target. Its unchanged parent gets the same label. This gives the metrics of a
    translator that changes nothing.
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
        "generated": _predictions(wanted, judge, table["face_id"].to_pylist()),
        "unchanged": _predictions(wanted, judge, table["parent_id"].to_pylist()),
        "real": _predictions(real, judge, real["face_id"].to_pylist()),
    }
    if judge.covers(truths := truth_names(table)):
        results["truth"] = _predictions(wanted, judge, truths)
    known = {"digest": judge.digest, "chose": judge.about["chose"]}
    known |= {key: judge.about[key] for key in ("leak", "had_part") if key in judge.about}
    return {**known, **{name: compute_metrics(found) for name, found in results.items() if _has_truth(found)}}


def _has_truth(found: Predictions) -> bool:
    """Return whether any prediction has a label."""
    valence_arousal = any(
        (~np.isnan(found.numbers(name)) & ~np.isnan(found.numbers(f"{name}_predicted"))).any()
        for name in ("valence", "arousal")
    )
    return valence_arousal or bool(found.classes and (found.labels() >= 0).any())


def _predictions(rows: pa.Table, judge: CachedOutputs, read: Sequence[str]) -> Predictions:
    """Return the outputs of a judge as predictions for rows; `read` has the `face_id` of the image for each row."""
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
