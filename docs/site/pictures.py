"""The pictures of the site: drawn people, and what the commands make of them. No photograph of a person is in them."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from fertools.cli.main import cli
from fertools.core.vocabulary import EMOTIONS

SIDE = 112
_LOOKS = ("laboratory", "wild")
INK, PAPER, MARK = (30, 30, 30), (255, 255, 255), (255, 214, 10)
NAMES = ("modalities.png", "detection.png", "sheet.png", "plane.png", "characters.png", "looks.png")


def draw(folder: Path) -> None:
    """Draw every picture that is not in `folder` yet."""
    if all((folder / name).is_file() for name in NAMES):
        return
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home):
        _run("sample", "drawn", "--people", "2", "--frames", "2", "--stills", "1", "--least-shown", "1")
        _run("ingest", "drawn/videos", "--template", "tight")
        _run("annotate", "--va", "--prior")
        _run("show", "--sheet", folder / "sheet.png", "--faces", "28")
        _run("ingest", "drawn/stills/visible", "-w", "stills")
        _run("sample", "cast", "--kind", "characters", "--people", "1", "--frames", "1", "--pictures", "2")
        for kind in _LOOKS:
            _run("sample", kind, "--kind", kind, "--people", "1", "--frames", "1")
        faces = pq.read_table("manifests/faces.parquet").to_pylist()
        _draw_modalities(Path("drawn/stills")).save(folder / "modalities.png")
        cast = sorted(Path("cast/stills/animated").iterdir())
        _draw_expressions([member / "*" for member in cast], "0001").save(folder / "characters.png")
        _draw_expressions([Path(kind, "stills/visible/*/p01/*") for kind in _LOOKS], "0000").save(folder / "looks.png")
        _draw_detection(Path("stills")).save(folder / "detection.png")
        _draw_plane(faces).save(folder / "plane.png")


def _run(*arguments: Any) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        cli.main([str(argument) for argument in arguments], prog_name="fertools", standalone_mode=False)


def _draw_modalities(stills: Path) -> Image.Image:
    """Return a grid: the seven expressions of one person across, the three modalities down."""
    rows = []
    for modality in ("visible", "thermal", "animated"):
        paths = [next(stills.glob(f"{modality}/lab/p01/{emotion}/*.png")) for emotion in EMOTIONS]
        rows.append([Image.open(path).convert("RGB").resize((SIDE, SIDE)) for path in paths])
    return _grid(rows, EMOTIONS)


def _grid(rows: Sequence[Sequence[Image.Image]], titles: Sequence[str]) -> Image.Image:
    title_px = 20
    grid = Image.new("RGB", (SIDE * len(titles), title_px + SIDE * len(rows)), PAPER)
    pen = ImageDraw.Draw(grid)
    for column, title in enumerate(titles):
        pen.text((SIDE * (column + 0.5), title_px / 2), title, INK, ImageFont.load_default(13), anchor="mm")
    for line, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            grid.paste(picture, (SIDE * column, title_px + SIDE * line))
    return grid


def _draw_expressions(rows: Sequence[Path], number: str) -> Image.Image:
    """Return a grid: the seven expressions across, and in each row the stills of some folders of expressions."""
    found = [{path.parent.name: path for path in Path().glob(f"{row}/{number}.png")} for row in rows]
    return _grid(
        [[Image.open(row[emotion]).convert("RGB").resize((SIDE, SIDE)) for emotion in EMOTIONS] for row in found],
        EMOTIONS,
    )


def _draw_detection(root: Path) -> Image.Image:
    """Return one picture with the box and the five points that ingest found, and beside it the aligned crop."""
    face = pq.read_table(root / "manifests/faces.parquet").to_pylist()[0]
    sources = {row["source_id"]: row for row in pq.read_table(root / "manifests/sources.parquet").to_pylist()}
    source = Image.open(root / sources[face["source_id"]]["path"]).convert("RGB")
    zoom, side = 2, 512
    scale = side / source.width
    left = source.resize((side, round(source.height * scale)), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(left)
    box, points = face["box"], face["landmarks"]
    pen.rectangle([scale * value for value in box], outline=MARK, width=zoom)
    for x, y in points:
        pen.circle((scale * x, scale * y), 2 * zoom, fill=MARK, outline=INK)
    crop = Image.open(root / face["path"]).convert("RGB").resize((left.height, left.height))
    both = Image.new("RGB", (left.width + crop.width + 16, left.height), PAPER)
    both.paste(left, (0, 0))
    both.paste(crop, (left.width + 16, 0))
    return both


def _draw_plane(faces: Sequence[dict[str, Any]]) -> Image.Image:
    """Return the plane of valence (to the right) and arousal (upwards) with the point of each expression."""
    side, margin = 420, 40
    half = side / 2 - margin
    plane = Image.new("RGB", (side, side), PAPER)
    pen = ImageDraw.Draw(plane)
    font = ImageFont.load_default(14)
    middle = side / 2
    pen.rectangle([margin, margin, side - margin, side - margin], outline=INK)
    pen.line([margin, middle, side - margin, middle], (190, 190, 190))
    pen.line([middle, margin, middle, side - margin], (190, 190, 190))
    pen.text((middle, side - margin / 2), "valence, from -1 to 1", INK, font, anchor="mm")
    pen.text((middle, margin / 2), "arousal, from -1 (below) to 1 (above)", INK, font, anchor="mm")
    points = {row["emotion"]: (row["valence"], row["arousal"]) for row in faces if row["valence"] is not None}
    for emotion, (valence, arousal) in points.items():
        x, y = middle + half * valence, middle - half * arousal
        pen.circle((x, y), 5, fill=MARK, outline=INK)
        pen.text((x, y - 14), emotion, INK, font, anchor="mm")
    return plane
