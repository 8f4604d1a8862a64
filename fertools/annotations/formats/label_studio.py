"""Label Studio: a JSON list of tasks with annotations; numbers and choices by the name of their control.

Controls called `valence`, `arousal`, `intensity` (numbers) and `emotion` (choices, or labels on a video's timeline) are
read. An annotation that says by whom it is (`completed_by`) is that person's rating.

Source: Label Studio's documentation of its task format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from fertools.annotations.formats.rows import records
from fertools.annotations.formats.table import LabelTable, ReadOptions, Rows, as_text, face_of, read_json
from fertools.core import files
from fertools.core.errors import InputError

NUMBERS = ("valence", "arousal", "intensity")


def read_label_studio(path: Path, options: ReadOptions) -> LabelTable:
    """Return a row per annotation of a picture, and one per labelled frame of a video.

    Raises:
        InputError: the file is not of this format, a task names no picture or video, or no control has a known name.
    """
    tasks, text = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"{path.name}:1: it is not a list of tasks; export as JSON (not JSON-MIN) from Label Studio")
    rows = Rows(path)
    for line, task in zip(_lines(text), tasks, strict=True):
        data = task.get("data")
        name = next((data[key] for key in ("image", "video") if key in data), None) if isinstance(data, dict) else None
        if not isinstance(name, str):
            raise InputError(
                f"{path.name}:{line}: the task's data names no image and no video; export it with its data"
            )
        face_id = face_of(name)
        key = {"face_id": face_id} if face_id else {"source": name.partition("?d=")[2] or name}
        for annotation in task.get("annotations") or ():
            if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
                raise InputError(f"{path.name}:{line}: an annotation has no list of results; export it again")
            if annotation.get("was_cancelled"):
                continue
            by = annotation.get("completed_by")
            who = {} if by is None else {"rater": f"user{by.get('id') if isinstance(by, dict) else by}"}
            _add(rows, line, {**key, **who}, annotation["result"])
    table = rows.table()
    if not {*NUMBERS, "emotion"} & set(table.columns):
        raise InputError(f"{path.name}:1: no control is called {', '.join(NUMBERS)} or emotion; name them so")
    return table


def _add(rows: Rows, line: int, key: dict[str, Any], results: list[dict[str, Any]]) -> None:
    whole: dict[str, Any] = {}
    for result in results:
        name, value = result.get("from_name"), result.get("value")
        if not isinstance(value, dict):
            continue
        if name in NUMBERS and "number" in value:
            whole[str(name)] = value["number"]
        elif name == "emotion" and value.get("choices"):
            whole["emotion"] = value["choices"][0]
        elif name == "emotion" and value.get("timelinelabels"):
            for span in value.get("ranges", ()):
                # Frames of its timeline are counted from 1, and the last one is in the span.
                for frame in range(int(span["start"]) - 1, int(span["end"])):
                    rows.add(line, **key, frame_index=frame, emotion=value["timelinelabels"][0])
    if whole:
        rows.add(line, **key, **whole)


def _lines(text: str) -> list[int]:
    """Return the line that each item of a JSON list begins in."""
    decoder = json.JSONDecoder()
    lines: list[int] = []
    place = text.index("[") + 1
    while True:
        while text[place].isspace() or text[place] == ",":
            place += 1
        if text[place] == "]":
            return lines
        lines.append(text.count("\n", 0, place) + 1)
        _, place = decoder.raw_decode(text, place)


def write_label_studio(faces: pd.DataFrame, out: Path, classes: tuple[str, ...] | None) -> list[Path]:
    """Write a task per crop with its labels as an annotation, for a project with the controls named as above."""
    tasks = []
    for row in records(faces):
        results: list[dict[str, Any]] = [
            {"from_name": name, "to_name": "image", "type": "number", "value": {"number": float(as_text(row[name]))}}
            for name in NUMBERS
            if row[name] is not None
        ]
        if row["emotion"] is not None:
            results.append(
                {"from_name": "emotion", "to_name": "image", "type": "choices", "value": {"choices": [row["emotion"]]}}
            )
        tasks.append({"data": {"image": row["crop"]}, "annotations": [{"result": results}]})
    files.write_json(out, tasks)
    return [out]
