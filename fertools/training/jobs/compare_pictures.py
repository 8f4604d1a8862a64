"""Evaluation of generated faces by their pixels alone: the probe of identity, and the nearest real faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.manifests import nested
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.pixel_cache import load_pixels, read_crop
from fertools.training.data.sequences import name_sequences
from fertools.training.evaluation.drawn_truth import truth_paths
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.nearest_faces import Search, write_nearest
from fertools.training.evaluation.people_probe import probe_people
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.runs.load import LoadedRun


def compare_pictures(
    workspace: Workspace,
    translator: LoadedRun[TranslatingRecipe],
    table: pa.Table,
    options: EvaluationOptions,
    report: Reporter,
) -> None:
    """Apply the probe of identity, and search the nearest real faces, as the options say.

    Args:
        workspace: workspace with the faces.
        translator: run that generated the faces.
        table: rows of its generated faces.
        options: what to do.
        report: reporter of progress.

    Raises:
        InputError: a picture is missing or cannot be read.
        StorageError: the disk is full.
    """
    domains, view = translator.selection.domains, translator.recipe.view
    pixels = {name: load_pixels(workspace, faces, view, workspace.pixels) for name, faces in domains.items()}
    root = translator.folder.root
    parts = [table.filter(pc.equal(table["source_domain"], name)) for name in domains]
    by_source = {name: part for name, part in zip(domains, parts, strict=True) if len(part)}
    if options.people_probe:
        report.note("probing who is recognised in generated faces")
        names: list[str] = []
        people: list[str | None] = []
        sequences: list[str] = []
        moments: list[str | None] = []
        images: dict[str, list[Pixels]] = {"generated": [], "unchanged": [], "truth": []}
        for name, part in by_source.items():
            parents = nested.take(domains[name].table, _rows(domains[name], part))
            names += part["face_id"].to_pylist()
            people += parents["subject_id"].to_pylist()
            sequences += _sequences(workspace, parents)
            moments += parents["pair_id"].to_pylist()
            images["generated"] += _read(workspace, part, view.size_px)
            images["unchanged"] += [pixels[name][row] for row in _rows(domains[name], part)]
            images["truth"] += _truths(root, part, view.size_px)
        if len(images["truth"]) < len(names):
            del images["truth"]
        count = probe_people(root, names, people, _joined(sequences, moments), images)
        if count < 2:
            report.note(f"the probe needs two held-out people with two sequences each, and there are {count}")
    if options.nearest:
        report.note("searching the nearest real face of each generated face")
        write_nearest(root, list(_searches(workspace, domains, pixels, by_source, view.size_px)))


def _searches(
    workspace: Workspace,
    domains: Mapping[str, Faces],
    pixels: Mapping[str, Pixels],
    by_source: Mapping[str, pa.Table],
    size_px: int,
) -> Iterator[Search]:
    for name, part in by_source.items():
        for target in sorted(set(part["target_domain"].to_pylist())):
            chosen = part.filter(pc.equal(part["target_domain"], target))
            rows, pool = _rows(domains[name], chosen), domains[target].rows("train")
            yield Search(
                table=chosen,
                generated=_read(workspace, chosen, size_px),
                parents=[pixels[name][row] for row in rows],
                parent_paths=domains[name].table["path"].take(pa.array(rows)).to_pylist(),
                pool=domains[target].table.select(["face_id", "emotion", "path"]).take(pa.array(pool)),
                pool_pixels=np.asarray(pixels[target][pool]),
            )


def _rows(faces: Faces, part: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the row numbers of the parents of generated faces."""
    found = pc.index_in(part["parent_id"], value_set=faces.table["face_id"].combine_chunks())
    return np.asarray(found.to_numpy(), np.int64)


def _read(workspace: Workspace, part: pa.Table, size_px: int) -> list[Pixels]:
    return [read_crop(workspace.path_of(path), size_px) for path in part["path"].to_pylist()]


def _truths(root: Path, part: pa.Table, size_px: int) -> list[Pixels]:
    """Return the true images of drawn people; empty if one is missing."""
    paths = truth_paths(root, part)
    return [read_crop(path, size_px) for path in paths] if all(path.is_file() for path in paths) else []


def _sequences(workspace: Workspace, parents: pa.Table) -> list[str]:
    """Return the take of each face, or its source for a single picture."""
    names, _ = name_sequences(workspace, parents)
    return [name or str(source) for name, source in zip(names, parents["source_id"].to_pylist(), strict=True)]


def _joined(sequences: list[str], moments: list[str | None]) -> list[str]:
    """Return one name for the videos of several cameras that show the same moments."""
    first_of_moment: dict[str, str] = {}
    name_of: dict[str, str] = {}
    for sequence, moment in zip(sequences, moments, strict=True):
        first = sequence if moment is None else first_of_moment.setdefault(moment, sequence)
        name_of.setdefault(sequence, name_of.get(first, first))
    return [name_of[sequence] for sequence in sequences]
