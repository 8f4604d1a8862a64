"""CVAT: XML for images (a tag or box per picture) and for video (tracks with a box per frame), labels as attributes.

A task names its video, and a track or picture of a project names its task. Frame numbers are those of the video, even
if the task has only a part of it or a larger step. Pictures of a video's task have names such as `frame_000012`.

Source: CVAT's documentation of its XML annotation format, version 1.1.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from fertools.annotations.formats.labelled_faces import LABELS, Files, records
from fertools.annotations.formats.table import Box, LabelTable, ReadOptions, Rows, as_text, face_of, read_box
from fertools.annotations.formats.xml_lines import Element, read_xml
from fertools.core.errors import InputError

UNDEFINED = "__undefined__"
"""Value that CVAT writes for an attribute without a choice."""
_FRAME = re.compile(r"frame_(\d{6,9})(?:\.\w+)?", re.IGNORECASE)


def read_cvat(path: Path, options: ReadOptions) -> LabelTable:
    """Return a row per tag or shape with a label attribute.

    Raises:
        InputError: the file has another format, nothing in it has such an attribute, or the video of a track is
            unknown.
    """
    root = read_xml(path, "annotations")
    media = _Media(path, root, options)
    rows = Rows(path)
    tasks: dict[str, str | None] = {}
    for image in root.all("image"):
        name, task = image.attributes.get("name", ""), image.attributes.get("task_id")
        if tasks.setdefault(name, task) != task and not _FRAME.fullmatch(name):
            raise InputError(
                f"{path.name}:{image.line}: '{name}' is in the tasks {tasks[name]} and {task}; export one at a time"
            )
        for shape in image.children:
            if values := _values(path, shape):
                rows.add(shape.line, _box(path, shape), **_place(name, image, media), **values)
    for track in root.all("track"):
        for shape in track.children:
            values = _values(path, shape)
            if values and shape.attributes.get("outside") != "1":
                frame = shape.attributes.get("frame")
                rows.add(shape.line, _box(path, shape), source=media.of(track), frame_index=frame, **values)
    table = rows.table()
    if not len(table):
        raise InputError(
            f"{path.name}:{root.line}: no tag or shape has an attribute {', '.join(LABELS)}; name attributes so in CVAT"
        )
    return table


class _Media:
    """The videos of the tasks in a file."""

    def __init__(self, path: Path, root: Element, options: ReadOptions) -> None:
        self._path, self._options = path, options
        found = [
            (_text(task, "id"), media)
            for task in (*root.all("task"), *root.all("job"))
            if (media := _text(task, "source"))
        ]
        # In a file with one task, the source can also be beside the task.
        beside = [_text(meta, "source") for meta in root.all("meta")]
        self._names = list(dict.fromkeys(media for media in (*(name for _, name in found), *beside) if media))
        self._of_task = dict(found)

    def of(self, element: Element) -> str:
        """Return the source of a track or picture."""
        task = element.attributes.get("task_id")
        names = [self._of_task.get(task, "")] if task is not None and self._of_task else self._names
        several = len(self._names) > 1 and (len(names) > 1 or self._options.source is not None)
        if several or names == [""]:
            raise InputError(
                f"{self._path.name}:{element.line}: nothing says which video this <{element.tag}> is of, among "
                f"{', '.join(self._names)}; export one task at a time"
            )
        return self._options.medium(self._path, *names)


def _text(element: Element, tag: str) -> str:
    return next((one.text.strip() for one in element.children if one.tag == tag), "")


def _place(name: str, image: Element, media: _Media) -> dict[str, str | None]:
    """Return the key columns of a picture: a crop, a frame of a task's video, or a file."""
    if face_id := face_of(name):
        return {"face_id": face_id}
    if frame := _FRAME.fullmatch(name):
        return {"source": media.of(image), "frame_index": str(int(frame[1]))}
    return {"source": name}


def _box(path: Path, shape: Element) -> Box | None:
    if shape.tag != "box":
        return None
    return read_box(f"{path.name}:{shape.line}", *(shape.attributes.get(name) for name in ("xtl", "ytl", "xbr", "ybr")))


def _values(path: Path, shape: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in shape.children:
        name, value = one.attributes.get("name", "").strip().lower(), one.text.strip()
        if one.tag != "attribute" or name not in LABELS or value in ("", UNDEFINED):
            continue
        if found.setdefault(name, value) != value:
            raise InputError(f"{path.name}:{one.line}: {name} is both '{found[name]}' and '{value}'; keep one")
    return found


def write_cvat(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return one picture per crop with a tag `face`, for a CVAT image task with the crops."""
    images = []
    for number, row in enumerate(records(faces)):
        size = int(row["size_px"])
        images.append(f'  <image id="{number}" name={quoteattr(row["crop"])} width="{size}" height="{size}">')
        images.append('    <tag label="face" source="manual">')
        images += [
            f'      <attribute name="{name}">{escape(as_text(row[name]))}</attribute>'
            for name in LABELS
            if row[name] is not None
        ]
        images += ["    </tag>", "  </image>"]
    head = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    return {"": "\n".join([*head, *images, "</annotations>", ""])}
