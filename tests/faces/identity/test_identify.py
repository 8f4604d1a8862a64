from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.identity.decisions import Decision, DecisionLog
from fertools.faces.identity.embedder import Floats, Pictures
from fertools.faces.identity.identify import identify
from fertools.faces.identity.identity_options import IdentifyOptions, IdentifySummary
from fertools.faces.identity.track_parts import find_cuts
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.faces.identity.made_people import GreyEmbedder, MadeTrack, face_id, made_workspace, subjects, write_tracks

TRACKS = [
    MadeTrack("a", 0, (1,) * 8),
    MadeTrack("a", 1, (2,) * 8),
    MadeTrack("b", 0, (1,) * 8),
    MadeTrack("b", 1, (3,) * 8, start=20),
]


def _run(workspace: Workspace, **options: Any) -> IdentifySummary:
    chosen = dataclasses.replace(IdentifyOptions(), **options)
    return identify(workspace, chosen, network=GreyEmbedder())


def _one(workspace: Workspace, video: str, track: int) -> str:
    (name,) = subjects(workspace)[video, track]
    return name


def test_one_person_in_two_videos_gets_one_subject(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    found = _run(workspace)
    assert (found.tracks, found.people, found.new_people) == (4, 3, 3)
    assert _one(workspace, "a", 0) == _one(workspace, "b", 0)
    rows = store.read_faces(workspace).to_pylist()
    assert {row["subject_origin"] for row in rows} == {"identity"}
    assert found.threshold_origin == "constant"
    assert "only 1 pairs" in found.notes[0]
    again = _run(workspace)
    assert (again.changed, again.embedded, again.new_people, again.renamed) == (0, 0, 0, ())


def test_a_dry_run_writes_no_subject(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    before = workspace.manifest.read_bytes()
    found = identify(workspace, network=GreyEmbedder(), dry_run=True)
    assert found.people == 3
    assert workspace.manifest.read_bytes() == before
    assert not workspace.people.exists()


def test_people_keep_their_subjects_when_videos_are_added(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    _run(workspace)
    before = subjects(workspace)
    more = [MadeTrack("0", 0, (2,) * 8), MadeTrack("0", 1, (4,) * 8, start=30)]
    write_tracks(workspace, [*more, *TRACKS])
    found = _run(workspace)
    after = subjects(workspace)
    assert {key: after[key] for key in before} == before
    assert after["0", 0] == before["a", 1]
    assert after["0", 1] not in before.values()
    assert (found.new_people, found.renamed) == (1, ())
    # Clustering anew finds the same people, so nothing is renamed either.
    assert _run(workspace, overwrite=True).renamed == ()
    assert subjects(workspace) == after


def test_a_second_run_with_another_threshold_renames_only_when_asked_and_says_so(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    _run(workspace)
    before = subjects(workspace)
    assert _run(workspace, threshold=-0.99).changed == 0
    found = _run(workspace, threshold=-0.99, overwrite=True)
    assert len(found.renamed) >= 1
    old, new = found.renamed[0].split(" (")[0].split(" -> ")
    assert {old} in before.values()
    assert {new} in subjects(workspace).values()
    # Two faces in one frame are two people, whatever the threshold.
    assert subjects(workspace)["a", 0] != subjects(workspace)["a", 1]


def test_stated_names_stay_and_name_others(tmp_path: Path) -> None:
    tracks = [
        MadeTrack("a", 0, (1,) * 8, named="anna"),
        MadeTrack("b", 0, (1,) * 8),
        MadeTrack("c", 0, (1,) * 8, named="ben"),
    ]
    workspace = made_workspace(tmp_path, tracks)
    _run(workspace)
    found = subjects(workspace)
    assert (found["a", 0], found["c", 0]) == ({"anna"}, {"ben"})
    assert found["b", 0] in ({"anna"}, {"ben"})


def test_a_track_of_two_people_is_split_and_said(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, [MadeTrack("a", 0, (1,) * 20 + (2,) * 20), MadeTrack("b", 0, (2,) * 8)])
    found = _run(workspace)
    assert found.people == 2
    assert len(found.split_tracks) == 1
    assert found.split_tracks[0].startswith("a.mp4: track 0 at frame ")
    assert len(subjects(workspace)["a", 0]) == 2
    rows = {row["face_id"]: row["subject_id"] for row in store.read_faces(workspace).to_pylist()}
    assert rows[face_id("a", 0, 39)] == rows[face_id("b", 0, 0)] != rows[face_id("a", 0, 0)]


def test_a_person_who_comes_back_in_one_track_is_one_person(tmp_path: Path) -> None:
    people = (1,) * 30 + (2,) * 30 + (1,) * 30
    workspace = made_workspace(tmp_path, [MadeTrack("a", 0, people), MadeTrack("b", 0, (2,) * 8)])
    found = _run(workspace)
    assert (found.people, len(found.split_tracks)) == (2, 2)
    rows = {row["face_id"]: row["subject_id"] for row in store.read_faces(workspace).to_pylist()}
    assert rows[face_id("a", 0, 0)] == rows[face_id("a", 0, 89)] != rows[face_id("a", 0, 45)]
    assert rows[face_id("a", 0, 45)] == rows[face_id("b", 0, 0)]


def test_cuts_are_found_between_any_number_of_people() -> None:
    people = np.eye(4, dtype=np.float32)
    for lengths in ((3, 2), (2, 5, 2), (4, 2, 3, 2), (2, 2, 2, 2, 2)):
        vectors = np.concatenate([np.repeat(people[[place % 3]], length, 0) for place, length in enumerate(lengths)])
        assert find_cuts(vectors, 0.5) == np.cumsum(lengths)[:-1].tolist()


def test_a_changing_face_is_no_second_person() -> None:
    rng = np.random.default_rng(0)
    base = np.ones(16) + 0.2 * rng.normal(size=(12, 16))
    vectors = np.asarray(base / np.linalg.norm(base, axis=1, keepdims=True), np.float32)
    assert find_cuts(vectors, 0.5) == []
    assert find_cuts(vectors[:3], 0.99) == []


def test_decisions_are_replayed_and_an_undo_takes_them_back(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    _run(workspace)
    first, other = ([face_id("a", 1, n) for n in range(8)], [face_id("b", 1, n + 20) for n in range(8)])
    log = DecisionLog(workspace.decisions)
    decision = Decision.of({"kind": "same", "faces": first, "others": other})
    log.append(decision)
    log.append(decision)
    assert len(log.all()) == 1
    for overwrite in (False, True):
        assert _run(workspace, overwrite=overwrite).people == 2
        assert subjects(workspace)["a", 1] == subjects(workspace)["b", 1]
    rows = {row["face_id"]: row for row in store.read_faces(workspace).to_pylist()}
    assert rows[first[0]]["subject_origin"] == "person"
    log.append(Decision.of({"kind": "undo", "target": decision.id}))
    assert _run(workspace).people == 3
    log.append(Decision.of({"kind": "different", "faces": [face_id("a", 0, 0)], "others": [face_id("b", 0, 0)]}))
    split = _run(workspace)
    assert split.people == 4
    assert len(split.renamed) == 1


def test_a_torn_line_of_the_log_is_passed_over_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "people.jsonl")
    faces = [face_id("a", 0, 0), face_id("a", 1, 0)]
    log.append(Decision.of({"kind": "same", "faces": faces}))
    with log.path.open("ab") as stream:
        stream.write(b'{"id": "half')
    log.append(Decision.of({"kind": "different", "faces": faces[:1], "others": faces[1:]}))
    assert [one.kind for one in log.current()] == ["same", "different"]
    whole = log.path.read_bytes().splitlines()[0]
    for wrong in (b"[]", b"{}", b'{"kind": "merge", "id": "12345678", "at_ms": 1}', whole.replace(b'"id"', b'"name"')):
        log.path.write_bytes(whole + b"\n" + wrong + b"\n")
        with pytest.raises(InputError, match="jsonl line 2 is no decision; restore"):
            log.all()


@pytest.mark.parametrize(
    "content", [{}, {"kind": "same"}, {"kind": "same", "faces": ["x"]}, {"kind": "undo"}, {"kind": "merge"}]
)
def test_a_decision_that_no_page_sends_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Decision.of(content)


class _Stopped(GreyEmbedder):
    def embed(self, crops: Pictures) -> Floats:
        if self.calls:
            raise KeyboardInterrupt
        return super().embed(crops)


def test_a_stopped_run_continues_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fertools.faces.identity.embedding_cache.BLOCK", 10)
    workspace = made_workspace(tmp_path, TRACKS)
    with pytest.raises(KeyboardInterrupt):
        identify(workspace, network=_Stopped())
    assert not workspace.people.exists()
    found = _run(workspace)
    assert found.embedded == 4 * 8 - 10
    assert found.people == 3


def test_a_damaged_cache_and_missing_crops_are_named(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    _run(workspace)
    (path,) = workspace.embeddings.rglob("*.parquet")
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="is damaged; delete the folder"):
        _run(workspace)
    path.unlink()
    for face in range(8):
        (workspace.root / workspace.crop_path(face_id("a", 1, face), ".png")).unlink()
    found = _run(workspace)
    assert (found.unreadable, found.tracks) == (1, 3)


def test_the_file_of_people_lists_tracks_and_doubts(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    _run(workspace)
    content = json.loads(workspace.people.read_text())
    assert sorted(len(one["tracks"]) for one in content["people"]) == [1, 1, 2]
    assert content["threshold"]["origin"] == "constant"
    assert not content["doubtful_pairs"]


def test_a_person_found_twice_is_doubtful_unless_something_says_that_they_are_two(tmp_path: Path) -> None:
    tracks = [
        MadeTrack("a", 0, (1,) * 8),
        MadeTrack("b", 0, (1,) * 8, named="ben"),
        MadeTrack("c", 0, (1,) * 8, named="cleo"),
    ]
    workspace = made_workspace(tmp_path, [*tracks, MadeTrack("b", 1, (2,) * 8, start=9)])
    log = DecisionLog(workspace.decisions)
    decision = Decision.of({"kind": "different", "faces": [face_id("a", 0, 0)], "others": [face_id("b", 0, 0)]})
    log.append(decision)
    apart = Decision.of({"kind": "different", "faces": [face_id("a", 0, 0)], "others": [face_id("c", 0, 0)]})
    log.append(apart)
    assert (_run(workspace).people, _run(workspace).doubtful_pairs) == (4, 0)
    rows = [row["subject_origin"] for row in store.read_faces(workspace).to_pylist() if row["track_id"] == 1]
    assert set(rows) == {"identity"}
    # Without the decisions, the tracks of the first video are clustered again; the two names stay two people.
    log.append(Decision.of({"kind": "undo", "target": decision.id}))
    found = _run(workspace)
    assert found.people == 3
    assert found.doubtful_pairs == 0


def test_people_of_an_earlier_run_may_be_one(tmp_path: Path) -> None:
    workspace = made_workspace(tmp_path, TRACKS)
    _run(workspace, threshold=0.99)
    faces = store.read_faces(workspace)
    origin = [face_id("b", 0, n) for n in range(8)]
    names = [
        "pother" if face in origin else name
        for face, name in zip(faces["face_id"].to_pylist(), faces["subject_id"].to_pylist(), strict=True)
    ]
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"subject_id": names}))
    found = _run(workspace)
    assert (found.people, found.doubtful_pairs, found.renamed) == (4, 1, ())


@pytest.mark.parametrize(
    ("values", "named"),
    [({"faces_per_track": 0}, "faces_per_track"), ({"threshold": 1.5}, "threshold"), ({"false_matches": 0}, "false_")],
)
def test_an_option_out_of_range_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        dataclasses.replace(IdentifyOptions(), **values)
