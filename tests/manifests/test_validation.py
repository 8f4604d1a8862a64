from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.invariants import CROPS_DECODE, INVARIANTS, broken_columns
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.validation import EXAMPLES, validate
from tests.manifests.rows import Row, build, face, identify, source

Break = Callable[[dict[str, Row], dict[str, Row]], object]

_BETWEEN: Row = {
    "interpolated": True,
    "landmarks": None,
    "landmarks_smoothed": [[21.0, 30.0], [51.0, 30.0], [36.0, 45.0], [26.0, 60.0], [46.0, 60.0]],
    "det_score": None,
}
PROVENANCE: Row = {"generator_run": "r1", "generator_folds": [0], "target_emotion": "fear"}


def _good() -> tuple[dict[str, Row], dict[str, Row]]:
    """Return faces and sources, by readable names, that break nothing and use every part of the schema."""
    labels: Row = {
        "emotion": "anger",
        "emotion_origin": "folder",
        "valence": -0.57,
        "arousal": 0.63,
        "va_origin": "prior",
    }
    faces = {
        "a": face("a", frame=0, fold=0, **labels),
        "between": face("between", frame=3, fold=0, **_BETWEEN),
        "b": face("b", frame=5, fold=0, valence=0.1, arousal=0.2, va_origin="people", va_raters=3),
        "c": face("c", "other.mp4", frame=2, subject_id="ben", fold=1),
        "still": face("still", "one.png", subject_id="cem", fold=1, pts_s=None, shot_id=None, track_id=None),
        "bad": face("bad", frame=9, status="rejected", reason="too small", subject_id=None, subject_origin=None),
        "made": face("made", frame=0, fold=0, parent_id=identify("a"), **PROVENANCE),
    }
    sources = {
        "clip": source(
            "clip.mp4", emotion="anger", emotion_origin="folder", faces_kept=3, faces_rejected=1, faces_interpolated=1
        ),
        "other": source("other.mp4", faces_kept=1, faces_rejected=0),
        "one": source("one.png", kind="image", frames_decoded=1, faces_kept=1, faces_rejected=0),
        "empty": source("empty.mp4", status="empty", faces_kept=0),
        "failed": source("failed.mp4", status="failed", reason="not a video"),
        "copy": source("copy.mp4", status="duplicate", reason="same content as clip.mp4"),
    }
    return faces, sources


def _face(name: str, **columns: Any) -> Break:
    return lambda faces, sources: faces[name].update(columns)


def _source(name: str, **columns: Any) -> Break:
    return lambda faces, sources: sources[name].update(columns)


def _swap_times(faces: dict[str, Row], sources: dict[str, Row]) -> None:
    faces["between"]["pts_s"], faces["b"]["pts_s"] = faces["b"]["pts_s"], faces["between"]["pts_s"]


def _pair(first: str, second: str, **columns: Any) -> Break:
    """Make a pair of two faces; `columns` change the second."""

    def change(faces: dict[str, Row], sources: dict[str, Row]) -> None:
        faces[first]["pair_id"] = "m"
        faces[second].update(pair_id="m", **columns)

    return change


def _sequence(**columns: Any) -> Break:
    """Make a sequence of two pictures, one of them without a part of the split; `columns` change it."""

    def change(faces: dict[str, Row], sources: dict[str, Row]) -> None:
        faces["still"]["sequence_id"] = "t1"
        picture: Row = {"pts_s": None, "shot_id": None, "track_id": None, "subject_id": "dora"}
        faces["next"] = face("next", "two.png", sequence_id="t1", **(picture | columns))
        status = faces["next"]["status"]
        sources["two"] = source("two.png", kind="image", frames_decoded=1, faces_kept=0, faces_rejected=0)
        sources["two"][f"faces_{status}"] = 1

    return change


_NAN = float("nan")
BREAKS: list[tuple[str, str | None, Break]] = [
    ("source-known", "c", lambda faces, sources: sources.pop("other")),
    ("source-outcome", "other", _source("other", status="empty")),
    ("source-outcome", "empty", _source("empty", status="done")),
    ("source-counts", "clip", _source("clip", faces_kept=4)),
    ("source-counts", "clip", _source("clip", faces_rejected=None)),
    ("source-counts", "clip", _source("clip", faces_interpolated=0)),
    ("source-counts", "other", _source("other", faces_interpolated=1)),
    ("place-complete", "c", _face("c", track_id=None)),
    ("place-complete", "c", _face("c", shot_id=None)),
    ("place-complete", "still", _face("still", frame_index=None)),
    ("time-order", "b", _swap_times),
    ("time-order", "made", _face("made", pts_s=0.01)),
    ("time-order", "c", _face("c", pts_s=float("inf"))),
    ("box-order", "a", _face("a", box=[10, 10, 10, 20])),
    ("box-order", "a", _face("a", box=[10, 30, 20, 20])),
    ("box-order", "a", _face("a", box=[10, 10, float("nan"), 20])),
    ("box-order", "a", _face("a", box=[float("-inf"), 10, 20, 20])),
    ("box-inside", "a", _face("a", box=[640, 10, 700, 20])),
    ("box-inside", "a", _face("a", box=[10, 480, 20, 490])),
    ("box-inside", "a", _face("a", box=[-20, 10, 0, 20])),
    ("box-inside", "a", _face("a", box=[10, -20, 20, -1])),
    ("box-inside", "a", _face("a", box=[10, 235, 80, 338], frame_width_px=320, frame_height_px=180)),
    ("landmarks-finite", "a", _face("a", landmarks=[[1, 2], [3, 4], [5, float("nan")], [7, 8], [9, 0]])),
    ("landmarks-finite", "between", _face("between", landmarks_smoothed=[[1, 2], [3, 4], [5, 6], [7, 8], [9, _NAN]])),
    ("smoothed-tracked", "still", _face("still", landmarks_smoothed=_BETWEEN["landmarks_smoothed"])),
    ("smoothed-tracked", "c", _face("c", landmarks=None, landmarks_smoothed=_BETWEEN["landmarks_smoothed"])),
    ("interpolated-unseen", "between", _face("between", det_score=0.5)),
    ("interpolated-unseen", "between", _face("between", landmarks=_BETWEEN["landmarks_smoothed"])),
    ("interpolated-unseen", "between", _face("between", landmarks_smoothed=None)),
    ("interpolated-between", "between", _face("between", frame_index=10, pts_s=0.4)),
    ("interpolated-between", "between", _face("between", frame_index=0, pts_s=0.0)),
    ("interpolated-between", "between", _face("between", track_id=7)),
    ("interpolated-between", "between", _face("between", shot_id=1)),
    ("interpolated-between", "between", lambda faces, sources: faces["b"].update(frame_index=3, pts_s=3 / 25)),
    ("matrix-similarity", "a", _face("a", matrix=[[1.5, 0, 0], [0, 1.6, 0]])),
    ("matrix-similarity", "a", _face("a", matrix=[[1.5, 0.2, 0], [0.2, 1.5, 0]])),
    ("matrix-similarity", "a", _face("a", matrix=[[-1, 0, 0], [0, 1, 0]])),
    ("matrix-similarity", "a", _face("a", matrix=[[0, 0, 1], [0, 0, 1]])),
    ("matrix-similarity", "a", _face("a", matrix=[[1, 0, float("nan")], [0, 1, 0]])),
    ("reason-complete", "a", _face("a", reason="who knows")),
    ("reason-complete", "bad", _face("bad", reason=None)),
    ("reason-complete", "failed", _source("failed", reason=None)),
    ("reason-complete", "copy", _source("copy", reason=None)),
    ("crop-named", "a", _face("a", path=None)),
    ("crop-named", "a", _face("a", size_px=None)),
    ("crop-exists", "a", lambda faces, sources: faces["a"].update(path=faces["a"]["path"].replace(".png", ".jpg"))),
    ("emotion-known", "a", _face("a", emotion="angry")),
    ("emotion-known", "made", _face("made", target_emotion="cheese")),
    ("emotion-known", "clip", _source("clip", emotion="Anger")),
    ("origin-complete", "a", _face("a", emotion_origin=None)),
    ("origin-complete", "c", _face("c", emotion_origin="folder")),
    ("origin-complete", "c", _face("c", subject_origin=None)),
    ("origin-complete", "bad", _face("bad", subject_origin="video")),
    ("origin-complete", "clip", _source("clip", emotion_origin=None)),
    ("va-pair", "b", _face("b", arousal=None)),
    ("va-pair", "b", _face("b", valence=None)),
    ("va-origin", "b", _face("b", va_origin=None)),
    ("va-origin", "c", _face("c", va_origin="people")),
    ("prior-base", "b", _face("b", va_origin="prior", va_raters=None)),
    ("prior-base", "a", _face("a", va_raters=2)),
    ("pair-subject", None, _pair("a", "b", modality="thermal", subject_id="dora")),
    ("pair-modality", None, _pair("a", "b")),
    ("sequence-subject", None, _sequence()),
    ("split-leaks", None, _face("b", fold=1)),
    ("split-leaks", None, lambda faces, sources: faces["made"].update(fold=1, subject_id="d")),
    ("split-single", "c", _face("c", split="train")),
    ("split-single", "bad", _face("bad", fold=0)),
    ("parent-known", "made", _face("made", parent_id="0" * 32)),
    ("provenance-complete", "made", _face("made", generator_run=None)),
    ("provenance-complete", "made", _face("made", target_emotion=None)),
    ("provenance-complete", "c", _face("c", generator_folds=[1])),
    ("column:faces.modality", "c", _face("c", modality="radar")),
    ("column:faces.status", "bad", _face("bad", status="maybe")),
    ("column:faces.det_score", "c", _face("c", det_score=1.5)),
    ("column:faces.blur", "c", _face("c", blur=float("nan"))),
    ("column:faces.frame_index", "c", _face("c", frame_index=-1)),
    ("column:sources.kind", "one", _source("one", kind="hologram")),
    ("column:sources.duration_s", "one", _source("one", duration_s=-1.0)),
]


def _write(root: Path, faces: dict[str, Row], sources: dict[str, Row]) -> Workspace:
    good, _ = _good()
    workspace = build(root, list((faces | good).values()), [], crops=True)
    store.write_table(workspace.manifest, FACES, FACES.table(list(faces.values())))
    store.write_table(workspace.sources, SOURCES, SOURCES.table(list(sources.values())))
    return workspace


def _key_of(name: str) -> str:
    faces, sources = _good()
    return str(faces[name]["face_id"] if name in faces else sources[name]["source_id"])


def test_a_good_manifest_breaks_nothing(tmp_path: Path) -> None:
    report = validate(_write(tmp_path, *_good()), deep=True)
    assert report.violations == ()
    assert report.ok
    assert (report.faces, report.sources) == (7, 6)


@pytest.mark.parametrize(
    "pair",
    [
        _pair("a", "b", modality="thermal"),
        _pair("a", "b", modality="animated", subject_id="hero"),
        _pair("a", "b", modality="thermal", subject_id="v1", subject_origin="video"),
        _pair("a", "bad"),
    ],
    ids=["one person", "a drawn character", "nobody named the person", "a rejected face"],
)
def test_a_good_pair_breaks_nothing(tmp_path: Path, pair: Break) -> None:
    faces, sources = _good()
    pair(faces, sources)
    assert validate(_write(tmp_path, faces, sources)).violations == ()


@pytest.mark.parametrize(
    "sequence",
    [
        _sequence(subject_id="cem"),
        _sequence(subject_id=None, subject_origin=None),
        _sequence(subject_id="v1", subject_origin="video"),
        _sequence(dataset="other"),
        _sequence(status="rejected", reason="blurred"),
    ],
    ids=["one person", "an unknown person", "nobody named the person", "another dataset", "a rejected face"],
)
def test_a_good_sequence_breaks_nothing(tmp_path: Path, sequence: Break) -> None:
    faces, sources = _good()
    sequence(faces, sources)
    assert validate(_write(tmp_path, faces, sources)).violations == ()


def test_two_people_in_one_picture_of_a_sequence_break_nothing(tmp_path: Path) -> None:
    faces, sources = _good()
    _sequence(subject_id="cem")(faces, sources)
    beside = face("beside", "two.png", subject_id="dora")
    faces["beside"] = faces["next"] | {name: beside[name] for name in ("face_id", "path", "subject_id")}
    sources["two"]["faces_kept"] = 2
    assert validate(_write(tmp_path, faces, sources)).violations == ()


@pytest.mark.parametrize(("name", "who", "break_"), BREAKS)
def test_each_invariant_is_broken_alone(tmp_path: Path, name: str, who: str | None, break_: Break) -> None:
    faces, sources = _good()
    break_(faces, sources)
    report = validate(_write(tmp_path, faces, sources))
    also = {"column:faces.status": {"reason-complete", "source-counts"}}.get(name, set())
    found = {violation.invariant: violation for violation in report.violations}
    assert set(found) == {name} | also
    assert not report.ok
    violation = found[name]
    assert violation.count == 1
    if who is not None:
        assert violation.examples == (_key_of(who),)
    assert violation.message.startswith("1 ")
    assert violation.message.endswith(f"such as {violation.examples[0]}")


def test_a_gap_in_the_folds_is_found(tmp_path: Path) -> None:
    faces, sources = _good()
    for name in ("c", "still"):
        faces[name]["fold"] = 3
    (violation,) = validate(_write(tmp_path, faces, sources)).violations
    assert (violation.invariant, violation.count, violation.examples) == ("folds-contiguous", 2, ("fold 1", "fold 2"))


@pytest.mark.parametrize(("name", "order"), [("key-unique", [0, 1, 1, 2]), ("key-sorted", [1, 0, 2])])
def test_a_key_that_is_repeated_or_unsorted_is_found(tmp_path: Path, name: str, order: list[int]) -> None:
    rows = [face(f"{number}", frame=number) for number in range(3)]
    workspace = build(tmp_path, rows, [source(faces_kept=len(order))], crops=True)
    pq.write_table(FACES.table(rows).take(pa.array(order)), workspace.manifest)
    (violation,) = validate(workspace).violations
    assert (violation.invariant, violation.count) == (name, 1)


def test_null_where_it_is_an_error_is_found() -> None:
    lenient = pa.schema([field.with_nullable(True) for field in FACES.arrow])
    for columns, name, rule in (
        ({"modality": None}, "faces.modality", "is one of visible, thermal, nir, animated"),
        ({"source_id": None}, "faces.source_id", "is not null"),
    ):
        table = pa.Table.from_pylist([face("a") | columns], schema=lenient)
        ((found, (said, names)),) = broken_columns(table, FACES).items()
        assert (found, said, list(names)) == (name, rule, [identify("a")])


def test_every_invariant_has_a_test() -> None:
    tested = {name for name, _, _ in BREAKS} | {"key-unique", "key-sorted", "folds-contiguous"}
    assert {invariant.name for invariant in INVARIANTS} <= tested


@pytest.mark.parametrize("damage", ["cut", "size", "text"])
def test_a_damaged_crop_is_found_when_looked_into(tmp_path: Path, damage: str) -> None:
    workspace = _write(tmp_path, *_good())
    path = workspace.root / _good()[0]["b"]["path"]
    if damage == "size":
        Image.fromarray(np.zeros((16, 15, 3), np.uint8)).save(path)
    else:
        path.write_bytes(path.read_bytes()[:40] if damage == "cut" else b"no picture")
    assert validate(workspace).ok
    (violation,) = validate(workspace, deep=True).violations
    assert (violation.invariant, violation.examples) == (CROPS_DECODE.name, (identify("b"),))


def test_a_source_on_two_sides_breaks_a_split_by_source_alone(tmp_path: Path) -> None:
    faces, sources = _good()
    faces["b"].update(subject_id="dora", fold=1)
    workspace = _write(tmp_path, faces, sources)
    assert validate(workspace).ok
    workspace.save_settings("split", {"group_by": "source"})
    (violation,) = validate(workspace).violations
    assert violation.invariant == "split-leaks"
    assert "source" in violation.message


def test_many_offenders_give_their_number_and_the_first_few(tmp_path: Path) -> None:
    rows = [face(f"{number}", frame=number, arousal=0.5, va_origin="people") for number in range(20)]
    (violation,) = validate(build(tmp_path, rows, crops=True)).violations
    assert violation.count == 20
    assert violation.examples == tuple(sorted(row["face_id"] for row in rows)[:EXAMPLES])
    assert violation.message.startswith("20 faces have only one of valence and arousal, such as ")


def test_an_empty_manifest_is_valid(tmp_path: Path) -> None:
    assert validate(build(tmp_path, [])).ok


def test_without_a_manifest_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no manifest"):
        validate(Workspace(tmp_path))
