"""Times in label tables: seconds from 0, and a span ends after it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.annotations.exchange import import_annotations
from fertools.annotations.label_import import import_labels
from fertools.core.errors import InputError
from tests.manifests.rows import build, face, faces_of, source

BAD = ["nan", "NaN", "inf", "-inf", "-1", "soon"]


@pytest.mark.parametrize(
    ("columns", "time"),
    [
        *(("source,pts_s,emotion", time) for time in BAD),
        # An end may be missing, and nan is an empty cell.
        *(("source,end_s,pts_s,emotion", time) for time in BAD if time.lower() != "nan"),
    ],
)
def test_times_that_are_none_are_refused(tmp_path: Path, time: str, columns: str) -> None:
    workspace = build(tmp_path, [face("a"), face("b", frame=50)], [source()])
    cells = {"source": "clip.mp4", "emotion": "sad", "pts_s": "1", "end_s": "2"}
    bad = "end_s" if "end_s" in columns else "pts_s"
    cells[bad] = time
    table = tmp_path / "labels.csv"
    table.write_text(f"{columns}\n{','.join(cells[name] for name in columns.split(','))}\n")
    before = workspace.manifest.read_bytes()
    shown = "" if time.lower() == "nan" else time
    with pytest.raises(InputError, match=rf"labels\.csv:2: {bad} '{shown}' is not a number of seconds from 0"):
        import_labels(workspace, table)
    assert workspace.manifest.read_bytes() == before


@pytest.mark.parametrize("time", BAD)
def test_times_of_a_rater_that_are_none_are_refused(tmp_path: Path, time: str) -> None:
    workspace = build(tmp_path, [face("a")], [source("clip.mp4", frames_decoded=100, duration_s=3.96)])
    table = tmp_path / "labels.csv"
    table.write_text(f"source,rater,pts_s,valence,arousal\nclip.mp4,ann,0,0,0\nclip.mp4,ann,{time},0,0\n")
    with pytest.raises(InputError, match=r"labels\.csv:3: .* is not a number"):
        import_annotations(workspace, "csv", [table])
    assert not workspace.ratings_log.exists()


def test_a_span_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    workspace = build(tmp_path, [face("a"), face("b", frame=50)], [source()])
    table = tmp_path / "labels.csv"
    table.write_text("source,pts_s,end_s,emotion\nclip.mp4,0,1,sad\nclip.mp4,2.5,1.5,fear\n")
    with pytest.raises(InputError, match=r"labels\.csv:3: end_s '1.5' is before pts_s"):
        import_labels(workspace, table)
    table.write_text("source,pts_s,end_s,emotion\nclip.mp4,0,1,sad\nclip.mp4,1.5,2.5,fear\n")
    import_labels(workspace, table)
    assert sorted(str(row["emotion"]) for row in faces_of(workspace).values()) == ["fear", "sadness"]
