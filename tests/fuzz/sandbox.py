"""A workspace with one of everything that fertools reads, and what it takes to see what a command did to it."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import numpy as np
from PIL import Image

from fertools.annotations.formats.table import AXES
from fertools.annotations.log import RatingLog
from fertools.cli.main import main
from fertools.core import package_data
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.faces.detection.mtcnn.weights import load_weights, save_weights
from fertools.manifests import store
from fertools.sources.points import POINT_COLUMNS
from tests.annotations.rating_events import event, piece
from tests.conftest import write_clip
from tests.training.tiny import TINY

PEOPLE = 4
SIDE_PX = 32
HANG_CPU_S = 10
HANG_S = 300
FORMATS = (
    "csv",
    "parquet",
    "affwild2",
    "afew-va",
    "affectnet",
    "recola",
    "sewa",
    "elan",
    "cvat",
    "label-studio",
    "muse",
)
CLASSES = ",".join(EMOTIONS)
CLIP = "given/s0/anger/clip.mkv"


@dataclass(frozen=True)
class Ended:
    """How a call ended: its exit code, what it printed, and whether it was stopped for taking too long."""

    code: int
    out: str
    err: str
    hung: bool = False


class _HungError(BaseException):
    """The call takes too long; nothing catches it."""


def call(*arguments: str) -> Ended:
    """Run the command line in this process, in the folder at hand, under a guard against hanging.

    A hang is told by processor time, which does not depend on what else the machine does; real time guards against
    waiting for ever.
    """
    said = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(stream, "utf-8", write_through=True) for stream in said)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGPROF, signal.SIGALRM)}
    argv, sys.argv = sys.argv, ["fertools", *arguments]
    signal.signal(signal.SIGPROF, _stop)
    signal.signal(signal.SIGALRM, _stop)
    # Should the process hang where no signal reaches it, in compiled code.
    faulthandler.dump_traceback_later(2 * HANG_S, exit=True, file=sys.__stderr__ or sys.stderr)
    hung, code = False, 0
    # The collection below then visits only what the command leaves, not all that the test run holds.
    gc.freeze()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            signal.setitimer(signal.ITIMER_PROF, HANG_CPU_S)
            signal.setitimer(signal.ITIMER_REAL, HANG_S)
            main()
    except SystemExit as left:
        code = int(left.code or 0)
    except _HungError:
        hung = True
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        sys.argv = argv
        for number, handler in before.items():
            signal.signal(number, handler)
        # A command is over with its process, which closes what an error's traceback still holds open.
        gc.collect()
        gc.unfreeze()
    return Ended(code, said[0].getvalue().decode(), said[1].getvalue().decode(), hung)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _HungError


def build(root: Path, *, trained: bool) -> None:
    """Make the workspace.

    Args:
        root: an empty folder.
        trained: whether a translator and a classifier are trained in it, which takes seconds.
    """
    rng = np.random.default_rng(0)
    for person in range(PEOPLE):
        for number, emotion in enumerate(EMOTIONS):
            path = root / f"given/s{person}/{emotion}/{person}{number}.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(rng.integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)).save(path)
    frames = list(rng.integers(0, 256, (6, SIDE_PX, SIDE_PX, 3), dtype=np.uint8))
    write_clip(root / CLIP, frames, codec="ffv1")
    _write_sources(root / "other", frames)
    with inside(root):
        crops = ("--crops", "--workers", "1", "--crop-px", str(SIDE_PX), "--crop-format", "png")
        _do("ingest", "given", *crops)
        _do("annotate", "--va", "--prior")
        _do("split", "--folds", "2")
        _write_texts(root)
        _write_log(root)
        _do("annotate", "publish")
        if trained:
            _train(root)
        for name in FORMATS:
            single = name in ("csv", "parquet", "affectnet", "cvat", "label-studio")
            _do(
                "annotate",
                "export",
                name,
                "-o",
                f"labels/{name}" + (f"/all.{name}" if single else ""),
                "--classes",
                CLASSES,
            )
    # Of an axis each, which the end of the path has to name.
    for name in ("recola", "muse"):
        for axis in AXES:
            (root / f"labels/{name}-{axis}.csv").write_bytes(
                next((root / f"labels/{name}/{axis}").rglob("*.csv")).read_bytes()
            )


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Run the block in another working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def content_of(root: Path) -> dict[str, bytes]:
    """Return what is in every file below a folder but locks, by its path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def restore(root: Path, pristine: dict[str, bytes]) -> None:
    """Put everything back as it was."""
    now = content_of(root)
    for name in now.keys() - pristine.keys():
        (root / name).unlink()
    for name, content in pristine.items():
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        if now.get(name) != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _do(*arguments: str) -> None:
    ended = call(*arguments)
    if ended.code or ended.hung:
        raise AssertionError(f"fertools {' '.join(arguments)}: {ended}")


def _write_sources(folder: Path, frames: list[np.typing.NDArray[np.uint8]]) -> None:
    """Write a picture and a video of each kind, to be damaged, and two pictures that stay whole beside each."""
    folder.mkdir()
    picture = Image.fromarray(np.kron(frames[0][:16, :16], np.ones((3, 3, 1), np.uint8)))
    for suffix in ("png", "jpg", "tiff", "webp", "gif", "bmp"):
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = 6, "a description"
        _beside(folder / suffix, frames)
        # Formats without EXIF pass it over.
        picture.save(folder / suffix / f"m.{suffix}", exif=exif)
    for suffix, codec in (("mp4", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx"), ("avi", "mpeg4"), ("mov", "mpeg4")):
        _beside(folder / suffix, frames)
        write_clip(
            folder / suffix / f"m.{suffix}",
            [np.kron(frame[:16, :16], np.ones((3, 3, 1), np.uint8)) for frame in frames],
            codec=codec,
        )


def _beside(folder: Path, frames: list[np.typing.NDArray[np.uint8]]) -> None:
    folder.mkdir()
    for number, name in enumerate(("a.png", "z.png"), 1):
        Image.fromarray(frames[number]).save(folder / name)


def _write_texts(root: Path) -> None:
    for name in ("annotations/lexicon", "annotations/circumplex", "training/stargan", "training/weights"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(package_data.shipped_folder("training").parent / f"{name}.toml", root / f"{name}.toml")
    experiments = root / "training" / "experiments"
    experiments.mkdir()
    shipped = sorted((package_data.shipped_folder("training") / "experiments").glob("*.toml"))
    shutil.copy(shipped[0], experiments / shipped[0].name)
    faces = store.read_faces(Workspace(root), ("face_id", "emotion", "valence", "arousal")).to_pylist()
    lines = [
        "face_id,emotion,valence,arousal,intensity",
        *(f"{f['face_id']},{f['emotion']},0.25,-0.5,0.5" for f in faces),
    ]
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    names = [
        f"given/s{person}/{emotion}/{person}{number}.png"
        for person in range(PEOPLE)
        for number, emotion in enumerate(EMOTIONS)
    ]
    (root / "subjects.csv").write_text("source;subject_id\n" + "".join(f"{name};p{name[7]}\n" for name in names))
    points = ",".join(map(str, (10, 12, 22, 12, 16, 18, 11, 24, 21, 24)))
    rows = [f"other/png/{name},,{points}" for name in ("a.png", "z.png")]
    (root / "points.csv").write_text("\n".join(["path,frame_index," + ",".join(POINT_COLUMNS), *rows]) + "\n")
    save_weights(root / "mtcnn.npz", load_weights())
    save_weights(root / "mtcnn.safetensors", load_weights())


def _write_log(root: Path) -> None:
    workspace = Workspace(root)
    ids = store.read_faces(workspace, ("face_id",))["face_id"].to_pylist()
    clip = next(
        row for row in store.read_sources(workspace, ("source_id", "kind")).to_pylist() if row["kind"] == "video"
    )
    with RatingLog(workspace.ratings_log) as log:
        for place, rater in enumerate(("r01", "r02")):
            rated = [
                event("rate", 1000 + n, faces=[one], valence=n / 40, arousal=place / 4) for n, one in enumerate(ids)
            ]
            named = [
                event("emotion", 5000, faces=[ids[0]], emotion="fear"),
                event("flag", 5001, faces=[ids[1]], flag="note", on=True, note="dark"),
            ]
            take = event("take", 6000, source=clip["source_id"], axis="both", speed=1.0, from_s=0.0)
            traced = event("trace", 6001, **piece(take.id, list(range(6)), [0.1] * 6, [0.2] * 6, clip["source_id"]))
            log.append(rater, [*rated, *named, take, traced, event("undo", 7000, target=rated[0].id)])


def _train(root: Path) -> None:
    settings = [part for setting in TINY for part in ("--set", setting)]
    _do("train", "stargan", "--preset", "smoke", "--device", "cpu", "--run", "t", *settings)
    small = [
        part
        for setting in ("image_size=32", "network=resnet18", "width=0.125", "epochs=1")
        for part in ("--set", setting)
    ]
    _do("train", "classifier", "--preset", "cpu", "--device", "cpu", "--run", "c", *small)
    record = root / "training/stargan/t/run.json"
    half = root / "training/stargan/half"
    shutil.copytree(root / "training/stargan/t", half)
    content = json.loads(record.read_text()) | {"run": "half", "finished": False}
    (half / "run.json").write_text(json.dumps(content))
