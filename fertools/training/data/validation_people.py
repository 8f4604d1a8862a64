"""The people who are kept for validation: the same in every run that holds out the same folds.

All kept real people of a manifest have one order, which depends on the manifest alone. A run takes people in that order
and skips the people that it holds out, until it has about the wanted number of faces. That number does not depend on
the folds. So if a run that holds out fold 0 keeps a person for validation, a run that holds out folds 0 and 1 never
trains on that person. This matters where a generator holds out two folds and a classifier one of them: the people who
select the checkpoint of the classifier have not trained the generator. The order does not depend on the recipe, so all
systems keep the same people.

The share is the same for each dataset, each set of modalities, and each expression that people mostly show.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.manifests import nested
from fertools.splits.folds import Integers
from fertools.splits.groups import NO_LINKS, group_faces


def choose_validation_people(
    table: pa.Table, held_out: NDArray[np.bool_], share: float, links: Integers = NO_LINKS
) -> frozenset[str]:
    """Return the `subject_id` of the people kept for validation.

    Args:
        table: all kept real rows of a manifest that are in a fold or a split part. If the split has the part `val`, its
            people are returned, whatever the share is.
        held_out: N booleans: whether each row is held out.
        share: share of the training faces, by person; 0 for nobody.
        links: L x 2 row numbers of copies, whose people are kept for validation together or not at all.

    Raises:
        InputError: all training faces show one person.
    """
    given = nested.keep(table, pc.fill_null(pc.equal(table["split"], "val"), False))
    if len(given) and table["fold"].null_count == len(table):
        return frozenset(name for name in given["subject_id"].to_pylist() if name is not None)
    if not share or held_out.all():
        return frozenset()
    groups, names = group_faces(table, links=links)
    training = np.unique(groups[~held_out])
    if len(training) < 2:
        raise InputError(
            f"val_share is {share:g}, and all training faces show one person, so nobody is left for validation; add "
            "people, or set val_share=0"
        )
    tested = set(groups[held_out].tolist())
    sizes = np.bincount(groups, minlength=len(names))
    trained_share = _trained_share(table, held_out)
    chosen: list[int] = []
    for members in _strata(table, groups):
        left = [group for group in _ordered(members, names) if group not in tested]
        faces = sizes[left].sum() if left else 0
        wanted = min(share * trained_share * sum(sizes[group] for group in members), faces / 2)
        taken = 0
        for number, group in enumerate(left[: len(left) - 1]):
            if number and taken + sizes[group] / 2 > wanted:
                break
            chosen.append(group)
            taken += sizes[group]
    if not chosen:
        # Each stratum has one person; the first of all is kept.
        chosen = [_ordered(dict.fromkeys(training.tolist(), ""), names)[0]]
    rows = np.isin(groups, chosen)
    return frozenset(name for name in nested.keep(table, rows)["subject_id"].to_pylist() if name is not None)


def _trained_share(table: pa.Table, held_out: NDArray[np.bool_]) -> float:
    """Return the share of all faces that a run trains on if it holds out one fold; it is the same for every fold."""
    if table["fold"].null_count == len(table):
        return float(1 - held_out.mean())
    folds: int = pc.count_distinct(table["fold"]).as_py()
    return 1 - 1 / max(2, folds)


def _strata(table: pa.Table, groups: NDArray[np.int64]) -> list[dict[int, str]]:
    """Return the people of each dataset and set of modalities, each with the expression that they mostly show."""
    kinds: dict[int, set[tuple[str, str]]] = defaultdict(set)
    shown: dict[int, Counter[str]] = defaultdict(Counter)
    columns = (table[name].to_pylist() for name in ("dataset", "modality", "emotion"))
    for group, dataset, modality, emotion in zip(groups.tolist(), *columns, strict=True):
        kinds[group].add((dataset or "", modality or ""))
        shown[group][emotion or ""] += 1
    strata: dict[tuple[tuple[str, str], ...], dict[int, str]] = defaultdict(dict)
    for group in sorted(kinds):
        most = max(shown[group].items(), key=lambda entry: (entry[1], entry[0]))[0]
        strata[tuple(sorted(kinds[group]))][group] = most
    return [strata[key] for key in sorted(strata)]


def _ordered(members: dict[int, str], names: list[str]) -> list[int]:
    """Return people in an order that keeps the mix of expressions: any first part of it is about like the whole."""
    by_class: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for group, emotion in members.items():
        by_class[emotion].append((hash_bytes(b"validation", names[group].encode()), group))
    placed = [
        ((place + 0.5) / len(entries), digest, group)
        for entries in by_class.values()
        for place, (digest, group) in enumerate(sorted(entries))
    ]
    return [group for _, _, group in sorted(placed)]
