"""The five systems that `fertools demo` shows: what is drawn for each, and the commands that train it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Length = Literal["full", "quick"]
"""How long the demo trains."""
_CROPS = ("--crops", "--template", "tight", "--crop-px", "96", "--crop-format", "png", "--quality", "keep-all")
"""Options of `fertools ingest` for pictures whose landmarks are known."""
_FIRST_OF_WEB = 101
"""Number of the first person of the web, so that nobody is also in the laboratory."""

_SAME_EXPRESSION = ("l1_target=expression", "lambda_pixel=100", "lambda_real=0.5", "lr=0.001")
"""Keys of HA-GAN for few iterations: with a neutral target, every face would stay neutral."""
_KEPT_COLOURS = ("lambda_identity=0.5", "lr=0.0006", "ema=0.99")
"""Keys of CycleAT for few iterations. Without the identity loss, dark and light would be exchanged at first."""

Command = tuple[str, ...]


@dataclass(frozen=True)
class System:
    """A system of the demo.

    Attributes:
        name: name of the system, as in `fertools train NAME`.
        title: heading of its section on the page.
        about: what the system does, and what its picture shows.
        workspace: folder of its dataset in the folder of the demo; "" for the demo's own.
        settings: keys that hold with every preset, since the demo's data need them.
        lengths: keys that make the training short enough, if the user names no preset.
        classifier: options that train the classifier that the system needs; empty for none.
        classifier_preset: keys of this classifier, if the user names no preset.
    """

    name: str
    title: str
    about: str
    workspace: str
    settings: tuple[str, ...] = ()
    lengths: dict[Length, tuple[str, ...]] = field(default_factory=dict)
    classifier: Command = ()
    classifier_preset: tuple[str, ...] = ()

    def run(self, length: Length, preset: str | None) -> str:
        """Return the name of the run that `train` leaves behind."""
        return f"{self.name}/{preset or ('demo' if length == 'full' else 'quick')}"

    def train(self, length: Length, preset: str | None) -> Iterator[Command]:
        """Yield the commands that train the system, with `preset` or else with a short one for a CPU."""
        place = ("-w", self.workspace) if self.workspace else ()
        if self.classifier:
            keys = () if preset else self.classifier_preset
            yield ("train", "classifier", *place, "--preset", preset or "cpu", *self.classifier, *_set(keys))
        keys = (*self.settings, *(() if preset else self.lengths[length]))
        run = self.run(length, preset).removeprefix(f"{self.name}/")
        yield ("train", self.name, *place, "--preset", preset or "cpu", "--run", run, *_set(keys))


SYSTEMS = (
    System(
        "stargan",
        "StarGAN",
        "One network gives a face any of the seven expressions. Each row is a person who was held out: the face first, "
        "then its translations.",
        "",
        lengths={"full": ("iterations=480", "head_start=120"), "quick": ("iterations=300", "head_start=80")},
    ),
    System(
        "et-cyclegan",
        "ET-CycleGAN",
        "It translates visible faces into thermal ones, to enlarge a set of thermal faces. A classifier of thermal "
        "faces watches that the expression stays. The features of a face network are left out, since fertools has no "
        "weights of one.",
        "pairs",
        settings=("lambda_face=0",),
        lengths={
            "full": ("lr=0.0008", "ema=0.99"),
            "quick": ("epochs=1", "decay_epochs=1", "image_size=48", "load_size=52", "lr=0.0008", "ema=0.99"),
        },
        classifier=("--run", "thermal", "--set", "modality=thermal"),
        classifier_preset=("width=0.25", "epochs=10"),
    ),
    System(
        "unpaired",
        "Unpaired multimodal recognition",
        "It recognises visible faces with the help of thermal ones, and translates nothing. The picture shows held-out "
        "faces, and each one as its decoder rebuilds it.",
        "pairs",
        # With few people, half of them would be nearly nobody.
        settings=("unpaired_unit=sample",),
        # A decoder learns slowly with the weight of the paper.
        lengths={
            "full": ("lambda_r=100", "batch_size=16", "stage1_epochs=20", "stage2_epochs=100"),
            "quick": ("lambda_r=100", "batch_size=16", "stage1_epochs=10", "stage2_epochs=60"),
        },
    ),
    System(
        "ha-gan",
        "HA-GAN",
        "It draws one animated character with the expression of a human face, and recognises the expression there.",
        "characters",
        settings=("character=c01",),
        lengths={
            "full": ("epochs=3", *_SAME_EXPRESSION),
            "quick": ("image_size=32", "load_size=38", *_SAME_EXPRESSION),
        },
    ),
    System(
        "cycleat",
        "CycleAT",
        "It gives faces of a laboratory the look of the web, and trains a classifier on the translations with the "
        "labels of the laboratory.",
        "looks",
        lengths={
            "full": ("stage1_iterations=200", "stage2_iterations=50", *_KEPT_COLOURS),
            "quick": ("stage1_iterations=120", "stage2_iterations=30", *_KEPT_COLOURS),
        },
        classifier=("--run", "laboratory", "--set", "dataset=laboratory"),
        # The same network as that of CycleAT, which begins with its weights.
        classifier_preset=("width=0.25", "image_size=64", "epochs=10"),
    ),
)
"""The systems in the order of the page."""


def prepare(workspace: str, people: int) -> Iterator[Command]:
    """Yield the commands that draw a dataset, ingest it into `workspace` and split it.

    Args:
        workspace: pairs, characters or looks.
        people: number of people in each of its drawn sets.
    """
    yield from {"pairs": _pairs, "characters": _characters, "looks": _looks}[workspace](people)
    yield ("split", "-w", workspace, "--folds", str(min(5, people)))
    yield ("show", "-w", workspace, "--sheet", f"{workspace}/faces.png")


def _pairs(people: int) -> Iterator[Command]:
    drawn = "pairs/drawn"
    yield ("sample", drawn, "--kind", "pairs", "--people", str(people), "--frames", "2", "--size-px", "128")
    for modality in ("visible", "thermal"):
        options = ("--modality", modality, "--dataset", "drawn", "--landmarks", f"{drawn}/truth.csv")
        yield ("ingest", f"{drawn}/stills/{modality}", "-w", "pairs", *options, *_CROPS)


def _characters(people: int) -> Iterator[Command]:
    drawn = "characters/drawn"
    size = ("--people", str(people), "--frames", "2", "--size-px", "128")
    yield ("sample", drawn, "--kind", "characters", *size, "--characters", "1", "--pictures", str(people))
    points = ("--landmarks", f"{drawn}/truth.csv", *_CROPS)
    human = ("--modality", "visible", "--dataset", "people")
    yield ("ingest", f"{drawn}/videos", "-w", "characters", *human, *points)
    animated = ("--modality", "animated", "--dataset", "characters", "--subject-from", r"(c\d+)/")
    yield ("ingest", f"{drawn}/stills/animated", "-w", "characters", *animated, *points)


def _looks(people: int) -> Iterator[Command]:
    size = ("--people", str(people), "--frames", "2", "--size-px", "128")
    for name, kind, first, labels in (
        ("laboratory", "laboratory", 1, ()),
        ("web", "wild", _FIRST_OF_WEB, ("--emotion-from", "none")),
    ):
        drawn = f"looks/{name}"
        yield ("sample", drawn, "--kind", kind, "--first-person", str(first), *size)
        points = ("--landmarks", f"{drawn}/truth.csv", *_CROPS)
        yield ("ingest", f"{drawn}/stills", "-w", "looks", "--dataset", name, *labels, *points)


def _set(keys: tuple[str, ...]) -> Command:
    return tuple(word for key in keys for word in ("--set", key))
