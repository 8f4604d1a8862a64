"""Domains: the sets of faces that a system learns from, and how batches of several go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["visible", "thermal", "nir", "animated"]
"""What a picture was taken with, as the manifest says it."""
Pairing = Literal["none", "label", "capture"]
"""How the faces of a later domain are chosen for those of the first: at random, at random among those of the same
expression, or those of the same moment (`pair_id`)."""
FACES = "faces"
"""Name of the domain of a system that has only one."""

PartUnit = Literal["subject", "sample"]
"""What is kept together when training faces are divided among domains: a person, or the faces of one moment."""


@dataclass(frozen=True)
class Part:
    """A share of the training faces of several domains, of which each takes another.

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
        name: what the system calls it, such as `source`.
        modality: what its pictures were taken with.
        dataset: the manifest's `dataset` that its faces come from; empty for all.
        needs_emotion: whether a face without one of the recipe's classes is left out.
        needs_va: whether a face without valence and arousal is left out.
        generated: runs, as `SYSTEM/RUN`, whose generated faces are trained on beside the real ones.
        classes: the expressions of its faces, where they are not the recipe's; empty for those.
        part: the part of the training faces that it takes; None for all. Domains with a part share out the same people
            or samples, so that no two of them have one in common.
        samples: at most so many training faces, drawn at random; 0 for all.
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
