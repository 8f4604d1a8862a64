"""Aff-Wild2: one text file per video with a header and a line per frame; -5 is a missing value, -1 a missing class.

Source: D. Kollias and S. Zafeiriou, "Aff-Wild2: Extending the Aff-Wild database for affect recognition" (2018), and
the annotation files of its ABAW competitions.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, by_source, records
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, Rows, as_text, number, read_text
from fertools.core.arguments import argument
from fertools.core.errors import InputError

MISSING = -5
MISSING_CLASS = -1
CLASSES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
"""The order of classes in its expression files, as in their first line."""


def read_affwild2(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of one video by frame: valence and arousal, or expressions, depending on the header.

    Raises:
        InputError: the header is neither, or a line is invalid.
    """
    lines = read_text(path).splitlines()
    head = [name.strip().lower() for name in (lines or [""])[0].split(",")]
    rows = Rows(path)
    source = options.medium(path)
    frames, beyond = options.sources.frames_of(source), 0
    for line, text in enumerate(lines[1:], 2):
        if not text.strip():
            continue
        if line - 2 == frames and not any(map(str.strip, lines[line:])):
            # Many of its files have one line more than the number of frames that OpenCV counts in the video.
            beyond = 1
            break
        place = {"source": source, "frame_index": line - 2}
        cells = text.split(",")
        if head == list(AXES):
            if len(cells) != 2:
                raise InputError(f"{path.name}:{line}: {len(cells)} values, not valence and arousal; correct the line")
            values = [number(cell, path, line, axis) for axis, cell in zip(AXES, cells, strict=True)]
            known = MISSING not in values
            rows.add(line, **place, **{a: v if known else None for a, v in zip(AXES, values, strict=True)})
        elif len(head) > 1:
            if len(cells) > 1:
                raise InputError(f"{path.name}:{line}: {len(cells)} values, not one class; action units are not read")
            code = number(text, path, line, "class")
            if code != MISSING_CLASS and (not code.is_integer() or not 0 <= code < len(head)):
                raise InputError(f"{path.name}:{line}: class {text.strip()} is not among the {len(head)} of line 1")
            rows.add(line, **place, emotion=None if code == MISSING_CLASS else head[int(code)])
    if head != list(AXES) and len(head) < 2:
        raise InputError(f"{path.name}:1: the header is neither valence,arousal nor a list of expressions")
    return rows.table(beyond)


def write_affwild2(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return `VA/VIDEO.txt` and `EXPR/VIDEO.txt` for labelled videos, with a line for every frame.

    Raises:
        InputError: two faces of a frame differ, or an expression is not among `classes`.
    """
    order = classes or CLASSES
    written: Files = {}
    for name, frames in by_source(faces, (*AXES, "emotion"), "Aff-Wild2"):
        count = int(max(frames["frames"].fillna(0).iloc[0], frames["frame_index"].max() + 1))
        points = [f"{MISSING},{MISSING}"] * count
        codes = [str(MISSING_CLASS)] * count
        for row in records(frames):
            if row["valence"] is not None:
                points[int(row["frame_index"])] = f"{as_text(row['valence'])},{as_text(row['arousal'])}"
            if row["emotion"] is not None:
                if row["emotion"] not in order:
                    raise InputError(
                        f"'{row['emotion']}' in {row['source']} is not among the classes {', '.join(order)}; "
                        f"name them with {argument('classes')}"
                    )
                codes[int(row["frame_index"])] = str(order.index(row["emotion"]))
        for folder, head, lines, given in (
            ("VA", ",".join(AXES), points, frames["valence"].notna().any()),
            ("EXPR", ",".join(order), codes, frames["emotion"].notna().any()),
        ):
            if given:
                written[f"{folder}/{name}.txt"] = "\n".join([head, *lines]) + "\n"
    return written
