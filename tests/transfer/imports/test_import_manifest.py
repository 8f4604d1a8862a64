"""An imported export gives the same rows and crops. Nothing in it can do harm, and what was forgotten stays out."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fertools.core import files
from fertools.core.errors import InputError, ResumeRefused, SchemaError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.tombstones import Tombstones, add_tombstones
from fertools.manifests.validation import validate
from fertools.transfer.exports.export import export
from fertools.transfer.exports.export_options import DatasetExportOptions, ExportFormat
from fertools.transfer.forget import forget
from fertools.transfer.imports.import_manifest import import_manifest
from tests.manifests.rows import Row, build, face, faces_of, identify, source
from tests.transfer.exports.conftest import PEOPLE, files_below, id_of, people_rows, write_pictures
from tests.transfer.stores import Stopped

LOSSLESS: tuple[ExportFormat, ...] = ("croissant", "imagefolder", "webdataset", "huggingface", "coco", "fiftyone")
ORIGINS = {"emotion_origin": "folder", "va_origin": "people", "va_raters": 2}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rows = people_rows(**ORIGINS)
    built = build(tmp_path / "dataset", rows, [source(f"{person}.mp4") for person in PEOPLE])
    write_pictures(built.root, rows)
    return built


@pytest.fixture
def exported(workspace: Workspace, tmp_path: Path) -> Path:
    export(workspace, tmp_path / "out", DatasetExportOptions("croissant"))
    return tmp_path / "out"


def crops(workspace: Workspace) -> dict[str, bytes]:
    return {name: (workspace.root / row["path"]).read_bytes() for name, row in faces_of(workspace).items()}


def change(folder: Path, **columns: Any) -> None:
    """Replace columns of the table of an export; a function gets each value."""
    path = folder / "faces.parquet"
    table = pq.read_table(path)
    for name, new in columns.items():
        values = [new(value) for value in table[name].to_pylist()]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    pq.write_table(table, path)


@pytest.mark.parametrize("form", LOSSLESS)
def test_every_layout_with_pictures_comes_back_as_it_was(
    workspace: Workspace, tmp_path: Path, form: ExportFormat
) -> None:
    export(workspace, tmp_path / "out", DatasetExportOptions(form, test_folds=(1,), shard_faces=5))
    before = files_below(tmp_path / "out")
    back = Workspace(tmp_path / "back")
    summary = import_manifest(tmp_path / "out", back)
    assert (summary.faces, summary.new, summary.sources, summary.left_out, summary.damaged) == (12, 12, 4, {}, ())
    assert faces_of(back) == faces_of(workspace)
    assert crops(back) == crops(workspace)
    assert validate(back, deep=True).ok
    assert files_below(tmp_path / "out") == before
    again = import_manifest(tmp_path / "out", back)
    assert (again.faces, again.new) == (12, 0)


_NUMBER = st.floats(-1, 1, width=32)


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    """Rows of a valid dataset: columns with and without values, pictures and videos, any expression."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        is_video = draw(st.booleans())
        place = {} if is_video else {"pts_s": None, "frame_index": 0, "shot_id": None, "track_id": None}
        point = draw(st.none() | st.tuples(_NUMBER, _NUMBER))
        emotion = draw(st.none() | st.sampled_from((*EMOTIONS, "contempt")))
        row = face(f"face {number}", f"source {number}", number if is_video else 0, **place)
        row |= {
            "emotion": emotion,
            "emotion_origin": emotion and draw(st.sampled_from(("folder", "people", "import:a, b.csv"))),
            "valence": point and point[0],
            "arousal": point and point[1],
            "va_origin": point and "people",
            "va_raters": point and draw(st.integers(1, 9)),
            "landmarks_smoothed": row["landmarks"] if is_video and draw(st.booleans()) else None,
            "licence": draw(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)),
            "yaw_deg": draw(st.none() | st.floats(-90, 90, width=32)),
            "subject_id": f"p{number}",
            "split": draw(st.sampled_from(("train", "test"))),
            "dataset": draw(st.sampled_from((None, "one", "zwei"))),
        }
        rows.append(row)
    return rows


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_rows(), st.sampled_from(("croissant", "webdataset", "huggingface")))
def test_any_valid_rows_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], form: ExportFormat
) -> None:
    folder = tmp_path_factory.mktemp("round")
    built = build(folder / "dataset", rows, crops=True)
    export(built, folder / "out", DatasetExportOptions(form, shard_faces=3))
    back = Workspace(folder / "back")
    assert import_manifest(folder / "out", back).faces == len(rows)
    assert store.read_faces(back).equals(store.read_faces(built))
    assert crops(back) == crops(built)
    assert validate(back).ok


def test_what_was_forgotten_does_not_come_back(exported: Path, tmp_path: Path) -> None:
    back = Workspace(tmp_path / "back")
    import_manifest(exported, back)
    forget(back, subjects=["anna"])
    forget(back, faces=[id_of("ben", "fear")])
    again = import_manifest(exported, back)
    assert again.left_out == {"forgotten": 4}
    assert (again.faces, again.new) == (8, 0)
    held = {path.stem for path in back.crops.rglob("*.png")}
    assert (
        held
        == set(faces_of(back))
        == {id_of(person, emotion) for person in PEOPLE[1:] for emotion in ("fear", "happiness", "contempt")}
        - {id_of("ben", "fear")}
    )
    # Tombstones of a workspace that never had the faces.
    other = Workspace(tmp_path / "other")
    add_tombstones(other, Tombstones().adding("source", [identify("cleo.mp4")]).adding("subject", ["dan"]))
    assert import_manifest(exported, other).left_out == {"forgotten": 6}
    assert {row["subject_id"] for row in faces_of(other).values()} == {"anna", "ben"}


def test_a_damaged_picture_is_left_out_and_comes_with_the_next_run(
    exported: Path, workspace: Workspace, tmp_path: Path
) -> None:
    lost, changed, linked = (id_of("anna", one) for one in ("fear", "happiness", "contempt"))
    kept = tmp_path / "kept"
    shutil.copytree(exported / "pictures", kept)
    (exported / "pictures" / f"{lost}.png").unlink()
    (exported / "pictures" / f"{changed}.png").write_bytes((kept / f"{lost}.png").read_bytes())
    (exported / "pictures" / f"{linked}.png").unlink()
    (exported / "pictures" / f"{linked}.png").symlink_to(kept / f"{linked}.png")
    back = Workspace(tmp_path / "back")
    summary = import_manifest(exported, back)
    assert summary.damaged == tuple(sorted((lost, changed, linked)))
    assert summary.faces == 9
    assert validate(back, deep=True).ok
    shutil.rmtree(exported / "pictures")
    kept.rename(exported / "pictures")
    summary = import_manifest(exported, back)
    assert (summary.faces, summary.new, summary.damaged) == (12, 3, ())
    assert faces_of(back) == faces_of(workspace)
    assert validate(back, deep=True).ok


def test_faces_of_a_source_that_came_in_another_way_stay_out(
    exported: Path, workspace: Workspace, tmp_path: Path
) -> None:
    fear = DatasetExportOptions("croissant", emotion=("fear",), dataset=("made",))
    export(workspace, tmp_path / "fear", fear)
    back = Workspace(tmp_path / "back")
    import_manifest(tmp_path / "fear", back)
    summary = import_manifest(exported, back)
    assert summary.left_out == {"of a video or picture that is here already": 8}
    assert (summary.faces, summary.new) == (4, 0)


@pytest.mark.parametrize(
    "name", ["../kept.png", "/etc/hostname", "pictures/../../kept.png", "", "pictures\\x.png", "linked/kept.png"]
)
def test_no_path_in_the_table_leads_out(exported: Path, tmp_path: Path, name: str) -> None:
    content = (exported / "pictures" / f"{id_of('anna', 'fear')}.png").read_bytes()
    (tmp_path / "kept.png").write_bytes(content)
    (exported / "linked").symlink_to(tmp_path)
    change(exported, file=lambda _: name)
    back = Workspace(tmp_path / "back")
    assert len(import_manifest(exported, back).damaged) == 12
    assert not list(back.crops.rglob("*.png"))


def test_members_of_a_tar_are_not_trusted(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(workspace, out, DatasetExportOptions("webdataset", part=("fold_0",)))
    (tar,) = out.glob("*.tar")
    with tarfile.open(tar) as opened:
        members = [(member, opened.extractfile(member).read()) for member in opened]  # type: ignore[union-attr]
    with tarfile.open(tar, "w") as changed:
        for member, content in members:
            if member.name == f"{id_of('anna', 'fear')}.png":
                member.name = f"../../{member.name}"
            changed.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo(f"{id_of('anna', 'fear')}.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        changed.addfile(link)
    back = Workspace(tmp_path / "back")
    # Only the identifier in the name counts, and the file is written where the identifier says.
    assert import_manifest(out, back).faces == 6
    assert files_below(tmp_path / "back" / "faces") == {
        ".made-by-fertools",
        *(f"{name[:2]}/{name}.png" for name in faces_of(back)),
    }


def test_rows_that_no_manifest_may_have_are_refused(exported: Path, tmp_path: Path) -> None:
    original = (exported / "faces.parquet").read_bytes()
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"emotion": lambda one: one and "bliss"}, InputError, "have an emotion that is not in the lexicon"),
        ({"valence": lambda _: 7.0}, InputError, "rows break the rule that faces.valence is in"),
        ({"arousal": lambda _: None}, InputError, "have only one of valence and arousal"),
        ({"subject_id": lambda _: "anna"}, InputError, "leaks are in the split"),
        ({"path": lambda _: "../out.png"}, SchemaError, "path that does not follow"),
        ({"face_id": lambda _: "x"}, SchemaError, "face_id that is not 32 hex digits"),
        (
            {"face_id": lambda _: "0" * 32, "path": lambda _: f"faces/00/{'0' * 32}.png"},
            SchemaError,
            "has a face twice",
        ),
        ({"sha256": lambda _: "0"}, SchemaError, "sha256 that is not 64 hex digits"),
        ({"sha256": lambda _: None}, InputError, "holds no pictures"),
    ]
    for columns, error, words in cases:
        (exported / "faces.parquet").write_bytes(original)
        change(exported, **columns)
        with pytest.raises(error, match=words):
            import_manifest(exported, tmp_path / "back")
        assert not (tmp_path / "back" / "manifests" / "faces.parquet").exists()
    table = pq.read_table(io.BytesIO(original))
    pq.write_table(table.drop_columns(["valence"]), exported / "faces.parquet")
    with pytest.raises(SchemaError, match="has no column valence"):
        import_manifest(exported, tmp_path / "back")
    (exported / "faces.parquet").write_bytes(original[:-9])
    with pytest.raises(SchemaError, match="cannot be read as Parquet"):
        import_manifest(exported, tmp_path / "back")
    (exported / "faces.parquet").unlink()
    with pytest.raises(InputError, match=r"has no faces\.parquet, so it is no export"):
        import_manifest(exported, tmp_path / "back")
    with pytest.raises(InputError, match="is a file; give the folder of an export"):
        import_manifest(exported / "export.json", tmp_path / "back")


def test_numbers_alone_are_no_dataset(workspace: Workspace, tmp_path: Path) -> None:
    export(workspace, tmp_path / "out", DatasetExportOptions("openface"))
    with pytest.raises(InputError, match="holds no pictures, so no dataset can be made of it"):
        import_manifest(tmp_path / "out", tmp_path / "back")


def test_a_stopped_import_goes_on(exported: Path, workspace: Workspace, tmp_path: Path, monkeypatch: Any) -> None:
    back, write, left = Workspace(tmp_path / "back"), files.write_bytes, [5]

    def stopping(path: Path, content: bytes, *, flush: bool = True) -> None:
        left[0] -= path.suffix == ".png"
        if left[0] < 0:
            raise Stopped
        write(path, content, flush=flush)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", stopping)
        with pytest.raises(Stopped):
            import_manifest(exported, back)
    assert len(list(back.crops.rglob("*.png"))) == 5
    assert not back.manifest.exists()
    # One of the five was damaged meanwhile.
    first = min(back.crops.rglob("*.png"))
    first.write_bytes(first.read_bytes()[:-3])
    import_manifest(exported, back)
    assert faces_of(back) == faces_of(workspace)
    assert crops(back) == crops(workspace)


def test_terms_come_along(workspace: Workspace, tmp_path: Path) -> None:
    terms = {"may_share": False, "licence": "on request", "cite": "Doe 2020"}
    workspace.save_settings("datasets", {"made": {**terms, "digest": "0"}, "absent": {"may_share": True}})
    export(workspace, tmp_path / "out", DatasetExportOptions("croissant", allow_restricted=True))
    back = Workspace(tmp_path / "back")
    import_manifest(tmp_path / "out", back)
    assert back.settings()["datasets"] == {"made": terms}
    with pytest.raises(InputError, match=r"the terms of made in .* forbid"):
        export(back, tmp_path / "again")


def test_a_part_comes_without_its_folds(workspace: Workspace, tmp_path: Path) -> None:
    export(workspace, tmp_path / "out", DatasetExportOptions("croissant", part=("fold_1",)))
    back = Workspace(tmp_path / "back")
    assert import_manifest(tmp_path / "out", back).faces == 6
    assert {row["fold"] for row in faces_of(back).values()} == {None}
    assert validate(back).ok


def test_a_face_between_others_needs_them(tmp_path: Path) -> None:
    seen = {"landmarks_smoothed": face("one")["landmarks"]}
    between = seen | {"interpolated": True, "det_score": None, "landmarks": None}
    rejected = {"status": "rejected", "reason": "blurred"}
    rows = [
        face("a", frame=0, **seen),
        face("b", frame=1, **between),
        face("c", frame=2, **seen),
        face("d", frame=3, **between),
        face("e", frame=4, **seen | rejected),
    ]
    built = build(tmp_path / "dataset", rows, crops=True)
    assert validate(built).ok
    export(built, tmp_path / "out", DatasetExportOptions("croissant"))
    back = Workspace(tmp_path / "back")
    assert import_manifest(tmp_path / "out", back).left_out == {"interpolated from faces that were not exported": 1}
    assert faces_of(back).keys() == {identify(name) for name in "abc"}
    assert validate(back).ok


def test_crops_of_another_size_are_not_mixed(exported: Path, tmp_path: Path) -> None:
    back = Workspace(tmp_path / "back")
    row = face("other", "other.mp4") | {"size_px": 8}
    build(back.root, [row])
    picture = np.zeros((8, 8, 3), np.uint8)
    (back.root / row["path"]).parent.mkdir(parents=True)
    Image.fromarray(picture).save(back.root / row["path"])
    with pytest.raises(ResumeRefused, match=r"has crops of arcface with 8 px, and the export of arcface with 16 px"):
        import_manifest(exported, back)


def test_the_command_prints_the_summary_and_says_what_is_damaged(exported: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from fertools.cli.main import cli
    from fertools.core.errors import ItemsFailed

    back = str(tmp_path / "back")
    (exported / "pictures" / f"{id_of('anna', 'fear')}.png").unlink()
    result = CliRunner().invoke(cli, ["import-manifest", str(exported), "-w", back, "--json"])
    assert isinstance(result.exception, ItemsFailed)
    assert "1 faces were not imported" in str(result.exception)
    assert json.loads(result.stdout)["faces"] == 11
