"""The keys of a CycleAT recipe; `training/cycleat.toml` has their values and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest
from fertools.training.losses.attention_forms import AttentionForm
from fertools.training.networks.names import BACKBONES
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.course import Course, Stage
from fertools.training.recipes.domains import Domain
from fertools.training.recipes.values import bounded
from fertools.training.systems.cyclegan.recipe import TwoWayRecipe

WILD = "wild"
"""The domain of faces in the wild, which only test the classifier."""
CLASSIFIER, TEACHER = "classifier", "teacher"
"""The classifier of generated faces (f_W), and the frozen one of source faces (f_S). The first is a part of a step."""
RANDOM = "random"
"""Value of the key `teacher` for an untrained network, to test that everything runs."""
NORMAL = "normal"
"""Value of the key `start` for weights from N(0, 0.02); with `teacher`, the classifier begins as a copy of it."""
TRANSLATION, JOINT, RECOGNITION = "translation", "joint", "recognition"
"""The stages: the GAN by itself; then everything together, or the classifier by itself on generated faces."""
LEAST_IN_NORM = 16
"""Fewest generated faces for the batch norms of the classifier."""


@dataclass(frozen=True, kw_only=True)
class CycleatRecipe(TwoWayRecipe):
    """The recipe of a CycleAT.

    Raises:
        RecipeError: keys contradict each other: sizes, domains, batches, or weights that are missing.
    """

    predicts = True

    wild_dataset: str
    classes: str
    network: str
    width: float = bounded(0.05, 4)
    classifier_px: int = bounded(0, 1024)
    teacher: str
    start: str
    norms: Literal["batch", "frozen"]
    reduction: Literal["mean", "sum"]
    beta: float = bounded(0)
    at_form: AttentionForm
    at_teacher_input: Literal["source", "generated"]
    guard: float = bounded(0)
    gan_batch: int = bounded(1)
    stage1_iterations: int = bounded(0)
    stage2_iterations: int = bounded(0)
    stage2_trains: Literal["all", "classifier"]
    lr_schedule: Literal["constant", "linear", "cosine"]

    def __post_init__(self) -> None:
        super().__post_init__()
        read_classes(self.classes)
        self._refuse_domains()
        self._refuse_networks()
        self._refuse_batches()
        if not (self.stage1_iterations or self.stage2_iterations):
            raise RecipeError(
                "stage1_iterations and stage2_iterations are both 0, so nothing is trained; give 1 or more to one"
            )
        if self.stage2_trains == "classifier" and not self.stage1_iterations:
            raise RecipeError(
                "stage2_trains is classifier, and stage1_iterations is 0, so the generator of its faces is never "
                "trained; give stage1_iterations=1 or more"
            )

    def _refuse_domains(self) -> None:
        if self.source == self.target and not (self.source_dataset and self.target_dataset):
            name = "target_dataset" if self.source_dataset else "source_dataset"
            raise RecipeError(
                f"{name} is empty, so that source and target share faces; name a dataset for each, such as "
                "source_dataset=laboratory and target_dataset=web"
            )

    def _refuse_networks(self) -> None:
        known = [name for name in BACKBONES if name.startswith("resnet")]
        if self.network not in known:
            raise RecipeError(
                f"network is '{self.network}'{nearest(self.network, known)}, and attention is compared after each "
                f"stage of a ResNet; choose one of {', '.join(known)}"
            )
        side = self.classifier_px or self.image_size
        if side < (least := BACKBONES[self.network]):
            raise RecipeError(
                f"the classifier {self.network} needs faces of {least} pixels and gets faces of {side}; set "
                "classifier_px=224"
            )
        if not self.teacher and (self.attends or self.start == TEACHER):
            needed = "start is teacher" if self.start == TEACHER else f"beta is {self.beta:g}"
            raise RecipeError(
                f"{needed}, and teacher is empty; give a classifier of source faces, such as "
                "teacher=classifier/laboratory"
            )

    def _refuse_batches(self) -> None:
        part = self.batch_size // self.accumulate
        if self.gan_batch > self.batch_size or self.gan_batch % self.accumulate:
            raise RecipeError(
                f"gan_batch is {self.gan_batch}, with batches of {self.batch_size} faces in {self.accumulate} parts; "
                f"give a multiple of {self.accumulate} up to {self.batch_size}"
            )
        if self.stage2_iterations and self.norms == "batch" and part < LEAST_IN_NORM:
            raise RecipeError(
                f"batch_size is {self.batch_size} in {self.accumulate} parts, and the batch norms of the classifier "
                f"need {LEAST_IN_NORM} faces in each; give batch_size={LEAST_IN_NORM * self.accumulate}, or set "
                "norms=frozen"
            )
        if self.norms == "frozen" and self.start == NORMAL:
            raise RecipeError(
                "norms is frozen, and start is normal, so there are no statistics to keep; set start=teacher or "
                "norms=batch"
            )

    @property
    def domains(self) -> tuple[Domain, ...]:
        """Labelled source faces, target faces without labels, and labelled faces in the wild for a test, if any."""
        source, target = super().domains
        source = replace(source, needs_emotion=True)
        if not self.wild_dataset:
            return (source, target)
        return (source, target, replace(source, name=WILD, dataset=self.wild_dataset, tested_only=True))

    @property
    def parts(self) -> tuple[str, ...]:
        """Both generators, both discriminators, and the classifier with its teacher."""
        return (*super().parts, CLASSIFIER)

    @property
    def cycle_weight(self) -> float:
        """The weight of the cycle loss, a mean over the numbers of a face. For a sum, it is times their number."""
        return self.lambda_cycle * (3 * self.image_size**2 if self.reduction == "sum" else 1)

    @property
    def identity_weight(self) -> float:
        """The weight of the identity loss."""
        return self.cycle_weight * self.lambda_identity

    @property
    def attends(self) -> bool:
        """Whether the attention of the teacher is learned."""
        return bool(self.beta and self.stage2_iterations)

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system predicts expressions: if its classifier has learned anything."""
        return bool(self.stage2_iterations) or self.start != NORMAL

    @property
    def class_names(self) -> tuple[str, ...]:
        """The expressions of source faces."""
        return read_classes(self.classes)

    @property
    def starting_weights(self) -> Mapping[str, str]:
        """The weights of the teacher if something uses it, and of the classifier."""
        wanted = {}
        if self.teacher != RANDOM and (self.attends or self.start == TEACHER):
            wanted[TEACHER] = self.teacher
        if self.start not in (NORMAL, TEACHER):
            wanted[CLASSIFIER] = self.start
        return wanted

    def course(self, faces: Mapping[str, int]) -> Course:
        """Return both stages."""
        del faces
        second = JOINT if self.stage2_trains == "all" else RECOGNITION
        stages = {TRANSLATION: self.stage1_iterations, second: self.stage2_iterations}
        return Course(
            tuple(Stage(name, length) for name, length in stages.items() if length),
            validate_every=self.sample_every if self.judge else 0,
        )
