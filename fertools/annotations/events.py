"""Events: everything that happens at the rating page, one act each, with an identifier that the page made.

Nothing is ever changed or deleted. What a rater now thinks of a face is what a fold over the events says
(`fertools.annotations.current`), and undoing is an event too. Why it is so: `docs/decisions/0008-rating-log.md`.

An event is a JSON object. All have `id` (made by the page, unique), `kind`, `at_ms` (when it happened, in milliseconds
since 1970, on the page's clock set by the server's) and `tab` (which tab of the browser). A tab counts `at_ms` up with
every event, so that it orders them. Values are always in the order (valence, arousal), both in [-1, 1].
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from fertools.core.errors import InputError

PARTS = ("calibration", "main", "repeat")
"""Where in a rater's queue an answer was given: in the set that comes first, with feedback; among the rest; or when the
first set came again, without feedback."""
FLAGS = ("unsure", "no_face", "bad_crop", "note")
"""What can be said of an item besides its values; `note` has a text."""
AXES = ("both", "valence", "arousal")
WARNINGS = ("outside", "still", "frozen")
"""A value far from where the expression usually lies; a pointer that has not moved for 5 s; a take of one value."""
SAMPLE_COLUMNS = ("frames", "media_s", "observed_ms", "valence", "arousal")
"""What a piece of trace holds, one list each, of one length: the frame that was on the screen, the media time that the
browser gave for it, when the pointer was read (milliseconds since the take began), and the values (an axis that is not
being rated is null)."""
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
"""What an event of each kind holds besides `id`, `kind`, `tab` and `at_ms`. Other fields are not stored."""
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
"""What these fields are in an event of any kind: the log is read in columns, each of one type, and what is once in it
stays."""
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TAB = re.compile(r"[A-Za-z0-9_-]{0,64}")
_RATER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")

RATING_KINDS = frozenset({"rate", "emotion", "flag", "take"})
"""Kinds that give an answer, and that can be undone."""
KINDS: dict[str, str] = {
    "join": "a rater opened the page for the first time",
    "plan": "the settings of the queue that the server was started with (rater is empty)",
    "shown": "an item came up: `faces` or `source`, `suggestion` (valence, arousal, origin) or null, `hidden` if that "
    "was kept back",
    "rate": "a point for `faces`; the first was looked at, the others are near-identical frames it was applied to; "
    "`accepted` if it is the suggestion",
    "emotion": "an expression for `faces`, or null to take it back",
    "flag": "one of the flags put on or off `faces` or a `source`",
    "take": "a trace of `source` begins: `axis`, `speed`, `from_s`",
    "trace": "a piece of the trace of `take`: the columns of SAMPLE_COLUMNS",
    "undo": "`target`, an act, no longer counts",
    "redo": "`target` counts again",
    "warning": "the page warned: `warning`, of WARNINGS",
    "override": "the rater kept what `target`, a warning, was about",
    "feedback": "the reference of a calibration face was shown after it was rated",
}


@dataclass(frozen=True)
class Event:
    """One act, checked.

    Attributes:
        id: made by the page.
        kind: one of KINDS.
        tab: which tab of the browser; empty where the server or an import made the event.
        at_ms: when, in milliseconds since 1970.
        body: what else there is, by the kind.
    """

    id: str
    kind: str
    tab: str
    at_ms: int
    body: Mapping[str, Any]

    @property
    def part(self) -> str:
        """Where in the queue it happened, of PARTS."""
        return str(self.body.get("part", "main"))

    @property
    def items(self) -> list[str]:
        """The items that it is about, as `face:PART:ID` and `source:ID`."""
        items = [f"face:{self.part}:{face_id}" for face_id in self.body.get("faces", ())]
        if "source" in self.body:
            items.append(f"source:{self.body['source']}")
        return items

    def to_json(self) -> str:
        """Return the body as the log keeps it: compact, keys sorted, so that equal bodies are equal texts."""
        return json.dumps(self.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Known:
    """What events may speak of.

    Attributes:
        faces: identifiers of faces.
        sources: identifiers of sources.
        emotions: labels.
    """

    faces: Container[str]
    sources: Container[str]
    emotions: Container[str]


def check_rater(name: object) -> str:
    """Return `name` if it can name a rater.

    Raises:
        InputError: it cannot.
    """
    if not isinstance(name, str) or not _RATER.fullmatch(name):
        raise InputError(
            f"'{name}' cannot name a rater; take 1 to 40 letters, digits, dots, dashes or underscores, such as r01"
        )
    return name


def parse_event(raw: object, known: Known) -> Event:
    """Return an event from what a page sent, or say what is wrong with it.

    Fields that an event of its kind does not have are dropped.

    Args:
        raw: the JSON value.
        known: the faces, sources and labels there are.

    Raises:
        InputError: a field is missing, of the wrong kind, out of range, or names a face or label that is not there.
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
        raise InputError(f"the event holds what JSON in UTF-8 cannot ({error})") from error
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
    """Raise InputError unless `valence` and `arousal` are both there and in [-1, 1]."""
    for name in ("valence", "arousal"):
        if not is_value(values.get(name)):
            raise InputError(f"{name} {values.get(name)} is not a number in [-1, 1]")


def is_value(value: object) -> bool:
    """Return whether `value` can be a valence or an arousal."""
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
    # The bounds also leave out whole numbers that are too large for a float, and nan.
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and -MOST_TIME < value < MOST_TIME
        for value in values
    )
