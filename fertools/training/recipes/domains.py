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
        generated_ratio: most generated training faces for each real one; 0 for all there are.
        real_copies: how often each real training face comes in an epoch.
        extra_modality: modality of further real faces of training people that are trained on; empty for none.
    """

    name: str
    modality: Modality
    dataset: str = ""
    needs_emotion: bool = False
    needs_va: bool = False
    generated: tuple[str, ...] = ()
    generated_ratio: float = 0.0
    real_copies: int = 1
    extra_modality: Modality | Literal[""] = ""
