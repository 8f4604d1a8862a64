"""GAN-train: a classifier trained on generated faces alone, and tested on real faces.

It has the recipe of a classifier that learned from real faces. It is trained on faces that the translator generated
from its own training people. It is tested on real faces of the people whom both hold out. Its folder has its
predictions, like that of any run.

Source: Shmelkov et al., "How Good Is My GAN?" (2018), section 3.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import calls
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from fertools.splits.split_record import read_record, recorded_links
from fertools.training.data.faces import Faces, build_faces
from fertools.training.data.selection import Selection
from fertools.training.data.synthetic import count_drawn
from fertools.training.data.validation_people import choose_validation_people
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.jobs.train_networks import train_networks
from fertools.training.recipes.recipe import EngineRecipe, Resolved, TranslatingRecipe
from fertools.training.runs.ancestry import record_lineage, trace_run
from fertools.training.runs.configuration import RunConfiguration
from fertools.training.runs.folder import GAN_TRAIN_FOLDER, RunFolder
from fertools.training.runs.generated import generated_path, slug
from fertools.training.runs.job import Job
from fertools.training.runs.load import LoadedRun
from fertools.training.runs.metadata import describe_run
from fertools.training.runs.pixel_identity import record_pixels


def gan_train_folder(root: Path, judge: str) -> RunFolder:
    """Return the folder of the classifier with the recipe of a judge.

    Args:
        root: folder of the translator's run.
        judge: run of the judge, as `SYSTEM/RUN`.
    """
    return RunFolder(root / GAN_TRAIN_FOLDER / slug(judge))


def train_on_generated(
    workspace: Workspace,
    translator: LoadedRun[TranslatingRecipe],
    judge: LoadedRun[EngineRecipe],
    device: str,
    report: Reporter,
    *,
    allow_leaks: bool = False,
) -> None:
    """Train a classifier on generated faces, or resume where an earlier call stopped.

    Args:
        workspace: workspace with the runs and their faces.
        translator: run that generated the faces.
        judge: run whose recipe is used. Its faces are no larger than the generated ones, if its network allows that,
            and it predicts expressions only.
        device: name of the device for torch.
        report: reporter of progress.
        allow_leaks: whether to use faces of a generator that was trained on people who are held out.

    Raises:
        InputError: there are no generated faces of training people, or the judge predicts no expressions.
        ResumeRefused: the training was begun with other faces, other images or another recipe.
    """
    faces = generated_and_held_out(workspace, translator, judge)
    recipe = judge.recipe.for_generated(translator.recipe.image_size, translator.recipe.test_folds)
    recipe = replace(recipe, split_seed=translator.recipe.split_seed)
    folder = gan_train_folder(translator.folder.root, judge.name)
    resolved = Resolved(judge.resolved.system, judge.resolved.preset, recipe, judge.resolved.origins)
    with folder.locked("training"):
        selection = Selection({judge.recipe.domains[0].name: faces})
        record = describe_run(resolved, selection, count_drawn(workspace, faces.table), folder.root.name)
        if (old := folder.read()) is not None:
            if old["recipe"] != record["recipe"] or old["data"]["fingerprint"] != record["data"]["fingerprint"]:
                raise ResumeRefused(
                    f"{folder.root} was begun with other generated faces or another recipe; remove that folder to "
                    "train again"
                )
            record |= {key: value for key, value in old.items() if key not in ("recipe", "data")}
        job = Job(
            workspace, RunConfiguration(resolved, device), selection, record, folder, ProcessGroup(device), report
        )
        record_pixels(job, old, "remove that folder to train again")
        generator = trace_run(workspace, translator.name, "generated faces")
        learned_from = [] if generator is None else [generator]
        record_lineage(job, old, allow_leaks=allow_leaks, learned_from=learned_from)
        if not record["finished"]:
            report.note(f"training on {len(faces.rows('train')):,} generated faces with the recipe of {judge.name}")
            train_networks(job, recipe)
            record["finished"] = True
            folder.write(record)


def generated_and_held_out(
    workspace: Workspace, translator: LoadedRun[TranslatingRecipe], judge: LoadedRun[EngineRecipe]
) -> Faces:
    """Return generated faces of training people, labelled with their targets, and real held-out faces.

    Args:
        workspace: workspace with the manifests.
        translator: run that generated the faces.
        judge: run with the classes and the share of people for validation.

    Raises:
        InputError: there are no generated faces of training people, or the judge predicts no expressions.
    """
    if not judge.recipe.predicts_emotion:
        raise InputError(f"{judge.name} predicts no expressions, which are the only labels of generated faces")
    path = generated_path(workspace, translator.record["system"], translator.record["run"])
    domain, classes = judge.recipe.domains[0], judge.faces.classes
    # The domain must have the modality of the judge; of two such domains, the last one is used.
    matching = [item.name for item in translator.recipe.domains if item.modality == domain.modality]
    if not matching:
        raise InputError(f"{translator.name} generates no {domain.modality} faces, which {judge.name} needs")
    real = translator.selection.domains[matching[-1]]
    training = pa.chunked_array(
        [
            faces.table["face_id"].take(pa.array(np.flatnonzero(~faces.held_out))).combine_chunks()
            for faces in translator.selection.domains.values()
        ]
    )
    generated = store.read_table(path, FACES) if path.is_file() else FACES.table([])
    generated = nested.keep(
        generated,
        pc.and_(
            pc.and_(
                pc.is_in(generated["parent_id"], value_set=training.combine_chunks()),
                pc.equal(generated["modality"], domain.modality),
            ),
            pc.is_in(generated["target_emotion"], value_set=pa.array(classes)),
        ),
    )
    if not len(generated):
        raise InputError(
            f"{translator.name} has generated no faces of its training people, so there is nothing to train a "
            f"classifier on; run {calls.generate_training_faces(translator.name)} first"
        )
    generated = store.replace_columns(generated, {"emotion": generated["target_emotion"].combine_chunks()})
    tested = nested.take(real.table, real.rows("test"))
    table = pa.concat_tables([generated, tested])
    held_out = np.arange(len(table)) >= len(generated)
    # What is generated from copies of one picture stays together, too.
    links = recorded_links(read_record(workspace), pc.coalesce(table["parent_id"], table["face_id"]))
    people = choose_validation_people(table, held_out, judge.recipe.inner_validation, links)
    return build_faces(table, held_out, classes, validation_people=people)
