"""Fit a baseline: compute features, fit a machine, and write its predictions for held-out faces."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from fertools.core.processes import peak_memory_gb
from fertools.training.data.balancing import encode_subjects
from fertools.training.data.faces import Side
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.jobs.predicting import held_out_metrics, write_part_predictions
from fertools.training.runs.artefact import save_model
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import describe_session
from fertools.training.systems.factory import build_fitted

_CHUNK = 1024


def fit_baseline(job: Job) -> int:
    """Fit a system to the training faces, and write its predictions for held-out faces.

    Args:
        job: the run.

    Returns:
        0: there are no iterations.
    """
    if not job.process_group.is_first:
        return 0
    resolved, faces, started_s = job.configuration.resolved, job.faces, time.monotonic()
    system = build_fitted(resolved)
    pixels = load_pixels(job.workspace, faces, resolved.recipe.view, job.workspace.pixels)
    session = describe_session("cpu", "float32", 1, 0)
    job.record["sessions"].append(session)
    job.report.start(len(pixels))
    rows = []
    for start in range(0, len(pixels), _CHUNK):
        rows.append(system.describe(pixels[start : start + _CHUNK]))
        job.report.advance(min(start + _CHUNK, len(pixels)))
    features, training = np.concatenate(rows), faces.rows("train")
    people: NDArray[np.int64] = encode_subjects(faces)[training]
    job.report.note(f"fitting to {len(training)} faces of {features.shape[1]} features each")
    system.fit(features[training], faces.emotions[training], people)
    save_model(job, "machine", system.state())
    job.record["parameters"] = dict(system.parameters())
    test: Side = "test"
    probabilities = system.probabilities(features[faces.rows(test)])
    nothing = np.empty((len(probabilities), 0), np.float32)
    write_part_predictions(job, faces, test, job.folder.predictions_path(), probabilities, nothing)
    job.record["results"] = held_out_metrics(faces, test, probabilities, nothing)
    session["seconds"] = round(time.monotonic() - started_s, 1)
    session["memory_gb"] = round(peak_memory_gb(), 3)
    return 0
