"""What a recipe is: how a system is trained, every number with where it comes from.

`fertools.training.recipes.resolve` reads recipes; here is what they hold and which values a key may have.
"""

from __future__ import annotations

import dataclasses
import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from fertools.core.errors import RecipeError
from fertools.core.toml import shown
from fertools.core.vocabulary import EMOTIONS
from fertools.training.recipes.course import Course
from fertools.training.recipes.domains import FACES, Domain, Modality, Pairing
from fertools.training.recipes.schedules import Schedule

ORIGINS = {
    "P": "the paper states it",
    "R": "the paper is silent; the public reference implementation does this",
    "C": "our choice; neither the paper nor a reference decides",
    "X": "the paper contradicts itself or cannot be right as printed; the note says how",
    "ours": "not the paper's: changed by this preset, or a matter of the engine alone",
    "set": "changed by the workspace's own recipe or on the command line",
}
"""What each origin tag means."""


LARGEST = 2**63 - 1
"""The largest whole number that a key may have, which is the largest that arrays and tensors hold."""
PRECISIONS = ("float32", "bf16", "fp16")
"""What networks can run in."""


def bounded(least: float | None = None, most: float | None = None) -> Any:
    """Return a dataclass field for a number from `least` to `most`, both allowed."""
    return field(metadata={"least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """What every system's recipe has; the meaning of each key is its note in the file.

    Raises:
        RecipeError: keys that do not go together.
    """

    translates: ClassVar[bool] = False
    """Whether a system of this recipe turns faces into others."""
    predicts: ClassVar[bool] = False
    """Whether it says what faces show."""

    image_size: int = bounded(4, 1024)
    test_folds: tuple[int, ...]
    seed: int = bounded(0, LARGEST)

    @property
    @abstractmethod
    def domains(self) -> tuple[Domain, ...]:
        """The sets of faces that the system learns from; the first is the one that it is tested on."""

    @property
    def domain_pairing(self) -> Pairing:
        """How the faces of the other domains are chosen for those of the first."""
        return "none"

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system tells expressions."""
        return False

    @property
    def predicts_va(self) -> bool:
        """Whether the system tells valence and arousal."""
        return False

    @property
    def soft_labels(self) -> str:
        """A file, below the workspace, with the share of raters who saw each class in a face; empty for none."""
        return ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The expressions that are told apart, in the order of their numbers."""
        return EMOTIONS

    @property
    def inner_validation(self) -> float:
        """Share of the training people on whom the best state is chosen; 0 for none."""
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
                needs_emotion=self.needs_emotion,
                needs_va=self.needs_va,
                generated=self.generated_runs,
                generated_ratio=self.most_generated,
                real_copies=self.copies_of_real,
                extra_modality=self.further_modality,
            ),
        )

    @property
    def generated_runs(self) -> tuple[str, ...]:
        """Runs whose generated faces are trained on beside the real ones."""
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
    def needs_emotion(self) -> bool:
        """Whether a face without one of the expressions is left out."""
        return True

    @property
    def needs_va(self) -> bool:
        """Whether a face without valence and arousal is left out."""
        return False


@dataclass(frozen=True, kw_only=True)
class EngineRecipe(Recipe, ABC):
    """What the recipe of a system that the engine trains has."""

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
                f"accumulate is {self.accumulate}, and a batch of {self.batch_size} faces has no more parts than that; "
                f"give {self.batch_size} or less"
            )
        read_precisions(self.precision_parts, self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of a step that may have a precision of their own."""
        return ()

    @abstractmethod
    def course(self, faces: Mapping[str, int]) -> Course:
        """Return how long a run is.

        Args:
            faces: number of training faces by domain.
        """

    def for_generated(self, size_px: int, test_folds: tuple[int, ...]) -> EngineRecipe:
        """Return this recipe for training on generated faces alone, labelled with nothing but expressions.

        Args:
            size_px: side of the generated faces.
            test_folds: the folds that the generator has not seen.
        """
        return dataclasses.replace(self, image_size=min(self.image_size, size_px), test_folds=test_folds)

    @property
    def loaded_px(self) -> int:
        """Side of the training faces before a square of `image_size` is cut out of them at random."""
        return self.image_size

    @property
    def starting_weights(self) -> Mapping[str, str]:
        """By network, the published weights, file or run that it begins with."""
        return {}

    @property
    def class_weighting(self) -> Literal["none", "inverse", "root"]:
        """How much a face counts in a loss, by how frequent its class is; see `loss_weights`."""
        return "none"


@dataclass(frozen=True, kw_only=True)
class TranslatingRecipe(EngineRecipe):
    """What the recipe of a system that turns faces into others has.

    Raises:
        RecipeError: a judge without people to validate on.
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
        """Share of the training people whose faces a judge reads; without one they are kept out of training alone."""
        return self.val_share


def read_precisions(text: str, parts: Iterable[str]) -> dict[str, str]:
    """Return precision by part, from text such as `penalty=float32,discriminator=fp16`.

    Args:
        text: as in the key `precision_parts`; empty for none.
        parts: names that there are.

    Raises:
        RecipeError: an unknown part or precision.

    Example:
        >>> read_precisions("penalty=float32", ("generator", "penalty"))
        {'penalty': 'float32'}
    """
    found: dict[str, str] = {}
    known = tuple(parts)
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, _, precision = (part.strip() for part in item.partition("="))
        if name not in known:
            raise RecipeError(
                f"precision_parts names the part '{name}'{nearest(name, known)}; there are {', '.join(known) or 'none'}"
            )
        if precision not in PRECISIONS:
            raise RecipeError(f"precision_parts gives {name} '{precision}'; choose one of {', '.join(PRECISIONS)}")
        found[name] = precision
    return found


R = TypeVar("R", bound=Recipe)
R_co = TypeVar("R_co", bound=Recipe, covariant=True)


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        tag: a key of ORIGINS.
        note: one line on what the key means or why it has this value.
    """

    tag: str
    note: str


@dataclass(frozen=True)
class Resolved(Generic[R_co]):
    """A recipe whose every key has its value.

    Attributes:
        system: name of the system.
        preset: name of the preset.
        recipe: the values.
        origins: where each comes from, by key.
    """

    system: str
    preset: str
    recipe: R_co
    origins: Mapping[str, Origin]

    def record(self) -> dict[str, dict[str, Any]]:
        """Return value, origin and note of every key, in the order of the file."""
        return {
            name: {"value": _plain(getattr(self.recipe, name)), "origin": origin.tag, "note": origin.note}
            for name, origin in self.origins.items()
        }


def _plain(value: Any) -> Any:
    """Return a value as JSON and TOML have it."""
    return list(value) if isinstance(value, tuple) else value


def check_value(name: str, value: Any, hint: Any, kind: type[R], where: str) -> Any:
    """Return `value` as the type that a key has.

    Args:
        name: of the key.
        value: as read.
        hint: the key's type.
        kind: the recipe class, whose field has the bounds.
        where: where it was read, for the message.

    Raises:
        RecipeError: it is of another type or out of range.
    """
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = [str(choice) for choice in get_args(hint)]
            near = nearest(value, choices) if isinstance(value, str) else ""
            raise RecipeError(f"{name} in {where} is {shown(value)}{near}; choose one of {', '.join(choices)}")
        return value
    if get_origin(hint) is tuple:
        values = value if isinstance(value, list | tuple) else [value]
        if not all(type(item) is int and 0 <= item <= LARGEST for item in values) or len(set(values)) < len(values):
            raise RecipeError(f"{name} in {where} is {shown(value)}; give whole numbers from 0, each once, as [0, 3]")
        if not values:
            raise RecipeError(f"{name} in {where} is empty; give one whole number from 0 at least, as [0]")
        return tuple(sorted(values))
    if hint is bool:
        if not isinstance(value, bool):
            raise RecipeError(f"{name} in {where} is {shown(value)}; write true or false")
        return value
    if isinstance(value, int) and abs(value) > LARGEST:
        raise RecipeError(f"{name} in {where} is {shown(value)}; give one of at most 18 digits")
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        kinds = {int: "a whole number", float: "a number", str: "text"}
        raise RecipeError(f"{name} in {where} is {shown(value)}; give {kinds[hint]}")
    if hint is str:
        return value
    limits = next(item.metadata for item in dataclasses.fields(kind) if item.name == name)
    least, most = limits.get("least"), limits.get("most")
    # Written so that NaN, which compares false to everything, is refused.
    if not ((least is None or value >= least) and (most is None or value <= most) and value - value == 0):
        span = f"from {least} to {most}" if most is not None else f"{least} or more"
        raise RecipeError(f"{name} in {where} is {value}; give {span}")
    return value


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'` for the known word that is most like `word`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean '{near[0]}'" if near else ""


def write_value(value: object) -> str:
    """Return a value as the recipe file and `--set` write it.

    Example:
        >>> write_value(True), write_value(1e-4), write_value("cin")
        ('true', '0.0001', 'cin')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
