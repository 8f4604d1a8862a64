from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.annotations.current import CURRENT_SCHEMA, current_annotations
from fertools.annotations.events import RATING_KINDS, Event
from fertools.annotations.log import RatingLog
from fertools.annotations.replay import replay
from fertools.annotations.traces import read_takes, replay_traces
from tests.annotations.rating_events import event, face_id, piece, rating_workspace

Row = dict[str, Any]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RatingLog]:
    with RatingLog(tmp_path / "ratings.sqlite") as opened:
        yield opened


def _rows(log: RatingLog, kind: str = "face") -> list[Row]:
    table = current_annotations(log)
    assert table.schema.equals(CURRENT_SCHEMA)
    return [row for row in table.to_pylist() if row["kind"] == kind]


def _rate(face: str, valence: float, at_ms: int, **body: Any) -> Event:
    return event("rate", at_ms, faces=[face], valence=valence, arousal=-valence, **body)


def test_an_empty_log_has_no_answers(log: RatingLog) -> None:
    assert current_annotations(log).num_rows == 0
    assert current_annotations(log).schema.equals(CURRENT_SCHEMA)


def test_the_later_act_wins_also_when_it_came_in_first(log: RatingLog) -> None:
    log.append("anna", [_rate("f", 0.25, 2000)], received_ms=2000)
    log.append("anna", [_rate("f", 0.75, 1000)], received_ms=9000)
    (row,) = _rows(log)
    assert (row["valence"], row["arousal"], row["done_ms"]) == (0.25, -0.25, 2000)


def test_undo_and_redo_count_and_delete_nothing(log: RatingLog) -> None:
    first, second = _rate("f", 0.25, 1), _rate("f", 0.75, 2)
    log.append("anna", [first, second, event("undo", 3, target=second.id)])
    assert _rows(log)[0]["event_id"] == first.id
    log.append("anna", [event("undo", 4, target=first.id)])
    assert _rows(log) == []
    log.append("anna", [event("redo", 5, target=second.id)])
    assert _rows(log)[0]["valence"] == 0.75
    assert len(list(log.events())) == 5


def test_a_run_is_one_act_and_says_which_faces_were_not_looked_at(log: RatingLog) -> None:
    act = event("rate", 1, faces=["a", "b", "c"], valence=0.5, arousal=0.5)
    log.append("anna", [act])
    assert [(row["face_id"], row["identical"]) for row in _rows(log)] == [("a", False), ("b", True), ("c", True)]
    log.append("anna", [event("undo", 2, target=act.id)])
    assert _rows(log) == []


def test_parts_are_answers_of_their_own(log: RatingLog) -> None:
    log.append(
        "anna",
        [_rate("f", value, n, part=part) for n, (part, value) in enumerate([("calibration", 0.1), ("repeat", 0.2)])],
    )
    assert [(row["part"], row["valence"]) for row in _rows(log)] == [("calibration", 0.1), ("repeat", 0.2)]


def test_flags_notes_emotions_and_what_was_shown(log: RatingLog) -> None:
    suggestion = {"valence": 0.5, "arousal": 0.5, "origin": "prior"}
    named = event("emotion", 5, faces=["f"], emotion="fear")
    log.append(
        "anna",
        [
            event("shown", 1, faces=["f"], suggestion=suggestion, hidden=True),
            event("shown", 1, faces=["g"], suggestion=suggestion, hidden=False),
            event("shown", 1, faces=["h"], suggestion=None, hidden=False),
            event("flag", 2, faces=["f"], flag="note", on=True, note="glasses"),
            event("flag", 3, faces=["f"], flag="unsure", on=True),
            event("flag", 4, faces=["f"], flag="bad_crop", on=True),
            event("flag", 5, faces=["f"], flag="bad_crop", on=False),
            named,
            event("rate", 6, faces=["g"], valence=0.5, arousal=0.5, accepted=True),
            _rate("h", 0.0, 7),
        ],
    )
    f, g, h = _rows(log)
    assert (f["emotion"], f["emotion_event_id"], f["flags"], f["note"]) == (
        "fear",
        named.id,
        ["unsure", "note"],
        "glasses",
    )
    assert (f["valence"], f["suggestion"], f["accepted"], f["done_ms"]) == (None, "hidden", False, 5)
    assert (g["suggestion"], g["accepted"]) == ("shown", True)
    assert h["suggestion"] is None
    log.append("anna", [event("emotion", 8, faces=["f"], emotion=None)])
    assert _rows(log)[0]["emotion"] is None


def test_faces_and_traced_frames_get_their_places_from_the_manifest(tmp_path: Path) -> None:
    workspace = rating_workspace(tmp_path, faces=4)
    with RatingLog(workspace.ratings_log) as log:
        source_id = answers_source(workspace)
        take = event("take", 1, source=source_id, axis="both")
        log.append(
            "anna",
            [
                _rate(face_id(3), 0.5, 1),
                take,
                event("trace", 2, **piece(take.id, [2, 9], [0.1, 0.2], [0, 0], source_id)),
            ],
        )
        rated, traced, without_face = current_annotations(log, workspace).to_pylist()
    assert (rated["source_id"], rated["frame_index"], rated["pts_s"]) == (source_id, 3, 3 / 25)
    assert (traced["face_id"], traced["frame_index"], traced["pts_s"]) == (None, 2, 2 / 25)
    assert (without_face["frame_index"], without_face["pts_s"]) == (9, 9 / 25)


def answers_source(workspace: Any) -> str:
    from fertools.manifests import store

    return str(store.read_faces(workspace, ["source_id"])["source_id"][0].as_py())


def _traced(log: RatingLog) -> dict[int, tuple[float | None, float | None]]:
    return {row["frame_index"]: (row["valence"], row["arousal"]) for row in _rows(log, "trace")}


def test_readings_of_one_frame_are_averaged_and_pieces_joined(log: RatingLog) -> None:
    take = event("take", 1, source="s", axis="both")
    pieces = [piece(take.id, [0, 0], [0.25, 0.75], [0, 0]), piece(take.id, [0, 1], [0.5, 1.0], [0, -1.0])]
    log.append("anna", [take, *(event("trace", 2 + n, **one) for n, one in enumerate(pieces))])
    assert _traced(log) == {0: (0.5, 0.0), 1: (1.0, -1.0)}
    (samples,) = read_takes(log)["samples"].tolist()
    assert samples.shape == (4, 5)


def test_a_newer_take_replaces_its_span_and_the_old_one_comes_back_when_it_is_undone(log: RatingLog) -> None:
    old, new = event("take", 1, source="s", axis="both"), event("take", 9, source="s", axis="both")
    log.append("anna", [old, event("trace", 2, **piece(old.id, [0, 1, 2, 3, 4], [0.1] * 5, [0.2] * 5))])
    before = _traced(log)
    log.append("anna", [new, event("trace", 10, **piece(new.id, [1, 3], [0.9] * 2, [0.8] * 2))])
    assert _traced(log) == {0: (0.1, 0.2), 1: (0.9, 0.8), 3: (0.9, 0.8), 4: (0.1, 0.2)}
    log.append("anna", [event("undo", 11, target=new.id)])
    assert _traced(log) == before


def test_one_axis_leaves_the_other_as_it_was(log: RatingLog) -> None:
    both, alone = event("take", 1, source="s", axis="both"), event("take", 9, source="s", axis="arousal")
    log.append("anna", [alone, event("trace", 10, **piece(alone.id, [1, 2], [None] * 2, [0.5] * 2))])
    assert _traced(log) == {1: (None, 0.5), 2: (None, 0.5)}
    log.append("anna", [both, event("trace", 2, **piece(both.id, [0, 1], [0.1] * 2, [0.2] * 2))])
    assert _traced(log) == {0: (0.1, 0.2), 1: (0.1, 0.5), 2: (None, 0.5)}
    table = replay_traces(log, set(), rater="anna", source_id="s")
    assert table["event_id"].tolist() == [both.id, alone.id, alone.id]
    assert replay_traces(log, set(), rater="ben", source_id="s").empty


ACT = st.one_of(
    st.tuples(st.just("rate"), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])),
    st.tuples(st.just("emotion"), st.sampled_from(["fear", "anger", None])),
    st.tuples(st.just("flag"), st.tuples(st.sampled_from(["unsure", "note", "bad_crop"]), st.booleans())),
    st.tuples(st.sampled_from(["undo", "redo"]), st.integers(0, 30)),
)


@settings(max_examples=30)
@given(st.lists(st.tuples(ACT, st.sampled_from([["f"], ["g"], ["f", "g"]]), st.integers(0, 20)), max_size=30))
def test_both_folds_say_the_same(tmp_path_factory: pytest.TempPathFactory, acts: list[Any]) -> None:
    events: list[Event] = []
    for (kind, value), faces, at_ms in acts:
        targets = [one.id for one in events if one.kind in RATING_KINDS]
        if kind in ("undo", "redo"):
            if targets:
                events.append(event(kind, at_ms, target=targets[value % len(targets)]))
        elif kind == "rate":
            events.append(event(kind, at_ms, faces=faces, valence=value, arousal=-value))
        elif kind == "emotion":
            events.append(event(kind, at_ms, faces=faces, emotion=value))
        else:
            events.append(
                event(kind, at_ms, faces=faces, flag=value[0], on=value[1], note="words" if value[0] == "note" else "")
            )
    with RatingLog(tmp_path_factory.mktemp("log") / "r.sqlite") as log:
        log.append("anna", events)
        table = {row["face_id"]: row for row in _rows(log)}
        undone, kinds = log.undone(), tuple(RATING_KINDS)
        for face in "fg":
            every = [logged.event for logged in log.events(rater="anna", item=f"face:main:{face}", kinds=kinds)]
            said = replay(one for one in every if one.id not in undone)
            row = table.get(face, {"valence": None, "arousal": None, "emotion": None, "flags": [], "note": None})
            assert (said.valence, said.arousal, said.emotion) == (row["valence"], row["arousal"], row["emotion"])
            assert (said.flags, said.note) == (set(row["flags"]), row["note"])


def test_thousands_of_acts_are_folded_as_one_by_one(log: RatingLog) -> None:
    rng = np.random.default_rng(0)
    faces, values = rng.integers(0, 500, 5000), rng.integers(-100, 101, 5000) / 100
    log.append(
        "anna",
        [_rate(f"f{face:03d}", value, n) for n, (face, value) in enumerate(zip(faces, values.tolist(), strict=True))],
    )
    last = {f"f{face:03d}": value for face, value in zip(faces, values.tolist(), strict=True)}
    assert {row["face_id"]: row["valence"] for row in _rows(log)} == last
