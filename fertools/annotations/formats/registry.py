"""The formats by name."""

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
    plain,
    recola,
)
from fertools.annotations.formats.table import LabelTable, ReadOptions

Read = Callable[[Path, ReadOptions], LabelTable]
Write = Callable[[pd.DataFrame, Path, tuple[str, ...] | None], list[Path]]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        read: reads one file.
        write: writes what `labelled_faces` returned; returns the files.
        folder: whether it writes a file per video below a folder, and not one file.
        media_of: the name of the video that a file itself says it is about; None if its name is all there is.
    """

    read: Read
    write: Write
    folder: bool = False
    media_of: Callable[[Path], str | None] | None = None


FORMATS: dict[str, Format] = {
    "csv": Format(plain.read_plain_csv, plain.write_csv),
    "parquet": Format(plain.read_parquet, plain.write_parquet),
    "affwild2": Format(affwild2.read_affwild2, affwild2.write_affwild2, folder=True),
    "afew-va": Format(afew_va.read_afew_va, afew_va.write_afew_va, folder=True),
    "affectnet": Format(affectnet.read_affectnet, affectnet.write_affectnet),
    "recola": Format(recola.read_recola, recola.write_recola, folder=True),
    "sewa": Format(recola.read_recola, recola.write_sewa, folder=True),
    "elan": Format(elan.read_elan, elan.write_elan, folder=True, media_of=elan.media_of),
    "cvat": Format(cvat.read_cvat, cvat.write_cvat, media_of=cvat.media_of),
    "label-studio": Format(label_studio.read_label_studio, label_studio.write_label_studio),
    "muse": Format(muse.read_muse, muse.write_muse, folder=True),
}
