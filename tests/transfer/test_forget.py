"""Taking people out of a dataset: nothing about them is left, and nothing brings them back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fertools.annotations.log import RatingLog
from fertools.core import locking
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.ingestion.filter import FilterOptions, filter_faces
from fertools.ingestion.ingest import ingest
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.tombstones import read_tombstones
from fertools.manifests.validation import validate
from fertools.transfer.forget import ForgetSummary, forget
from tests.transfer.forgetting import (
    ONE,
    OPTIONS,
    faces_of,
    make_place,
    make_run,
    mentions,
    plant,
    source_of,
    tree,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_place(tmp_path_factory.mktemp("made"))


@pytest.fixture
def place(made: Workspace, tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(made.root, tmp_path / "place"))


def _counts(summary: ForgetSummary) -> tuple[int, ...]:
    return (summary.faces, summary.sources, summary.crops, summary.generated)


def test_no_byte_of_a_forgotten_video_is_left(place: Workspace) -> None:
    before = store.read_faces(place)
    source = source_of(place, ONE)
    faces = faces_of(place, source)
    other = faces_of(place, source_of(place, "two.mp4"))[0]
    plant(place, faces[0], other, source)
    words = (*faces, source, "one.mp4", "z-copy.mp4")
    given = {name for name in mentions(place.root, *words) if name.startswith("given/")}
    assert len(mentions(place.root, *words)) > 25

    everything = tree(place.root)
    planned = forget(place, sources=[f"given/{ONE}"], dry_run=True)
    assert tree(place.root) == everything

    summary = forget(place, sources=[f"given/{ONE}"])
    assert summary == planned
    # The copy of the video goes with it.
    assert _counts(summary) == (3, 2, 4, 1)
    # One event with its undo; a row of each of four tables; a vote, a decision, a track, a generated row, a digest, a
    # pair of copies.
    assert (summary.records, summary.caches) == (12, 3)
    assert place.settings()["split"]["links"] == [f"{other} {other}"]
    assert summary.originals == tuple(
        str(place.root / "given" / "p01" / name) for name in ("joyful/one.mp4", "z-copy.mp4")
    )
    assert summary.trained == ("classifier/r",)
    assert (summary.tested, summary.untraceable) == (("classifier/given", "classifier/tested"), ())
    assert not summary.remaining
    assert set(mentions(place.root, *words)) == given
    assert not validate(place).violations
    left = store.read_faces(place)["face_id"].to_pylist()
    assert left == [name for name in before["face_id"].to_pylist() if name not in faces]
    assert not place.forgetting.exists()

    # What is known of the other face stays, and the log refuses deletions again.
    with RatingLog(place.ratings_log) as log:
        assert [logged.event.body["faces"] for logged in log.events()] == [[other]]
    with closing(sqlite3.connect(place.ratings_log)) as log, pytest.raises(sqlite3.Error, match="append-only"):
        log.execute("DELETE FROM events")
    assert pq.read_table(place.ratings)["face_id"].to_pylist() == [other]
    # Reports and grids go from the run that learned and from those that tested, and stay in the last one.
    runs = [place.runs("classifier") / name for name in ("r", "tested", "given", "other")]
    assert [(run / "report.html").exists() for run in runs] == [False, False, False, True]
    assert [len(list(run.glob("samples/*"))) for run in runs] == [0, 0, 0, 1]


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_ingest_does_not_bring_them_back(place: Workspace, overwrite: bool) -> None:
    source = source_of(place, ONE)
    words = (*faces_of(place, source), source, "one.mp4", "z-copy.mp4")
    forget(place, sources=[source])
    given = {name for name in mentions(place.root, *words) if name.startswith("given/")}
    left = store.read_faces(place)
    summary = ingest([place.root / "given"], place, replace(OPTIONS, overwrite=overwrite))
    assert summary.given == 4
    assert store.read_faces(place).equals(left)
    assert set(mentions(place.root, *words)) == given
    # The same call again is no error, and finds nothing.
    assert _counts(forget(place, sources=[source])) == (0, 0, 0, 0)
    assert _counts(forget(place, sources=[f"given/{ONE}"])) == (0, 0, 0, 0)


def test_a_person_goes_with_every_file(place: Workspace) -> None:
    first, other = (faces_of(place, source_of(place, name))[0] for name in (ONE, "two.mp4"))
    plant(place, first, other, source_of(place, ONE))
    summary = forget(place, subjects=["p01"])
    # Three frames and a picture; the video, its copy, the picture and the broken file.
    assert _counts(summary) == (4, 4, 5, 1)
    assert set(store.read_faces(place)["subject_id"].to_pylist()) == {"p02"}
    kept = [path for path in place.root.rglob("*") if not path.is_relative_to(place.root / "given")]
    assert not [path for path in kept if path.is_file() and b"p01" in path.read_bytes()]
    # A new file of the same person stays out, too.
    shutil.copy(place.root / "given/p02/joyful/b.png", place.root / "given/p01/new.png")
    with (place.root / "given/p01/new.png").open("ab") as stream:
        stream.write(b"another content")
    assert ingest([place.root / "given"], place, OPTIONS).given == 2
    assert set(store.read_sources(place)["subject_id"].to_pylist()) == {"p02"}


def test_one_face_of_a_video_stays_away(place: Workspace) -> None:
    source = source_of(place, ONE)
    face, *rest = faces_of(place, source)
    summary = forget(place, faces=[face])
    assert _counts(summary) == (1, 0, 1, 0)
    assert not mentions(place.root, face)
    assert not validate(place).violations
    left = store.read_faces(place)["face_id"].to_pylist()
    sources = store.read_sources(place).to_pylist()
    assert {row["source_id"]: row["faces_kept"] for row in sources}[source] == 2
    filter_faces(place, FilterOptions(quality="keep-all"))
    ingest([place.root / "given"], place, replace(OPTIONS, overwrite=True))
    assert store.read_faces(place)["face_id"].to_pylist() == left
    assert faces_of(place, source) == rest
    assert not mentions(place.root, face)
    assert not validate(place).violations


def test_other_options_leave_a_video_with_forgotten_faces_out(place: Workspace) -> None:
    source = source_of(place, ONE)
    forget(place, faces=faces_of(place, source)[:1])
    others = replace(OPTIONS, overwrite=True, every=2)
    assert ingest([place.root / "given"], place, others).given == 4
    assert not faces_of(place, source)
    assert faces_of(place, source_of(place, "two.mp4"))
    # With the first options it is there again, but for the face.
    ingest([place.root / "given"], place, replace(OPTIONS, overwrite=True))
    assert len(faces_of(place, source)) == 2


def test_a_number_that_identify_gave_is_no_tombstone(place: Workspace) -> None:
    faces = store.read_faces(place)
    numbered = {
        "subject_id": ["person-1"] * len(faces),
        "subject_origin": ["identity"] * len(faces),
    }
    store.write_table(place.manifest, FACES, store.replace_columns(faces, numbered))
    forget(place, subjects=["person-1"])
    stones = read_tombstones(place)
    assert not stones.has("subject", "person-1")
    assert all(stones.has("face", face) for face in faces["face_id"].to_pylist())


def test_generated_faces_go_with_their_parent_and_no_table_leads_out(place: Workspace, tmp_path: Path) -> None:
    source = source_of(place, ONE)
    face = faces_of(place, source)[0]
    plant(place, face, faces_of(place, source_of(place, "two.mp4"))[0], source)
    outside = tmp_path / "keep"
    shutil.move(place.root / "training/stargan/g/generated", outside)
    (place.root / "training/stargan/g/generated").symlink_to(outside)
    assert forget(place, faces=[face]).generated == 1
    assert [path.read_bytes() for path in outside.rglob("*.png")] == [b"picture"]
    assert not store.read_table(place.generated / "stargan-g.parquet", FACES).num_rows


def test_a_run_without_a_lineage_or_an_end_is_named_and_loses_its_pictures(place: Workspace) -> None:
    make_run(place, "old", ["p02"]).people_path.unlink()
    unfinished = make_run(place, "begun", ["p02"], finished=False)
    make_run(place, "unnamed", [faces_of(place, source_of(place, ONE))[0]])
    summary = forget(place, subjects=["p01"])
    assert (summary.trained, summary.tested) == (("classifier/unnamed",), ())
    assert summary.untraceable == ("classifier/begun", "classifier/old")
    assert not unfinished.report_path.exists()
    assert unfinished.record_path.exists()
    # The same call again takes no further picture.
    unfinished.report_path.write_text("a new report")
    assert forget(place, subjects=["p01"]).pictures == 0


def test_a_rating_page_and_another_command_are_waited_for(place: Workspace) -> None:
    place.ratings.parent.mkdir()
    with (
        locking.exclusive(place.rating_lock, "a rating page"),
        pytest.raises(InputError, match="is in use: forgetting has to wait"),
    ):
        forget(place, subjects=["p01"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"subjects": ["nobody"]}, "`subjects` has 'nobody', which is not in"),
        ({"faces": ["f" * 32]}, "`faces` has 'ffff"),
        ({"sources": ["gone.mp4"]}, "`sources` has 'gone.mp4'"),
        ({}, "nothing to forget is given; give `subjects`"),
    ],
)
def test_what_is_not_there_is_refused(made: Workspace, given: dict[str, list[str]], words: str) -> None:
    everything = tree(made.root)
    with pytest.raises(InputError, match=words):
        forget(made, **given)  # type: ignore[arg-type]
    assert tree(made.root) == everything
