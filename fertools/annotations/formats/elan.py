"""ELAN: an .eaf file per video with tiers of annotated spans, in milliseconds.

Tiers with `valence`, `arousal` or `emotion` in their names are read. A tier's ANNOTATOR is a rater. Annotations of a
dependent tier have the times of their parent annotations. TIME_ORIGIN is the time of a video at which the file begins.

Source: the EAF schema 3.0 of the Max Planck Institute for Psycholinguistics.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from fertools.annotations.formats.labelled_faces import Files, by_source
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, Rows, as_text, file_name
from fertools.annotations.formats.xml_lines import Element, read_xml
from fertools.core.cells import read_cell
from fertools.core.errors import InputError

TIERS = (*AXES, "emotion")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]+://[^/]*", re.IGNORECASE)


def read_elan(path: Path, options: ReadOptions) -> LabelTable:
    """Return a row per annotation of the known tiers, by span.

    Raises:
        InputError: the file has another format, has no known tier, an annotation has no time, or the file does not say
            which of several videos or people it is about.
    """
    root = read_xml(path, "ANNOTATION_DOCUMENT")
    for head in root.all("HEADER"):
        if (unit := head.attributes.get("TIME_UNITS", "milliseconds")) != "milliseconds":
            raise InputError(f"{path.name}:{head.line}: times are in {unit}; save with milliseconds")
    source, origin_ms = _medium(path, root, options)
    tiers = [(tier, column) for tier in root.all("TIER") if (column := _column(tier)) is not None]
    if not tiers:
        raise InputError(f"{path.name}:{root.line}: no tier is named {', '.join(TIERS)}; rename the tiers in ELAN")
    _check_participants(path, tiers)
    times = _Times(path, root)
    rows = Rows(path)
    for tier, column in tiers:
        rater = tier.attributes.get("ANNOTATOR", "")
        for annotation in (*tier.all("ALIGNABLE_ANNOTATION"), *tier.all("REF_ANNOTATION")):
            begin, end = times.of(annotation)
            value = next((one.text for one in annotation.all("ANNOTATION_VALUE")), "")
            rows.add(
                annotation.line,
                source=source,
                pts_s=(begin + origin_ms) / 1000,
                end_s=(end + origin_ms) / 1000,
                rater=rater,
                **{column: value},
            )
    return rows.table()


def _column(tier: Element) -> str | None:
    return next((name for name in TIERS if name in tier.attributes.get("TIER_ID", "").lower()), None)


def _check_participants(path: Path, tiers: list[tuple[Element, str]]) -> None:
    """Raise InputError for labels of several people, because a span does not say whose face it is."""
    people: dict[str, int] = {}
    for tier, _ in tiers:
        if name := read_cell(tier.attributes.get("PARTICIPANT")):
            people.setdefault(name, tier.line)
    if len(people) > 1:
        raise InputError(
            f"{path.name}:{[*people.values()][1]}: they are about several people ({', '.join(people)}), and a span "
            "does not say whose face is whose; give a table by face_id"
        )


def _medium(path: Path, root: Element, options: ReadOptions) -> tuple[str, int]:
    """Return the source of an .eaf file, and the time of the source at which the file begins, in ms."""
    origin_of: dict[str, int] = {}
    for media in root.all("MEDIA_DESCRIPTOR"):
        for name in ("RELATIVE_MEDIA_URL", "MEDIA_URL"):
            if url := media.attributes.get(name):
                origin = media.attributes.get("TIME_ORIGIN", "0")
                if not re.fullmatch(r"-?\d{1,12}", origin):
                    raise InputError(f"{path.name}:{media.line}: TIME_ORIGIN '{origin}' is no number; save it again")
                origin_of[_SCHEME.sub("", url)] = int(origin)
    source = options.medium(path, *origin_of)
    of_source = {
        origin
        for name, origin in origin_of.items()
        if source in (options.sources.path_of(name), options.sources.path_of(file_name(name)))
    } or set(origin_of.values())
    if len(of_source) > 1:
        raise InputError(f"{path.name}: its videos begin at different times (TIME_ORIGIN); keep the one in ELAN")
    return source, next(iter(of_source), 0)


class _Times:
    """Begin and end of annotations, from their own time slots or those of their parent annotations."""

    def __init__(self, path: Path, root: Element) -> None:
        self._path = path
        self._slots = {
            one.attributes.get("TIME_SLOT_ID"): one.attributes.get("TIME_VALUE") for one in root.all("TIME_SLOT")
        }
        every = (*root.all("ALIGNABLE_ANNOTATION"), *root.all("REF_ANNOTATION"))
        self._annotations = {one.attributes.get("ANNOTATION_ID"): one for one in every}

    def of(self, annotation: Element) -> tuple[int, int]:
        """Return the begin and end of an annotation in milliseconds.

        Raises:
            InputError: the annotation has no time, or shares its span with others.
        """
        own: Element | None = annotation
        seen = 0
        while own is not None and own.tag == "REF_ANNOTATION":
            if "PREVIOUS_ANNOTATION" in own.attributes:
                raise InputError(
                    f"{self._path.name}:{annotation.line}: several annotations share one span, without times of their "
                    "own; give the tier a type with times in ELAN"
                )
            own = self._annotations.get(own.attributes.get("ANNOTATION_REF"))
            seen += 1
            if seen > len(self._annotations):
                own = None
        times = (
            [self._slots.get(own.attributes.get(f"TIME_SLOT_REF{end}")) for end in (1, 2)] if own is not None else []
        )
        if not times or not all(time is not None and re.fullmatch(r"\d{1,12}", time) for time in times):
            raise InputError(
                f"{self._path.name}:{annotation.line}: the annotation has no time; align it in ELAN and save again"
            )
        return int(str(times[0])), int(str(times[1]))


def write_elan(faces: pd.DataFrame, classes: tuple[str, ...] | None) -> Files:
    """Return `VIDEO.eaf` for each video, with one span of a frame's duration per face.

    Raises:
        InputError: two faces of a frame differ.
    """
    return {
        f"{name}.eaf": _document(frames, str(frames["source"].iloc[0]))
        for name, frames in by_source(faces, TIERS, "ELAN")
    }


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
