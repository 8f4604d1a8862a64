"""Refuse a split that leaves no training face of a class when a part is tested."""

from __future__ import annotations

import numpy as np

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.splits.folds import Integers
from fertools.splits.protocol import SplitOptions


def refuse_lost_classes(
    options: SplitOptions, counts: Integers, classes: list[str], parts: Integers, part_count: int
) -> list[str]:
    """Return warnings; raise if the training set of a part has no face of one of the seven expressions.

    For other labels this is only a warning, because the seven-class systems leave their faces out.

    Args:
        options: options of the split.
        counts: G x (C + 1) face counts of `fertools.splits.split_groups.Grouping`.
        classes: the C labels.
        parts: G part numbers.
        part_count: P, the number of parts.

    Raises:
        InputError: no part but tested ones has faces of an expression.
    """
    if not classes:
        return ["no face has an emotion, so only the sizes of the folds are balanced"]
    held_out = options.held_out_parts
    there = np.stack([np.bincount(parts, counts[:, column], part_count) > 0 for column in range(len(classes))])
    warnings = []
    for column, label in enumerate(classes):
        having = np.flatnonzero(there[column])
        if (there[column, 0] if held_out else len(having) > 1) or not len(having):
            continue
        where = f"the {' and the '.join(held_out[part] for part in having)} part" if held_out else f"fold {having[0]}"
        groups = int((counts[:, column] > 0).sum())
        lost = f"all faces of {label} are in {where} (from {groups} group{'' if groups == 1 else 's'} of subjects), "
        lost += "so no training face of it is left when that part is tested"
        if label in EMOTIONS:
            raise InputError(f"{lost}; add people who show {label}, or give fewer folds or another {argument('seed')}")
        warnings.append(lost)
    for column, label in enumerate(classes):
        lacking = int((~there[column]).sum())
        if held_out:
            lacked = [name for number, name in enumerate(held_out) if number and not there[column, number]]
            warnings += [f"the {name} part has no face of {label}" for name in lacked]
        elif lacking and not options.loso:
            warnings.append(f"{lacking} of {part_count} folds have no test face of {label}")
    return warnings
