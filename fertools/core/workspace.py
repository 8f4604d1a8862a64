"""The workspace: the folder of one dataset, and the paths of all files in it.

Any folder can be a workspace. The first ingest makes it one by writing `fertools.toml`. No other module builds paths.
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

from fertools.core import calls, files, locking
from fertools.core.arguments import argument
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.toml import parse_toml, table_in

SETTINGS_NAME = "fertools.toml"
"""Name of the file that makes a folder a workspace."""
PRODUCT_FOLDERS = frozenset({"faces", "manifests", "annotations", "training", "shards"})
"""Names of the folders of a workspace that contain only output of fertools."""
SETTINGS_HEADER = (
    "# Settings of this fertools workspace, written by the commands that it names. Change them by those commands.\n\n"
)

WorkspaceLike: TypeAlias = "Workspace | Path | str"
"""The forms of a workspace that every public function accepts: a workspace, or the path of its folder."""


@dataclass(frozen=True, init=False, eq=False)
class Workspace:
    """One dataset's folder on disk.

    Two workspaces are equal if their folders are equal.

    Attributes:
        root: absolute path of the folder; it need not exist yet.
    """

    root: Path

    def __init__(self, folder: WorkspaceLike = ".") -> None:
        """Create the object for a workspace in a folder; nothing is written.

        Args:
            folder: path of the folder, made absolute; or a workspace, whose folder is used.

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
        """`fertools.toml`: the options of the commands that made this workspace."""
        return self.root / SETTINGS_NAME

    @property
    def manifest(self) -> Path:
        """`manifests/faces.parquet`: the manifest, one row per face."""
        return self.root / "manifests" / "faces.parquet"

    @property
    def sources(self) -> Path:
        """`manifests/sources.parquet`: one row per video or image, including failed and empty ones."""
        return self.root / "manifests" / "sources.parquet"

    @property
    def parts(self) -> Path:
        """`manifests/parts/`: committed parts of an ingest; the manifest is their union."""
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
        """`shards/`: one workspace `I-of-N` per share of an ingest on several machines, until they are merged."""
        return self.root / "shards"

    @property
    def ratings_log(self) -> Path:
        """`annotations/ratings.sqlite`: the append-only log of all rating events."""
        return self.root / "annotations" / "ratings.sqlite"

    @property
    def ratings(self) -> Path:
        """`annotations/ratings.parquet`: the current annotations of each rater, as last published."""
        return self.root / "annotations" / "ratings.parquet"

    @property
    def rating_lock(self) -> Path:
        """The lock file of a running rating page."""
        return self.root / "annotations" / ".lock"

    @property
    def playable(self) -> Path:
        """`annotations/playable/`: playable copies of videos that browsers cannot play; safe to delete."""
        return self.root / "annotations" / "playable"

    @property
    def merge_bases(self) -> Path:
        """`manifests/copies/`: the merge base of this workspace and each store that it was copied to."""
        return self.root / "manifests" / "copies"

    @property
    def people(self) -> Path:
        """`manifests/people.json`: the people that `identify` found, and what is doubtful about them."""
        return self.root / "manifests" / "people.json"

    @property
    def embeddings(self) -> Path:
        """`manifests/embeddings/`: the cache of embeddings; safe to delete."""
        return self.root / "manifests" / "embeddings"

    @property
    def picture_facts(self) -> Path:
        """`manifests/pictures.parquet`: the cache of what an audit reads from crops; safe to delete."""
        return self.root / "manifests" / "pictures.parquet"

    @property
    def digests(self) -> Path:
        """`manifests/digests.json`: the size, time of change and digest of each file that was ingested."""
        return self.root / "manifests" / "digests.json"

    @property
    def forgotten(self) -> Path:
        """`manifests/forgotten.json`: digests of everything that `forget` removed, which no command brings back."""
        return self.root / "manifests" / "forgotten.json"

    @property
    def forgetting(self) -> Path:
        """`manifests/forgetting.json`: what a `forget` is removing; it exists only until that ends."""
        return self.root / "manifests" / "forgetting.json"

    @property
    def merged(self) -> Path:
        """`manifests/merged.json`: the folders of the workspaces that were merged into this one."""
        return self.root / "manifests" / "merged.json"

    @property
    def exports(self) -> Path:
        """`manifests/exports.json`: the folders that faces of this workspace were exported to."""
        return self.root / "manifests" / "exports.json"

    @property
    def decisions(self) -> Path:
        """`annotations/people.jsonl`: the append-only log of decisions about who is who."""
        return self.root / "annotations" / "people.jsonl"

    @property
    def lock_path(self) -> Path:
        """The lock file of a command that changes the manifest."""
        return self.root / "manifests" / ".lock"

    @contextlib.contextmanager
    def locked(self, purpose: str, *, forgetting: bool = False) -> Iterator[None]:
        """Hold the lock on the manifest while the block runs, after removing unfinished files of killed commands.

        The folders of crops are not searched, because they may contain millions of files. The commands that write crops
        search them.

        Args:
            purpose: name of the operation, such as `an ingest`, for the error of a second command.
            forgetting: whether the operation finishes a stopped `forget`. No other one may run before that.

        Raises:
            InputError: another command holds the lock (see `fertools.core.locking.exclusive`).
            ResumeRefused: a `forget` was stopped before its end.
            StorageError: the workspace was removed while the block ran, or cannot be written.
        """
        with locking.exclusive(self.lock_path, purpose):
            if self.forgetting.is_file() and not forgetting:
                raise ResumeRefused(
                    f"{self.root} was forgetting faces when it was stopped; finish that first with {calls.FORGET}"
                )
            files.remove_unfinished(self.root, below=False)
            for folder in (self.manifest.parent, self.ratings.parent):
                files.remove_unfinished(folder)
            yield

    def crop_path(self, face_id: str, suffix: str) -> str:
        """Return the path of the crop of a face, relative to the root and with `/` on every system.

        The first two digits of the identifier distribute crops over 256 folders.
        """
        return f"faces/{face_id[:2]}/{face_id}{suffix}"

    def other_crops(self, template: str, size_px: int) -> Path:
        """`faces/<template>-<size_px>/`: additional crops that are not in the manifest."""
        return self.crops / f"{template}-{size_px}"

    def other_crop_path(self, face_id: str, template: str, size_px: int, suffix: str) -> str:
        """Return the relative path of an additional crop of a face, inside `other_crops`."""
        return f"faces/{template}-{size_px}/{face_id[:2]}/{face_id}{suffix}"

    def runs(self, system: str) -> Path:
        """`training/<system>/`: one folder per training run."""
        return self.root / "training" / system

    @property
    def pixels(self) -> Path:
        """`training/pixels/`: the pixel cache of training, shared by all runs; safe to delete."""
        return self.root / "training" / "pixels"

    @property
    def weights(self) -> Path:
        """`training/weights/`: weights from elsewhere that the user put there."""
        return self.root / "training" / "weights"

    def name_of(self, path: Path) -> str:
        r"""Return the name of a path for tables: relative to the root if inside it, else absolute.

        Bytes that are not UTF-8 are written as `\xNN`, because a table contains text.
        """
        absolute = path.absolute()
        name = absolute.relative_to(self.root) if absolute.is_relative_to(self.root) else absolute
        return os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")

    def path_of(self, name: str) -> Path:
        r"""Return the path for a name from `name_of`.

        If a file name literally contains `\xNN`, that file is returned.
        """
        path = self.root / name
        if os.path.lexists(path) or "\\x" not in name:
            return path
        raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), name.encode())
        return self.root / os.fsdecode(raw)

    def settings(self) -> dict[str, Any]:
        """Return the content of `fertools.toml`, empty if there is none.

        Raises:
            InputError: the file is not valid TOML, or contains a value outside of a table.
        """
        try:
            content = self.settings_path.read_bytes()
        except FileNotFoundError:
            return {}
        settings = parse_toml(content, self.settings_path)
        return {section: table_in(settings, section, self.settings_path) for section in settings}

    def save_settings(self, section: str, values: dict[str, Any]) -> None:
        """Replace one section of `fertools.toml`; None values are left out, because TOML has no null."""
        settings = self.settings()
        settings[section] = {key: value for key, value in values.items() if value is not None}
        files.write_text(self.settings_path, SETTINGS_HEADER + tomli_w.dumps(settings))

    def drop_settings(self, *sections: str) -> None:
        """Remove sections of `fertools.toml` if they exist."""
        settings = self.settings()
        if [section for section in sections if settings.pop(section, None) is not None]:
            files.write_text(self.settings_path, SETTINGS_HEADER + tomli_w.dumps(settings))


def _folder(folder: Path | str) -> Path:
    """Return the absolute path of a workspace's folder."""
    # Path() collapses the two slashes of an address into one.
    if match := re.match(r"([a-z][a-z0-9+.-]+:)/+", str(folder)):
        url = f"{match[1]}//{str(folder)[match.end() :]}"
        raise InputError(
            f"the workspace {url} is an address; work in a folder, copy it there with {calls.push(url)} and "
            f"back with {calls.pull(url)}"
        )
    root = Path(folder).expanduser().resolve()
    if root.exists() and not root.is_dir():
        raise InputError(f"the workspace {root} is a file; give a folder with {argument('workspace')}")
    return root
