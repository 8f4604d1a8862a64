"""The best state of a translator: that whose pictures of validation people a classifier reads best as asked for.

No loss of a GAN says which iteration is best, since each of the two networks is measured by the other. A classifier
that was trained apart can say it, and it says it of people whom neither of them was trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.hashing import hash_file
from fertools.manifests import nested
from fertools.statistics.concordance import concordance
from fertools.training.data.faces import Faces, Side
from fertools.training.engine.loop import Measures
from fertools.training.evaluation.translator import Translator, pieces
from fertools.training.networks.backbones import take_trained
from fertools.training.runs.job import Job
from fertools.training.runs.load import Finished, reopen_classifier
from fertools.training.systems.base import ClassifyingSystem, Target
from fertools.training.systems.build import build_system
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.classifier.system import NETWORK


def open_chooser(job: Job, translator: Translator, rows: NDArray[np.int64], name: str) -> Callable[[], Measures]:
    """Return a measurement of a translator as it is; the first measure decides, and more is better.

    `read_as_asked` is the share of pictures that the judge reads as the expression that was asked for, mean over
    expressions; `ccc` the concordance of valence and arousal asked for and read, mean of both. Each is there as far
    as the translator is asked for it and the judge tells it.

    Args:
        job: the translator's run, whose record is told which judge it is.
        translator: what is measured.
        rows: positions of the validation people's faces that are translated.
        name: `classifier/RUN` of the judge, as the key `judge` has it.

    Raises:
        InputError: there is no such finished run, or it tells nothing of what the translator is asked for.
        CheckFailed: the judge was trained on people who choose or are held out.
        ResumeRefused: the judge has been trained anew since the run was begun, or the faces have changed.
    """
    judge = reopen_classifier(job.workspace, name)
    known = {target.words: _class_of(target, judge) for target in translator.targets}
    emotions = {words: number for words, number in known.items() if number is not None}
    points = judge.recipe.reads_va and any(target.point is not None for target in translator.targets)
    if not points and not emotions:
        raise InputError(f"{name} tells nothing of what this system is asked for; give another judge, or train one")
    _refuse_acquainted(judge, job.faces)
    digest = hash_file(judge.folder.weights_path)
    if (begun := job.record.setdefault("judge", {"run": name, "digest": digest})["digest"]) != digest:
        raise ResumeRefused(
            f"{name} has been trained anew since this run was begun, which it judges ({begun[:8]}, now {digest[:8]}); "
            "begin anew with --no-resume"
        )
    system = cast(ClassifyingSystem, build_system(judge.resolved))
    network = system.networks[NETWORK].to(job.team.device).eval()
    take_trained(network, judge.folder.weights_path)
    side = judge.recipe.image_size

    @torch.no_grad()
    def measure() -> Measures:
        hits: dict[str, list[Tensor]] = {words: [] for words in emotions}
        asked, read = [], []
        for part in pieces(rows):
            images = translator.feed.batch(part).images
            for target in translator.targets:
                made = translator.translate(images, target)
                sized = F.interpolate(made, (side, side), mode="bilinear", antialias=True, align_corners=False)
                logits, estimates = system.predict(network, sized)
                if target.words in hits:
                    hits[target.words].append(logits.argmax(dim=1).eq(emotions[target.words]))
                if points and target.point is not None:
                    asked.append(np.tile(target.point, (len(part), 1)))
                    read.append(estimates.float().cpu().numpy())
        told: Measures = {}
        if hits:
            told["read_as_asked"] = float(np.mean([float(torch.cat(found).float().mean()) for found in hits.values()]))
        if asked:
            pairs = np.concatenate(read), np.concatenate(asked)
            told["ccc"] = float(
                np.mean([concordance(pairs[0][:, axis], pairs[1][:, axis], undefined=0.0) for axis in (0, 1)])
            )
        return told

    return measure


def _class_of(target: Target, judge: Finished[ClassifierRecipe]) -> int | None:
    """Return the number under which a judge knows a target, if it does."""
    classes = judge.faces.classes if judge.recipe.reads_emotion else ()
    return classes.index(target.emotion) if target.emotion in classes else None


def _refuse_acquainted(judge: Finished[ClassifierRecipe], faces: Faces) -> None:
    """Raise if a judge was trained on people whom the translator is chosen by, or knows any whom it holds out."""
    trained = _people(judge.faces, "train")
    # Whoever chose the judge has told it something too, which nobody of the test fold may.
    told = trained | _people(judge.faces, "val")
    sides: tuple[tuple[Side, str, set[str]], ...] = (("val", "validates on", trained), ("test", "holds out", told))
    for side, words, people in sides:
        if both := people & _people(faces, side):
            raise CheckFailed(
                f"{judge.name} was trained on {len(both)} of the people whom this run {words}, and would remember "
                "them; train it with the same test_fold, seed and val_share as this run"
            )


def _people(faces: Faces, side: Side) -> set[str]:
    table = nested.take(faces.table, faces.rows(side))
    pairs = zip(table["subject_id"].to_pylist(), table["face_id"].to_pylist(), strict=True)
    return {subject if subject is not None else f"face {face}" for subject, face in pairs}
