"""Meanings of the logged terms, for the charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import SystemEntry
from fertools.training.systems.registry import registered_systems

VALIDATION_TERMS = {
    "val/uar_and_ccc": "Mean of UAR and CCC on the validation subjects.",
    "val/uar": "Unweighted mean of the classes' recalls on the validation subjects.",
    "val/ccc": "Mean CCC of valence and arousal on the validation subjects.",
    "val/accuracy": "Share of correct predictions on the validation subjects.",
    "val/macro_f1": "Mean F1 of the classes on the validation subjects.",
    "val/ccc_valence": "CCC of valence on the validation subjects.",
    "val/ccc_arousal": "CCC of arousal on the validation subjects.",
    "val/judge_accuracy": "Share of generated faces of validation subjects that the judge assigns to the target.",
}
"""Metrics that the engine logs beside the terms of a system."""


def find_entry(record: Mapping[str, Any]) -> SystemEntry:
    """Return the entry of a run's system; a bare one if the package that adds the system is not installed.

    Args:
        record: of the run, with `system` and `source`.
    """
    bare = SystemEntry(record["system"], record.get("source", ""), recipe="", system="")
    return registered_systems().get(record["system"], bare)


def describe_terms(system: str) -> dict[str, str]:
    """Return the meaning of each logged term of a system by its name, in the order of the charts."""
    return {**find_entry({"system": system}).terms, **VALIDATION_TERMS}
