"""ELAN: an .eaf file per video with tiers of annotated spans, in milliseconds.

The tiers whose names hold `valence`, `arousal` or `emotion` are read. Annotations need times of their own.

Source: the EAF schema 3.0 of the Max Planck Institute for Psycholinguistics.
"""

from __future__ import annotations

import math
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from fertools.annotations.formats.rows import by_source
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, Rows, as_text
from fertools.annotations.formats.xml_lines import Element, read_xml
from fertools.core import files
from fertools.core.errors import InputError

TIERS = (*AXES, "emotion")


def read_elan(path: Path, options: ReadOptions) -> LabelTable:
    """Return a row per annotation of the known tiers, by span.

    Raises:
        InputError: the file is not of this format, has no known tier, or an annotation has no time.
    """
    root = read_xml(path, "ANNOTATION_DOCUMENT")
    slots = {
        slot.attributes.get("TIME_SLOT_ID", ""): slot.attributes.get("TIME_VALUE") for slot in root.all("TIME_SLOT")
    }
    rows = Rows(path)
    known = 0
    for tier in root.all("TIER"):
        column = next((name for name in TIERS if name in tier.attributes.get("TIER_ID", "").lower()), None)
        known += column is not None
        for annotation in tier.all("ALIGNABLE_ANNOTATION") if column else ():
            times = [_time(path, annotation, slots, f"TIME_SLOT_REF{end}") for end in (1, 2)]
            value = next((one.text for one in annotation.all("ANNOTATION_VALUE")), "")
            rows.add(
                annotation.line,
                source=options.source,
                pts_s=times[0] / 1000,
                end_s=times[1] / 1000,
                **{str(column): value.strip() or None},
            )
    if not known:
        raise InputError(f"{path.name}:{root.line}: no tier is named {', '.join(TIERS)}; rename the tiers in ELAN")
    return rows.table()


def media_of(path: Path) -> str | None:
    """Return the name of the video that an .eaf file says it is about, None if it names none."""
    for media in read_xml(path, "ANNOTATION_DOCUMENT").all("MEDIA_DESCRIPTOR"):
        for name in ("RELATIVE_MEDIA_URL", "MEDIA_URL"):
            if url := media.attributes.get(name):
                return unquote(urlsplit(url).path).removeprefix("./")
    return None


def _time(path: Path, annotation: Element, slots: dict[str, str | None], name: str) -> int:
    value = slots.get(annotation.attributes.get(name, ""))
    if value is None or not value.isdigit():
        raise InputError(f"{path.name}:{annotation.line}: the annotation has no time; align it in ELAN and save again")
    return int(value)


def write_elan(faces: pd.DataFrame, out: Path, classes: tuple[str, ...] | None) -> list[Path]:
    """Write `VIDEO.eaf` below `out` for each video, one span of a frame's length per face.

    Raises:
        InputError: two faces of a frame differ, or no face is of a video.
    """
    timed = faces[faces["pts_s"].notna()]
    if timed.empty:
        raise InputError("no face of a video has a label, and this format is by time; export to csv")
    written = []
    for name, frames in by_source(timed, TIERS, "ELAN"):
        written.append(out / f"{name}.eaf")
        files.write_text(written[-1], _document(frames, str(frames["source"].iloc[0])))
    return written


def _document(frames: pd.DataFrame, source: str) -> str:
    begins = [math.floor(pts * 1000) for pts in frames["pts_s"]]
    ends = [
        max(begin + 1, math.floor((pts + frames["frame_s"].iloc[0]) * 1000))
        for begin, pts in zip(begins, frames["pts_s"], strict=True)
    ]
    ends = [
        min(end, later) if later > begin else end
        for begin, end, later in zip(begins, ends, [*begins[1:], ends[-1]], strict=True)
    ]
    slots = [
        f'    <TIME_SLOT TIME_SLOT_ID="ts{2 * n + place}" TIME_VALUE="{time}"/>'
        for n, pair in enumerate(zip(begins, ends, strict=True))
        for place, time in enumerate(pair, 1)
    ]
    tiers, number = [], 0
    for column in TIERS:
        tiers.append(f'  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{column}">')
        for n, value in enumerate(frames[column].to_numpy()):
            if isinstance(value, str) or (value is not None and value == value):
                number += 1
                tiers.append(
                    f'    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="ts{2 * n + 1}" '
                    f'TIME_SLOT_REF2="ts{2 * n + 2}"><ANNOTATION_VALUE>{escape(as_text(value))}</ANNOTATION_VALUE>'
                    "</ALIGNABLE_ANNOTATION></ANNOTATION>"
                )
        tiers.append("  </TIER>")
    media = quoteattr(f"./{source}")
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<ANNOTATION_DOCUMENT AUTHOR="fertools" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">',
            '  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
            f'    <MEDIA_DESCRIPTOR MEDIA_URL={media} MIME_TYPE="video/*" RELATIVE_MEDIA_URL={media}/>',
            "  </HEADER>",
            "  <TIME_ORDER>",
            *slots,
            "  </TIME_ORDER>",
            *tiers,
            '  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>',
            "</ANNOTATION_DOCUMENT>",
            "",
        ]
    )
