"""What one ingest makes of a folder: rows, crops, totals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import FertoolsError, InputError, ResumeRefused, StorageError
from fertools.core.native.library import library
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import IngestSummary, ingest, summarise
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.manifests.schema import FACES
from tests.ingestion.clips import OPTIONS, small


def _sources(workspace: Workspace) -> dict[str, dict[str, object]]:
    rows = store.read_sources(workspace).to_pylist()
    return {Path(str(row["path"])).name: row for row in rows}


def test_every_source_is_accounted_for(done: tuple[Workspace, IngestSummary], videos: Path) -> None:
    workspace, summary = done
    outcomes = {name: row["status"] for name, row in _sources(workspace).items()}
    assert outcomes == {
        "one.mp4": "done",
        "two.mp4": "done",
        "alone.mp4": "done",
        "portrait.png": "done",
        "nobody.mp4": "empty",
        "broken.mp4": "failed",
        "zero.mp4": "failed",
        "z-copy.mp4": "duplicate",
    }
    assert summary.sources == {"done": 4, "empty": 1, "failed": 2, "duplicate": 1}
    assert len(summary.failures) == 2
    assert summary.given == sum(summary.sources.values()) == summary.new_sources == 8
    assert summary.detected == summary.faces_kept + sum(summary.faces_rejected.values()) == 18
    assert "0 bytes" in str(_sources(workspace)["zero.mp4"]["reason"])
    assert str(_sources(workspace)["broken.mp4"]["reason"]).startswith("it cannot be decoded as a video")
    assert str(videos / "joyful" / "one.mp4") in str(_sources(workspace)["z-copy.mp4"]["reason"])


def test_each_face_is_found_in_each_frame(done: tuple[Workspace, IngestSummary]) -> None:
    workspace, summary = done
    sources = _sources(workspace)
    assert [sources[name]["faces_kept"] for name in ("one.mp4", "two.mp4", "alone.mp4", "portrait.png")] == [6, 6, 3, 1]
    assert summary.faces_kept == 16
    assert summary.frames == 6 + 3 + 3 + 3 + 1


def test_totals_that_do_not_balance_are_refused(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([videos / "joyful"], workspace, OPTIONS)
    with pytest.raises(FertoolsError, match="1 given files are in no row"):
        summarise(workspace, given=["elsewhere.mp4"])
    faces = store.read_faces(workspace)
    store.write_table(workspace.manifest, FACES, faces.slice(1))
    with pytest.raises(FertoolsError, match=rf"count {len(faces)} faces, 0 .* has {len(faces) - 1} and 0"):
        summarise(workspace)
    store.write_table(
        workspace.manifest, FACES, store.replace_columns(faces, {"interpolated": [True] + [False] * (len(faces) - 1)})
    )
    with pytest.raises(FertoolsError, match=rf"count {len(faces)} faces, 0 .* has {len(faces)} and 1"):
        summarise(workspace)


def test_folders_give_emotion_and_subject(done: tuple[Workspace, IngestSummary]) -> None:
    workspace, _ = done
    names = {row["source_id"]: name for name, row in _sources(workspace).items()}
    found: dict[str, set[tuple[object, object, object]]] = {}
    for row in store.read_faces(workspace, filters=[("status", "=", "kept")]).to_pylist():
        found.setdefault(names[row["source_id"]], set()).add((row["emotion"], row["subject_id"], row["subject_origin"]))
    one = _sources(workspace)["one.mp4"]["source_id"]
    two = _sources(workspace)["two.mp4"]["source_id"]
    assert found["one.mp4"] == {("happiness", f"v{str(one)[:12]}", "video")}
    assert found["alone.mp4"] == {("sadness", "p07", "folder")}
    assert found["portrait.png"] == {(None, "p07", "folder")}
    # Two people in a folder named as one: nothing says which of them it means.
    # The track between theirs is a false alarm.
    assert found["two.mp4"] == {("sadness", f"v{str(two)[:12]}-t{track}", "video") for track in (0, 2)}


def test_crops_are_there_and_hold_the_face_upright(
    done: tuple[Workspace, IngestSummary], portrait: NDArray[np.uint8]
) -> None:
    workspace, _ = done
    one = _sources(workspace)["one.mp4"]["source_id"]
    rows = store.read_faces(workspace, filters=[("source_id", "=", one)]).to_pylist()
    for row in rows:
        crop = cv2.imread(str(workspace.root / row["path"]))
        assert crop is not None
        assert crop.shape == (64, 64, 3)
        # The landmarks, taken through the matrix, lie in the crop, the eyes above the mouth.
        matrix, points = np.array(row["matrix"]), np.array(row["landmarks"])
        placed = points @ matrix[:, :2].T + matrix[:, 2]
        assert ((placed > 0) & (placed < 64)).all()
        assert placed[:2, 1].max() < placed[3:, 1].min()


def test_times_and_tracks_follow_the_video(done: tuple[Workspace, IngestSummary]) -> None:
    workspace, _ = done
    one = _sources(workspace)["one.mp4"]["source_id"]
    rows = sorted(
        store.read_faces(workspace, filters=[("source_id", "=", one)]).to_pylist(), key=lambda row: row["frame_index"]
    )
    assert [row["pts_s"] for row in rows] == pytest.approx([0.04 * number for number in range(6)])
    assert {row["track_id"] for row in rows} == {0}
    centres = [(row["box"][0] + row["box"][2]) / 2 for row in rows]
    assert np.diff(centres) == pytest.approx([2] * 5, abs=2)


def test_processes_give_the_same_bytes(done: tuple[Workspace, IngestSummary], videos: Path, tmp_path: Path) -> None:
    workspace, _ = done
    other = Workspace(tmp_path)
    ingest([videos], other, IngestOptions(workers=2, crop_px=64, min_face=24))
    assert other.manifest.read_bytes() == workspace.manifest.read_bytes()


def test_searching_every_frame_finds_the_same_faces_with_any_number_of_processes(
    done: tuple[Workspace, IngestSummary], videos: Path, tmp_path: Path
) -> None:
    followed, _ = done
    one, two = Workspace(tmp_path / "one"), Workspace(tmp_path / "two")
    ingest([videos], one, IngestOptions(workers=1, crop_px=64, min_face=24, exhaustive=True))
    ingest([videos], two, IngestOptions(workers=2, crop_px=64, min_face=24, exhaustive=True))
    assert one.manifest.read_bytes() == two.manifest.read_bytes()
    columns = ("face_id", "status", "track_id", "subject_id")
    assert store.read_faces(one, columns) == store.read_faces(followed, columns)
    with pytest.raises(ResumeRefused, match="with exhaustive True, not"):
        ingest([videos], one, IngestOptions(workers=1, crop_px=64, min_face=24))


@pytest.mark.parametrize("inside", ["faces", "faces/ab", "manifests"])
def test_the_workspaces_own_folders_are_no_source(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "a.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InputError, match="`workspace`"):
        ingest([folder], Workspace(tmp_path), OPTIONS)


def test_a_place_that_cannot_be_written_is_said_at_once(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="`workspace`"):
        ingest([videos], Workspace(tmp_path / "file" / "below"), OPTIONS)
    # The superuser may write everywhere, so the answer of the system is given here.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(StorageError, match="cannot be written"):
        ingest([videos], Workspace(tmp_path / "locked"), OPTIONS)


def test_a_folder_given_by_itself_names_as_it_does_below_another(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([videos / "joyful", videos / "p07" / "sad" / "alone.mp4"], workspace, OPTIONS)
    rows = store.read_faces(workspace).to_pylist()
    assert {row["emotion"] for row in rows} == {"happiness", "sadness"}


def test_a_false_alarm_beside_a_face_in_a_picture_takes_no_name_away(
    portrait: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "given" / "p07"
    folder.mkdir(parents=True)
    pair = np.concatenate([small(portrait), small(portrait)], axis=1)
    cv2.imwrite(str(folder / "pair.png"), pair[..., ::-1])
    workspaces = [Workspace(tmp_path / name) for name in ("both", "one")]
    ingest([folder.parent], workspaces[0], OPTIONS)
    reasons = np.array([None, "low_score"], np.object_)
    monkeypatch.setattr("fertools.ingestion.face_filter.rejection_reasons", lambda faces, standard, least_px: reasons)
    ingest([folder.parent], workspaces[1], OPTIONS)
    subjects = [
        sorted((row["status"], str(row["subject_id"])) for row in store.read_faces(workspace).to_pylist())
        for workspace in workspaces
    ]
    assert subjects == [[("kept", "None")] * 2, [("kept", "p07"), ("rejected", "None")]]


def test_every_frame_decoded_is_counted(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ingest([videos / "joyful"], workspace, IngestOptions(workers=1, crop_px=64, min_face=24, every=4))
    (row,) = store.read_sources(workspace).to_pylist()
    assert (row["frames_decoded"], row["frames_searched"]) == (6, 2)
    assert store.read_faces(workspace)["frame_index"].unique().sort().to_pylist() == [0, 4]


def test_frames_per_second_and_a_range_are_kept_to_and_recorded(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    options = IngestOptions(workers=1, crop_px=64, min_face=24, fps=12.5, span=(0.04, 0.16))
    ingest([videos / "joyful"], workspace, options)
    # 25 frames a second: every second one from 0.04 s on, and none at 0.16 s or after.
    assert store.read_faces(workspace)["frame_index"].unique().sort().to_pylist() == [1, 3]
    with pytest.raises(ResumeRefused, match=r"fps 12\.5, not 10"):
        ingest([videos / "joyful"], workspace, replace(options, fps=10))
    late = Workspace(tmp_path / "late")
    ingest([videos / "joyful"], late, replace(options, span=(60, 70)))
    (row,) = store.read_sources(late).to_pylist()
    assert (row["status"], row["frames_searched"]) == ("empty", 0)
    assert "no frame within the range 60-70" in row["reason"]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_size_changes_no_byte(
    done: tuple[Workspace, IngestSummary], videos: Path, tmp_path: Path, batch_size: int
) -> None:
    other = Workspace(tmp_path)
    ingest([videos], other, IngestOptions(workers=1, crop_px=64, min_face=24, batch_size=batch_size))
    assert other.manifest.read_bytes() == done[0].manifest.read_bytes()


def test_a_preset_rejects_with_its_reasons_and_keeps_every_row(
    tmp_path: Path, portrait: NDArray[np.uint8], videos: Path
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    looks = {"a": portrait, "b": portrait // 8, "c": cv2.GaussianBlur(portrait, (0, 0), 3), "d": small(portrait)}
    for name, picture in looks.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    found: dict[str, dict[str, object]] = {}
    for quality in ("keep-all", "standard", "strict"):
        workspace = Workspace(tmp_path / quality)
        summary = ingest([folder], workspace, replace(OPTIONS, quality=quality))
        names = {row["source_id"]: Path(row["path"]).stem for row in store.read_sources(workspace).to_pylist()}
        found[quality] = {names[row["source_id"]]: row["reason"] for row in store.read_faces(workspace).to_pylist()}
        rejected = [reason for reason in found[quality].values() if reason]
        assert summary.faces_kept + len(rejected) == 4
        assert sum(summary.faces_rejected.values()) == len(rejected)
    assert found["keep-all"] == found["standard"] == dict.fromkeys("abcd")
    assert found["strict"] == {"a": None, "b": "too_dark", "c": "too_blurred", "d": None}


class _Listener(Silent):
    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def advance(self, done: int, **counts: int) -> None:
        self.told.append((done, counts["frames"]))


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_told_within_a_file_too(videos: Path, tmp_path: Path, workers: int) -> None:
    listener = _Listener()
    sources = [videos / "joyful", videos / "p07"]
    ingest(sources, Workspace(tmp_path), IngestOptions(workers=workers, crop_px=64, min_face=24), listener)
    assert listener.told == sorted(listener.told)
    assert listener.told[-1] == (4, 13)
    if workers == 1:
        # The largest file comes first, and holds three frames.
        assert sorted({frames for done, frames in listener.told if done == 0}) == [1, 2, 3]


def test_the_caller_keeps_its_threads(videos: Path, tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        ingest([videos / "joyful"], Workspace(tmp_path), OPTIONS)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_with_compiled_networks_torch_is_not_imported(videos: Path, tmp_path: Path) -> None:
    """It takes seconds and a quarter of a gigabyte, in each worker."""
    if library() is None:
        pytest.skip("the networks are not compiled here")
    program = (
        f"import sys\nsys.argv = ['fertools', 'ingest', {str(videos / 'joyful')!r}, '-w', {str(tmp_path)!r}, "
        "'--device', 'cpu', '--workers', '1']\nfrom fertools.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end\n"
        "sys.exit('it is' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_folder_without_faces_gives_an_empty_manifest(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    summary = ingest([videos / "nobody.mp4"], workspace, OPTIONS)
    assert (summary.sources, summary.faces_kept) == ({"empty": 1}, 0)
    assert len(store.read_faces(workspace)) == 0


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"every": 0}, "`every`"),
        ({"every": 2, "fps": 5}, "`fps` and `every`"),
        ({"fps": 0}, "`fps`"),
        ({"span": (5, 2)}, "`span`"),
        ({"crop_px": 4}, "`crop_px`"),
        ({"workers": 0}, "`workers`"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"smoothing_s": -0.1}, "`smoothing_s`"),
        ({"smoothing_s": 1.5}, "`smoothing_s`"),
        ({"smoothing_s": float("nan")}, "`smoothing_s`"),
        ({"stall_s": 0}, "`stall_s`"),
        ({"stall_s": float("nan")}, "`stall_s`"),
        ({"template": "round"}, "`template` 'round'"),
        ({"crop_format": "gif"}, "`crop_format`"),
        ({"modality": "sonar"}, "`modality`"),
        ({"quality": "best"}, "`quality`"),
        ({"centre": (0.5, 0.5)}, "`crops=True`"),
        ({"landmarks": Path("a.csv")}, "`crops=True`"),
        ({"crops": True, "centre": (0.5, 1.5)}, "`centre`"),
    ],
)
def test_options_out_of_range_are_refused(values: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        IngestOptions(**values)  # type: ignore[arg-type]  # wrong values are the point
