"""Predictions of a finished system from changed inputs: what its predictions depend on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fertools.training.data.faces import Faces
from fertools.training.jobs.predicting import Predictor, held_out_metrics, write_part_predictions
from fertools.training.runs.job import Job
from fertools.training.systems.capabilities import predicting_controls

_BATCH = 128


@torch.no_grad()
def predict_controls(job: Job, predictor: Predictor) -> None:
    """Write and measure the predictions for held-out faces under each control of the system.

    A control is left out if no two held-out faces differ in person and expression.
    """
    system, domain = predictor.system, predictor.prediction.domain
    faces = job.selection.domains[domain]
    rows = faces.rows("test")
    if not system.controls or not len(rows) or (partners := choose_others(faces, rows)) is None:
        return
    predictor.network.eval()
    for name, words in system.controls.items():
        found = []
        for start in range(0, len(rows), _BATCH):
            images, others = (
                predictor.loader.batch(part[start : start + _BATCH], domain).images for part in (rows, partners)
            )
            with predictor.autocast():
                logits = predicting_controls(system).predict_control(predictor.network, images, others, name)
            found.append(logits.float().softmax(dim=1).cpu().numpy())
        probabilities, nothing = np.concatenate(found), np.empty((len(rows), 0), np.float32)
        path = job.folder.predictions_path("test", name)
        write_part_predictions(job, faces, "test", path, probabilities, nothing)
        controls = job.record["results"].setdefault("controls", {})
        controls[name] = {"words": words} | held_out_metrics(faces, "test", probabilities, nothing)


def choose_others(faces: Faces, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return for each face one of another person with another expression, drawn at random; None if there is none.

    Args:
        faces: all faces of the domain.
        rows: row numbers of N faces; the others are among them.
    """
    people = np.unique([str(name) for name in faces.table["subject_id"].to_pylist()], return_inverse=True)[1]
    rng = np.random.default_rng(0)
    chosen = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows.tolist()):
        differs = (people[rows] != people[row]) & (faces.emotions[rows] != faces.emotions[row])
        if not differs.any():
            return None
        chosen[number] = rng.choice(rows[differs])
    return chosen
