"""Select the checkpoint whose generated validation faces a classifier most often assigns to the target.

The losses of a GAN do not show which iteration is best, because each of its two networks is measured by the other. A
classifier that was trained separately shows it, on people that neither model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fertools.core.arguments import given
from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.hashing import hash_file
from fertools.statistics.concordance import concordance
from fertools.training.data.faces import Faces
from fertools.training.engine.loop import Metrics
from fertools.training.evaluation.evaluation_networks import open_predictor, shown_people
from fertools.training.evaluation.public_judge import PublicReader, find_template
from fertools.training.evaluation.translator import Translator, split_batches
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.runs.job import Job
from fertools.training.runs.load import LoadedRun, load_predictor
from fertools.training.runs.public_model import is_public, open_public
from fertools.training.systems.base import Translation
from fertools.training.systems.capabilities import predicting


@dataclass(frozen=True)
class _Judge:
    """The classifier that selects.

    Attributes:
        name: name of the run or of the model.
        classes: expressions in the order of its outputs; empty if it predicts none.
        predicts_va: whether it predicts valence and arousal.
        digest: digest of its weights.
        predict: returns N x C scores, higher for likelier classes, and N x 2 estimates, of N x 3 x S x S images in
            [-1, 1].
    """

    name: str
    classes: tuple[str, ...]
    predicts_va: bool
    digest: str
    predict: Callable[[Tensor], tuple[Tensor, Tensor]]


def open_selection_metric(
    job: Job, translator: Translator, rows: Mapping[str, NDArray[np.int64]], name: str
) -> Callable[[], Metrics]:
    """Return a function that measures a translator in its present state; the first metric selects, higher is better.

    `judge_accuracy` is the share of generated faces that the judge assigns to the target expression, as the mean over
    translations. `ccc` is the concordance of target and predicted values, as the mean of valence and arousal. A metric
    is left out if no translation has such a target, or if the judge does not predict it.

    Args:
        job: run of the translator. The name and digest of the judge are added to its record.
        translator: translator to measure.
        rows: row numbers of the validation faces to translate, by domain.
        name: run of the judge, or a ready model such as `public`, as in the key `judge`.

    Raises:
        InputError: there is no such finished run, or it predicts none of the targets of the translations.
        CheckFailed: the judge was trained on validation people or on held-out people.
        ResumeRefused: the judge was trained again since the run began, or the faces have changed.
    """
    judge = _open_model(job, name) if is_public(job.workspace, name) else _open_run(job, name)
    classes = judge.classes
    with_emotion = [
        translation
        for translation in translator.translations
        if translation.emotion in classes or (translation.keeps_emotion and classes)
    ]
    with_va = [
        translation
        for translation in translator.translations
        if judge.predicts_va and translation.valence_arousal is not None
    ]
    if not with_emotion and not with_va:
        raise InputError(f"{name} predicts none of the targets of this system; give another judge, or train one")
    digest = judge.digest
    if (begun := job.record.setdefault("judge", {"run": judge.name, "digest": digest})["digest"]) != digest:
        raise ResumeRefused(
            f"the judge {name} was trained again since this run was begun ({begun[:8]}, now {digest[:8]}); start again "
            f"with {given('resume', False)}"
        )

    @torch.no_grad()
    def measure() -> Metrics:
        hits: dict[str, list[Tensor]] = {translation.name: [] for translation in with_emotion}
        targets, estimated = [], []
        for domain, chosen in rows.items():
            faces = job.selection.domains[domain]
            for part in split_batches(chosen):
                images = translator.loader.batch(part, domain).images
                for translation in translator.of(domain):
                    generated = translator.translate(images, translation)
                    logits, estimates = judge.predict(generated)
                    if translation.name in hits:
                        wanted = torch.from_numpy(_targets(translation, faces, part, classes)).to(logits.device)
                        found = logits.argmax(dim=1).eq(wanted)
                        hits[translation.name].append(found[wanted >= 0])
                    if translation.valence_arousal is not None and with_va:
                        targets.append(np.tile(translation.valence_arousal, (len(part), 1)))
                        estimated.append(estimates.float().cpu().numpy())
        metrics: Metrics = {}
        if hits:
            metrics["judge_accuracy"] = float(
                np.mean([float(torch.cat(found).float().mean()) for found in hits.values()])
            )
        if targets:
            pairs = np.concatenate(estimated), np.concatenate(targets)
            metrics["ccc"] = float(
                np.mean([concordance(pairs[0][:, axis], pairs[1][:, axis], undefined=0.0) for axis in (0, 1)])
            )
        return metrics

    return measure


def _open_run(job: Job, name: str) -> _Judge:
    run = load_predictor(job.workspace, name)
    for faces in job.selection.domains.values():
        _refuse_leaks(run, faces)
    system, network, _, path = open_predictor(run, job.process_group.device)
    side = run.recipe.image_size

    def predict(images: Tensor) -> tuple[Tensor, Tensor]:
        sized = F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
        return predicting(system).predict(network, sized)

    classes = run.faces.classes if run.recipe.predicts_emotion else ()
    return _Judge(run.name, classes, run.recipe.predicts_va, hash_file(path), predict)


def _open_model(job: Job, name: str) -> _Judge:
    model = open_public(job.workspace, name, job.process_group.device)
    read = PublicReader(model, find_template(job.selection), job.configuration.resolved.recipe.view)

    def predict(images: Tensor) -> tuple[Tensor, Tensor]:
        coded = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        scores = torch.from_numpy(read(coded.cpu().numpy())).to(images.device)
        return scores, scores.new_empty((len(scores), 0))

    return _Judge(name, model.network.classes, model.network.predicts_va, model.info.digest, predict)


def _targets(
    translation: Translation, faces: Faces, rows: NDArray[np.int64], classes: tuple[str, ...]
) -> NDArray[np.int64]:
    """Return the target of each translated face as an index into the classes of the judge; -1 where it has none."""
    if not translation.keeps_emotion:
        return np.full(len(rows), classes.index(translation.emotion) if translation.emotion in classes else -1)
    numbers = [classes.index(name) if name in classes else -1 for name in faces.classes]
    # The last entry is for faces without a label: their index is -1.
    return np.array([*numbers, -1], np.int64)[faces.emotions[rows]]


def _refuse_leaks(judge: LoadedRun[EngineRecipe], faces: Faces) -> None:
    """Raise if validation people or held-out people of the translator took part in the training of a judge."""
    trained = shown_people(judge.faces, ~judge.faces.held_out & ~judge.faces.validating)
    # People who selected the checkpoint of the judge influenced it, too, so no held-out person may be among them.
    seen = trained | shown_people(judge.faces, judge.faces.validating)
    parts = (("validates on", trained, faces.validating), ("holds out", seen, faces.held_out))
    for words, people, members in parts:
        if both := people & shown_people(faces, members):
            raise CheckFailed(
                f"{judge.name} was trained on {len(both)} of the people whom this run {words}; train it with the same "
                "test_folds and val_share as this run"
            )
