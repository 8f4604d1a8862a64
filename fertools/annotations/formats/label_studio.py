"""Label Studio: a JSON list of tasks with annotations; numbers and choices by the names of their controls.

Controls called `valence`, `arousal`, `intensity` (numbers) and `emotion` (choices, or labels on a video's timeline) are
read. An annotation with an author (`completed_by`) is a rating by that person.

Source: Label Studio's documentation of its task format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, records
from fertools.annotations.formats.table import Box, LabelTable, ReadOptions, Rows, as_text, face_of, read_box, read_json
from fertools.core.errors import InputError

NUMBERS = ("valence", "arousal", "intensity")
_FRAMES = 1_000_000
"""Maximum number of frames of a span; larger numbers are errors."""


def read_label_studio(path: Path, options: ReadOptions) -> LabelTable:
    """Return a row per annotation of a picture or video, and one per labelled frame or span of a video.

    Raises:
        InputError: the file has another format, a task does not name one picture or video, or a control has an unknown
            name, several values or another kind of value.
    """
    tasks, text = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"{path.name}:1: it is not a list of tasks; export as JSON (not JSON-MIN) from Label Studio")
    rows = Rows(path)
    for line, task in zip(_lines(text), tasks, strict=True):
        place = f"{path.name}:{line}"
        data = task.get("data")
        names = [data[key] for key in ("image", "video") if data.get(key)] if isinstance(data, dict) else []
        if not names or not isinstance(names[0], str):
            raise InputError(f"{place}: the task's data names no image and no video; export it with its data")
        if len(names) > 1:
            raise InputError(f"{place}: the task is about an image and a video; export tasks of one of them")
        key = _medium(names[0], options)
        annotations = task.get("annotations") or []
        for annotation in annotations if isinstance(annotations, list) else [None]:
            if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
                raise InputError(f"{place}: an annotation has no list of results; export it again")
            if annotation.get("was_cancelled"):
                continue
            by = annotation.get("completed_by")
            if isinstance(by, dict) and (by := by.get("id")) is None:
                raise InputError(f"{place}: an annotation is by somebody without an id; export it again")
            who = {} if by is None else {"rater": f"user{by}"}
            for box, moment, values in _moments(place, annotation["result"]):
                rows.add(line, box, **key, **who, **moment, **values)
    table = rows.table()
    if len(tasks) and not {*NUMBERS, "emotion"} & set(table.columns):
        raise InputError(f"{path.name}:1: no control is called {', '.join(NUMBERS)} or emotion; name them so")
    return table


def _medium(name: str, options: ReadOptions) -> dict[str, str]:
    """Return the key columns of a task: its address is that of an upload, of a server folder, or any other.

    Label Studio puts eight digits before the name of an upload, and removes spaces and special characters.
    """
    if face_id := face_of(name):
        return {"face_id": face_id}
    name = name.partition("?d=")[2] or re.sub(r"^[a-z][a-z0-9+.-]+://[^/]*", "", name, flags=re.IGNORECASE)
    if upload := re.search(r"(?:^|/)upload/\d+/[0-9a-f]{8}-([^/]+)$", name):
        file = unquote(upload[1])
        if face_id := face_of(file):
            return {"face_id": face_id}
        return {"source": options.sources.path_of(file) or options.sources.uploaded_as(file) or file}
    return {"source": name}


def _moments(place: str, results: list[Any]) -> Iterator[tuple[Box | None, dict[str, Any], dict[str, Any]]]:
    """Yield region, moment and values of an annotation: region may be None; a moment is a frame, a span or empty."""
    found: dict[tuple[Box | None, tuple[tuple[str, Any], ...]], dict[str, Any]] = {}
    for result in results:
        name = str(result.get("from_name", "")).lower() if isinstance(result, dict) else ""
        if name not in (*NUMBERS, "emotion"):
            continue
        value = result.get("value")
        said = _said(place, name, value)
        box = _box(place, result)
        for moment in _times(place, value):
            values = found.setdefault((box, tuple(moment.items())), {})
            if values.setdefault(name, said) != said:
                raise InputError(
                    f"{place}: one annotation says {name} '{values[name]}' and '{said}' of one moment; keep one"
                )
    for (box, key), values in found.items():
        yield box, dict(key), values


def _box(place: str, result: dict[str, Any]) -> Box | None:
    """Return the region of a result, if it has one; it is stated in percent of the picture's sides."""
    value = result["value"]
    if not {"x", "y", "width", "height"} <= set(value):
        return None
    if value.get("rotation"):
        raise InputError(f"{place}: a region is turned, and boxes of faces are upright; set its rotation to 0")
    try:
        left, top, width, height = (float(value[name]) for name in ("x", "y", "width", "height"))
        across, down = (float(result[f"original_{name}"]) / 100 for name in ("width", "height"))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{place}: a region does not say how large its picture is; export it again") from error
    return read_box(place, left * across, top * down, (left + width) * across, (top + height) * down)


def _said(place: str, name: str, value: Any) -> Any:
    """Return the value of a result: a number, or the one chosen emotion."""
    if isinstance(value, dict) and "sequence" not in value:
        if name in NUMBERS and isinstance(value.get("number"), int | float):
            return value["number"]
        for kind in ("choices", "timelinelabels", "labels", "rectanglelabels") if name == "emotion" else ():
            chosen = value.get(kind)
            if isinstance(chosen, list) and len(chosen) == 1:
                return chosen[0]
            if isinstance(chosen, list) and chosen:
                raise InputError(f"{place}: one annotation says {name} {' and '.join(map(str, chosen))}; keep one")
    wanted = "a number" if name in NUMBERS else "one choice or label"
    raise InputError(f"{place}: the control {name} holds something else than {wanted}; name another one so")


def _times(place: str, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the moments of a result; an empty moment is the whole medium."""
    ranges = value.get("ranges")
    try:
        if ranges is not None:
            # Frames of its timeline are counted from 1, and the last one belongs to the span.
            spans = [(int(span["start"]) - 1, int(span["end"])) for span in ranges]
            if any(not 0 <= begin < end <= _FRAMES for begin, end in spans):
                raise ValueError
            for begin, end in spans:
                yield from ({"frame_index": frame} for frame in range(begin, end))
        elif "start" in value or "end" in value:
            yield {"pts_s": float(value["start"]), "end_s": float(value["end"])}
        else:
            yield {}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{place}: a span has no frames from 1 on that make sense; correct or remove it") from error


def _lines(text: str) -> list[int]:
    """Return the line in which each item of a JSON list begins."""
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


def write_label_studio(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return a task per crop with its labels as an annotation, for a project with the controls of this module."""
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
    return {"": json.dumps(tasks, indent=2, ensure_ascii=False) + "\n"}
