from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.annotations.events import FIELDS, MAX_FACES, Event, Known, check_rater, parse_event
from fertools.core.errors import InputError
from tests.annotations.rating_events import piece, raw

KNOWN = Known({"f1", "f2"}, {"s"}, {"fear", "anger"})

GOOD: list[dict[str, Any]] = [
    raw("join"),
    raw("shown", faces=["f1"], suggestion=None, hidden=False),
    raw("shown", faces=["f1"], suggestion={"valence": 0.5, "arousal": 0, "origin": "prior"}, hidden=True),
    raw("rate", faces=["f1", "f2"], valence=-1, arousal=1.0, part="repeat"),
    raw("emotion", faces=["f1"], emotion="fear"),
    raw("emotion", faces=["f1"], emotion=None),
    raw("flag", faces=["f1"], flag="note", on=True, note="sunglasses"),
    raw("flag", source="s", flag="bad_crop", on=False),
    raw("take", source="s", axis="valence", speed=0.5, from_s=0.0),
    raw("trace", **piece("take-0001", [0, 1], [0.5, None], [None, None])),
    raw("undo", target="event-01"),
    raw("warning", warning="outside", faces=["f1"]),
    raw("override", target="event-01"),
    raw("feedback", faces=["f1"], valence=0, arousal=0),
]


@pytest.mark.parametrize("content", GOOD, ids=lambda content: content["kind"])
def test_what_a_page_sends_is_taken(content: dict[str, Any]) -> None:
    event = parse_event(content, KNOWN)
    assert (event.id, event.kind, event.at_ms) == (content["id"], content["kind"], content["at_ms"])
    assert parse_event({**event.body, "id": event.id, "kind": event.kind, "tab": "tab", "at_ms": 0}, KNOWN) == event


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("text", "JSON object"),
        ({"kind": "join"}, "needs an id"),
        (raw("join") | {"id": "short"}, "8 to 64"),
        (raw("dance"), "no event of kind 'dance'"),
        (raw("plan"), "no event of kind 'plan'"),
        (raw("join", at_ms=-1), "whole milliseconds"),
        (raw("join") | {"at_ms": True}, "whole milliseconds"),
        (raw("join") | {"tab": 3}, "tab is at most"),
        (raw("rate", valence=0, arousal=0), "names its faces"),
        (raw("rate", faces=[], valence=0, arousal=0), "list of 1 to"),
        (raw("rate", faces=["f1"] * (MAX_FACES + 1), valence=0, arousal=0), "list of 1 to"),
        (raw("rate", faces=["f1", "f1"], valence=0, arousal=0), "twice"),
        (raw("rate", faces=["f3"], valence=0, arousal=0), "no face 'f3'"),
        (raw("rate", faces=["f1"], valence=1.01, arousal=0), "valence 1.01 is not a number"),
        (raw("rate", faces=["f1"], valence=0, arousal=float("nan")), "arousal nan is not a number"),
        (raw("rate", faces=["f1"], valence=0, arousal=True), "arousal True is not a number"),
        (raw("rate", faces=["f1"], valence=0), "arousal None is not a number"),
        (raw("rate", faces=["f1"], valence=0, arousal=0, part="end"), "part is one of"),
        (raw("flag", faces=["f1"], flag="note", on=True, note="\ud800"), "a value that JSON in UTF-8 cannot represent"),
        (raw(["rate"], faces=["f1"], valence=0, arousal=0), "no event of kind"),  # type: ignore[arg-type]
        (raw("join") | {"tab": "\ud800"}, "tab is at most"),
        (raw("take", source="s", axis="both", speed=10**400), "speed is a finite number"),
        (raw("take", source="s", axis="both", speed=float("nan")), "speed is a finite number"),
        (raw("take", source="s", axis="both", exact=1), "exact is true or false"),
        (raw("warning", warning="frozen", take=["x"]), "the id of another event as its take"),
        (raw("warning", warning="outside", emotion="joy"), "'joy' is no emotion"),
        (raw("trace", **piece("take-0001", [0], [0], [0])) | {"observed_ms": [10**400]}, "finite numbers"),
        (raw("emotion", faces=["f1"], emotion="joy"), "'joy' is no emotion"),
        (raw("emotion", faces=["f1"]), "'None' is no emotion"),
        (raw("flag", faces=["f1"], flag="ugly", on=True), "'ugly' is no flag"),
        (raw("flag", faces=["f1"], flag="note", on=True, note=" "), "a note says something"),
        (raw("flag", faces=["f1"], flag="unsure", on=1), "on or off"),
        (raw("flag", flag="unsure", on=True), "about faces or about a source"),
        (raw("take", source="t", axis="both"), "no source 't'"),
        (raw("take", source="s", axis="dominance"), "'dominance' is no axis"),
        (raw("take", axis="both"), "names its source"),
        (raw("trace", **piece("take-0001", [], [], [])), "of one length"),
        (raw("trace", **piece("take-0001", [0], [0.1, 0.2], [0])), "of one length"),
        (raw("trace", **piece("take-0001", [-1], [0], [0])), "whole numbers from 0"),
        (raw("trace", **piece("take-0001", [0], [2], [0])), "valence of a trace"),
        (raw("trace", **piece("take-0001", [0], [0], [0])) | {"media_s": ["0"]}, "finite numbers"),
        (raw("trace", **piece("x", [0], [0], [0])), "gives the id of another as its take"),
        (raw("undo"), "gives the id of another as its target"),
        (raw("warning", warning="late"), "'late' is no warning"),
        (raw("shown", faces=["f1"], suggestion={"valence": 2, "arousal": 0}, hidden=False), "valence 2"),
        (raw("shown", faces=["f1"], suggestion={"valence": 0, "arousal": 0}), "kept back"),
        (raw("rate", faces=["f1"], valence=0, arousal=0, accepted="yes"), "accepted is true or false"),
        (raw("flag", faces=["f1"], flag="note", on=False, note=5), "a note is a text"),
        (raw("shown", faces=["f1"], suggestion="prior", hidden=False), "a suggestion is an object"),
        (
            raw("shown", faces=["f1"], suggestion={"valence": 0, "arousal": 0, "origin": 1}, hidden=False),
            "origin of a suggestion is a text",
        ),
    ],
)
def test_what_is_wrong_is_said(content: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_event(content, KNOWN)


def test_fields_that_an_event_does_not_have_are_not_kept() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for extra in ("x" * 10_000, float("nan"), "\ud800", deep):
        suggestion = {"valence": 0, "arousal": 0, "origin": "prior", "extra": extra}
        found = parse_event(
            raw("shown", faces=["f1"], suggestion=suggestion, hidden=False, extra=extra, valence=0), KNOWN
        )
        assert set(found.body) == {"faces", "suggestion", "hidden"}
        assert set(found.body["suggestion"]) == {"valence", "arousal", "origin"}


_NAMES = st.sampled_from(["id", "at_ms", "tab", *dict.fromkeys(name for names in FIELDS.values() for name in names)])
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "f1", "s", "fear", "main", "unsure", "outside", "both", "event-0001"])
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=3),
)


@given(
    st.sampled_from(GOOD),
    st.dictionaries(_NAMES, _VALUES, max_size=3),
    st.sampled_from(list(FIELDS)) | _VALUES,
    _VALUES,
)
def test_whatever_is_sent_is_an_event_of_its_fields_or_refused(
    good: dict[str, Any], changed: dict[str, Any], kind: object, other: object
) -> None:
    for content in ({**good, **changed}, {**good, **changed, "kind": kind}, other):
        try:
            found = parse_event(content, KNOWN)
        except InputError:
            continue
        assert set(found.body) <= set(FIELDS[found.kind])
        assert json.loads(found.to_json()) == found.body


@pytest.mark.parametrize("name", ["r01", "anna.b", "A", "x" * 40])
def test_names_of_raters(name: str) -> None:
    assert check_rater(name) == name


@pytest.mark.parametrize("name", ["", " anna", "anna b", "x" * 41, "../etc", None, 3, "-x", "ö"])
def test_what_cannot_name_a_rater(name: object) -> None:
    with pytest.raises(InputError, match="cannot name a rater"):
        check_rater(name)


def test_items_name_the_part() -> None:
    event = Event("event-01", "rate", "", 0, {"faces": ["f1", "f2"], "part": "repeat"})
    assert event.items == ["face:repeat:f1", "face:repeat:f2"]
    assert Event("event-01", "take", "", 0, {"source": "s"}).items == ["source:s"]
