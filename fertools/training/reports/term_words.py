"""What each logged term means, in words for the charts."""

from __future__ import annotations

from fertools.training.systems.registry import find_system

VALIDATION_TERMS = {
    "val/uar_and_ccc": "Mean of UAR and CCC on the validation subjects.",
    "val/uar": "Unweighted mean of the classes' recalls on the validation subjects.",
    "val/ccc": "Mean CCC of valence and arousal on the validation subjects.",
    "val/accuracy": "Share of correct predictions on the validation subjects.",
    "val/macro_f1": "Mean F1 of the classes on the validation subjects.",
    "val/ccc_valence": "CCC of valence on the validation subjects.",
    "val/ccc_arousal": "CCC of arousal on the validation subjects.",
    "val/read_as_asked": "Share of generated faces of validation subjects that the judge assigns to the target.",
}
"""What the engine logs beside a system's own terms."""


def describe_terms(system: str) -> dict[str, str]:
    """Return what each term of a system's runs means, by its name, in the order of the charts."""
    return {**find_system(system).terms, **VALIDATION_TERMS}
