"""Domains: the sets of faces that a system learns from, and their pairing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["visible", "thermal", "nir", "animated"]
"""Modality of an image, as in the manifest."""
Pairing = Literal["none", "label", "capture"]
"""How a face of another domain is chosen for a face of the first domain: any face (`none`), one with the same
expression
(`label`), or one of the same moment, with the same `pair_id` (`capture`)."""
FACES = "faces"
"""Name of the domain of a system with a single domain."""

PartUnit = Literal["subject", "sample"]
"""What is kept together when training faces are divided among domains: a person, or the faces of one moment."""


@dataclass(frozen=True)
class Part:
    """A share of the training faces that several domains divide among them.

    Attributes:
        unit: what is kept together.
        number: which of the equal parts, from 0.
        of: how many parts there are.
    """

    unit: PartUnit
    number: int
    of: int


@dataclass(frozen=True)
class Domain:
    """A set of faces that a system learns from: a selection of the manifest.

    Attributes:
        name: name of the domain in the system, such as `source`.
        modality: modality of its images.
        dataset: name of the only dataset to use; empty for all.
        needs_emotion: whether to leave out faces without one of the recipe's classes.
        needs_va: whether to leave out faces without valence and arousal.
        generated: runs, as `SYSTEM/RUN`, or folders of selections, whose generated faces are added to the training
            faces.
        generated_ratio: limit on the generated training faces for each real one; 0 for all.
        real_copies: number of times that each real training face comes in an epoch.
        extra_modality: modality of further real training faces of the same people; empty for none.
        classes: the expressions of its faces, if they differ from the recipe's; empty for those of the recipe.
        part: the part of the training faces to use; None for all. Domains with a part divide the same people or
            samples, so that no two of them have one in common.
        samples: limit on the training faces, which are drawn at random; 0 for all.
        character: `subject_id` of an animated character, whose faces alone are used; empty for all subjects. Nobody is
            shown, so all its faces are training faces, in every fold.
        pairing: how its faces are chosen for those of the first domain; None for the pairing of the recipe.
    """

    name: str
    modality: Modality
    dataset: str = ""
    needs_emotion: bool = False
    needs_va: bool = False
    generated: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    part: Part | None = None
    samples: int = 0
    generated_ratio: float = 0.0
    real_copies: int = 1
    extra_modality: Modality | Literal[""] = ""
    character: str = ""
    pairing: Pairing | None = None
