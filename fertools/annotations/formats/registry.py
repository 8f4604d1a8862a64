"""The registry of label formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fertools.annotations.formats import (
    afew_va,
    affectnet,
    affwild2,
    cvat,
    elan,
    label_studio,
    muse,
    plain_table,
    recola,
)
from fertools.annotations.formats.labelled_faces import LABELS, Files
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions
from fertools.core.errors import InputError
from fertools.core.plugins import find_plugins, load_plugin

GROUP = "fertools.label_formats"
"""Entry-point group of label formats; each entry is a `Format`."""
Read = Callable[[Path, ReadOptions], LabelTable]
Write = Callable[[pd.DataFrame, tuple[str, ...] | None], Files]


@dataclass(frozen=True)
class Format:
    """A label format.

    Attributes:
        read: function that reads one file.
        write: function that returns the files for a table of `labelled_faces`.
        carries: names of the labels that the format can represent.
        by_time: whether rows have times in seconds, which pictures do not have.
        folder: whether the format has one file per video in a folder instead of a single file.
    """

    read: Read
    write: Write
    carries: tuple[str, ...] = LABELS
    by_time: bool = False
    folder: bool = False


_POINTS = (*AXES, "emotion")

FORMATS: dict[str, Format] = {
    "csv": Format(plain_table.read_plain_csv, plain_table.write_csv),
    "parquet": Format(plain_table.read_parquet, plain_table.write_parquet),
    "affwild2": Format(affwild2.read_affwild2, affwild2.write_affwild2, _POINTS, folder=True),
    "afew-va": Format(afew_va.read_afew_va, afew_va.write_afew_va, AXES, folder=True),
    "affectnet": Format(affectnet.read_affectnet, affectnet.write_affectnet, _POINTS),
    "recola": Format(recola.read_recola, recola.write_recola, AXES, by_time=True, folder=True),
    "sewa": Format(recola.read_recola, recola.write_sewa, AXES, by_time=True, folder=True),
    "elan": Format(elan.read_elan, elan.write_elan, _POINTS, by_time=True, folder=True),
    "cvat": Format(cvat.read_cvat, cvat.write_cvat),
    "label-studio": Format(label_studio.read_label_studio, label_studio.write_label_studio, (*_POINTS, "intensity")),
    "muse": Format(muse.read_muse, muse.write_muse, AXES, by_time=True, folder=True),
}
"""Formats of fertools itself."""


def find_format(name: str) -> Format:
    """Return a label format: ours, or one that another package registers in the group `fertools.label_formats`.

    Args:
        name: name of the format, such as `cvat`.

    Raises:
        InputError: there is no such format, or its package cannot be loaded.
    """
    if name in FORMATS:
        return FORMATS[name]
    others = find_plugins(GROUP, {})
    if name not in others:
        raise InputError(f"there is no format '{name}'; formats are {', '.join([*FORMATS, *others])}")
    form: Format = load_plugin(others[name])
    return form
