"""Predictions of an invented model with a given accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from fertools.core.vocabulary import EMOTIONS
from fertools.training.evaluation.predictions import Predictions, join_predictions, make_predictions


def invent(
    *,
    subjects: int = 12,
    faces: int = 14,
    folds: int = 4,
    skill: float = 1.5,
    seed: int = 0,
    classes: tuple[str, ...] = EMOTIONS,
    va: bool = False,
    split_seed: int = 0,
) -> Predictions:
    """Return predictions of `subjects` people with `faces` each; the labels do not depend on skill, seed or split."""
    truth, luck = np.random.default_rng(7), np.random.default_rng(seed)
    labels = truth.integers(0, len(classes), (subjects, faces))
    ease = luck.normal(0, 0.7, subjects)
    parts = []
    place = np.random.default_rng(split_seed).permutation(subjects) if split_seed else np.arange(subjects)
    rows = [manifest_rows(subject, labels[subject], classes, truth) for subject in range(subjects)]
    for fold in range(folds):
        tested = [subject for subject in range(subjects) if place[subject] % folds == fold]
        table = pa.concat_tables([rows[subject] for subject in tested])
        others = [rows[subject] for subject in range(subjects) if place[subject] % folds != fold]
        trained = pa.concat_tables(others or rows)
        known = labels[tested].ravel()
        logits = luck.normal(size=(len(known), len(classes)))
        logits[np.arange(len(known)), known] += skill + np.repeat(ease[tested], faces)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        points = np.stack([table[name].to_numpy() for name in ("valence", "arousal")], axis=1)
        parts.append(
            make_predictions(
                table,
                trained,
                fold=fold,
                classes=classes,
                probabilities=shares,
                valence_arousal=points * 0.8 + luck.normal(0, 0.1, points.shape) if va else None,
            )
        )
    return join_predictions(parts)


def manifest_rows(subject: int, labels: np.ndarray, classes: tuple[str, ...], rng: np.random.Generator) -> pa.Table:
    """Return one person's rows of the manifest."""
    count = len(labels)
    return pa.table(
        {
            "face_id": [f"{subject:03}-{index:03}" for index in range(count)],
            "subject_id": [f"p{subject:02}"] * count,
            "emotion": [classes[label] for label in labels],
            "valence": pa.array(rng.uniform(-1, 1, count), pa.float32()),
            "arousal": pa.array(rng.uniform(-1, 1, count), pa.float32()),
            "dataset": ["acted" if index % 2 else "wild" for index in range(count)],
            "face_px": pa.array(rng.uniform(30, 300, count), pa.float32()),
            "yaw_deg": pa.array(rng.uniform(-40, 40, count), pa.float32()),
        }
    )


def with_column(run: Predictions, name: str, values: Sequence[object]) -> Predictions:
    """Return predictions with other values in one column."""
    place = run.table.column_names.index(name)
    field = run.table.schema.field(place)
    return replace(run, table=run.table.set_column(place, field.with_nullable(True), pa.array(values, field.type)))


def preferring(run: Predictions, emotion: str) -> Predictions:
    """Return predictions that take every face for this expression."""
    for name in run.classes:
        share = 0.9 if name == emotion else 0.1 / (len(run.classes) - 1)
        run = with_column(run, f"p_{name}", [share] * len(run.table))
    return run
