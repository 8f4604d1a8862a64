"""Variants of an experiment: protocols and presets, each a table that changes some of its steps.

A file may have tables `[protocols.NAME]` and `[presets.NAME]`. Each changes keys of `[protocol]`, steps by name, and
all steps of a system:

    [protocols.nested-pairs]
    about = "one generator for each pair of folds, which has seen neither"
    steps.gan.over = "pair"

    [presets.smoke]
    about = "minutes on any machine"
    folds = 3
    systems.classifier.preset = "smoke"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fertools.core.errors import InputError, RecipeError
from fertools.core.spelling import nearest
from fertools.training.experiments.tables import check_keys, table_of, text_of

Kind = Literal["protocols", "presets"]
PROTOCOL_KEYS = ("kind", "folds", "repeats", "new_folds", "leaky", "validation")
"""Keys of the table `[protocol]`."""


def list_variants(content: Mapping[str, Any], kind: Kind, where: str) -> dict[str, str]:
    """Return the text `about` of each variant of a kind, by name, in the order of the file.

    Raises:
        RecipeError: one of them is not a table, or has no `about`.
    """
    table = table_of(content, kind, where)
    return {name: text_of(table_of(table, name, where), "about", f"[{kind}.{name}] in {where}") for name in table}


def find_variant(content: Mapping[str, Any], kind: Kind, wanted: str, where: str) -> Mapping[str, Any]:
    """Return the table of a variant.

    Raises:
        InputError: there is no such variant.
    """
    known = list_variants(content, kind, where)
    if wanted not in known:
        word = kind.removesuffix("s")
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise InputError(f"{where} has no {word} '{wanted}'{nearest(wanted, known)}; {there}")
    return table_of(table_of(content, kind, where), wanted, where)


def lay_over(content: Mapping[str, Any], variant: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the content of an experiment's file with the changes of a variant.

    Args:
        content: content of the file.
        variant: the table of the variant.
        where: name of that table in messages.

    Raises:
        RecipeError: the variant changes a step or a system that the experiment does not have, or an unknown key.
    """
    check_keys(variant, ("about", "steps", "systems", *PROTOCOL_KEYS), where)
    steps = {name: dict(table) for name, table in table_of(content, "steps", where).items()}
    systems = table_of(variant, "systems", where)
    used = {str(step["system"]): None for step in steps.values() if "system" in step}
    for system in systems:
        if system not in used:
            raise RecipeError(f"{where} changes the system '{system}'{nearest(system, used)}, and no step trains it")
        for name, step in steps.items():
            if step.get("system") == system:
                steps[name] = _merged(step, table_of(systems, system, where))
    changed = table_of(variant, "steps", where)
    for name in changed:
        if name not in steps:
            raise RecipeError(f"{where} changes the step '{name}'{nearest(name, steps)}, and there is no such step")
        steps[name] = _merged(steps[name], table_of(changed, name, where))
    protocol = {key: variant[key] for key in PROTOCOL_KEYS if key in variant}
    return {**content, "steps": steps, "protocol": {**table_of(content, "protocol", where), **protocol}}


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with changes: tables inside it are merged, other values are replaced."""
    merged = dict(table)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
