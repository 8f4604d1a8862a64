"""Generated faces of a run: sample grids during training, and translated held-out faces at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.workspace import Workspace
from fertools.training.data.batch_loader import BatchLoader
from fertools.training.data.faces import Faces, pick_examples
from fertools.training.engine.loop import Loop, Metrics
from fertools.training.evaluation.checkpoint_selection import open_selection_metric
from fertools.training.evaluation.sample_grid import Grid, draw_grids
from fertools.training.evaluation.translations import add_translations, list_translations
from fertools.training.evaluation.translator import Translator, translate_held_out
from fertools.training.recipes.recipe import TranslatingRecipe
from fertools.training.runs.generated import list_generated
from fertools.training.runs.job import Job
from fertools.training.systems.base import System, Translation

_VALIDATED = 128
"""Number of validation faces that are translated for each selection of the checkpoint."""


def make_translator(job: Job, system: System, loop: Loop, loader: BatchLoader) -> Translator | None:
    """Return the translator of a system in training; None if it does not translate."""
    translations = system.translations(torch.from_numpy(job.faces.prototypes()))
    if not translations:
        return None
    networks = {name: loop.network(name) for name in system.networks}
    return Translator(system, networks, loader, translations, loop.autocast)


def sample_grids(job: Job, translator: Translator, count: int) -> Callable[[int], None]:
    """Return a function that writes a sample grid of held-out faces and their translations.

    Args:
        job: the run.
        translator: translator of the run.
        count: number of faces of each domain.
    """
    domains = {name: job.selection.domains[name] for name in translator.domains}
    examples = {name: pick_examples(faces, count) for name, faces in domains.items()}
    labels = {name: [label_row(faces, row) for row in examples[name].tolist()] for name, faces in domains.items()}

    def sample(iteration: int) -> None:
        grids = []
        for name, rows in examples.items():
            headings, cells = translator.grid(rows, name)
            grids.append(Grid(headings, labels[name], cells))
        files.write_bytes(job.folder.sample_path(iteration), draw_grids(grids))

    return sample


def selection_metric(job: Job, translator: Translator, judge: str) -> Callable[[], Metrics]:
    """Return the function whose first metric selects the checkpoint; see `open_selection_metric`."""
    rows = {name: evenly_spaced(job.selection.domains[name].rows("val"), _VALIDATED) for name in translator.domains}
    return open_selection_metric(job, translator, rows, judge)


def translate_held_out_faces(job: Job, translator: Translator, recipe: TranslatingRecipe) -> None:
    """Translate held-out faces by all translations, and write their metrics and manifests."""
    record, folder, domains = job.record, job.folder, job.selection.domains
    rows = {name: evenly_spaced(domains[name].rows("test"), recipe.translate_faces) for name in translator.domains}
    for name in translator.domains:
        job.report.note(f"translating {len(rows[name])} held-out faces to {len(translator.of(name))} targets")
    results, qualities = translate_held_out(translator, domains, rows, folder.generated)
    record["results"] |= results
    for group in group_translations(translator.translations):
        name = group[0].source
        table = list_translations(
            job.workspace,
            domains[name],
            rows[name],
            group,
            [qualities[translation.name] for translation in group],
            folder=folder.generated,
            run=f"{record['system']}/{record['run']}",
            size_px=recipe.image_size,
        )
        add_translations(folder.root, table)
        generated = add_to_manifest(job.workspace, domains, rows[name], group, record, recipe, folder=folder.generated)
        record["generated"] = job.workspace.name_of(generated) if generated else record["generated"]


def add_to_manifest(
    workspace: Workspace,
    domains: Mapping[str, Faces],
    rows: NDArray[np.int64],
    group: Sequence[Translation],
    record: Mapping[str, str],
    recipe: TranslatingRecipe,
    *,
    folder: Path,
) -> Path | None:
    """Add generated faces to the manifest of a run, and return its path.

    Args:
        workspace: workspace with the manifest.
        domains: all faces by domain.
        rows: row numbers of the translated faces in the source domain.
        group: translations with the same source and target domain.
        record: record of the run.
        recipe: recipe of the run.
        folder: folder of the images.
    """
    source, target = (
        next(item for item in recipe.domains if item.name == name) for name in (group[0].source, group[0].target)
    )
    faces = domains[source.name]
    return list_generated(
        workspace,
        faces,
        rows,
        group,
        modality=target.modality,
        folder=folder,
        system=record["system"],
        run=record["run"],
        size_px=recipe.image_size,
        generator_folds=recipe.test_folds if faces.has_folds else None,
    )


def group_translations(translations: Sequence[Translation]) -> list[list[Translation]]:
    """Return translations grouped by source and target domain."""
    groups: dict[tuple[str, str], list[Translation]] = {}
    for translation in translations:
        groups.setdefault((translation.source, translation.target), []).append(translation)
    return list(groups.values())


def warn_of_missing_expressions(job: Job) -> None:
    """Report the expressions that no training face shows."""
    missing = [emotion for emotion, count in job.faces.counts("train").items() if not count]
    if missing and len(missing) < len(job.faces.classes):
        job.report.note(f"no training face shows {', '.join(missing)}, so the model cannot learn what that looks like")


def label_row(faces: Faces, row: int) -> str:
    """Return the label of a row of a sample grid: the subject, and on a second line the expression.

    A face without an expression has its valence and arousal there, if it has any.
    """
    subject = str(faces.table["subject_id"][row].as_py() or "unknown")
    if (index := int(faces.emotions[row])) >= 0:
        return f"{subject}\n{faces.classes[index]}"
    valence, arousal = faces.valence_arousal[row].tolist()
    return f"{subject}\nv {valence:+.1f} a {arousal:+.1f}" if math.isfinite(valence + arousal) else subject


def evenly_spaced(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` evenly spaced elements of `rows`; all of them if `count` is 0 or larger than their number.

    Example:
        >>> evenly_spaced(np.arange(7), 3).tolist()
        [0, 3, 6]
    """
    if not count or count >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
