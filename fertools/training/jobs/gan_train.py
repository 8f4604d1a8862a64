"""GAN-train: a classifier trained on made faces alone, and what it says of real ones.

It is trained by the recipe of a classifier that learned from real faces, on what the translator made of its own
training people, and tried on the real faces of the people whom both hold out. What it says of them lies in its folder
as predictions like those of any run.

Source: Shmelkov et al., "How Good Is My GAN?" (2018), section 3.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import Faces, arrange_faces
from fertools.training.data.synthetic import count_drawn
from fertools.training.engine.process_group import Team
from fertools.training.jobs.classifying import train_classifier
from fertools.training.networks.names import BACKBONES
from fertools.training.recipes.recipe import Resolved
from fertools.training.runs.configuration import Choice
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.generated import generated_path, slug
from fertools.training.runs.job import Job
from fertools.training.runs.load import Finished
from fertools.training.runs.metadata import describe_run
from fertools.training.runs.pixel_identity import identify_pixels
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.stargan.recipe import StarganRecipe

GAN_TRAIN_FOLDER = "gan-train"
"""Where these classifiers lie in the folder of the translator's run."""


def gan_train_folder(root: Path, judge: str) -> RunFolder:
    """Return where the classifier lies that has the recipe of a judge.

    Args:
        root: folder of the translator's run.
        judge: `SYSTEM/RUN` of the judge.
    """
    return RunFolder(root / GAN_TRAIN_FOLDER / slug(judge))


def train_on_made(
    workspace: Workspace,
    translator: Finished[StarganRecipe],
    judge: Finished[ClassifierRecipe],
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
    faces = made_and_held_out(workspace, translator, judge)
    recipe = dataclasses.replace(
        judge.recipe,
        task="emotion",
        image_size=_size_px(judge.recipe, translator.recipe),
        test_fold=translator.recipe.test_fold,
        distributions="",
    )
    folder = gan_train_folder(translator.folder.root, judge.name)
    resolved = Resolved(judge.resolved.system, judge.resolved.preset, recipe, judge.resolved.origins)
    with folder.locked("training"):
        record = describe_run(resolved, faces, count_drawn(workspace, faces.table), folder.root.name)
        if (old := folder.read()) is not None:
            if old["recipe"] != record["recipe"] or old["data"]["fingerprint"] != record["data"]["fingerprint"]:
                raise ResumeRefused(
                    f"{folder.root} was begun with other made faces or another recipe; remove that folder to train anew"
                )
            record |= {key: value for key, value in old.items() if key not in ("recipe", "data")}
        job = Job(workspace, Choice(resolved, device), faces, record, folder, Team(device), report)
        identify_pixels(job, old, "remove that folder to train anew")
        if not record["finished"]:
            report.note(f"training on {len(faces.rows('train')):,} made faces by the recipe of {judge.name}")
            train_classifier(job)
            record["finished"] = True
            folder.write(record)


def _size_px(judge: ClassifierRecipe, translator: StarganRecipe) -> int:
    """Return the size at which neither made nor real faces have detail that the others cannot have."""
    return min(judge.image_size, max(translator.image_size, BACKBONES.get(judge.network, 0)))


def made_and_held_out(
    workspace: Workspace, translator: Finished[StarganRecipe], judge: Finished[ClassifierRecipe]
) -> Faces:
    """Return made faces of training people to train on, labelled as what was asked for, and real held-out faces.

    Args:
        workspace: whose manifests.
        translator: who made the faces.
        judge: which says what the classes are and how many people are kept for validation.

    Raises:
        InputError: no faces of training people have been made, or the judge tells no expressions.
    """
    if not judge.recipe.reads_emotion:
        raise InputError(f"{judge.name} tells no expressions, and made faces are labelled with nothing else")
    if not translator.recipe.needs_emotion:
        raise InputError(f"{translator.name} is asked for no expressions, so there is nothing to train a classifier on")
    path = generated_path(workspace, translator.record["system"], translator.record["run"])
    real, classes = translator.faces, judge.faces.classes
    training = real.table["face_id"].take(pa.array(np.flatnonzero(~real.held_out)))
    made = store.read_table(path, FACES) if path.is_file() else FACES.table([])
    made = nested.keep(
        made,
        pc.and_(
            pc.is_in(made["parent_id"], value_set=training.combine_chunks()),
            pc.is_in(made["target_emotion"], value_set=pa.array(classes)),
        ),
    )
    if not len(made):
        raise InputError(
            f"{translator.name} has made no faces of the people that it was trained on, so there is nothing to train a "
            f"classifier on; run `fertools generate {translator.name} --of train` first"
        )
    made = store.replace_columns(made, {"emotion": made["target_emotion"].combine_chunks()})
    tested = nested.take(real.table, real.rows("test"))
    table = pa.concat_tables([made, tested])
    held_out = np.arange(len(table)) >= len(made)
    return arrange_faces(table, held_out, classes, val_share=judge.recipe.val_share, seed=judge.recipe.seed)
