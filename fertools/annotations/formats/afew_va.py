"""AFEW-VA: one JSON file per video with frames by number; valence and arousal from -10 to 10.

Source: J. Kossaifi, G. Tzimiropoulos, S. Todorovic and M. Pantic, "AFEW-VA database for valence and arousal estimation
in-the-wild", Image and Vision Computing 65 (2017), and the files of its release.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, by_source, records
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, Rows, read_json
from fertools.core.arguments import argument
from fertools.core.errors import InputError

SCALE = 10


def read_afew_va(path: Path, options: ReadOptions) -> LabelTable:
    """Return the rows of one video by frame, with values divided by 10.

    Raises:
        InputError: the file has another format, or a value is no number or outside [-10, 10].
    """
    content, text = read_json(path)
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, dict):
        raise InputError(f'{path.name}:1: there is no object "frames" with a frame each; give another format')
    lines = {match[1]: text.count("\n", 0, match.start()) + 1 for match in re.finditer(r'"(\d+)"\s*:\s*\{', text)}
    rows = Rows(path)
    source = options.medium(path)
    named = options.named(str(content.get("video_id", "")))
    if options.source is None and named not in (None, source):
        raise InputError(
            f"{path.name}: its video_id means {named}, and its name {source}; say with {argument('source')} which it is"
        )
    for name, frame in frames.items():
        line = lines.get(name, 1)
        if not name.isdigit() or not isinstance(frame, dict):
            raise InputError(f"{path.name}:{line}: frame '{name}' is not a number with an object; correct it")
        values = {}
        for axis in AXES:
            value = frame.get(axis)
            if isinstance(value, bool) or not isinstance(value, int | float) or not -SCALE <= value <= SCALE:
                raise InputError(f"{path.name}:{line}: {axis} of frame {name} is {value}, not a number in [-10, 10]")
            values[axis] = value / SCALE
        rows.add(line, source=source, frame_index=int(name), **values)
    return rows.table()


def write_afew_va(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return `VIDEO.json` for each video; landmarks are not written.

    Raises:
        InputError: two faces of a frame differ.
    """
    written: Files = {}
    for name, frames in by_source(faces, AXES, "AFEW-VA"):
        content = {
            f"{int(row['frame_index']):05d}": {axis: float(row[axis]) * SCALE for axis in AXES}
            for row in records(frames)
        }
        written[f"{name}.json"] = json.dumps({"video_id": name, "frames": content}, indent=1) + "\n"
    return written
