"""What every export has: each face accounted for, no leak, no file outside, resuming, and terms that are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.transfer.exports import export as exporting
from fertools.transfer.exports.export import export
from fertools.transfer.exports.export_folder import ExportFolder
from fertools.transfer.exports.export_options import DatasetExportOptions, ExportFormat
from fertools.transfer.forget import forget
from tests.manifests.rows import Row, build, face
from tests.transfer.exports.conftest import files_below, id_of, write_pictures
from tests.transfer.stores import Stopped

FORMATS: tuple[ExportFormat, ...] = (
    "imagefolder",
    "webdataset",
    "huggingface",
    "coco",
    "fiftyone",
    "openface",
    "croissant",
)


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


@pytest.mark.parametrize("form", FORMATS)
def test_every_face_is_exported_or_left_out_for_a_reason(
    workspace: Workspace, tmp_path: Path, form: ExportFormat
) -> None:
    options = DatasetExportOptions(form, shard_faces=4)
    summary = export(workspace, tmp_path / "out", options)
    unlabelled = {"without an emotion": 1} if options.needs_emotion else {}
    assert summary.left_out == {"rejected": 1, "in no fold": 1, **unlabelled}
    assert summary.faces + sum(summary.left_out.values()) == len(store.read_faces(workspace))
    table = pq.read_table(tmp_path / "out" / "faces.parquet")
    assert table.column_names == [*FACES.names, "part", "file", "sha256"]
    assert len(table) == summary.faces == sum(summary.parts.values())
    for row in table.to_pylist():
        assert row["part"] == f"fold_{row['fold']}"
        assert (tmp_path / "out" / row["file"]).is_file()
    # The mark, the record, the table and its descriptions are no files of the layout.
    assert set(table["file"].to_pylist()) < files_below(tmp_path / "out")
    again = export(workspace, tmp_path / "out", options)
    assert (again.written, again.before) == (0, summary.written)
    assert again.parts == summary.parts


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_stopped_export_goes_on_to_the_same_bytes(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: ExportFormat, steps: int
) -> None:
    options = DatasetExportOptions(form, shard_faces=3)
    export(workspace, tmp_path / "whole", options)
    place, left = ExportFolder.place, [steps]

    def stopping(self: ExportFolder, *names: str) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise Stopped
        return place(self, *names)

    with monkeypatch.context() as patch:
        patch.setattr(ExportFolder, "place", stopping)
        with pytest.raises(Stopped):
            export(workspace, tmp_path / "out", options)
    assert b'"finished": false' in (tmp_path / "out" / "export.json").read_bytes()
    summary = export(workspace, tmp_path / "out", options)
    assert summary.before == steps
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_an_error_while_a_file_is_written_leaves_none(workspace: Workspace, tmp_path: Path) -> None:
    def fail() -> None:
        with ExportFolder(tmp_path / "out").writing("a", "b.json") as temporary:
            assert temporary is not None
            temporary.write_text("{")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        fail()
    assert not files_below(tmp_path / "out")


def test_conditions_choose_faces_and_parts(workspace: Workspace, tmp_path: Path) -> None:
    options = DatasetExportOptions(emotion=("fear", "contempt"), test_folds=(1,), part=("test",))
    summary = export(workspace, tmp_path / "out", options)
    assert summary.parts == {"test": 4}
    assert summary.left_out == {"rejected": 1, "of another emotion": 5, "in no fold": 1, "of another part": 4}
    assert sum(summary.left_out.values()) + summary.faces == 15
    assert {name for name in files_below(tmp_path / "out") if name.endswith(".png")} == {
        f"test/{emotion}/{id_of(person, emotion)}.png" for person in ("ben", "dan") for emotion in ("fear", "contempt")
    }


def test_a_hold_out_gives_its_parts_and_no_split_gives_one(tmp_path: Path, rows: list[Row]) -> None:
    for row in rows:
        row["split"] = {0: "train", 1: "test"}.get(row.get("fold"))  # type: ignore[arg-type]
        row["fold"] = None
    held_out = build(tmp_path / "held-out", rows)
    write_pictures(held_out.root, rows)
    assert export(held_out, tmp_path / "a").parts == {"test": 6, "train": 6}
    for row in rows:
        row["split"] = None
    whole = build(tmp_path / "whole", rows)
    write_pictures(whole.root, rows)
    assert export(whole, tmp_path / "b").parts == {"faces": 13}
    assert f"fear/{id_of('ben', 'fear')}.png" in files_below(tmp_path / "b")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"emotion": ("joy",)}, r"`emotion` 'joy' is not in the dataset; choose among anger, .*contempt"),
        ({"dataset": ("other",)}, "`dataset` 'other' is not in the dataset; choose among made"),
        ({"part": ("val",)}, "`part` 'val' is not in the dataset; choose among fold_0, fold_1"),
        ({"test_folds": (9,)}, "`test_folds` '9' is not in the dataset; choose among 0, 1"),
        ({"emotion": ("sadness",)}, "no face of .* can be exported: 1 rejected, 14 of another emotion; change"),
    ],
)
def test_a_condition_that_nothing_meets_is_refused(
    workspace: Workspace, tmp_path: Path, options: dict[str, tuple[str, ...]], error: str
) -> None:
    with pytest.raises(InputError, match=error):
        export(workspace, tmp_path / "out", DatasetExportOptions(**options))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="`format` 'zip' is unknown; choose one of imagefolder, "):
        DatasetExportOptions("zip")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`shard_faces` is 0; give 1 or more"):
        DatasetExportOptions(shard_faces=0)
    with pytest.raises(InputError, match=r"`emotion` is a text; give a tuple, such as \('fear',\)"):
        DatasetExportOptions(emotion="fear")  # type: ignore[arg-type]


def test_a_person_in_two_parts_is_refused(tmp_path: Path, rows: list[Row]) -> None:
    rows.append(face("leak", "leak.mp4", emotion="fear", subject_id="anna", fold=1))
    leaking = build(tmp_path / "dataset", rows)
    write_pictures(leaking.root, rows)
    for options in (DatasetExportOptions(), DatasetExportOptions(test_folds=(1,))):
        with pytest.raises(CheckFailed, match="the parts have 1 leaks, the first: subject anna is in"):
            export(leaking, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
    # Both folds are in one part, and then there is no leak.
    assert export(leaking, tmp_path / "out", DatasetExportOptions(test_folds=(0, 1))).parts == {"test": 13}


def test_pictures_of_restricted_datasets_stay_here(workspace: Workspace, tmp_path: Path) -> None:
    terms = {"made": {"may_share": False}, "other": {"may_share": False}}
    workspace.save_settings("datasets", terms)
    with pytest.raises(InputError, match=r"the terms of made in .*give `allow_restricted=True`"):
        export(workspace, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export(workspace, tmp_path / "numbers", DatasetExportOptions("openface"))
    export(workspace, tmp_path / "out", DatasetExportOptions(allow_restricted=True))
    # Only the terms of datasets in the export matter.
    workspace.save_settings("datasets", {"other": {"may_share": False}})
    export(workspace, tmp_path / "free")


def test_a_missing_crop_ends_the_export_before_it_begins(workspace: Workspace, tmp_path: Path, rows: list[Row]) -> None:
    (workspace.root / rows[0]["path"]).unlink()
    with pytest.raises(InputError, match=rf"the crop .*{rows[0]['path']} is missing; restore it"):
        export(workspace, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_a_folder_of_its_own_is_taken(workspace: Workspace, tmp_path: Path) -> None:
    for place in (workspace.root, workspace.root / "faces" / "out"):
        with pytest.raises(InputError, match="belongs to the workspace"):
            export(workspace, place)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file"):
        export(workspace, tmp_path / "file")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"has other files, such as notes\.txt"):
        export(workspace, tmp_path / "mine")
    # A folder of the workspace that holds no product may be used, and ingest passes it over.
    export(workspace, workspace.root / "handed-on")
    assert (workspace.root / "handed-on" / ".made-by-fertools").is_file()


def test_another_export_in_the_folder_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    export(workspace, tmp_path / "out")
    before = content(tmp_path / "out")
    with pytest.raises(ResumeRefused, match="has an export in another format"):
        export(workspace, tmp_path / "out", DatasetExportOptions("coco"))
    with pytest.raises(ResumeRefused, match="of other faces or with other options"):
        export(workspace, tmp_path / "out", DatasetExportOptions(emotion=("fear",)))
    faces = store.replace_columns(store.read_faces(workspace), {"valence": [0.75] * 15})
    store.write_table(workspace.manifest, FACES, faces)
    with pytest.raises(ResumeRefused, match="of other faces or with other options"):
        export(workspace, tmp_path / "out")
    assert content(tmp_path / "out") == before
    (tmp_path / "out" / "export.json").write_text("[")
    with pytest.raises(InputError, match=r"export\.json cannot be read"):
        export(workspace, tmp_path / "out")


def test_no_name_and_no_link_leads_out(workspace: Workspace, tmp_path: Path) -> None:
    lexicon = workspace.root / "annotations" / "lexicon.toml"
    lexicon.parent.mkdir()
    shipped = (Path(exporting.__file__).parents[3] / "annotations" / "lexicon.toml").read_text(encoding="utf-8")
    lexicon.write_text(shipped + '\n[labels."../../up"]\nwords = []\n', encoding="utf-8")
    faces = store.read_faces(workspace)
    emotions = ["../../up" if emotion == "contempt" else emotion for emotion in faces["emotion"].to_pylist()]
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"emotion": emotions}))
    before = files_below(tmp_path)
    export(workspace, tmp_path / "out")
    assert {name for name in files_below(tmp_path) - before if not name.startswith("out/")} <= {
        "dataset/manifests/.lock",
        "dataset/manifests/exports.json",
    }
    (strange,) = {path.name for path in (tmp_path / "out" / "fold_0").iterdir()} - {"fear", "happiness"}
    assert strange.startswith("_.._up-")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "fold_0").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "linked" / "export.json").write_bytes((tmp_path / "out" / "export.json").read_bytes())
    with pytest.raises(InputError, match="fold_0 is a link and could lead out"):
        export(workspace, tmp_path / "linked")
    assert not files_below(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is no name of a file inside"):
        ExportFolder(tmp_path / "out").place("..", "x")


def test_an_emotion_that_the_lexicon_lacks_is_left_out(workspace: Workspace, tmp_path: Path) -> None:
    faces = store.read_faces(workspace)
    emotions = ["bliss" if emotion == "fear" else emotion for emotion in faces["emotion"].to_pylist()]
    store.write_table(workspace.manifest, FACES, store.replace_columns(faces, {"emotion": emotions}))
    summary = export(workspace, tmp_path / "out", DatasetExportOptions("webdataset"))
    assert summary.left_out == {"rejected": 1, "in no fold": 1, "with an emotion that the lexicon lacks": 4}


def test_forget_names_the_exports_that_have_the_face(workspace: Workspace, tmp_path: Path) -> None:
    for name, part in (("all", ()), ("one", ("fold_1",)), ("gone", ()), ("stopped", ())):
        export(workspace, tmp_path / name, DatasetExportOptions("croissant", part=part))
    shutil.rmtree(tmp_path / "gone")
    (tmp_path / "stopped" / "faces.parquet").unlink()
    # Anna is in fold 0.
    planned = forget(workspace, subjects=["anna"], dry_run=True)
    assert planned.exports == (str(tmp_path / "all"), str(tmp_path / "stopped"))
    assert forget(workspace, subjects=["anna"]) == planned
    assert forget(workspace, subjects=["ben"], dry_run=True).exports == tuple(
        str(tmp_path / name) for name in ("all", "one", "stopped")
    )
