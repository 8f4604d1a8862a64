"""What a finished system shows of held-out faces beyond its predictions, written into the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fertools.core import files
from fertools.training.data.batch_loader import BatchLoader
from fertools.training.engine.loop import Loop
from fertools.training.evaluation.image_similarity import METRICS, reconstruction_metrics
from fertools.training.evaluation.sample_grid import Grid, draw_grids
from fertools.training.runs.job import Job
from fertools.training.systems.analysis import Analysis, Floats
from fertools.training.systems.base import System

_SIMILARITIES = {"psnr": "In dB, mean over faces; higher is closer.", "ssim": "Mean over faces; 1 is equal."}
"""Measures of rebuilt faces, with their meaning."""
_SHOWN = 6
"""Faces in a grid."""


def analyse_held_out(job: Job, system: System, loop: Loop, loader: BatchLoader) -> None:
    """Write and measure what a system shows of some held-out faces of each domain, if it shows anything.

    Args:
        job: the run.
        system: trained.
        loop: whose networks are used, or their moving averages.
        loader: where faces come from.
    """
    if not system.analysed_faces:
        return
    images = {}
    for number, (name, faces) in enumerate(job.selection.domains.items()):
        rows = faces.rows("test")
        chosen = np.sort(
            np.random.default_rng([job.configuration.resolved.recipe.seed, number]).permutation(rows)[
                : system.analysed_faces
            ]
        )
        images[name] = loader.batch(chosen, name).images
    networks = {name: loop.network(name) for name in system.networks}
    if (found := system.analyse(networks, images)) is None:
        return
    numbers = dict(found.numbers) | _similarities(found)
    meanings = {_named(measure, name): words for name in found.rebuilt for measure, words in _SIMILARITIES.items()}
    job.record["results"]["analysis"] = numbers
    content = {
        "faces": {name: len(some) for name, some in images.items()},
        "numbers": numbers,
        "words": {**found.words, **meanings},
        "points": {name: _plain(groups) for name, groups in found.points.items()},
        "values": {name: _plain(groups) for name, groups in found.values.items()},
        "grids": list(found.grids),
    }
    files.write_json(job.folder.analysis_path, content)
    columns = [{"face": pair[0], name: pair[1]} for name, pair in found.rebuilt.items()]
    if grids := [_grid(some) for some in (*columns, *found.grids.values())]:
        files.write_bytes(job.folder.rebuilt_path, draw_grids(grids))


def _plain(groups: Mapping[str, Floats]) -> dict[str, Any]:
    return {name: np.round(some, 4).tolist() for name, some in groups.items()}


def _similarities(found: Analysis) -> dict[str, float]:
    """Return mean PSNR and SSIM of rebuilt pictures, by name."""
    numbers: dict[str, float] = {}
    for name, (pictures, back) in found.rebuilt.items():
        means = dict(zip(METRICS, reconstruction_metrics(pictures, back).mean(dim=0).tolist(), strict=True))
        numbers |= {_named(measure, name): means[measure] for measure in _SIMILARITIES}
    return numbers


def _named(measure: str, name: str) -> str:
    return f"{measure.upper()} of {name}"


def _grid(columns: Mapping[str, Tensor]) -> Grid:
    pictures = [
        (((some[:_SHOWN].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
        for some in columns.values()
    ]
    return Grid(tuple(columns), [str(row + 1) for row in range(len(pictures[0]))], list(zip(*pictures, strict=True)))
