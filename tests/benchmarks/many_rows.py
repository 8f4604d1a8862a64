"""Write the manifest of a large dataset that nobody filmed, as big as wanted, without a picture.

    .venv/bin/python tests/benchmarks/many_rows.py FOLDER --rows 10000000 [--parts 4] [--seed 1]

Half of the faces are on two tracks of videos of 200 frames; in every fifth video nobody named the people. Four tenths
are single pictures, some in sequences, in visible-thermal pairs, or of animated characters. A tenth are generated faces
of such pictures. The tables break no invariant of `fertools validate`, except that no crop exists.

A value is a function of the seed and the row number, so no table is ever in memory as a whole.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests.schema import ANIMATED, FACES, SOURCES
from fertools.manifests.table_schema import TableSchema

GROUP_ROWS = 16_384
"""Rows per row group, as `fertools` writes them."""
VIDEO_FACES, TRACKS = 400, 2
"""Faces and tracks of a video."""
BLOCK = 20
"""Pictures in a row that show one person: a sequence, ten pairs, or pictures without a link."""
_CIRCUMPLEX = np.array(
    [[-0.5, 0.7], [-0.6, 0.35], [-0.6, 0.75], [0.8, 0.5], [0.0, 0.0], [-0.7, -0.4], [0.3, 0.8]], np.float32
)
"""Valence and arousal around which the faces of each expression lie."""

Integers: TypeAlias = NDArray[np.int64]
Columns: TypeAlias = dict[str, pa.Array]


class ManyRows:
    """The rows of one generated dataset.

    Args:
        rows: N, the number of faces, 1,000 or more.
        seed: other seeds give other faces of other people.
    """

    def __init__(self, rows: int, seed: int = 1) -> None:
        self.rows, self.seed = rows, seed
        self.videos = max(1, rows // 2 // VIDEO_FACES)
        self.pictures = max(1, rows * 4 // 10 // BLOCK) * BLOCK
        self.people = max(20, rows // 200)
        # Faces of a source are anywhere in the table, as with identifiers that are hashes: row r is face a r mod N.
        self._factor = next(a for a in range(int(rows * 0.618), 2 * rows) if math.gcd(a, rows) == 1)
        self._inverse = pow(self._factor, -1, rows)

    def faces(self, rows: Integers) -> pa.Table:
        """Return rows of the faces table by their numbers, which are in the order of `face_id`."""
        number = rows * self._factor % self.rows
        in_video = number < self.videos * VIDEO_FACES
        generated = number >= self.videos * VIDEO_FACES + self.pictures
        parents = self._draw(number, 1, self.pictures)
        parents -= np.where(_is_parent(parents), 0, BLOCK // 2)
        picture = np.where(generated, parents, number - self.videos * VIDEO_FACES)
        video, place = number // VIDEO_FACES, number % VIDEO_FACES
        block = picture // BLOCK
        kind = self._draw(block, 2, 20)
        pair, sequence, animated = kind < 2, (kind >= 2) & (kind < 5), kind == 5
        person = np.where(in_video, self._draw(video, 3, self.people - 1), self._draw(block, 4, self.people))
        person = np.where(in_video, person + place % TRACKS, person)
        nameless = in_video & (video % 5 == 4)
        source = np.where(in_video, video, self.videos + picture)
        frame = np.where(in_video, place // TRACKS, 0)
        parent = (self.videos * VIDEO_FACES + picture) * self._inverse % self.rows
        emotion = self._draw(number, 5, len(EMOTIONS))
        unlabelled = self._draw(number, 6, 10) == 0
        rejected = (self._draw(number, 7, 20) == 0) & (in_video | ~_is_parent(picture))
        face_id, parent_id = self._face_ids(rows), self._face_ids(parent)
        columns: Columns = {
            "face_id": _texts(face_id),
            "source_id": _texts(self._source_ids(source)),
            "dataset": _words(["films", "laboratory", "web"], np.where(in_video, 0, np.where(kind < 6, 1, 2))),
            "modality": _words(
                ["visible", "thermal", ANIMATED],
                np.where(in_video, 0, np.where(animated, 2, np.where(pair & (picture % 2 == 1), 1, 0))),
            ),
            "pair_id": _masked(_named(f"s{self.seed}p", picture // 2), ~pair | in_video | generated),
            "sequence_id": _masked(_named("take", block), ~sequence | in_video | generated),
            "licence": _words(["CC-BY-4.0"], np.zeros(len(rows), np.int64)),
            "frame_index": pa.array(frame, pa.int32()),
            "pts_s": pa.array(frame / 25, mask=~in_video),
            "shot_id": pa.array(frame // 100, pa.int32(), mask=~in_video),
            "track_id": pa.array(place % TRACKS, pa.int32(), mask=~in_video),
            **self._place(number, in_video, generated, face_id, parent_id),
            **self._quality(number),
            "status": _words(["kept", "rejected"], rejected.astype(np.int64)),
            "reason": _masked(_words(["blurred"], np.zeros(len(rows), np.int64)), ~rejected),
            "subject_id": self._subjects(person, video, place, nameless, animated & ~in_video),
            "subject_origin": _words(["dataset", "video"], nameless.astype(np.int64)),
            "emotion": _masked(_words(EMOTIONS, emotion), unlabelled),
            "emotion_origin": _masked(_words(["folder"], np.zeros(len(rows), np.int64)), unlabelled),
            **self._affect(number, emotion),
            "parent_id": _masked(_texts(parent_id), ~generated),
            "generator_run": _masked(_words(["stargan/one"], np.zeros(len(rows), np.int64)), ~generated),
            "target_emotion": _masked(_words(EMOTIONS, emotion), ~generated),
        }
        return _completed(FACES, columns, len(rows))

    def sources(self, numbers: Integers) -> pa.Table:
        """Return rows of the sources table by source number: the videos from 0, then the pictures."""
        video = numbers < self.videos
        counts = self._face_counts(numbers)
        zeros = np.zeros(len(numbers), np.int64)
        block = (numbers - self.videos) // BLOCK
        kind = self._draw(block, 2, 20)
        thermal = ~video & (kind < 2) & ((numbers - self.videos) % 2 == 1)
        folders = _words(["films/", "pictures/"], (~video).astype(np.int64))
        suffixes = _words([".mp4", ".jpg"], (~video).astype(np.int64))
        columns: Columns = {
            "source_id": _texts(self._source_ids(numbers)),
            "path": pc.binary_join_element_wise(folders, _named("", numbers), suffixes, ""),
            "kind": _words(["video", "image"], (~video).astype(np.int64)),
            "dataset": _words(["films", "laboratory", "web"], np.where(video, 0, np.where(kind < 6, 1, 2))),
            "modality": _words(
                ["visible", "thermal", ANIMATED], np.where(video, 0, np.where(thermal, 1, np.where(kind == 5, 2, 0)))
            ),
            "licence": _words(["CC-BY-4.0"], zeros),
            "width_px": pa.array(zeros + 1280, pa.int32()),
            "height_px": pa.array(zeros + 720, pa.int32()),
            "frames_decoded": pa.array(np.where(video, VIDEO_FACES // TRACKS, 1), pa.int32()),
            "frames_searched": pa.array(np.where(video, VIDEO_FACES // TRACKS, 1), pa.int32()),
            "duration_s": pa.array(zeros + VIDEO_FACES / TRACKS / 25, mask=~video),
            "faces_kept": pa.array(counts[0], pa.int32()),
            "faces_rejected": pa.array(counts[1], pa.int32()),
            "faces_interpolated": pa.array(zeros, pa.int32()),
            "status": _words(["done"], zeros),
        }
        return _completed(SOURCES, columns, len(numbers))

    def sources_in_order(self) -> Integers:
        """Return all source numbers in the order of `source_id`."""
        numbers = np.arange(self.videos + self.pictures)
        return np.argsort(_mix(numbers, self.seed, 100))

    def faces_of_sources(self, numbers: Integers) -> Integers:
        """Return the row numbers of the real faces of some sources, in order."""
        videos, pictures = numbers[numbers < self.videos], numbers[numbers >= self.videos] - self.videos
        filmed = (videos[:, None] * VIDEO_FACES + np.arange(VIDEO_FACES)).ravel()
        made = np.concatenate([filmed, self.videos * VIDEO_FACES + pictures])
        return np.sort(made * self._inverse % self.rows)

    def _face_counts(self, numbers: Integers) -> tuple[Integers, Integers]:
        """Return the numbers of kept and of rejected real faces of sources."""
        rejected = np.zeros(len(numbers), np.int64)
        video = numbers < self.videos
        for place in range(VIDEO_FACES):
            rejected[video] += self._draw(numbers[video] * VIDEO_FACES + place, 7, 20) == 0
        picture = numbers - self.videos
        alone = (self._draw(self.videos * VIDEO_FACES + picture, 7, 20) == 0) & ~_is_parent(picture)
        rejected[~video] = alone[~video]
        return np.where(video, VIDEO_FACES, 1) - rejected, rejected

    def _place(
        self,
        number: Integers,
        in_video: NDArray[np.bool_],
        generated: NDArray[np.bool_],
        face_id: NDArray[np.uint8],
        parent_id: NDArray[np.uint8],
    ) -> Columns:
        """Return where the face is in the frame, and its crop."""
        side = 60 + 200 * self._uniform(number, 20)
        x, y = 1000 * self._uniform(number, 21), 400 * self._uniform(number, 22)
        template = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
        points = np.stack([x, y], 1)[:, None] + side[:, None, None] * template
        points += np.stack([self._uniform(number, salt) for salt in range(30, 40)], 1).reshape(-1, 5, 2)
        angle, scale = 0.4 * (self._uniform(number, 23) - 0.5), 112 / side
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        matrix = np.stack([cosine, -sine, -x * scale, sine, cosine, -y * scale], 1)
        crop = _joined("faces/", face_id[:, :2], "/", face_id, ".png")
        made = _joined("training/stargan/one/faces/", parent_id[:, :2], "/", parent_id, ".png")
        return {
            "box": _lists(np.stack([x, y, x + side, y + side], 1).astype(np.float32), "box"),
            "landmarks": _lists(points.reshape(-1, 10).astype(np.float32), "landmarks"),
            "landmarks_smoothed": _nulled(
                _lists((points + 0.25).reshape(-1, 10).astype(np.float32), "landmarks_smoothed"), ~in_video
            ),
            "det_score": pa.array(1 - 0.1 * self._uniform(number, 24), pa.float32()),
            "interpolated": pa.array(np.zeros(len(number), np.bool_)),
            "path": pc.if_else(pa.array(generated), made, crop),
            "size_px": pa.array(np.full(len(number), 112), pa.int32()),
            "template": _words(["arcface"], np.zeros(len(number), np.int64)),
            "matrix": _lists(matrix, "matrix"),
            "crop_coverage": pa.array(np.ones(len(number)), pa.float32()),
            "face_px": pa.array(side, pa.float32()),
        }

    def _quality(self, number: Integers) -> Columns:
        scales = {"blur": 500.0, "brightness": 1.0, "yaw_deg": 60.0, "pitch_deg": 40.0, "roll_deg": 20.0}
        return {
            name: pa.array(scale * self._uniform(number, 40 + salt), pa.float32())
            for salt, (name, scale) in enumerate(scales.items())
        }

    def _affect(self, number: Integers, emotion: Integers) -> Columns:
        """Return valence and arousal of two faces in three, around the place of their expression."""
        unrated = self._draw(number, 50, 3) == 0
        noise = np.stack([self._uniform(number, salt) for salt in (51, 52)], 1) - 0.5
        affect = np.clip(_CIRCUMPLEX[emotion] + 0.6 * noise, -1, 1)
        return {
            "valence": pa.array(affect[:, 0], pa.float32(), mask=unrated),
            "arousal": pa.array(affect[:, 1], pa.float32(), mask=unrated),
            "va_origin": _masked(_words(["people"], np.zeros(len(number), np.int64)), unrated),
            "va_raters": pa.array(np.full(len(number), 3), pa.int32(), mask=unrated),
        }

    def _subjects(
        self,
        person: Integers,
        video: Integers,
        place: Integers,
        nameless: NDArray[np.bool_],
        animated: NDArray[np.bool_],
    ) -> pa.Array:
        named = _named(f"s{self.seed}-", person)
        drawn = _named(f"s{self.seed}-drawn-", person % 50)
        tracks = _named(f"s{self.seed}-track-", video * TRACKS + place % TRACKS)
        return pc.if_else(pa.array(nameless), tracks, pc.if_else(pa.array(animated), drawn, named))

    def _face_ids(self, rows: Integers) -> NDArray[np.uint8]:
        step = 2**48 // self.rows
        first = rows.astype(np.uint64) * np.uint64(step) + _mix(rows, self.seed, 101) % np.uint64(step)
        return _hex(
            (first << np.uint64(16)) | (_mix(rows, self.seed, 102) >> np.uint64(48)), _mix(rows, self.seed, 103)
        )

    def _source_ids(self, numbers: Integers) -> NDArray[np.uint8]:
        return _hex(_mix(numbers, self.seed, 100), _mix(numbers, self.seed, 104))

    def _draw(self, numbers: Integers, salt: int, below: int) -> Integers:
        """Return an integer from 0 to `below` - 1 for each number."""
        return (_mix(numbers, self.seed, salt) % np.uint64(below)).astype(np.int64)

    def _uniform(self, numbers: Integers, salt: int) -> NDArray[np.float64]:
        """Return a number in [0, 1) for each number."""
        return np.asarray((_mix(numbers, self.seed, salt) >> np.uint64(11)) * 2.0**-53, np.float64)


def write_many_rows(root: Path, rows: int, seed: int = 1, parts: int = 0) -> Workspace:
    """Write a workspace of generated faces.

    Args:
        root: folder of the workspace.
        rows: number of faces.
        seed: seed of the generated dataset.
        parts: number of parts of an ingest to write as well; no part holds the generated faces.
    """
    world, workspace = ManyRows(rows, seed), Workspace(root)
    _write(workspace.manifest, FACES, np.arange(rows), world.faces)
    sources = world.sources_in_order()
    _write(workspace.sources, SOURCES, sources, world.sources)
    for part in range(parts):
        own = sources[sources % parts == part]
        _write(workspace.parts / f"part{part}.faces.parquet", FACES, world.faces_of_sources(own), world.faces)
        _write(workspace.parts / f"part{part}.sources.parquet", SOURCES, own, world.sources)
    return workspace


def _write(path: Path, schema: TableSchema, rows: Integers, make: Callable[[Integers], pa.Table]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema.arrow, compression="zstd", write_page_checksum=True) as writer:
        for first in range(0, len(rows), GROUP_ROWS):
            writer.write_table(make(rows[first : first + GROUP_ROWS]))


def _is_parent(picture: Integers) -> NDArray[np.bool_]:
    """Return which pictures faces may be generated from; they are never rejected."""
    return np.asarray(picture % BLOCK < BLOCK // 2)


def _mix(numbers: Integers, seed: int, salt: int) -> NDArray[np.uint64]:
    """Return 64 bits for each number: the finaliser of SplitMix64 over the number, the seed and a salt."""
    key = (seed * 1_000_003 + salt) * 0x9E3779B97F4A7C15 % 2**64
    bits = numbers.astype(np.uint64) + np.uint64(key)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def _hex(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return N x 32 hex digits as ASCII codes."""
    octets = np.stack([first, second], 1).astype(">u8").view(np.uint8).reshape(len(first), 16)
    nibbles = np.stack([octets >> 4, octets & 15], 2).reshape(len(first), 32)
    return np.frombuffer(b"0123456789abcdef", np.uint8)[nibbles]


def _texts(codes: NDArray[np.uint8]) -> pa.Array:
    """Return N x L ASCII codes as N texts of one length."""
    length = codes.shape[1]
    offsets = np.arange(len(codes) + 1, dtype=np.int32) * length
    data = np.ascontiguousarray(codes)
    return pa.StringArray.from_buffers(len(codes), pa.py_buffer(offsets), pa.py_buffer(data))


def _joined(*pieces: str | NDArray[np.uint8]) -> pa.Array:
    count = next(len(piece) for piece in pieces if not isinstance(piece, str))
    codes = [
        np.tile(np.frombuffer(piece.encode(), np.uint8), (count, 1)) if isinstance(piece, str) else piece
        for piece in pieces
    ]
    return _texts(np.concatenate(codes, axis=1))


def _named(prefix: str, numbers: Integers) -> pa.Array:
    """Return texts of one length: the prefix and eight digits."""
    digits = numbers[:, None] // 10 ** np.arange(7, -1, -1) % 10 + ord("0")
    return _joined(prefix, digits.astype(np.uint8))


def _words(words: Sequence[str], which: Integers | NDArray[np.bool_]) -> pa.Array:
    return pa.array(list(words), pa.string()).take(pa.array(which))


def _masked(texts: pa.Array, null: NDArray[np.bool_]) -> pa.Array:
    return pc.if_else(pa.array(null), pa.scalar(None, texts.type), texts)


def _lists(values: NDArray[np.float32] | NDArray[np.float64], column: str) -> pa.Array:
    """Return N x W numbers as the (nested) fixed-size lists of a column."""
    kind, sizes = FACES.arrow.field(column).type, []
    while pa.types.is_fixed_size_list(kind):
        sizes.append(kind.list_size)
        kind = kind.value_type
    array = pa.array(values.ravel(), kind)
    for size in reversed(sizes):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def _nulled(lists: pa.Array, null: NDArray[np.bool_]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(lists.values, lists.type.list_size, mask=pa.array(null))


def _completed(schema: TableSchema, columns: Columns, count: int) -> pa.Table:
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema.arrow
    ]
    return pa.Table.from_arrays(arrays, schema=schema.arrow)


def main() -> None:
    """Write a workspace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=int, default=0)
    given = parser.parse_args()
    write_many_rows(given.folder, given.rows, given.seed, given.parts)


if __name__ == "__main__":
    main()
