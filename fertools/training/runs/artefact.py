"""The model artefact: one file per trained network, which opens without a workspace.

A file is safetensors with a checksum (`fertools.core.sealed`). It has the weights by name, and one JSON text in its
metadata. The text describes the network, the face crops that it expects and its training people. The file has no code.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.sealed import check_whole, is_sealed, read_seal, write_sealed
from fertools.training.data.selection import Selection
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.recipe import Recipe, Resolved
from fertools.training.recipes.view import View
from fertools.training.runs.job import Job
from fertools.training.runs.lineage import load_lineage

METADATA_KEY = "fertools.model"
"""Key of the JSON text in the file's metadata."""
FORMAT = 1
"""Version of that text."""
_REMEDY = "put back a copy of it, or train the run again"


@dataclass(frozen=True)
class Crop:
    """The face crop that a network expects.

    Attributes:
        template: landmark template that the face is aligned to; `centre` for crops that were never aligned.
        aligned_px: side of the aligned crop, before it is resized.
        size_px: side of the image that the network takes.
        fill: what the crop shows beyond the edge of the image: `black`, `grey` or `edge`.
        of_px: side of the resized face that the image is the centre of; 0 if the image is the whole face.
        scale: range that pixel values are scaled to.
    """

    template: str
    aligned_px: int
    size_px: int
    fill: str = "black"
    of_px: int = 0
    scale: tuple[float, float] = (-1.0, 1.0)

    @property
    def view(self) -> View:
        """What the network sees of an aligned face."""
        return View(self.size_px, self.of_px)


@dataclass(frozen=True)
class ModelInfo:
    """The description of a network in its file.

    Attributes:
        system: name of the system, such as `classifier`.
        network: name of the network in the system, such as `generator`.
        run: name of the run.
        preset: name of the recipe's preset.
        recipe: values of the recipe, by key.
        classes: names of the expressions, in the order of their indices.
        prototypes: mean valence and arousal of each class in the training faces; 0 where none is known.
        crop: the face crop that the network expects.
        held_out_folds: folds that it was not trained on; None where the split has no folds.
        subjects: number of training people.
        faces: number of training faces.
        faces_digest: digest of the faces, labels and folds of the run; see `Selection.fingerprint`.
        digest: checksum of the file; empty before it is written.
    """

    system: str
    network: str
    run: str
    preset: str
    recipe: Mapping[str, Any]
    classes: tuple[str, ...]
    prototypes: tuple[tuple[float, float], ...]
    crop: Crop
    held_out_folds: tuple[int, ...] | None
    subjects: int
    faces: int
    faces_digest: str
    digest: str = field(default="", compare=False)


def describe_model(
    resolved: Resolved[Recipe],
    selection: Selection,
    network: str,
    *,
    domain: str,
    run: str,
    fill: str = "black",
    classes: tuple[str, ...] | None = None,
) -> ModelInfo:
    """Return the description of a trained network.

    Args:
        resolved: recipe of the run.
        selection: faces of the run.
        network: name of the network in the system.
        domain: name of the domain whose faces it takes.
        run: name of the run.
        fill: what the crops show beyond the edge of the image.
        classes: the expressions that it predicts; None for those of the domain.
    """
    faces = selection.domains[domain]
    rows = faces.rows("train")
    view = resolved.recipe.view
    template, aligned_px = _usual_crop(faces.table.select(["template", "size_px"]).take(pa.array(rows)))
    return ModelInfo(
        system=resolved.system,
        network=network,
        run=run,
        preset=resolved.preset,
        recipe={name: entry["value"] for name, entry in resolved.record().items()},
        classes=faces.classes if classes is None else classes,
        prototypes=tuple((float(v), float(a)) for v, a in selection.main.prototypes().tolist()),
        crop=Crop(template, aligned_px or view.of_px, view.size_px, fill, view.of_px),
        held_out_folds=resolved.recipe.test_folds if faces.has_folds else None,
        subjects=faces.subjects("train"),
        faces=len(rows),
        faces_digest=selection.fingerprint(),
    )


def save_model(
    job: Job,
    network: str,
    state: Mapping[str, Tensor | NDArray[np.float32]],
    *,
    domain: str = FACES,
    classes: tuple[str, ...] | None = None,
) -> None:
    """Write a trained network into the folder of its run, in the first process.

    Args:
        job: the run.
        network: name of the network in the system.
        state: its weights by name, or those of its moving average.
        domain: name of the domain whose faces it takes.
        classes: the expressions that it knows; None for those of the domain.

    Raises:
        StorageError: the disk is full.
    """
    if not job.process_group.is_first:
        return
    resolved, fill = job.configuration.resolved, job.workspace.settings().get("ingest", {}).get("fill", "black")
    run = job.record["run"]
    info = describe_model(resolved, job.selection, network, domain=domain, run=run, fill=fill, classes=classes)
    lineage = load_lineage(job.folder, job.record)
    write_model(job.folder.model_path(network), state, info, {} if lineage is None else lineage.to_metadata())


def write_model(
    path: Path,
    state: Mapping[str, Tensor | NDArray[np.float32]],
    info: ModelInfo,
    lineage: Mapping[str, str] | None = None,
) -> None:
    """Write a trained network as one file, atomically.

    Args:
        path: path of the file, such as `RUN/models/generator.safetensors`.
        state: weights by name, as tensors or arrays.
        info: description of the network.
        lineage: lineage of the run, as returned by `Lineage.to_metadata`.

    Raises:
        StorageError: the disk is full; the old file is intact.
    """
    tensors = {
        name: (value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value))).detach().cpu().contiguous()
        for name, value in state.items()
    }
    text = {"format": FORMAT, **asdict(info)}
    del text["digest"]
    write_sealed(path, save(tensors, metadata={METADATA_KEY: json.dumps(text, sort_keys=True), **(lineage or {})}))


def read_model(path: Path) -> tuple[ModelInfo, dict[str, Tensor]]:
    """Return the description of a network, and its weights on the CPU.

    Raises:
        InputError: there is no such file, it is damaged, or fertools did not write it as a model.
    """
    info = read_info(path)
    check_whole(path, _REMEDY)
    with reading(path, "cannot be read as a model", _REMEDY), safe_open(path, "pt", "cpu") as stored:
        return info, {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping


def is_model(path: Path) -> bool:
    """Return whether a file says that it is a model that fertools wrote; nothing else of it is checked.

    Raises:
        OSError: the file cannot be read.
    """
    if path.suffix != ".safetensors" or not is_sealed(path):
        return False
    with safe_open(path, "pt", "cpu") as stored:
        return METADATA_KEY in (stored.metadata() or {})


def read_info(path: Path) -> ModelInfo:
    """Return the description of the network in a file, without reading its weights.

    Raises:
        InputError: there is no such file, or fertools did not write it as a model.
    """
    if not path.is_file():
        raise InputError(f"there is no model at {path}; give the folder of a finished run, or a file in its models/")
    with reading(path, "cannot be read", _REMEDY):
        sealed = is_sealed(path)
    if not sealed:
        raise InputError(f"{path} is not a model of fertools; give a file in the models/ folder of a run")
    with reading(path, "does not say what model it is", _REMEDY):
        with safe_open(path, "pt", "cpu") as stored:
            text = json.loads((stored.metadata() or {})[METADATA_KEY])
        if text.pop("format") == FORMAT:
            return _parse(text, read_seal(path))
    raise InputError(f"{path} was written by another version of fertools; use that one, or train the run again")


def _parse(text: dict[str, Any], digest: str) -> ModelInfo:
    crop = text.pop("crop")
    crop["scale"] = tuple(crop["scale"])
    folds = text.pop("held_out_folds")
    return ModelInfo(
        # JSON has lists where a recipe has tuples.
        recipe={name: tuple(value) if isinstance(value, list) else value for name, value in text.pop("recipe").items()},
        classes=tuple(text.pop("classes")),
        prototypes=tuple((float(valence), float(arousal)) for valence, arousal in text.pop("prototypes")),
        crop=Crop(**crop),
        held_out_folds=None if folds is None else tuple(folds),
        digest=digest,
        **text,
    )


def _usual_crop(crops: pa.Table) -> tuple[str, int]:
    """Return the most frequent template and side of crops."""
    pairs = zip(crops["template"].to_pylist(), crops["size_px"].to_pylist(), strict=True)
    template, size_px = Counter(pairs).most_common(1)[0][0]
    return template or "centre", size_px or 0
