"""Recipes: the settings of a system, each with its origin.

`fertools.training.recipes.resolve` reads recipes from files.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from fertools.core.errors import RecipeError
from fertools.core.vocabulary import EMOTIONS
from fertools.training.recipes.course import Course
from fertools.training.recipes.domains import FACES, Domain, Modality, Pairing
from fertools.training.recipes.precisions import read_precisions
from fertools.training.recipes.schedules import Schedule
from fertools.training.recipes.values import LARGEST, bounded
from fertools.training.recipes.view import View

ORIGINS = {
    "P": "the paper states it",
    "R": "the paper is silent; the public reference implementation does this",
    "C": "our choice; neither the paper nor a reference decides",
    "X": "the paper contradicts itself or cannot be right as printed; the note says how",
    "ours": "not the paper's: changed by this preset, or a matter of the engine alone",
    "set": "changed by the workspace's own recipe or on the command line",
}
"""Meaning of each origin tag."""

TestCrops = Literal["one", "ten"]
"""What is predicted of a held-out face: the whole face once, or ten crops of it."""


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """The base class of recipes; the note of a key in the recipe file explains it.

    Raises:
        RecipeError: two keys contradict each other.
    """

    translates: ClassVar[bool] = False
    """Whether a system of this recipe translates faces."""
    predicts: ClassVar[bool] = False
    """Whether a system of this recipe predicts expressions, or valence and arousal."""

    image_size: int = bounded(4, 1024)
    test_folds: tuple[int, ...]
    split_seed: int = bounded(0, LARGEST)
    seed: int = bounded(0, LARGEST)

    @property
    @abstractmethod
    def domains(self) -> tuple[Domain, ...]:
        """The sets of faces that the system learns from; it is tested on the first."""

    @property
    def view(self) -> View:
        """What the system sees of a face in a test: the whole face at `image_size`, if it does not say otherwise."""
        return View(self.image_size)

    @property
    def domain_pairing(self) -> Pairing:
        """How the faces of the other domains are chosen for those of the first."""
        return "none"

    @property
    def augments_pairs_alike(self) -> bool:
        """Whether the faces of a pair get the same random changes; those of one moment (`capture`) always do."""
        return self.domain_pairing == "capture"

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system predicts expressions."""
        return False

    @property
    def predicts_va(self) -> bool:
        """Whether the system predicts valence and arousal."""
        return False

    @property
    def soft_label_file(self) -> str:
        """A CSV file of soft labels, relative to the workspace; empty for none."""
        return ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the expressions, in the order of their indices."""
        return EMOTIONS

    @property
    def inner_validation(self) -> float:
        """Share of the training faces, by person, that select the checkpoint; 0 for none."""
        return 0.0

    @property
    def stops_on_test(self) -> bool:
        """Whether the best state is chosen on the test people, as leaky protocols do."""
        return False

    @property
    def trains_on_test(self) -> bool:
        """Whether the faces of test people are trained on, as leaky protocols do."""
        return False


@dataclass(frozen=True, kw_only=True)
class SingleDomainRecipe(Recipe):
    """The recipe of a system that learns from one set of faces."""

    modality: Modality

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The one domain, `faces`."""
        return (
            Domain(
                FACES,
                self.modality,
                self.only_dataset,
                needs_emotion=self.needs_emotion,
                needs_va=self.needs_va,
                generated=self.generated_runs,
                generated_ratio=self.most_generated,
                real_copies=self.copies_of_real,
                extra_modality=self.further_modality,
                character=self.only_character,
            ),
        )

    @property
    def only_dataset(self) -> str:
        """Name of the only dataset whose real faces are used; empty for all."""
        return ""

    @property
    def generated_runs(self) -> tuple[str, ...]:
        """Runs whose generated faces are added to the training faces."""
        return ()

    @property
    def most_generated(self) -> float:
        """Most generated training faces for each real one; 0 for all."""
        return 0.0

    @property
    def copies_of_real(self) -> int:
        """How often each real training face comes in an epoch."""
        return 1

    @property
    def further_modality(self) -> Modality | Literal[""]:
        """Modality of further real faces of training people that are trained on; empty for none."""
        return ""

    @property
    def only_character(self) -> str:
        """`subject_id` of an animated character, whose faces alone train; empty for all subjects."""
        return ""

    @property
    def needs_emotion(self) -> bool:
        """Whether to leave out faces without one of the expressions."""
        return True

    @property
    def needs_va(self) -> bool:
        """Whether to leave out faces without valence and arousal."""
        return False


@dataclass(frozen=True, kw_only=True)
class EngineRecipe(Recipe, ABC):
    """The base class of recipes for systems that the engine trains.

    Raises:
        RecipeError: `accumulate` is larger than `batch_size`, or `precision_parts` has an unknown part or precision.
    """

    batch_size: int = bounded(1)
    accumulate: int = bounded(1)
    clip_norm: float = bounded(0)
    lr: float = bounded(0, 1)
    lr_schedule: Schedule
    warmup: int = bounded(0)
    sampler: Literal["shuffled", "balanced", "groups"]
    use_weight: bool
    flip: bool
    precision: Literal["float32", "bf16", "fp16"]
    precision_parts: str
    ema: float = bounded(0, 0.999999)
    compile: bool
    deterministic: bool
    log_every: int = bounded(1)
    checkpoint_every: int = bounded(1)
    keep_checkpoints: int = bounded(1)

    def __post_init__(self) -> None:
        if self.accumulate > self.batch_size:
            raise RecipeError(
                f"accumulate is {self.accumulate}, more than the {self.batch_size} faces of a batch; give "
                f"{self.batch_size} or less"
            )
        read_precisions(self.precision_parts, self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of a step whose precision can be set."""
        return ()

    @abstractmethod
    def course(self, faces: Mapping[str, int]) -> Course:
        """Return the stages of a run and its validations.

        Args:
            faces: number of training faces by domain.
        """

    def for_generated(self, size_px: int, test_folds: tuple[int, ...]) -> EngineRecipe:
        """Return this recipe for training on generated faces, which have expressions as their only labels.

        Args:
            size_px: side of the generated faces in pixels.
            test_folds: the folds that the generator was not trained on.
        """
        return dataclasses.replace(self, image_size=min(self.image_size, size_px), test_folds=test_folds)

    @property
    def crops_in_tests(self) -> TestCrops:
        """What is predicted of a held-out face."""
        return "one"

    @property
    def loaded_px(self) -> int:
        """Side of the training faces in pixels, before the random crop of `image_size` pixels."""
        return self.image_size

    @property
    def starting_weights(self) -> Mapping[str, str]:
        """Initial weights by name of the network, trained or frozen: published weights, a file or a run."""
        return {}

    @property
    def class_weighting(self) -> Literal["none", "inverse", "root"]:
        """How the frequency of a class sets the weight of its faces in a loss; see `loss_weights`."""
        return "none"


@dataclass(frozen=True, kw_only=True)
class TranslatingRecipe(EngineRecipe):
    """The base class of recipes for systems that translate faces.

    Raises:
        RecipeError: `judge` is set without people for validation.
    """

    translates = True

    sample_every: int = bounded(1)
    sample_faces: int = bounded(1, 64)
    translate_faces: int = bounded(0)
    judge: str
    val_share: float = bounded(0, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.judge and not self.val_share:
            raise RecipeError(
                f"judge is '{self.judge}', and val_share is 0, so there is nobody whose faces it could read; set both, "
                "such as judge=classifier/cpu and val_share=0.1, or no judge"
            )

    @property
    def inner_validation(self) -> float:
        """Share of the training people for validation. A judge selects the checkpoint on their faces."""
        return self.val_share


R = TypeVar("R", bound=Recipe)
R_co = TypeVar("R_co", bound=Recipe, covariant=True)


@dataclass(frozen=True)
class Origin:
    """The origin of a value.

    Attributes:
        tag: a key of ORIGINS.
        note: one line on the meaning of the key, or on the reason for its value.
    """

    tag: str
    note: str


@dataclass(frozen=True)
class Resolved(Generic[R_co]):
    """A recipe with a value for every key.

    Attributes:
        system: name of the system.
        preset: name of the preset.
        recipe: the values.
        origins: origin of each value, by key.
    """

    system: str
    preset: str
    recipe: R_co
    origins: Mapping[str, Origin]

    def record(self) -> dict[str, dict[str, Any]]:
        """Return the value, origin and note of every key, in the order of the file."""
        return {
            name: {"value": _plain(getattr(self.recipe, name)), "origin": origin.tag, "note": origin.note}
            for name, origin in self.origins.items()
        }


def _plain(value: Any) -> Any:
    """Return a value in a form that JSON and TOML can hold."""
    return list(value) if isinstance(value, tuple) else value
