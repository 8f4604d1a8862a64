"""Find the videos and pictures below given folders, in a fixed order, and count the other files."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fertools.core import products
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.workspace import PRODUCT_FOLDERS, SETTINGS_NAME
from fertools.sources.archives.members import Archive, Contents
from fertools.sources.archives.opened import open_archive, split_member
from fertools.sources.archives.picture_table import PictureTable, is_picture_table
from fertools.sources.archives.webdataset import sample_labels
from fertools.sources.content import MADE_BY_US, Kind, PassedOver, is_archive, kind_of
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.label_columns import RowReader, SourceLabels, unknown_remarks

HIDDEN: Final = "hidden"
IN_A_WORKSPACE: Final = "in another workspace"
REFUSED: Final = "refused in an archive"
_SUFFIXES: Final = re.compile(r"(\.(arrow|parquet|zip|tar|tgz|tbz2?|txz|tzst|gz|bz2|xz|zst))+$", re.IGNORECASE)


@dataclass(frozen=True)
class SourceFile:
    """A video or picture.

    Attributes:
        path: path of the file, or of a member of an archive, such as `data.zip/joyful/a.jpg`.
        below: path relative to the given folder or archive; naming rules read this path.
        kind: video or image, by content.
        given: name of the given folder, of the folder of a given file, or of a given archive without its suffix.
        labels: labels that came with the file, one per labelled box or one for all its faces; without any, the path is
            read.
        modality: how the picture was taken, if the dataset says it.
        frames: which frames of a video are read, if the dataset says it.
        one_face: whether the labels mean the largest face only.
    """

    path: Path
    below: Path
    kind: Kind
    given: str = ""
    labels: tuple[SourceLabels, ...] = ()
    modality: str | None = None
    frames: FrameRule | None = None
    one_face: bool = False


@dataclass(frozen=True)
class Discovery:
    """The content of the given folders: each file is either a source or passed over.

    Attributes:
        files: videos and pictures, sorted by path, each once.
        passed_over: number of the other files by what they are, such as `text`.
        workspaces: other workspaces below the given folders, which are passed over.
        remarks: members of archives that are not read, and damage of archives, each in one line.
    """

    files: tuple[SourceFile, ...]
    passed_over: dict[str, int]
    workspaces: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass
class _Gathered:
    """The files found so far by absolute path, so that each counts once."""

    found: dict[Path, SourceFile] = field(default_factory=dict)
    passed_over: dict[Path, str] = field(default_factory=dict)
    workspaces: list[Path] = field(default_factory=list)
    labels: RowReader | None = None
    remarks: list[str] = field(default_factory=list)
    order: dict[Path, tuple[Path, int]] = field(default_factory=dict)
    """Archive of each member and its number there: members in another order may be slow to read."""

    def add_archive(self, archive: Path, inside: str = "", below_folder: Path | None = None) -> bool:
        """Add the members of an archive, which has the role of a folder; return whether there were any.

        Args:
            archive: path of the archive.
            inside: folder in the archive to which the members are limited.
            below_folder: given folder that contains the archive; None if the archive itself was given.
        """
        archive = archive.absolute()
        opened = open_archive(archive)
        contents = opened.contents()
        given = Path(inside).name or archive_stem(archive)
        above = Path()
        if below_folder is not None:
            given, above = below_folder.absolute().name, archive.relative_to(below_folder.absolute())
        labels = self._labels_in(opened, contents)
        start = f"{inside}/" if inside else ""
        found = False
        for number, member in enumerate(contents.members):
            if not member.name.startswith(start):
                continue
            found, below = True, above / member.name.removeprefix(start)
            path = archive / member.name
            if any(part.startswith(".") for part in below.parts):
                self.passed_over[path] = HIDDEN
                continue
            self.add(path, below, given, labels.get(member.name, ()))
            self.order[path] = (archive, number)
        for refused in contents.refused:
            self.passed_over[archive / f"refused {len(self.remarks)}"] = REFUSED
            self.remarks.append(f"refused: a member of {archive} {refused.why}: {refused.name}")
        if contents.damage:
            self.remarks.append(f"damaged: {archive}: {contents.damage}")
        return found

    def _labels_in(self, archive: Archive, contents: Contents) -> dict[str, tuple[SourceLabels, ...]]:
        if self.labels is None:
            return {}
        reader = replace(self.labels, origin=f"import:{archive.path.name}", unknown=Counter())
        if isinstance(archive, PictureTable):
            labels = archive.labels(reader)
        else:
            labels = sample_labels(archive, contents.members, reader)
        self.remarks += unknown_remarks(archive.path.name, reader.unknown)
        return labels

    def sorted_files(self) -> tuple[SourceFile, ...]:
        """Return the sources sorted by path; the members of an archive are in the order of the archive."""
        return tuple(self.found[path] for path in sorted(self.found, key=lambda path: self.order.get(path, (path, 0))))

    def add(self, path: Path, below: Path, given: str, labels: tuple[SourceLabels, ...] = ()) -> None:
        path = path.absolute()
        if path in self.found:
            return
        kind = kind_of(path)
        if isinstance(kind, PassedOver):
            self.passed_over[path] = kind.why
        else:
            # A hidden file counts as a source if it was also given by name.
            self.passed_over.pop(path, None)
            self.found[path] = SourceFile(path, below, kind, given, labels)

    def pass_over(self, place: Path, why: str) -> None:
        """Count the file `place`, or every readable file below the folder `place`."""
        if not place.is_dir():
            self.passed_over[place.absolute()] = why
        for parent, _, names in os.walk(place):
            self.passed_over.update(((Path(parent) / name).absolute(), why) for name in names)


def discover(
    inputs: Sequence[Path],
    *,
    home: Path | None = None,
    beside: Sequence[Path] = (),
    may_be_none: bool = False,
    labels: RowReader | None = None,
) -> Discovery:
    """Return all videos and pictures in `inputs`, and the number of other files.

    A given archive counts as a folder. Archives below a given folder, and in archives, are passed over.

    Passed over are files of other kinds (`fertools.sources.content`), hidden files (their names begin with a dot),
    output of fertools (`fertools.core.products`), and workspaces below a given folder. Links are followed, and each
    folder is entered once.

    Args:
        inputs: folders, searched to any depth, archives, folders in archives (`data.zip/train`), and files.
        home: folder of the own workspace, which is entered although it is a workspace.
        beside: folders that are neither entered nor counted, such as the crops of the own workspace.
        labels: reads the labels in tables of pictures and WebDataset tars; None leaves them out.
        may_be_none: accept inputs without videos and pictures, because all sources may be missing.

    Raises:
        InputError: an input does not exist, cannot be read, is a damaged archive or an address, or is in `beside`; or
            there is no video or picture.
    """
    own = {folder.resolve() for folder in beside}
    gathered = _Gathered(labels=labels)
    for given in inputs:
        _refuse_own(given, own)
        if any(map(_is_product, (given.absolute(), *given.absolute().parents))):
            gathered.pass_over(given, MADE_BY_US)
        elif given.is_dir():
            for path in _walk(given, {given.resolve(), home}, own, gathered):
                if is_picture_table(path):
                    gathered.add_archive(path, below_folder=given)
                else:
                    gathered.add(path, path.relative_to(given), given.absolute().name)
        elif given.exists():
            if is_archive(given) or is_picture_table(given):
                gathered.add_archive(given)
                continue
            gathered.add(given, Path(given.name), given.absolute().parent.name)
        elif not ((place := split_member(given)) and is_archive(place[0]) and gathered.add_archive(*place)):
            _refuse_address(given)
            raise InputError(f"there is no file or folder {given}; give a folder of videos or pictures")
    passed_over = dict(Counter(gathered.passed_over.values()).most_common())
    if not gathered.found and not may_be_none:
        raise InputError(_nothing_in(inputs, passed_over))
    remarks = tuple(gathered.remarks)
    return Discovery(gathered.sorted_files(), passed_over, tuple(gathered.workspaces), remarks)


def archive_stem(archive: Path) -> str:
    """Return the name of an archive without its suffixes.

    Example:
        >>> archive_stem(Path("faces.tar.gz")), archive_stem(Path("v1.2.zip"))
        ('faces', 'v1.2')
    """
    return _SUFFIXES.sub("", archive.name) or archive.name


def list_files(folder: Path, *, home: Path | None = None, beside: Sequence[Path] = ()) -> list[Path]:
    """Return the paths of all files below a folder that `discover` would look at, whatever they contain.

    Args:
        folder: the folder.
        home: folder of the own workspace, which is entered although it is a workspace.
        beside: folders that are not entered, such as the crops of the own workspace.

    Raises:
        InputError: the folder cannot be read, or is in `beside`.
    """
    own = {place.resolve() for place in beside}
    _refuse_own(folder, own)
    return list(_walk(folder, {folder.resolve(), home}, own, _Gathered()))


def _nothing_in(inputs: Sequence[Path], passed_over: dict[str, int]) -> str:
    places = ", ".join(str(path) for path in inputs)
    counts = ", ".join(f"{count:,} {why}" for why, count in passed_over.items())
    words = f"no video or picture in {places}"
    if MADE_BY_US in passed_over:
        return f"{words} ({counts}); to read what fertools made, copy it elsewhere and delete {products.MARKER} there"
    return f"{words} ({counts}); give other files" if counts else f"{words}; give a folder that holds some"


def _refuse_own(given: Path, own: set[Path]) -> None:
    inside = given.resolve()
    if folder := next((folder for folder in (inside, *inside.parents) if folder in own), None):
        raise InputError(
            f"{given} is in {folder}, where this workspace keeps files of its own; "
            f"rename the folder, or choose another place for the dataset with {argument('workspace')}"
        )


def _refuse_address(given: Path) -> None:
    # Path() collapses the two slashes of an address into one.
    if match := re.match(r"([a-z][a-z0-9+.-]+:)/+", str(given)):
        url = f"{match[1]}//{str(given)[match.end() :]}"
        how = f", such as by `yt-dlp -P videos {shlex.quote(url)}`," if match[1].startswith("http") else ""
        raise InputError(f"{url} is an address; first fetch the videos into a folder{how} and give the folder")


def _walk(folder: Path, entered_anyway: set[Path | None], own: set[Path], gathered: _Gathered) -> Iterator[Path]:
    """Yield the files below `folder` that can be sources; count the others."""

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot look into {error.filename}: {error.strerror}; allow it or leave it out") from error

    entered = {folder.resolve(), *own}
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        place = Path(parent)
        if _is_product(place):
            gathered.pass_over(place, MADE_BY_US)
            folders.clear()
            continue
        if SETTINGS_NAME in names and place.resolve() not in entered_anyway:
            gathered.workspaces.append(place)
            gathered.pass_over(place, IN_A_WORKSPACE)
            folders.clear()
            continue
        for name in folders:
            if name.startswith("."):
                gathered.pass_over(place / name, HIDDEN)
        inside = {name: (place / name).resolve() for name in sorted(folders) if not name.startswith(".")}
        # A link to a folder above would otherwise be followed forever.
        folders[:] = [name for name, real in inside.items() if real not in entered]
        entered.update(inside.values())
        for name in names:
            if name.startswith("."):
                gathered.pass_over(place / name, HIDDEN)
            else:
                yield place / name


def _is_product(folder: Path) -> bool:
    """Return whether `folder` contains output of fertools: it is marked, or belongs to a workspace."""
    own = folder.name in PRODUCT_FOLDERS and (folder.parent / SETTINGS_NAME).is_file()
    return own or (folder / products.MARKER).is_file()
