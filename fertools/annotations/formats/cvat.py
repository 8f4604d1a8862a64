"""CVAT: XML for images (a tag or box per picture) and for video (tracks with a box per frame), labels as attributes.

Source: CVAT's documentation of its XML annotation format, version 1.1.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from fertools.annotations.formats.rows import LABELS, records
from fertools.annotations.formats.table import LabelTable, ReadOptions, Rows, as_text, face_of
from fertools.annotations.formats.xml_lines import Element, read_xml
from fertools.core import files
from fertools.core.errors import InputError


def read_cvat(path: Path, options: ReadOptions) -> LabelTable:
    """Return a row per tag or shape that has an attribute of ours.

    Raises:
        InputError: the file is not of this format, or nothing in it has such an attribute.
    """
    root = read_xml(path, "annotations")
    rows = Rows(path)
    images = list(root.all("image"))
    crops = bool(images) and all(face_of(image.attributes.get("name", "")) for image in images)
    for image in images:
        name = image.attributes.get("name", "")
        for shape in image.children:
            if values := _values(shape):
                key = {"face_id": face_of(name)} if crops else {"source": name}
                rows.add(shape.line, **key, **values)
    for track in root.all("track"):
        for shape in track.children:
            values = _values(shape)
            if values and shape.attributes.get("outside") != "1":
                rows.add(shape.line, source=options.source, frame_index=shape.attributes.get("frame"), **values)
    table = rows.table()
    if not len(table):
        raise InputError(
            f"{path.name}:{root.line}: no tag or shape has an attribute {', '.join(LABELS)}; name attributes so in CVAT"
        )
    return table


def media_of(path: Path) -> str | None:
    """Return the name of the video that the task was made from, None if the file does not say."""
    root = read_xml(path, "annotations")
    return next((one.text.strip() for meta in root.all("meta") for one in meta.all("source")), None) or None


def _values(shape: Element) -> dict[str, str]:
    found = {
        one.attributes.get("name", "").lower(): one.text.strip() for one in shape.children if one.tag == "attribute"
    }
    return {name: found[name] for name in LABELS if found.get(name)}


def write_cvat(faces: pd.DataFrame, out: Path, classes: tuple[str, ...] | None) -> list[Path]:
    """Write one picture per crop with a tag `face`, for a CVAT task of images made from the crops."""
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
    files.write_text(out, "\n".join([*head, *images, "</annotations>", ""]))
    return [out]
