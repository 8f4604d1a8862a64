"""Runs of baselines that are fitted in one go: features, a machine, and what it says of held-out faces."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fertools.training.data.balancing import number_people
from fertools.training.data.faces import Side
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.jobs.classifying import measure, predict_side
from fertools.training.runs.artefact import save_model
from fertools.training.runs.job import Job
from fertools.training.runs.metadata import describe_session
from fertools.training.systems.svm.machine import describe_faces, fit_machine
from fertools.training.systems.svm.recipe import SvmRecipe

_PIECE = 1024


def train_baseline(job: Job) -> int:
    """Fit a machine to the training faces, and write what it says of held-out ones.

    Returns:
        0: there are no iterations.
    """
    if not job.team.is_first:
        return 0
    recipe, started_s = cast(SvmRecipe, job.choice.resolved.recipe), time.monotonic()
    pixels = load_pixels(job.workspace, job.faces, recipe.image_size, job.workspace.pixels)
    session = describe_session("cpu", "float32", 1, 0)
    job.record["sessions"].append(session)
    job.report.start(len(pixels))
    rows = []
    for start in range(0, len(pixels), _PIECE):
        rows.append(describe_faces(pixels[start : start + _PIECE], recipe))
        job.report.advance(min(start + _PIECE, len(pixels)))
    features, training = np.concatenate(rows), job.faces.rows("train")
    people: NDArray[np.int64] = number_people(job.faces)[training]
    job.report.note(f"fitting to {len(training)} faces of {features.shape[1]} features each")
    machine = fit_machine(features[training], job.faces.emotions[training], people, len(job.faces.classes), recipe)
    save_model(job, "machine", asdict(machine))
    job.record["parameters"] = {"machine": int(machine.weights.size + machine.bias.size)}
    test: Side = "test"
    shares = machine.probabilities(features[job.faces.rows(test)])
    nothing = np.empty((len(shares), 0), np.float32)
    predict_side(job, test, job.folder.predictions_path(), shares, nothing)
    job.record["results"] = measure(job, test, shares, nothing)
    session["seconds"] = round(time.monotonic() - started_s, 1)
    return 0
