"""Rating events: everything that happens on the rating page, each with an identifier from the page.

Events are never changed or deleted, and undo is an event, too. Replaying the events gives the current annotations
(`fertools.annotations.current`). `docs/decisions/0008-rating-log.md` explains why.

An event is a JSON object. Every event has `id` (unique, from the page), `kind`, `at_ms` (time in milliseconds since
1970, on the page's clock, which the server sets) and `tab` (the tab of the browser). A tab increases `at_ms` with every
event, so it orders them. Values always have the order (valence, arousal), both in [-1, 1].
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from fertools.core.errors import InputError

PARTS = ("calibration", "main", "repeat")
"""Parts of a queue: the calibration set with feedback, the main part, and the set again without feedback."""
FLAGS = ("unsure", "no_face", "bad_crop", "note")
"""Flags of an item; `note` has a text."""
AXES = ("both", "valence", "arousal")
WARNINGS = ("outside", "still", "frozen")
"""Warnings: a value far from the expression's usual point, a pointer that did not move for 5 s, a take of one value."""
SAMPLE_COLUMNS = ("frames", "media_s", "observed_ms", "valence", "arousal")
"""Lists of equal length in a piece of a trace: the frame on the screen, its media time in the browser, the time of the
sample in milliseconds since the start of the take, and the values (null for an axis that is not rated)."""
MAX_FACES = 1000
MAX_SAMPLES = 10_000
MAX_NOTE = 2000
MAX_ORIGIN = 200
MOST_TIME = 2.0**53

_ABOUT_FACES = ("faces", "part")
FIELDS: dict[str, tuple[str, ...]] = {
    "join": (),
    "shown": (*_ABOUT_FACES, "source", "suggestion", "hidden"),
    "rate": (*_ABOUT_FACES, "valence", "arousal", "accepted"),
    "emotion": (*_ABOUT_FACES, "emotion"),
    "flag": (*_ABOUT_FACES, "source", "flag", "on", "note"),
    "take": ("source", "axis", "speed", "from_s", "exact"),
    "trace": ("source", "take", *SAMPLE_COLUMNS),
    "undo": ("target",),
    "redo": ("target",),
    "warning": (*_ABOUT_FACES, "source", "warning", "emotion", "distance", "media_s", "take"),
    "override": ("target",),
    "feedback": (*_ABOUT_FACES, "valence", "arousal", "origin"),
}
"""Fields of an event of each kind besides `id`, `kind`, `tab` and `at_ms`. Other fields are not stored."""
_SUGGESTION = ("valence", "arousal", "origin")
_NUMBERS = ("speed", "from_s", "distance", "media_s")
_TYPES: dict[str, tuple[type, str]] = {
    "accepted": (bool, "true or false"),
    "exact": (bool, "true or false"),
    "hidden": (bool, "true or false"),
    "on": (bool, "true or false"),
    "emotion": (str, "a text"),
    "flag": (str, "a text"),
    "note": (str, "a text"),
    "origin": (str, "a text"),
    "suggestion": (dict, "an object"),
}
"""Types of these fields in events of every kind, because the log is read in columns of one type."""
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TAB = re.compile(r"[A-Za-z0-9_-]{0,64}")
_RATER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")

RATING_KINDS = frozenset({"rate", "emotion", "flag", "take"})
"""Kinds of events that rate an item and can be undone."""
KINDS: dict[str, str] = {
    "join": "a rater opened the page for the first time",
    "plan": "the settings of the server at its start (rater is empty)",
    "shown": "an item was shown: `faces` or `source`, `suggestion` (valence, arousal, origin) or null, and whether it "
    "was `hidden`",
    "rate": "a point for `faces`: the first face was rated, the others are near-identical frames; `accepted` if it is "
    "the suggestion",
    "emotion": "an expression for `faces`, or null to remove it",
    "flag": "a flag set or removed for `faces` or a `source`",
    "take": "a trace of `source` begins: `axis`, `speed`, `from_s`",
    "trace": "a piece of the trace of `take`: the columns of SAMPLE_COLUMNS",
    "undo": "the event `target` no longer counts",
    "redo": "the event `target` counts again",
    "warning": "the page showed a `warning` of WARNINGS",
    "override": "the rater kept the rating despite the warning `target`",
    "feedback": "the known rating of a calibration face was shown after its rating",
}


@dataclass(frozen=True)
class Event:
    """A checked event.

    Attributes:
        id: identifier from the page.
        kind: one of KINDS.
        tab: identifier of the browser tab; empty if the server or an import created the event.
        at_ms: time in milliseconds since 1970.
        body: further fields, by the kind.
    """

    id: str
    kind: str
    tab: str
    at_ms: int
    body: Mapping[str, Any]

    @property
    def part(self) -> str:
        """The part of the queue, one of PARTS."""
        return str(self.body.get("part", "main"))

    @property
    def items(self) -> list[str]:
        """The items of the event, as `face:PART:ID` and `source:ID`."""
        items = [f"face:{self.part}:{face_id}" for face_id in self.body.get("faces", ())]
        if "source" in self.body:
            items.append(f"source:{self.body['source']}")
        return items

    def to_json(self) -> str:
        """Return the body as compact JSON with sorted keys, so that equal bodies are equal texts."""
        return json.dumps(self.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Known:
    """Identifiers and labels that events may contain.

    Attributes:
        faces: identifiers of faces.
        sources: identifiers of sources.
        emotions: labels of expressions.
    """

    faces: Container[str]
    sources: Container[str]
    emotions: Container[str]


def check_rater(name: object) -> str:
    """Return `name` if it is a valid name of a rater.

    Raises:
        InputError: the name is invalid.
    """
    if not isinstance(name, str) or not _RATER.fullmatch(name):
        raise InputError(
            f"'{name}' cannot name a rater; use 1 to 40 letters, digits, dots, dashes or underscores, such as r01"
        )
    return name


def parse_event(raw: object, known: Known) -> Event:
    """Return a checked event from a JSON value that a page sent.

    Fields that do not belong to its kind are dropped.

    Args:
        raw: the JSON value.
        known: the valid faces, sources and labels.

    Raises:
        InputError: a field is missing, has the wrong type, is out of range, or names an unknown face or label.
    """
    if not isinstance(raw, dict):
        raise InputError("an event is a JSON object")
    fields = dict(raw)
    event_id, kind, at_ms, tab = (fields.pop(name, None) for name in ("id", "kind", "at_ms", "tab"))
    if not _is_id(event_id):
        raise InputError("an event needs an id of 8 to 64 letters, digits, dashes or underscores")
    if not isinstance(kind, str) or kind not in FIELDS:
        raise InputError(f"there is no event of kind '{kind}'; kinds are {', '.join(FIELDS)}")
    if isinstance(at_ms, bool) or not isinstance(at_ms, int) or not 0 <= at_ms < 2**53:
        raise InputError("at_ms is the time of the event in whole milliseconds since 1970")
    if not isinstance(tab, str) or not _TAB.fullmatch(tab):
        raise InputError("tab is at most 64 letters, digits, dashes or underscores")
    fields = {name: fields[name] for name in FIELDS[kind] if name in fields}
    if isinstance(fields.get("suggestion"), dict):
        fields["suggestion"] = {
            name: fields["suggestion"][name] for name in _SUGGESTION if name in fields["suggestion"]
        }
    _check_body(kind, fields, known)
    try:
        event = Event(event_id, kind, tab, at_ms, fields)
        event.to_json().encode()
    except (ValueError, TypeError) as error:
        raise InputError(f"the event contains a value that JSON in UTF-8 cannot represent ({error})") from error
    return event


def _check_body(kind: str, body: dict[str, Any], known: Known) -> None:
    if body.get("part", "main") not in PARTS:
        raise InputError(f"part is one of {', '.join(PARTS)}")
    if "faces" in body:
        _check_faces(body["faces"], known)
    if "source" in body and (not isinstance(body["source"], str) or body["source"] not in known.sources):
        raise InputError(f"there is no source '{body['source']}' in this workspace")
    if kind in ("shown", "flag") and ("faces" in body) == ("source" in body):
        raise InputError(f"an event of kind {kind} is about faces or about a source")
    if kind in ("rate", "emotion", "feedback") and "faces" not in body:
        raise InputError(f"an event of kind {kind} names its faces")
    if kind in ("take", "trace") and "source" not in body:
        raise InputError(f"an event of kind {kind} names its source")
    if kind in ("undo", "redo", "override", "trace"):
        name = "take" if kind == "trace" else "target"
        if not _is_id(body.get(name)):
            raise InputError(f"an event of kind {kind} gives the id of another as its {name}")
    if kind in ("rate", "feedback"):
        check_point(body)
    elif kind == "emotion":
        _check_choice(body, "emotion", known.emotions, null=True)
    elif kind == "flag":
        _check_flag(body)
    elif kind == "warning":
        _check_choice(body, "warning", WARNINGS)
    elif kind == "take":
        _check_choice(body, "axis", AXES)
    elif kind == "trace":
        _check_samples(body)
    elif kind == "shown" and body.get("suggestion") is not None:
        if not isinstance(body["suggestion"], dict) or not isinstance(body.get("hidden"), bool):
            raise InputError("a suggestion is an object, and `hidden` says whether it was kept back")
        check_point(body["suggestion"])
    _check_types(kind, body, known)


def _check_types(kind: str, body: dict[str, Any], known: Known) -> None:
    for name, (wanted, words) in _TYPES.items():
        if body.get(name) is not None and not isinstance(body[name], wanted):
            raise InputError(f"{name} is {words}")
    for origin in (body.get("origin") or "", (body.get("suggestion") or {}).get("origin", "")):
        if not isinstance(origin, str) or len(origin) > MAX_ORIGIN:
            raise InputError(f"origin of a suggestion is a text of at most {MAX_ORIGIN} characters")
    for name in _NUMBERS if kind != "trace" else ():
        if body.get(name) is not None and not _are_times([body[name]]):
            raise InputError(f"{name} is a finite number")
    if kind == "warning":
        if body.get("take") is not None and not _is_id(body["take"]):
            raise InputError("a warning gives the id of another event as its take")
        if body.get("emotion") is not None:
            _check_choice(body, "emotion", known.emotions)


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def check_point(values: Mapping[str, Any]) -> None:
    """Raise InputError unless both `valence` and `arousal` are numbers in [-1, 1]."""
    for name in ("valence", "arousal"):
        if not is_value(values.get(name)):
            raise InputError(f"{name} {values.get(name)} is not a number in [-1, 1]")


def is_value(value: object) -> bool:
    """Return whether `value` is a number in [-1, 1]."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1 <= value <= 1


def _check_faces(faces: object, known: Known) -> None:
    if not isinstance(faces, list) or not 1 <= len(faces) <= MAX_FACES:
        raise InputError(f"faces is a list of 1 to {MAX_FACES} identifiers")
    for face_id in faces:
        if not isinstance(face_id, str) or face_id not in known.faces:
            raise InputError(f"there is no face '{face_id}' in this workspace")
    if len(set(faces)) < len(faces):
        raise InputError("faces names one face twice")


def _check_choice(body: dict[str, Any], name: str, choices: Container[str], *, null: bool = False) -> None:
    value = body.get(name)
    if null and name in body and value is None:
        return
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"'{value}' is no {name} here")


def _check_flag(body: dict[str, Any]) -> None:
    _check_choice(body, "flag", FLAGS)
    if not isinstance(body.get("on"), bool):
        raise InputError("a flag is on or off: give `on` as true or false")
    note = body.get("note", "")
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise InputError(f"a note is a text of at most {MAX_NOTE} characters")
    if body["flag"] == "note" and body["on"] and not note.strip():
        raise InputError("a note says something")


def _check_samples(body: dict[str, Any]) -> None:
    columns = [body.get(name) for name in SAMPLE_COLUMNS]
    if not all(isinstance(column, list) for column in columns):
        raise InputError(f"a piece of trace has the lists {', '.join(SAMPLE_COLUMNS)}")
    frames, media_s, observed_ms, valence, arousal = (column for column in columns if isinstance(column, list))
    count = len(frames)
    if not 1 <= count <= MAX_SAMPLES or any(
        len(column) != count for column in (media_s, observed_ms, valence, arousal)
    ):
        raise InputError(f"the lists of a piece of trace are of one length, from 1 to {MAX_SAMPLES}")
    if not all(isinstance(frame, int) and not isinstance(frame, bool) and 0 <= frame < 2**31 for frame in frames):
        raise InputError("frames are whole numbers from 0")
    if not _are_times(media_s) or not _are_times(observed_ms):
        raise InputError("media_s and observed_ms are finite numbers")
    for name, column in (("valence", valence), ("arousal", arousal)):
        if not all(value is None or is_value(value) for value in column):
            raise InputError(f"{name} of a trace is null or in [-1, 1] everywhere")


def _are_times(values: Sequence[object]) -> bool:
    # The bounds also exclude NaN and integers that are too large for a float.
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and -MOST_TIME < value < MOST_TIME
        for value in values
    )
