"""GAN-train: a classifier trained on made faces alone, and what it says of real ones.

It is trained by the recipe of a classifier that learned from real faces, on what the translator made of its own
training people, and tried on the real faces of the people whom both hold out. What it says of them lies in its folder
as predictions like those of any run.

Source: Shmelkov et al., "How Good Is My GAN?" (2018), section 3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
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
    """Return where the classifier lies that has the recipe of a judge.

    Args:
        root: folder of the translator's run.
        judge: `SYSTEM/RUN` of the judge.
    """
    return RunFolder(root / GAN_TRAIN_FOLDER / slug(judge))


def train_on_generated(
    workspace: Workspace,
    translator: LoadedRun[TranslatingRecipe],
    judge: LoadedRun[EngineRecipe],
    device: str,
    report: Reporter,
) -> None:
    """Train a classifier on made faces, going on where an earlier call stopped.

    Args:
        workspace: whose runs and faces.
        translator: who made the faces.
        judge: whose recipe is taken; faces are no larger than the made ones, if its network allows that, and only
            expressions are told.
        device: torch's name of it.
        report: told of progress.

    Raises:
        InputError: no faces of training people have been made, or the judge tells no expressions.
        ResumeRefused: this was begun with other made faces, other pictures or another recipe.
    """
    faces = generated_and_held_out(workspace, translator, judge)
    recipe = judge.recipe.for_generated(translator.recipe.image_size, translator.recipe.test_folds)
    folder = gan_train_folder(translator.folder.root, judge.name)
    resolved = Resolved(judge.resolved.system, judge.resolved.preset, recipe, judge.resolved.origins)
    with folder.locked("training"):
        selection = Selection({judge.recipe.domains[0].name: faces})
        record = describe_run(resolved, selection, count_drawn(workspace, faces.table), folder.root.name)
        if (old := folder.read()) is not None:
            if old["recipe"] != record["recipe"] or old["data"]["fingerprint"] != record["data"]["fingerprint"]:
                raise ResumeRefused(
                    f"{folder.root} was begun with other made faces or another recipe; remove that folder to train anew"
                )
            record |= {key: value for key, value in old.items() if key not in ("recipe", "data")}
        job = Job(
            workspace, RunConfiguration(resolved, device), selection, record, folder, ProcessGroup(device), report
        )
        record_pixels(job, old, "remove that folder to train anew")
        generator = trace_run(workspace, translator.name, "generated faces")
        record_lineage(job, old, learned_from=[] if generator is None else [generator])
        if not record["finished"]:
            report.note(f"training on {len(faces.rows('train')):,} made faces by the recipe of {judge.name}")
            train_networks(job, recipe)
            record["finished"] = True
            folder.write(record)


def generated_and_held_out(
    workspace: Workspace, translator: LoadedRun[TranslatingRecipe], judge: LoadedRun[EngineRecipe]
) -> Faces:
    """Return made faces of training people to train on, labelled as what was asked for, and real held-out faces.

    Args:
        workspace: whose manifests.
        translator: who made the faces.
        judge: which says what the classes are and how many people are kept for validation.

    Raises:
        InputError: no faces of training people have been made, or the judge tells no expressions.
    """
    if not judge.recipe.predicts_emotion:
        raise InputError(f"{judge.name} tells no expressions, and made faces are labelled with nothing else")
    path = generated_path(workspace, translator.record["system"], translator.record["run"])
    domain, classes = judge.recipe.domains[0], judge.faces.classes
    # Faces as the judge reads them: those of the domain with its modality, the last where there are two.
    alike = [item.name for item in translator.recipe.domains if item.modality == domain.modality]
    if not alike:
        raise InputError(f"{translator.name} generates no {domain.modality} faces, which {judge.name} reads")
    real = translator.selection.domains[alike[-1]]
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
            f"{translator.name} has made no faces of the people that it was trained on, so there is nothing to train a "
            f"classifier on; run `fertools generate {translator.name} --of train` first"
        )
    generated = store.replace_columns(generated, {"emotion": generated["target_emotion"].combine_chunks()})
    tested = nested.take(real.table, real.rows("test"))
    table = pa.concat_tables([generated, tested])
    held_out = np.arange(len(table)) >= len(generated)
    people = choose_validation_people(table, held_out, judge.recipe.inner_validation)
    return build_faces(table, held_out, classes, validation_people=people)
