"""Cases of damaged inputs: what was damaged, which command read it, and what was wrong with how that ended.

The same seed, reader and number give the same case.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fertools.core.workspace import Workspace
from fertools.manifests import store
from tests.fuzz.mutations import WORDS
from tests.fuzz.readers import Reader
from tests.fuzz.sandbox import Ended, build, call, content_of, inside, restore

GOOD_CODES = (0, 2, 3, 4, 5)
_KEYS = (
    "lr",
    "iterations",
    "batch_size",
    "image_size",
    "seed",
    "flip",
    "precision",
    "network",
    "lambda_rec",
    "epochs",
    "",
)


@dataclass(frozen=True)
class Case:
    """What came of one damaged input.

    Attributes:
        reader: its name.
        number: of the case.
        damage: what was done to the file.
        command: what read it.
        code: how that ended.
        faults: what was wrong: an exit of 1, more than a sentence, a hang, a loss.
        said: the last line of the errors.
    """

    reader: str
    number: int
    damage: str
    command: str
    code: int
    faults: tuple[str, ...]
    said: str


def run_cases(root: Path, reader: Reader, seed: int, numbers: Sequence[int]) -> Iterator[Case]:
    """Yield what came of the cases of a reader, the workspace at `root` being the same after each."""
    pristine = content_of(root)
    for number in numbers:
        rng = random.Random(f"{seed} {reader.name} {number}")
        damage, command, changed = _damage(root, reader, rng)
        damaged = content_of(root)
        with inside(root):
            ended = call(*command)
        faults = tuple(_faults(root, reader, ended, pristine, damaged, changed))
        last = (ended.err.strip().splitlines() or [""])[-1]
        yield Case(reader.name, number, damage, " ".join(command)[:300], ended.code, faults, last[:500])
        shutil.rmtree(root / "new", ignore_errors=True)
        restore(root, pristine)


def _damage(root: Path, reader: Reader, rng: random.Random) -> tuple[str, Sequence[str], str]:
    """Damage a file of the workspace; return how, the command to run, and the file."""
    command = rng.choice(reader.commands)
    if reader.setting:
        text = f"{rng.choice(_KEYS)}={rng.choice(WORDS)}".replace("\x00", "")
        return ascii(text)[:80], [part.replace("{}", text) for part in command], ""
    path = sorted(root.glob(reader.path))[0]
    name = path.relative_to(root).as_posix()
    if rng.random() < 0.02:
        path.unlink()
        path.mkdir()
        return "directory", command, name
    mutation = rng.choice(reader.mutations)
    content = mutation(path.read_bytes(), rng)
    if rng.random() < 0.2:
        content = rng.choice(reader.mutations)(content, rng)
    path.write_bytes(content)
    return mutation.__name__, command, name


def _faults(
    root: Path, reader: Reader, ended: Ended, pristine: dict[str, bytes], damaged: dict[str, bytes], changed: str
) -> Iterator[str]:
    if ended.hung:
        yield "it hangs"
        return
    if ended.code not in GOOD_CODES:
        yield f"exit {ended.code}"
    if "Traceback" in ended.err:
        yield "a traceback"
    lines = [line for line in ended.err.strip().splitlines() if line.startswith("fertools: ")]
    if ended.code and len(lines) != 1:
        yield f"{len(lines)} sentences"
    now = content_of(root)
    if ended.code in (1, 2, 4, 5):
        gone = [name for name, content in damaged.items() if now.get(name) != content and not _may_change(name)]
        yield from (f"changed though it failed: {name}" for name in gone[:3])
    else:
        lost = pristine.keys() - now.keys() - {changed}
        yield from (f"removed: {name}" for name in sorted(lost)[:3] if not _may_change(name))
        yield from _unreadable(root, changed)
    if reader.neighbours and ended.code in (0, 3):
        paths = store.read_sources(Workspace(root / "new"), ("path",))["path"].to_pylist()
        missing = [end for end in reader.neighbours if not any(path.endswith(end) for path in paths)]
        yield from (f"not in the manifest: {end}" for end in missing)


def _may_change(name: str) -> bool:
    """Return whether a command that fails may change a file: caches, and what SQLite keeps beside its file."""
    return name.endswith(("digests.json", "-wal", "-shm")) or name.startswith("training/pixels/")


def _unreadable(root: Path, changed: str) -> Iterator[str]:
    """Yield what can no longer be read after a command that did its work."""
    workspace = Workspace(root)
    for name, read in (("faces", store.read_faces), ("sources", store.read_sources)):
        if changed != f"manifests/{name}.parquet":
            try:
                read(workspace)
            except Exception as error:
                yield f"the {name} table can no longer be read: {error}"


def main() -> None:
    """Make the workspace in the folder that is given."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    build(folder, trained=True)


if __name__ == "__main__":
    main()
