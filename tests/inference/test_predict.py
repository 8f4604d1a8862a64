"""`predict` over files: the table, the overlay, resuming, and files that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage.data import astronaut

import fertools
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.vocabulary import EMOTIONS
from fertools.inference.frame_predictions import PredictedFrame
from fertools.inference.overlay import draw_predictions
from tests.training.keras_file import write_model

FRAMES, FPS = 6, 5


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, and a folder of a picture, a video, two damaged files and a text."""
    root = tmp_path_factory.mktemp("home")
    write_model(root / "model.h5", seed=7)
    videos = root / "videos"
    videos.mkdir()
    portrait = astronaut()[20:200, 140:320]
    cv2.imwrite(str(videos / "portrait.png"), portrait[..., ::-1])
    with av.open(str(videos / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 180, 180, "yuv420p"
        for shift in range(FRAMES):
            moved = np.roll(portrait, 2 * shift, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(moved), format="rgb24")))
        container.mux(stream.encode())
    (videos / "broken.mp4").write_bytes((videos / "clip.mp4").read_bytes()[:1500])
    (videos / "broken.png").write_bytes((videos / "portrait.png").read_bytes()[:2000])
    (videos / "notes.txt").write_text("no picture")
    return root


def run(home: Path, out: str, **options: object) -> fertools.PredictSummary:
    known = {"device": "cpu", **options}
    return fertools.predict(home / "videos", str(home / "model.h5"), out=home / out, **known)  # type: ignore[arg-type]


def test_every_face_gets_a_row_with_times_boxes_tracks_and_probabilities(home: Path) -> None:
    found = run(home, "out", overlay=True)
    assert (found.sources, found.new_sources, found.frames, found.faces) == (4, 4, FRAMES + 1, FRAMES + 1)
    assert sorted(Path(name).name for name, _ in found.failures) == ["broken.mp4", "broken.png"]
    table = found.to_pandas()
    clip = table[table["source"].str.endswith("clip.mp4")]
    assert clip["time_s"].tolist() == pytest.approx([number / FPS for number in range(FRAMES)])
    assert clip["track_id"].nunique() == 1
    assert np.diff(clip["x1"]).mean() == pytest.approx(2, abs=0.5)
    shares = table[[f"p_{name}" for name in EMOTIONS]].to_numpy()
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert table["emotion"].tolist() == [EMOTIONS[place] for place in shares.argmax(axis=1)]
    # The same picture, by the function for single pictures.
    still = table[table["source"].str.endswith("portrait.png")].iloc[0]
    single = fertools.load_model(home / "model.h5", device="cpu").predict(home / "videos" / "portrait.png")[0]
    assert [still[f"p_{name}"] for name in EMOTIONS] == pytest.approx(list(single.probabilities.values()), abs=1e-4)
    assert (found.csv.read_text().splitlines()[0].replace('"', "").split(","))[:3] == [
        "source",
        "frame_index",
        "time_s",
    ]
    with av.open(str(next(path for path in found.overlays if path.suffix == ".mp4"))) as container:
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([number / FPS for number in range(FRAMES)], abs=0.002)
    assert len(found.overlays) == 2


def test_a_second_call_reads_only_what_is_missing_or_changed(home: Path) -> None:
    first = run(home, "again", every=3)
    content = first.table.read_bytes()
    second = run(home, "again", every=3)
    assert second.new_sources == 2, "the two damaged files are tried again"
    assert second.table.read_bytes() == content
    part = next((home / "again" / "parts").glob("*.parquet"))
    part.write_bytes(b"damaged")
    assert run(home, "again", every=3).new_sources == 3
    assert first.table.read_bytes() == content
    with pytest.raises(ResumeRefused, match="other settings"):
        run(home, "again", every=2)
    assert run(home, "again", every=2, overwrite=True).new_sources == 4
    assert all(path.suffix == ".parquet" for path in (home / "again" / "parts").iterdir())
    assert not (home / "again" / "unfinished").exists()
    record = json.loads((home / "again" / "predict.json").read_text())
    assert (record["every"], record["model"]["system"]) == (2, "mini-xception")


def test_predictions_are_no_sources_and_unknown_models_are_refused(home: Path) -> None:
    run(home, "videos/inside", every=6, overlay=True)
    assert run(home, "beside", every=6).sources == 4
    with pytest.raises(InputError, match="no such run or file"):
        fertools.predict(home / "videos", "classifier/none", out=home / "none")
    assert not (home / "none").exists()


def test_an_overlay_draws_each_face_in_its_place() -> None:
    row = {"track_id": 1, "x1": 30.0, "y1": 40.0, "x2": 80.0, "y2": 90.0, "emotion": "fear", "p_fear": 0.5}
    frame = PredictedFrame(np.zeros((120, 120, 3), np.uint8), None, ({**row, "valence": 0.1, "arousal": -0.2},))
    drawn = draw_predictions(frame.rgb, frame.rows)
    assert not frame.rgb.any()
    assert drawn[60, 30].any()
    assert drawn[90, 60].any()
    assert not drawn[60, 55].any()
    assert not drawn[110].any()
