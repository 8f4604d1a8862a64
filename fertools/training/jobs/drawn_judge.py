"""A judge for translations of drawn faces: a classifier trained on other drawn people.

Its people have a seed that no drawn dataset of the workspace has. If the translations show a character, this character
plays those people. Their faces are cropped by their true landmarks, and the classifier is trained with the recipe
`cpu`. The folder of the translator's run has its training faces, its weights and its predictions for held-out drawn
people.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from fertools.core import files, locking
from fertools.core.errors import ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.processes import processors, worker_context
from fertools.core.progress import Reporter
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.faces.alignment import align
from fertools.manifests.schema import FACES
from fertools.samples.clips import draw_clip_of
from fertools.samples.identity import Person
from fertools.samples.sample_options import LEAST_SHOWN, SampleOptions
from fertools.training.data.faces import Faces, build_faces
from fertools.training.data.selection import Selection
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.evaluation.drawn_truth import character_of, drawn_datasets
from fertools.training.jobs.train_networks import train_networks
from fertools.training.recipes.recipe import EngineRecipe, TranslatingRecipe
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.runs.configuration import RunConfiguration
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.job import Job
from fertools.training.runs.load import LoadedRun
from fertools.training.runs.metadata import describe_run
from fertools.training.systems.registry import find_system

_SYSTEM = "classifier"
"""System of the judge."""
DRAWN_JUDGE = "a classifier of other drawn people"
"""Name of the judge in tables."""
_FOLDER = "drawn-judge"
_PEOPLE, _HELD_OUT = 40, 4
"""Number of drawn people, and number of those who are held out."""
_FRAMES, _SHOWN = 6, (2, 5)
"""Frames of a clip, and the indices of those that are used: one before the peak of the expression, and one at it."""
_DRAWN_PX = 256


@dataclass(frozen=True)
class _Cut:
    """How the faces of the other people are drawn and cropped."""

    workspace: Workspace
    folder: Path
    seed: int
    options: SampleOptions
    modality: str
    character: Person | None
    template: str
    size_px: int


def train_drawn_judge(
    workspace: Workspace, translator: LoadedRun[TranslatingRecipe], table: pa.Table, device: str, report: Reporter
) -> LoadedRun[EngineRecipe]:
    """Train the classifier, or resume where an earlier call stopped.

    Args:
        workspace: workspace whose drawn people it must not be trained on.
        translator: run whose generated faces it will evaluate.
        table: rows of these faces.
        device: name of the device for torch.
        report: reporter of progress.

    Raises:
        ResumeRefused: another version of fertools trained it.
        Interrupted: stopped by a signal; the state is saved.
        StorageError: the disk is full.
    """
    drawn = {
        name: [dataset.options for dataset, _ in drawn_datasets(workspace, faces).values()]
        for name, faces in translator.selection.domains.items()
    }
    everywhere = list(itertools.chain.from_iterable(drawn.values()))
    used = {options.seed for options in everywhere}
    seed = next(number for number in itertools.count(1) if number not in used)
    folder = RunFolder(translator.folder.root / _FOLDER / f"seed-{seed}")
    reached = set(table["target_domain"].to_pylist())
    domain = [item for item in translator.recipe.domains if item.name in reached][-1]
    resolved = resolve_recipe(
        _SYSTEM, find_system(_SYSTEM).recipe_class(), "cpu", (f"modality={domain.modality}", "val_share=0")
    )
    template = translator.selection.domains[domain.name].table["template"].to_pylist()[0] or "loose"
    cut = _Cut(
        workspace=workspace,
        folder=folder.root / "faces",
        seed=seed,
        options=_options_like(drawn[domain.name] or everywhere, seed),
        modality=domain.modality,
        character=character_of(translator.name, translator.selection.domains[domain.name].table, domain.modality),
        template=template,
        size_px=translator.recipe.image_size,
    )
    with locking.exclusive(folder.lock_path, "training"):
        faces = _other_people(cut, report)
        selection = Selection({resolved.recipe.domains[0].name: faces})
        record = describe_run(resolved, selection, len(faces.table), folder.root.name)
        if (old := folder.read()) is not None:
            if old["recipe"] != record["recipe"] or old["data"]["fingerprint"] != record["data"]["fingerprint"]:
                raise ResumeRefused(f"{folder.root} was begun with other settings; remove that folder to train again")
            record |= {key: value for key, value in old.items() if key not in ("recipe", "data")}
        if not record["finished"]:
            report.note(f"training {DRAWN_JUDGE} on {len(faces.rows('train')):,} faces")
            job = Job(
                workspace, RunConfiguration(resolved, device), selection, record, folder, ProcessGroup(device), report
            )
            train_networks(job, resolved.recipe)
            record["finished"] = True
            folder.write(record)
    return LoadedRun(DRAWN_JUDGE, folder, record, resolved.recipe, selection)


def _other_people(cut: _Cut, report: Reporter) -> Faces:
    """Return the faces of the other drawn people; draw the missing ones. The last few people are held out."""
    people = range(1, _PEOPLE + 1)
    report.note(f"drawing {_PEOPLE} other people")
    report.start(_PEOPLE)
    rows: list[dict[str, Any]] = []
    workers = min(processors(), _PEOPLE)
    with ProcessPoolExecutor(workers, worker_context([__name__]), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for done, found in enumerate(pool.map(functools.partial(_draw_person, cut), people), 1):
            rows += found
            report.advance(done)
    table = FACES.table(rows).sort_by("face_id")
    last = {_subject(person) for person in people[-_HELD_OUT:]}
    held_out = np.array([subject in last for subject in table["subject_id"].to_pylist()])
    return build_faces(table, held_out, EMOTIONS)


def _draw_person(cut: _Cut, person: int) -> list[dict[str, Any]]:
    """Write the missing crops of one person, and return all rows of the person."""
    rows = []
    for look in cut.options.looks:
        for emotion in cut.options.emotions:
            moments = draw_clip_of(cut.options, person, emotion, look).moments
            for number in _SHOWN:
                face_id = hash_bytes(f"{cut.seed} {person} {look} {emotion} {number}".encode())
                path = cut.folder / f"{face_id}.png"
                if not path.is_file():
                    moment = moments[number]
                    if cut.character is not None:
                        moment = replace(moment, character=cut.character)
                    frame = moment.picture(cut.modality, _DRAWN_PX)
                    points = moment.landmarks(cut.modality, _DRAWN_PX)
                    crop, _ = align(frame, points, cut.template, cut.size_px)
                    files.write_bytes(path, cv2.imencode(".png", crop[..., ::-1])[1].tobytes(), flush=False)
                rows.append(
                    {
                        "face_id": face_id,
                        "source_id": hash_bytes(f"{cut.seed} {person} {look} {emotion}".encode()),
                        "dataset": "drawn",
                        "modality": cut.modality,
                        "frame_index": number,
                        "path": cut.workspace.name_of(path),
                        "size_px": cut.size_px,
                        "interpolated": False,
                        "template": cut.template,
                        "status": "kept",
                        "subject_id": _subject(person),
                        "emotion": emotion,
                    }
                )
    return rows


def _options_like(drawn: Sequence[SampleOptions], seed: int) -> SampleOptions:
    """Return how other people are drawn: as in the datasets of the target domain."""
    options = SampleOptions(people=_PEOPLE, frames=_FRAMES, seed=seed)
    kind = next((one.kind for one in drawn if one.kind != "clips"), "clips")
    if kind != "clips":
        return replace(options, kind=kind)
    return replace(options, least_shown=min((one.least_shown for one in drawn), default=LEAST_SHOWN))


def _subject(person: int) -> str:
    return f"other-{person:02d}"
