"""Distance of translated drawn faces to the true image, which exists only for drawn people.

`fertools sample` can draw the same moment with any other expression. That image is cropped and resized like the face.
A character has the face elsewhere in its picture, so its image is aligned by its own landmarks. The character is that
of the target domain.
These metrics say nothing about real people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.faces.alignment import extract_crop, similarity
from fertools.faces.templates import template_names
from fertools.manifests import store
from fertools.manifests.schema import ANIMATED
from fertools.samples.cast import find_member
from fertools.samples.counterparts import DrawnDataset, find_drawn, open_drawn
from fertools.samples.identity import Person
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.pixel_cache import load_pixels, read_crop, resize
from fertools.training.evaluation.prediction_metrics import Metrics
from fertools.training.evaluation.subject_means import mean_over_subjects, number_people
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.recipes.view import View
from fertools.training.runs.generated import generated_id, picture_path
from fertools.training.runs.load import LoadedRun

TRUTHS_NAME = "truths.parquet"
"""Table in the folder of a run: `face_id` of a generated face, its `l1` to the true image, and that of its parent,
`unchanged_l1`."""
_METRICS = ("l1", "unchanged_l1")


@dataclass(frozen=True)
class _Domain:
    """The faces of a domain.

    Attributes:
        modality: modality of the faces.
        character: the character of the cast that they show; None for people and other characters.
        table: N rows of the faces.
        pixels: NxSxSx3 uint8 pixels of the same rows.
        row_of: row number by `face_id`.
        drawn: drawn dataset and file by `source_id`.
    """

    modality: str
    character: Person | None
    table: pa.Table
    pixels: Pixels
    row_of: dict[str, int]
    drawn: dict[str, tuple[DrawnDataset, Path]]


def truth_path(root: Path, target: str, parent_id: str) -> Path:
    """Return the path of the true image of a face for a target.

    Args:
        root: folder of the run.
        target: name of the translation.
        parent_id: `face_id` of the face.
    """
    return picture_path(root / "truths", target, parent_id)


def truth_id(parent_id: str, target: str) -> str:
    """Return the identifier of the true image of a face for a target."""
    return generated_id(parent_id, "drawn", target)


def drawn_datasets(workspace: Workspace, faces: Faces) -> dict[str, tuple[DrawnDataset, Path]]:
    """Return the drawn dataset and the file of each drawn source of the faces, by `source_id`.

    Raises:
        InputError: the options of a drawn dataset cannot be read.
    """
    if not workspace.sources.is_file():
        return {}
    wanted = set(faces.table["source_id"].to_pylist())
    found: dict[str, tuple[DrawnDataset, Path]] = {}
    opened: dict[Path, DrawnDataset] = {}
    for row in store.read_sources(workspace, ("source_id", "path")).to_pylist():
        path = (workspace.root / row["path"]).resolve()
        if row["source_id"] in wanted and (root := find_drawn(path.parent)) is not None:
            found[row["source_id"]] = opened.setdefault(root, open_drawn(root)), path
    return found


def draw_truths(
    workspace: Workspace, translator: LoadedRun[TranslatingRecipe], table: pa.Table, report: Reporter
) -> None:
    """Draw the true images of translated faces into the run's folder, and write the distances to them.

    Args:
        workspace: workspace with the sources.
        translator: run of the translator.
        table: rows of its generated faces.
        report: reporter of progress.

    Raises:
        InputError: a face is not drawn, its dataset is missing, or a target is not an expression. Or a domain shows
            several characters.
        StorageError: the disk is full.
    """
    root, size_px, view = translator.folder.root, translator.recipe.image_size, translator.recipe.view
    modality = {domain.name: domain.modality for domain in translator.recipe.domains}
    domains = {
        name: _Domain(
            modality[name],
            character_of(translator.name, faces.table, modality[name]),
            faces.table,
            load_pixels(workspace, faces, view, workspace.pixels),
            {face: row for row, face in enumerate(faces.table["face_id"].to_pylist())},
            drawn_datasets(workspace, faces),
        )
        for name, faces in translator.selection.domains.items()
    }
    fill = str(workspace.settings().get("ingest", {}).get("fill", "black"))
    rows = []
    report.start(len(table))
    for done, entry in enumerate(table.to_pylist(), 1):
        domain = domains[entry["source_domain"]]
        row = domain.row_of[entry["parent_id"]]
        path = truth_path(root, entry["target"], entry["parent_id"])
        if not path.is_file():
            face = domain.table.slice(row, 1).to_pylist()[0]
            target = domains[entry["target_domain"]]
            picture = _draw(domain.drawn, face, entry["target_emotion"], target, view, fill)
            if picture is None:
                raise InputError(
                    f"{translator.name} translated faces that are not drawn, or whose drawn dataset has changed; they "
                    f"have no true image, so leave {argument('drawn')} out"
                )
            coded = cv2.imencode(".png", picture[..., ::-1])[1]
            files.write_bytes(path, coded.tobytes(), flush=False)
        truth, generated = read_crop(path, size_px), read_crop(workspace.path_of(entry["path"]), size_px)
        rows.append((entry["face_id"], _distance(generated, truth), _distance(domain.pixels[row], truth)))
        report.advance(done)
    columns = dict(zip(("face_id", *_METRICS), map(list, zip(*rows, strict=True)), strict=True))
    with files.replacing(root / TRUTHS_NAME) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def truth_metrics(root: Path, table: pa.Table) -> Metrics | None:
    """Return the distances of generated faces to the true images, and those of their unchanged parents.

    Faces that already show the target expression, in the same domain, are left out: their true image is the input.

    Args:
        root: folder of the run.
        table: rows of its generated faces.

    Returns:
        `faces`, the number of generated faces; `measures`, with `l1` and `unchanged_l1` and their intervals; and
        `by_target`, the same for each expression. None if there are no true images.
    """
    path = root / TRUTHS_NAME
    if not path.is_file():
        return None
    measured = pq.read_table(path, partitioning=None)
    table = table.filter(pc.is_in(table["face_id"], value_set=measured["face_id"].combine_chunks()))
    same = pc.and_(
        pc.fill_null(pc.equal(table["emotion"], table["target_emotion"]), False),
        pc.equal(table["source_domain"], table["target_domain"]),
    )
    table = table.filter(pc.invert(same))
    if not len(table):
        return None
    row_of = {name: row for row, name in enumerate(measured["face_id"].to_pylist())}
    rows = np.array([row_of[name] for name in table["face_id"].to_pylist()], np.int64)
    values = np.stack([measured[name].to_numpy()[rows] for name in _METRICS], axis=1)
    people, targets = number_people(table), np.array(table["target"].to_pylist())

    def average(chosen: NDArray[np.bool_]) -> dict[str, Any]:
        codes = np.unique(people[chosen], return_inverse=True)[1]
        found = mean_over_subjects(values[chosen], codes)
        return {"faces": int(chosen.sum()), "measures": dict(zip(_METRICS, found, strict=True))}

    by_target = [{"target": name, **average(targets == name)} for name in sorted(set(targets.tolist()))]
    return {**average(np.ones(len(table), bool)), "by_target": by_target}


def truth_names(table: pa.Table) -> list[str]:
    """Return the identifiers of the true images of generated faces."""
    return [truth_id(parent, target) for parent, target in _pairs(table)]


def truth_paths(root: Path, table: pa.Table) -> list[Path]:
    """Return the paths of the true images of generated faces."""
    return [truth_path(root, target, parent) for parent, target in _pairs(table)]


def _pairs(table: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(table["parent_id"].to_pylist(), table["target"].to_pylist(), strict=True)


def _draw(
    drawn: dict[str, tuple[DrawnDataset, Path]],
    face: dict[str, Any],
    emotion: str | None,
    target: _Domain,
    view: View,
    fill: str,
) -> Pixels | None:
    """Return the true image of a face with an expression in a domain; None if the face is not drawn."""
    if face["source_id"] not in drawn or emotion is None or face["matrix"] is None:
        return None
    dataset, path = drawn[face["source_id"]]
    moment = dataset.moment(path, face["frame_index"], emotion)
    if moment is None:
        return None
    if target.character is not None:
        moment = replace(moment, character=target.character)
    drawn_px, matrix, crop_px = dataset.options.size_px, np.array(face["matrix"], np.float64), face["size_px"]
    like = target.table.slice(0, 1).to_pylist()[0]
    if target.modality == ANIMATED and like["template"] in template_names():
        crop_px = like["size_px"]
        matrix = similarity(moment.landmarks(ANIMATED, drawn_px), like["template"], crop_px)
    return resize(extract_crop(moment.picture(target.modality, drawn_px), matrix, crop_px, fill), view)


def character_of(run: str, table: pa.Table, modality: str) -> Person | None:
    """Return the character of the cast that all faces of a domain show; None for people and other characters.

    Args:
        run: name of the run.
        table: rows of the domain.
        modality: modality of the domain.

    Raises:
        InputError: they show several characters.
    """
    if modality != ANIMATED:
        return None
    found = {subject: find_member(subject or "") for subject in pc.unique(table["subject_id"]).to_pylist()}
    if len(found) > 1 and any(found.values()):
        raise InputError(
            f"{run} was trained on several characters ({', '.join(sorted(map(str, found)))}), so it is not known which "
            f"one it should draw; leave {argument('drawn')} out"
        )
    return next(iter(found.values()), None)


def _distance(one: Pixels, other: Pixels) -> float:
    """Return the mean absolute difference of two images on the scale from -1 to 1."""
    return float(np.abs(one.astype(np.float64) - other).mean() / 127.5)
