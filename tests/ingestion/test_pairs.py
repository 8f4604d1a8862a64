"""Pairs of drawn data, and thermal pictures and videos of more than 8 bits, from the command line's own functions."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fertools.annotations.label_import import import_labels
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.recrop import RecropOptions, recrop
from fertools.manifests import store
from fertools.manifests.validation import validate
from fertools.samples.dataset import draw_dataset
from fertools.samples.sample_options import SampleOptions
from fertools.sources.grey_range import GreyRange
from fertools.splits.split import split


class Notes(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def _crops(modality: str, crop_px: int = 32, **options: object) -> IngestOptions:
    return IngestOptions(crops=True, modality=modality, crop_px=crop_px, workers=1, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "dataset"
    draw_dataset(folder, SampleOptions(people=2, frames=2, size_px=64, kind="pairs"))
    return folder


def test_drawn_pictures_of_one_moment_are_pairs_also_by_two_commands(tmp_path: Path, drawn: Path) -> None:
    workspace = Workspace(tmp_path)
    for modality in ("visible", "thermal"):
        ingest(drawn / "stills" / modality, workspace, _crops(modality))
    sources = {row["source_id"]: row["path"] for row in store.read_sources(workspace).to_pylist()}
    pairs = defaultdict(set)
    for row in store.read_faces(workspace).to_pylist():
        place = sources[row["source_id"]].partition(f"stills/{row['modality']}/")[2]
        pairs[row["pair_id"]].add((row["modality"], place))
    assert len(pairs) == 2 * 6 * 2
    for pair in pairs.values():
        assert {modality for modality, _ in pair} == {"visible", "thermal"}
        assert len({place for _, place in pair}) == 1
    assert validate(workspace).ok
    split(workspace, folds=2)
    assert validate(workspace).ok


def test_pictures_of_another_drawn_dataset_have_other_pairs(tmp_path: Path) -> None:
    for seed in (1, 2):
        draw_dataset(tmp_path / f"d{seed}", SampleOptions(people=1, frames=1, size_px=64, seed=seed, kind="pairs"))
    ingest(sorted(tmp_path.glob("d*/stills/visible")), tmp_path / "out", _crops("visible"))
    pairs = store.read_faces(tmp_path / "out")["pair_id"].to_pylist()
    assert len(set(pairs)) == len(pairs) == 12


def _counts(folder: Path, *, wide: bool = True) -> Path:
    for number in range(2):
        path = folder / f"p{number}" / "joyful" / "a.tiff"
        path.parent.mkdir(parents=True)
        values = np.linspace(30_000, 31_000, 64 * 64).reshape(64, 64) + number
        Image.fromarray(values.astype(np.uint16) if wide else (values / 257 + number).astype(np.uint8)).save(path)
    return folder


def test_a_table_gives_pairs_which_later_ingests_keep(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "out")
    ingest(_counts(tmp_path / "warm"), workspace, _crops("thermal", grey_range=GreyRange()))
    (tmp_path / "pairs.csv").write_text("file,pair_id\nwarm/p0/joyful/a.tiff,m1\nwarm/p1/joyful/a.tiff,m2\n")
    import_labels(workspace, tmp_path / "pairs.csv")
    ingest(_counts(tmp_path / "light", wide=False), workspace, _crops("visible"))
    rows = store.read_faces(workspace).to_pylist()
    assert {(row["modality"], row["subject_id"], row["pair_id"]) for row in rows} == {
        ("thermal", "p0", "m1"),
        ("thermal", "p1", "m2"),
        ("visible", "p0", None),
        ("visible", "p1", None),
    }


def test_thermal_pictures_of_16_bits_need_a_range_which_is_recorded(tmp_path: Path) -> None:
    counts, workspace = _counts(tmp_path / "warm"), Workspace(tmp_path / "out")
    with pytest.raises(InputError, match=r"grey_range. GreyRange\(LOW, HIGH\)"):
        ingest(counts, workspace, _crops("thermal"))
    assert not workspace.manifest.exists()
    options = _crops("thermal", grey_range=GreyRange(30_000, 31_000), crop_format="png", quality="keep-all")
    ingest(counts, workspace, options)
    assert workspace.settings()["sources"]["warm (thermal)"]["grey_range"] == "30000,31000"
    for path in store.read_faces(workspace)["path"].to_pylist():
        crop = np.asarray(Image.open(workspace.root / path))
        assert int(crop.min()) < 5
        assert int(crop.max()) > 250
    with pytest.raises(ResumeRefused, match="grey_range 30000,31000"):
        ingest(counts, workspace, _crops("thermal", grey_range=GreyRange(), crop_format="png", quality="keep-all"))
    summary = recrop(workspace, RecropOptions(template="centre", crop_px=16, crop_format="png"))
    assert summary.written == 2
    for path in summary.folder.rglob("*.png"):
        assert int(np.asarray(Image.open(path)).max()) > 240


def _wide_video(path: Path, pixels: str) -> Path:
    """Write a thermal video as recorders do: two frames of counts, losslessly, in a known pixel format."""
    counts = np.linspace(800, 900, 64 * 48).reshape(48, 64).astype(np.uint16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(2):
            frame = av.VideoFrame(64, 48, pixels)
            plane = frame.planes[0]
            words = np.zeros((48, plane.line_size // 2), "<u2")
            words[:, :64] = counts + 100 * number
            plane.update(words.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("pixels", ["gray16le", "gray12le", "gray10le"])
def test_a_thermal_video_of_more_than_8_bits_has_a_range_as_pictures_do(tmp_path: Path, pixels: str) -> None:
    video, workspace = _wide_video(tmp_path / "warm.mkv", pixels), Workspace(tmp_path / "out")
    with pytest.raises(InputError, match=r"warm.mkv has more than 8 bits per pixel; give .grey_range"):
        ingest(video, workspace, _crops("thermal"))
    options = _crops("thermal", grey_range=GreyRange(800, 1020), crop_format="png", crop_px=48, quality="keep-all")
    ingest(video, workspace, options)
    rows = sorted(store.read_faces(workspace).to_pylist(), key=lambda row: row["frame_index"])
    crops = [np.asarray(Image.open(workspace.root / row["path"])) for row in rows]
    expected = np.linspace(800, 900, 64 * 48).reshape(48, 64).astype(np.uint16)[:, 8:56].astype(np.float64)
    for number, crop in enumerate(crops):
        levels = np.clip(np.round((expected + 100 * number - 800) * 255 / 220), 0, 255)
        assert np.abs(crop[..., 0] - levels).max() <= 1
    assert recrop(workspace, RecropOptions(template="centre", crop_px=16, crop_format="png")).written == 2
    again = (workspace.root / "faces" / "centre-16").rglob("*.png")
    assert sorted(int(np.asarray(Image.open(path)).max()) // 20 for path in again) == [5, 11]


def test_a_detector_that_finds_nothing_in_thermal_pictures_says_so(tmp_path: Path) -> None:
    notes = Notes()
    folder = _counts(tmp_path / "warm", wide=False)
    ingest(folder, tmp_path / "out", IngestOptions(modality="thermal", workers=1), notes)
    (said,) = [note for note in notes.notes if "visible light" in note]
    assert said.startswith("the detector mtcnn found no face in 2 thermal files")
    notes = Notes()
    ingest(folder, tmp_path / "crops", _crops("thermal"), notes)
    assert not [note for note in notes.notes if "visible light" in note]
