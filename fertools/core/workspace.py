"""The workspace: the folder that one dataset lives in, and the name of everything in it.

A workspace is any folder; it becomes one at the first ingest, which writes `fertools.toml`. No other module joins
path names of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import tomli_w

from fertools.core import files, locking
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.toml import parse_toml, table_in

SETTINGS_NAME = "fertools.toml"
"""Name of the file that makes a folder a workspace."""
PRODUCT_FOLDERS = frozenset({"faces", "manifests", "annotations", "training", "shards"})
"""Names of the folders in which a workspace keeps what fertools made."""
SETTINGS_HEADER = (
    "# Settings of this fertools workspace, written by the commands that it names. Change them by those commands.\n\n"
)

WorkspaceLike: TypeAlias = "Workspace | Path | str"
"""What every public function takes for a workspace: one, or the path of its folder."""


@dataclass(frozen=True, init=False, eq=False)
class Workspace:
    """One dataset's folder on disk.

    Two workspaces are equal when their folders are.

    Attributes:
        root: absolute path of the folder; it need not exist yet.
    """

    root: Path

    def __init__(self, folder: WorkspaceLike = ".") -> None:
        """Name the workspace in a folder.

        Args:
            folder: path of the folder, which is made absolute; or a workspace, whose folder is taken.

        Raises:
            InputError: `folder` is a file, or an address such as `s3://bucket/name`.
        """
        object.__setattr__(self, "root", folder.root if isinstance(folder, Workspace) else _folder(folder))

    def __eq__(self, other: object) -> bool:
        return self.root == other.root if isinstance(other, Workspace) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.root)

    @property
    def settings_path(self) -> Path:
        """`fertools.toml`: what the commands that made this workspace were told."""
        return self.root / SETTINGS_NAME

    @property
    def manifest(self) -> Path:
        """`manifests/faces.parquet`: the manifest, one row per face."""
        return self.root / "manifests" / "faces.parquet"

    @property
    def sources(self) -> Path:
        """`manifests/sources.parquet`: one row per video or image, failed and empty ones too."""
        return self.root / "manifests" / "sources.parquet"

    @property
    def parts(self) -> Path:
        """`manifests/parts/`: committed pieces of an ingest, of which the manifest is the union."""
        return self.root / "manifests" / "parts"

    @property
    def generated(self) -> Path:
        """`manifests/generated/`: one manifest of generated faces per run."""
        return self.root / "manifests" / "generated"

    @property
    def crops(self) -> Path:
        """`faces/`: the aligned crops."""
        return self.root / "faces"

    @property
    def shards(self) -> Path:
        """`shards/`: one workspace `I-of-N` per share of an ingest over many machines, until they are merged."""
        return self.root / "shards"

    @property
    def ratings_log(self) -> Path:
        """`annotations/ratings.sqlite`: every act of every rater, to which is only ever added."""
        return self.root / "annotations" / "ratings.sqlite"

    @property
    def ratings(self) -> Path:
        """`annotations/ratings.parquet`: what each rater said of each face and frame, as last published."""
        return self.root / "annotations" / "ratings.parquet"

    @property
    def rating_lock(self) -> Path:
        """The file whose lock says that a rating page is being served."""
        return self.root / "annotations" / ".lock"

    @property
    def playable(self) -> Path:
        """`annotations/playable/`: copies of videos that a browser cannot play, made once and safe to delete."""
        return self.root / "annotations" / "playable"

    @property
    def merge_bases(self) -> Path:
        """`manifests/copies/`: what this workspace and each store that it was copied to last had in common."""
        return self.root / "manifests" / "copies"

    @property
    def lock_path(self) -> Path:
        """The file whose lock says that a command is changing the manifest."""
        return self.root / "manifests" / ".lock"

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Hold the lock on the manifest while the block runs; remove what killed commands left unfinished.

        Crops are not looked through, as there may be millions: the commands that write them do that.

        Args:
            purpose: what is being done, for the message to a second comer, such as `an ingest`.

        Raises:
            InputError: another command holds the lock (see `fertools.core.locking.exclusive`).
            StorageError: the workspace was removed while the block ran, or cannot be written.
        """
        with locking.exclusive(self.lock_path, purpose):
            files.remove_unfinished(self.root, below=False)
            for folder in (self.manifest.parent, self.ratings.parent):
                files.remove_unfinished(folder)
            yield

    def crop_path(self, face_id: str, suffix: str) -> str:
        """Return where the crop of `face_id` lies, relative to the root with `/` on every system.

        Crops are spread over 256 folders by the first two digits of the identifier.
        """
        return f"faces/{face_id[:2]}/{face_id}{suffix}"

    def other_crops(self, template: str, size_px: int) -> Path:
        """`faces/<template>-<size_px>/`: crops beside those that the manifest names."""
        return self.crops / f"{template}-{size_px}"

    def other_crop_path(self, face_id: str, template: str, size_px: int, suffix: str) -> str:
        """Return where another crop of `face_id` lies, by the rule of `crop_path` below `other_crops`."""
        return f"faces/{template}-{size_px}/{face_id[:2]}/{face_id}{suffix}"

    def runs(self, system: str) -> Path:
        """`training/<system>/`: one folder per training run."""
        return self.root / "training" / system

    @property
    def pixels(self) -> Path:
        """`training/pixels/`: crops as training reads them, shared by all runs; may be deleted at any time."""
        return self.root / "training" / "pixels"

    @property
    def weights(self) -> Path:
        """`training/weights/`: weights that were trained elsewhere, put there by the user."""
        return self.root / "training" / "weights"

    def name_of(self, path: Path) -> str:
        r"""Return `path` as this workspace writes it down: relative to the root if below it, else absolute.

        Bytes of a name that are not UTF-8 are written as `\xNN`, since a table holds text.
        """
        absolute = path.absolute()
        name = absolute.relative_to(self.root) if absolute.is_relative_to(self.root) else absolute
        return os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")

    def path_of(self, name: str) -> Path:
        r"""Return the path that `name_of` wrote down as `name`.

        A name that holds `\xNN` as it stands is taken for that, if there is such a file.
        """
        path = self.root / name
        if os.path.lexists(path) or "\\x" not in name:
            return path
        raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), name.encode())
        return self.root / os.fsdecode(raw)

    def settings(self) -> dict[str, Any]:
        """Return the content of `fertools.toml`, empty if there is none.

        Raises:
            InputError: the file is not valid TOML, or holds anything but tables.
        """
        try:
            content = self.settings_path.read_bytes()
        except FileNotFoundError:
            return {}
        settings = parse_toml(content, self.settings_path)
        return {section: table_in(settings, section, self.settings_path) for section in settings}

    def save_settings(self, section: str, values: dict[str, Any]) -> None:
        """Replace one section of `fertools.toml`; None values are left out, as TOML has no null."""
        settings = self.settings()
        settings[section] = {key: value for key, value in values.items() if value is not None}
        files.write_text(self.settings_path, SETTINGS_HEADER + tomli_w.dumps(settings))

    def drop_settings(self, *sections: str) -> None:
        """Remove sections of `fertools.toml`, those that are there."""
        settings = self.settings()
        if [section for section in sections if settings.pop(section, None) is not None]:
            files.write_text(self.settings_path, SETTINGS_HEADER + tomli_w.dumps(settings))


def _folder(folder: Path | str) -> Path:
    """Return the absolute path of a workspace's folder."""
    # A path has one slash where the address had two.
    if match := re.match(r"([a-z][a-z0-9+.-]+:)/+", str(folder)):
        url = f"{match[1]}//{str(folder)[match.end() :]}"
        raise InputError(
            f"the workspace {url} is an address; work in a folder, and copy it there by `fertools push {url}` and "
            f"back by `fertools pull {url}`"
        )
    root = Path(folder).expanduser().resolve()
    if root.exists() and not root.is_dir():
        raise InputError(f"the workspace {root} is a file; give a folder with {argument('workspace')}")
    return root
