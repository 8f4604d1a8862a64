"""Divide training faces among domains, so that no person, or no moment, is in the training faces of two domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core.errors import CheckFailed, InputError
from fertools.splits.folds import assign_groups
from fertools.splits.groups import COLUMNS, group_faces
from fertools.splits.split_record import recorded_links
from fertools.training.data.faces import Faces
from fertools.training.recipes.domains import Domain, Part

_PARTS, _SAMPLES = 1, 2
"""Numbers that are added to the seed, so that the two kinds of draws do not depend on each other."""


def divide_training(
    domains: Mapping[str, Faces], asked: Sequence[Domain], seed: int, split: Mapping[str, Any] | None = None
) -> dict[str, Faces]:
    """Return the faces of each domain without the training faces that belong to another domain's part.

    Validation and held-out faces stay. All faces of a person, or of a moment, go into one part. The parts have similar
    numbers of faces, and similar classes in each domain.

    Args:
        domains: faces by name of the domain.
        asked: the domains of the recipe; a domain without a part keeps all of its faces.
        seed: seed of the random draws.
        split: the record of the split, whose copies of pictures go into one part; None if there is none.

    Raises:
        InputError: there are fewer people or samples than parts, or samples have no `pair_id`. Or a domain is left
            without training faces, or with a single class.
        CheckFailed: two domains still have a training face or a moment in common.

    Example:
        >>> divide_training({}, (), 0)
        {}
    """
    parts = {domain.name: domain.part for domain in asked if domain.part is not None}
    divided = dict(domains)
    if parts:
        divided |= _divided({name: domains[name] for name in parts}, parts, seed, split)
    for number, domain in enumerate(asked):
        if domain.samples:
            rng = np.random.default_rng([seed, _SAMPLES, number])
            divided[domain.name] = _limited(divided[domain.name], domain.samples, rng)
        if domain.part is not None or domain.samples:
            _refuse_too_few(divided[domain.name], domain)
    return divided


def _divided(
    domains: Mapping[str, Faces], parts: Mapping[str, Part], seed: int, split: Mapping[str, Any] | None
) -> dict[str, Faces]:
    rows = {name: faces.rows("train") for name, faces in domains.items()}
    tables = {name: domains[name].table.take(pa.array(chosen)) for name, chosen in rows.items()}
    wanted = next(iter(parts.values()))
    units, names = _units(list(tables.values()), wanted, split)
    if len(names) < wanted.of:
        found = f"{len(names)} {wanted.unit}{'' if len(names) == 1 else 's'}"
        raise InputError(
            f"the training faces of {' and '.join(domains)} have {found}, too few to divide among {wanted.of} domains; "
            "add more, or let the domains overlap"
        )
    counts, begun = [], 0
    each: dict[str, NDArray[np.int64]] = {}
    for name, chosen in rows.items():
        each[name] = units[begun : begun + len(chosen)]
        begun += len(chosen)
        faces = domains[name]
        count = np.zeros((len(names), len(faces.classes) + 1), np.int64)
        np.add.at(count, (each[name], faces.emotions[chosen]), 1)
        counts.append(count)
    # The classes of every domain, and in the last column the faces without one.
    together = np.column_stack([*(count[:, :-1] for count in counts), sum(count[:, -1] for count in counts)])
    shares = np.full(wanted.of, 1 / wanted.of)
    part_of = assign_groups(together, shares, np.random.default_rng([seed, _PARTS]))
    divided = {}
    for name, faces in domains.items():
        kept = np.ones(len(faces.table), bool)
        kept[rows[name]] = part_of[each[name]] == parts[name].number
        divided[name] = faces.keep(kept)
    _refuse_shared(divided)
    return divided


def _units(tables: list[pa.Table], part: Part, split: Mapping[str, Any] | None) -> tuple[NDArray[np.int64], list[str]]:
    """Return the number of the person or moment of each row, one table after another, and the names by number."""
    if part.unit == "subject":
        together = pa.concat_tables([table.select(list(COLUMNS)) for table in tables])
        return group_faces(together, links=recorded_links(split, together["face_id"]))
    names: list[str] = []
    for table in tables:
        moments = _moments(table)
        if not any(moments):
            raise InputError(
                "the unit is sample, and the faces of a domain have no pair_id, which says which faces show the same "
                "moment; fill that column of the manifest, or divide people instead (unpaired_unit=subject)"
            )
        names += [
            f"face {face}" if moment is None else f"moment {moment}"
            for face, moment in zip(table["face_id"].to_pylist(), moments, strict=True)
        ]
    known, numbers = np.unique(np.asarray(names), return_inverse=True)
    return np.asarray(numbers, np.int64), known.tolist()


def _moments(table: pa.Table) -> list[str | None]:
    if "pair_id" not in table.column_names:
        return [None] * len(table)
    found: list[str | None] = table["pair_id"].to_pylist()
    return found


def _limited(faces: Faces, most: int, rng: np.random.Generator) -> Faces:
    rows = faces.rows("train")
    if len(rows) <= most:
        return faces
    kept = np.ones(len(faces.table), bool)
    kept[rng.permutation(rows)[most:]] = False
    return faces.keep(kept)


def _refuse_shared(domains: Mapping[str, Faces]) -> None:
    """Raise if two domains have a training face in common, or training faces of one moment."""
    seen: dict[str, str] = {}
    for name, faces in domains.items():
        # Only columns without lists: pyarrow takes wrong rows of sliced nested lists.
        columns = [column for column in ("face_id", "pair_id") if column in faces.table.column_names]
        table = faces.table.select(columns).take(pa.array(faces.rows("train")))
        own = {f"the face {face}" for face in table["face_id"].to_pylist()}
        own |= {f"the moment (pair_id) {moment}" for moment in _moments(table) if moment is not None}
        for what in sorted(own):
            if what in seen:
                raise CheckFailed(
                    f"{what} is in the training faces of {seen[what]} and of {name}, which must share none; correct "
                    "its pair_id and subject_id in the manifest"
                )
        seen |= dict.fromkeys(own, name)


def _refuse_too_few(faces: Faces, domain: Domain) -> None:
    """Raise if a domain has too few training faces left."""
    present = [emotion for emotion, count in faces.counts("train").items() if count]
    least = min(2, len(faces.classes))
    if not len(faces.rows("train")) or (domain.needs_emotion and len(present) < least):
        shown = f"only {present[0]}" if present else "nothing"
        raise InputError(
            f"the remaining training faces of {domain.name} show {shown}; add people, or use more of their faces"
        )
