from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.locking import exclusive
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.groups import group_faces
from fertools.splits.split import split
from fertools.splits.split_summary import SplitSummary
from tests.manifests.rows import Row, build, face, faces_of, identify


def _people(count: int, emotions: tuple[str, ...] = EMOTIONS, faces: int = 2) -> list[Row]:
    """Return `faces` faces of each emotion for each of `count` people, in a source of their own."""
    return [
        face(f"{person}-{emotion}-{number}", f"s{person}", frame, subject_id=f"p{person}", **_label(emotion))
        for person in range(count)
        for frame, (emotion, number) in enumerate((one, number) for one in emotions for number in range(faces))
    ]


def _label(emotion: str | None) -> Row:
    return {"emotion": emotion, "emotion_origin": "folder" if emotion else None}


def _column(workspace: Workspace, name: str) -> dict[str, Any]:
    return {key: row[name] for key, row in faces_of(workspace).items()}


def test_folds_are_written_and_recorded(tmp_path: Path) -> None:
    workspace = build(
        tmp_path, [*_people(6), face("bad", "s0", 90, status="rejected", reason="small", subject_id="p0")]
    )
    summary = split(workspace, folds=3, seed=4)
    assert (summary.protocol, summary.faces, summary.subjects, summary.groups) == ("folds", 84, 6, 6)
    assert summary.changed
    assert summary.warnings == ()
    assert summary.imbalance == pytest.approx(0, abs=1e-12)
    assert [part.name for part in summary.parts] == ["0", "1", "2"]
    for part in summary.parts:
        assert (part.faces, part.subjects, part.emotions) == (28, 2, dict.fromkeys(EMOTIONS, 4))
    rows = faces_of(workspace)
    assert rows.pop(identify("bad"))["fold"] is None
    assert {row["fold"] for row in rows.values()} == {0, 1, 2}
    assert {row["split"] for row in rows.values()} == {None}
    recorded = workspace.settings()["split"]
    assert {name: recorded[name] for name in ("protocol", "folds", "seed", "group_by", "faces")} == {
        "protocol": "folds",
        "folds": 3,
        "seed": 4,
        "group_by": "subject",
        "faces": 84,
    }


def test_leave_one_subject_out_has_a_fold_per_subject(tmp_path: Path) -> None:
    workspace = build(tmp_path, _people(4))
    summary = split(workspace, loso=True)
    assert [part.subjects for part in summary.parts] == [1, 1, 1, 1]
    folds_of = defaultdict(set)
    for row in faces_of(workspace).values():
        folds_of[row["subject_id"]].add(row["fold"])
    assert folds_of == {"p0": {0}, "p1": {1}, "p2": {2}, "p3": {3}}


def test_a_holdout_has_train_and_test(tmp_path: Path) -> None:
    workspace = build(tmp_path, _people(10))
    summary = split(workspace, holdout=0.2)
    assert [(part.name, part.faces, part.subjects) for part in summary.parts] == [("train", 112, 8), ("test", 28, 2)]
    assert set(_column(workspace, "split").values()) == {"train", "test"}
    assert set(_column(workspace, "fold").values()) == {None}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from(["video", "folder"]),
        st.sampled_from(["anger", "fear", None]),
    ),
    min_size=4,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(cells=ROWS, folds=st.integers(2, 4), seed=st.integers(0, 3), by_source=st.booleans())
def test_any_split_is_a_partition_without_leaks_and_does_not_depend_on_order(
    tmp_path_factory: pytest.TempPathFactory, cells: list[Any], folds: int, seed: int, by_source: bool
) -> None:
    rows = [
        face(
            f"{number}", f"s{source}", frame, subject_id=f"{source}-{subject}", subject_origin=origin, **_label(emotion)
        )
        for number, (subject, source, frame, origin, emotion) in enumerate(cells)
    ]
    options: dict[str, Any] = {"folds": folds, "seed": seed, "group_by": "source" if by_source else "subject"}
    workspace = build(tmp_path_factory.mktemp("w"), rows)
    try:
        summary = split(workspace, **options)
    except InputError:
        return  # too few groups or a lost class; the refusals have tests of their own
    table = store.read_faces(workspace)
    found = table["fold"].to_pylist()
    assert set(found) == set(range(folds))
    assert sum(part.faces for part in summary.parts) == len(rows)
    assert find_leaks(table, by_source=by_source) == []
    random.Random(seed).shuffle(rows)
    again = build(tmp_path_factory.mktemp("w"), rows)
    split(again, **options)
    assert store.read_faces(again)["fold"].to_pylist() == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of"),
        ({"folds": 3, "loso": True}, "exactly one of"),
        ({"folds": 3, "holdout": 0.1}, "exactly one of"),
        ({"folds": 1}, "`folds` is 1; give 2 or more"),
        ({"folds": -3}, "`folds` is -3"),
        ({"holdout": 0.0}, "between 0 and 1"),
        ({"holdout": 1.0}, "between 0 and 1"),
        ({"holdout": float("nan")}, "between 0 and 1"),
        ({"folds": 2, "seed": -1}, "`seed` is -1"),
        ({"folds": 2, "group_by": "dataset"}, "choose one of subject, source"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(tmp_path, **options)


def _tracks(count: int) -> list[Row]:
    """Return faces of `count` tracks of one video, one after the other."""
    return [
        face(f"{n}", "clip.mp4", n, subject_id=f"t{n}", subject_origin="video", **_label(EMOTIONS[n % 2]))
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        pytest.param(
            _people(3), {"folds": 4}, "4 split parts need as many people, but there are 3 subjects; give `folds` 3"
        ),
        pytest.param(
            _people(1), {"holdout": 0.5}, "2 split parts need as many people, but there is 1 subject; add people"
        ),
        pytest.param(_people(1), {"loso": True}, "2 split parts need as many people"),
        pytest.param(
            _tracks(5), {"folds": 2}, r"there is 1 group of subjects that are surely different people \(of 5 subjects\)"
        ),
        pytest.param([face("a", status="rejected", reason="small")], {"folds": 2}, "no kept faces"),
        pytest.param(
            [face("a", subject_id=None, subject_origin=None)], {"folds": 2}, "1 of 1 kept faces have no subject"
        ),
        pytest.param(
            _people(4, ("fear",)), {"folds": 2}, "every labelled face is fear, so there is nothing to classify"
        ),
        pytest.param(
            [*_people(4, ("fear",)), *_people(1, ("anger", "fear"))[:2]],
            {"folds": 2},
            r"all faces of anger are in fold \d \(from 1 group of subjects\), so no training face",
        ),
    ],
)
def test_what_cannot_be_split_is_refused_and_nothing_is_written(
    tmp_path: Path, rows: list[Row], options: dict[str, Any], message: str
) -> None:
    if "anger" in message:
        rows = [row | {name: face(f"{n}")[name] for name in ("face_id", "path")} for n, row in enumerate(rows)]
    workspace = build(tmp_path, rows)
    before = workspace.manifest.read_bytes()
    with pytest.raises(InputError, match=message):
        split(workspace, **options)
    assert workspace.manifest.read_bytes() == before
    assert workspace.settings() == {}


def test_a_class_of_one_person_stays_in_the_training_part_of_a_holdout(tmp_path: Path) -> None:
    rows = [*_people(5, ("fear", "sadness")), face("one", "s0", 50, subject_id="p0", **_label("anger"))]
    summary = split(build(tmp_path, rows), holdout=0.2)
    assert summary.parts[0].emotions["anger"] == 1
    assert summary.warnings == ("the test part has no face of anger",)


def test_a_wider_label_of_one_person_is_a_warning(tmp_path: Path) -> None:
    rows = [*_people(4, ("fear", "sadness")), face("one", "s0", 50, subject_id="p0", **_label("pain"))]
    summary = split(build(tmp_path, rows), folds=2)
    assert any(warning.startswith("all faces of pain are in fold") for warning in summary.warnings)
    assert list(summary.parts[0].emotions)[:2] == ["fear", "sadness"]


def test_without_labels_folds_are_alike_in_size_and_a_warning_says_so(tmp_path: Path) -> None:
    rows = [face(f"{n}", f"s{n}", subject_id=f"p{n % 6}") for n in range(60)]
    summary = split(build(tmp_path, rows), folds=3)
    assert [part.faces for part in summary.parts] == [20, 20, 20]
    assert summary.warnings == ("no face has an emotion, so only the sizes of the folds are balanced",)


def test_a_class_that_some_folds_lack_is_a_warning(tmp_path: Path) -> None:
    rows = [*_people(4, ("fear", "sadness"))]
    rows += [face(f"x{n}", f"s{n}", 50, subject_id=f"p{n}", **_label("anger")) for n in range(2)]
    summary = split(build(tmp_path, rows), folds=4)
    assert summary.warnings == ("2 of 4 folds have no test face of anger",)


def _again(workspace: Workspace, **options: Any) -> tuple[SplitSummary, bool]:
    """Split again; return the summary and whether a byte of the workspace changed."""
    paths = (workspace.manifest, workspace.settings_path)
    before = [path.read_bytes() for path in paths]
    summary = split(workspace, **options)
    return summary, [path.read_bytes() for path in paths] != before


@pytest.mark.parametrize("options", [{"folds": 3}, {"loso": True}, {"holdout": 0.3}])
def test_the_same_split_again_does_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    workspace = build(tmp_path, _people(6))
    first = split(workspace, **options)
    second, changed = _again(workspace, **options)
    assert not changed
    assert not second.changed
    assert second.parts == first.parts
    assert second.imbalance == first.imbalance


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"folds": 2}, "has `folds` 3, not 2"),
        ({"folds": 3, "seed": 1}, "has `seed` 0, not 1"),
        ({"folds": 3, "group_by": "source"}, "has `group_by` subject, not source"),
        ({"loso": True}, "has the protocol folds, not loso"),
    ],
)
def test_another_split_is_refused_by_its_difference_and_made_when_told(
    tmp_path: Path, options: dict[str, Any], difference: str
) -> None:
    workspace = build(tmp_path, _people(6))
    split(workspace, folds=3)
    before = workspace.manifest.read_bytes()
    with pytest.raises(ResumeRefused, match=difference):
        split(workspace, **options)
    assert workspace.manifest.read_bytes() == before
    assert split(workspace, **options, overwrite=True).changed
    assert not _again(workspace, **options)[1]


def _edited(workspace: Workspace, **columns: Any) -> None:
    """Change the first row of the manifest."""
    rows = store.read_faces(workspace).to_pylist()
    rows[0] |= columns
    store.write_table(workspace.manifest, FACES, FACES.table(rows))


def test_faces_that_are_gone_are_refused(tmp_path: Path) -> None:
    workspace = build(tmp_path, _people(6))
    split(workspace, folds=3)
    rows = store.read_faces(workspace).to_pylist()
    store.write_table(workspace.manifest, FACES, FACES.table(rows[1:]))
    with pytest.raises(ResumeRefused, match="made for 84 kept faces, and 83 of these are left"):
        split(workspace, folds=3)


def test_a_subject_changed_since_is_refused(tmp_path: Path) -> None:
    workspace = build(tmp_path, _people(6))
    split(workspace, folds=3)
    _edited(workspace, subject_id="somebody else")
    with pytest.raises(ResumeRefused, match="faces or their subjects have changed"):
        split(workspace, folds=3)


def test_folds_changed_by_hand_are_refused(tmp_path: Path) -> None:
    workspace = build(tmp_path, _people(6))
    split(workspace, folds=3)
    _edited(workspace, fold=7)
    with pytest.raises(ResumeRefused, match="differ from the recorded split"):
        split(workspace, folds=3)
    workspace.settings_path.unlink()
    with pytest.raises(ResumeRefused, match="folds that fertools did not create"):
        split(workspace, folds=3)


@pytest.mark.parametrize("where", ["fertools.manifests.store.write_columns", "fertools.core.files.write_text"])
def test_a_split_that_was_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    workspace = build(tmp_path, _people(6))

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(where, stop)
        with pytest.raises(KeyboardInterrupt):
            split(workspace, folds=3)
    assert split(workspace, folds=3).changed
    assert set(_column(workspace, "fold").values()) == {0, 1, 2}
    assert not _again(workspace, folds=3)[1]


def test_a_leak_made_by_a_mistake_is_caught_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = build(tmp_path, _people(6))

    def group_badly(*arguments: Any) -> Any:
        groups, names = group_faces(*arguments)
        groups[0] = (groups[0] + 1) % len(names)
        return groups, names

    monkeypatch.setattr("fertools.splits.split_groups.group_faces", group_badly)
    with pytest.raises(CheckFailed, match=r"leaks, the first: subject p\d is in fold"):
        split(workspace, folds=6)
    assert set(_column(workspace, "fold").values()) == {None}


def test_a_split_waits_for_no_other_command(tmp_path: Path) -> None:
    workspace = build(tmp_path, _people(6))
    with exclusive(workspace.lock_path, "a test"), pytest.raises(InputError, match="is in use: a split has to wait"):
        split(workspace, folds=3)


def test_an_empty_folder_is_left_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no manifest"):
        split(Workspace(tmp_path), folds=3)
    assert list(tmp_path.iterdir()) == []
