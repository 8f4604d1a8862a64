"""The plan of an ingest: the given files that are not committed yet.

The content of a source is its identity. Digests of unchanged files (same size and modification time) are cached, so a
rerun over terabytes does not read them again.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.core.arguments import given
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.explain import raise_of_machine
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.forgotten import ForgottenFiles
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.sources.archives.opened import exists, hash_content, split_member, stamp
from fertools.sources.content import Kind
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.discovery import SourceFile
from fertools.sources.label_columns import SourceLabels
from fertools.sources.naming import NamingRules, PathLabels

IMAGES_PER_ITEM = 64
"""Pictures per item of work: enough to make a part worth a file, few enough to lose little."""

LONG_READING_BYTES = 2**30
"""Total size of new files from which reading them takes seconds, so its progress is shown."""

COPY_OF = "same content as "
"""Beginning of the reason of a duplicate; the path of the original source follows."""


_LABELS = (("subject_id", "subject_origin"), ("emotion", "emotion_origin"))
"""Columns of each label and of its origin."""


@dataclass(frozen=True)
class Source:
    """One file to ingest: the columns of its `sources` row that are known before it is opened, and its sequence.

    The frames to read, and whether the labels mean the largest face only, come from the descriptor of a dataset.
    """

    source_id: str
    path: Path
    name: str
    kind: Kind
    dataset: str | None
    subject_id: str | None
    subject_origin: str | None
    emotion: str | None
    emotion_origin: str | None
    status: str | None = None
    reason: str | None = None
    labels: tuple[SourceLabels, ...] = ()
    modality: str = "visible"
    frames: FrameRule | None = None
    one_face: bool = False
    sequence_id: str | None = None


@dataclass(frozen=True)
class Item:
    """One unit of work, committed as one part: a video, or some pictures.

    Attributes:
        name: name of the part, safe in a file name.
        sources: sources to read, in order.
    """

    name: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Plan:
    """The work of one run.

    Attributes:
        items: items of work that remain.
        resolved: sources that need no work: copies of other sources, and files that cannot be read.
        before: number of sources that are committed already.
        gone: names of committed sources whose files are missing.
        remarks: notes for the user: labels of new copies that the committed faces do not have, and forgotten files.
        forgotten: given files that the workspace has forgotten, so they are left out.
    """

    items: tuple[Item, ...]
    resolved: tuple[Source, ...]
    before: int
    gone: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    forgotten: frozenset[Path] = frozenset()


def make_plan(
    workspace: Workspace,
    found: Sequence[SourceFile],
    rules: NamingRules,
    options: IngestOptions,
    report: Reporter | None = None,
    forgotten_files: ForgottenFiles | None = None,
) -> Plan:
    """Return the work that remains for the files in `found`.

    Of several files with the same content, one is ingested with the labels of all. New files are read completely to
    compute their digests; `report` receives the progress if that takes long. `forgotten_files` are left out.

    Raises:
        InputError: the path of a file names two people.
        ResumeRefused: the content of a file has changed since it was ingested.
    """
    committed = {row["path"]: row for row in store.committed_sources(workspace).to_pylist()}
    digests = _Digests(workspace)
    owners = {row["source_id"]: path for path, row in committed.items()}
    copies: dict[str, list[Source]] = {}
    todo: list[Source] = []
    resolved: list[Source] = []
    remarks: list[str] = []
    stones = forgotten_files or ForgottenFiles()
    forgotten: set[Path] = set()
    unsure: set[Path] = set()
    before = 0
    reading = _Reading(digests.unread_bytes(found), len(found), report or Silent())
    for file in found:
        source = _describe(workspace, file, rules, options)
        old = committed.get(source.name)
        digest, trouble = digests.of(file.path)
        reading.advance(digests.read_bytes)
        source_id = digest or id_of_name(source.name)
        if stones.is_forgotten(source_id, source.subject_id, source.subject_origin):
            digests.drop(file.path)
            forgotten.add(file.path)
            continue
        if old is None and stones.is_unsure(source_id, source.dataset, source.modality):
            unsure.add(file.path)
            continue
        if digest is not None:
            copies.setdefault(digest, []).append(source)
        if old is not None:
            _refuse_changed(source, old, digest)
            before += 1
        elif digest is None:
            resolved.append(replace(source, source_id=id_of_name(source.name), status="failed", reason=trouble))
        elif owners.setdefault(digest, source.name) != source.name:
            reason = COPY_OF + owners[digest]
            resolved.append(replace(source, source_id=id_of_name(source.name), status="duplicate", reason=reason))
            if (owner := committed.get(owners[digest])) is not None:
                remarks += _labels_lost(source, owner)
        else:
            todo.append(replace(source, source_id=digest))
    digests.save()
    # Sources that were ingested from another folder still exist, although they are not in `found`.
    names = committed.keys() - {workspace.name_of(file.path) for file in found}
    gone = tuple(name for name in sorted(names) if not exists(workspace.path_of(name)))
    todo = [_with_labels_of(source, copies[source.source_id]) for source in todo]
    if forgotten:
        remarks.append(f"left out: {len(forgotten):,} files that this dataset has forgotten")
    if unsure:
        remarks.append(
            f"left out: {len(unsure):,} files with forgotten faces, which are recognised only with the options of the "
            "ingest that found them"
        )
    return Plan(tuple(_items(todo)), tuple(resolved), before, gone, tuple(remarks), frozenset(forgotten | unsure))


def dataset_of(file: SourceFile, options: IngestOptions) -> str | None:
    """Return the dataset name of a file: that of the option, or of the given folder or archive."""
    return options.dataset or file.given or None


def _describe(workspace: Workspace, file: SourceFile, rules: NamingRules, options: IngestOptions) -> Source:
    named = rules.read(file.below, file.given)
    if file.labels:
        named = _labels_of(file.labels, named)
    return Source(
        source_id="",
        path=file.path,
        name=workspace.name_of(file.path),
        kind=file.kind,
        dataset=dataset_of(file, options),
        subject_id=named.subject,
        subject_origin=named.subject_origin,
        emotion=named.emotion,
        emotion_origin=named.emotion_origin,
        # Copies in several sequences do not contradict one another in other labels.
        labels=tuple(replace(one, sequence_id=None) for one in file.labels),
        modality=file.modality or options.modality,
        frames=file.frames or (FrameRule.parse(options.frames) if options.frames else None),
        one_face=file.one_face,
        sequence_id=named.sequence if file.kind == "image" else None,
    )


def _labels_of(labels: tuple[SourceLabels, ...], named: PathLabels) -> PathLabels:
    """Return what holds for a whole source: its labels without a box, and of the path what they do not give."""
    first, boxed = labels[0], any(one.box is not None for one in labels)
    if "subject_id" in first.given:
        subject = None if boxed else first.subject_id
        named = replace(named, subject=subject, subject_origin="dataset" if subject else None)
    if "emotion" in first.given:
        emotion = None if boxed else first.emotion
        named = replace(named, emotion=emotion, emotion_origin=first.origin if emotion else None)
    if "sequence_id" in first.given:
        named = replace(named, sequence=first.sequence_id)
    return named


def _with_labels_of(source: Source, copies: Sequence[Source]) -> Source:
    """Return a source with the labels of all its copies.

    If copies contradict one another, the label is unknown, and the reason of the source lists their labels.

    Args:
        source: the source that is ingested.
        copies: all files with this content in any order, including the source itself.
    """
    conflicts, agreed = [], dict[str, str | None]()
    labels, unknown = _agreed_labels([copy.labels for copy in copies if any(map(_adds, copy.labels))])
    if unknown:
        conflicts.append(f"its copies contradict one another, so unknown are: {', '.join(unknown)}")
    for label, origin in _LABELS:
        said = {copy.name: getattr(copy, label) for copy in copies if getattr(copy, label) is not None}
        values = sorted(set(said.values()))
        if len(values) > 1:
            places = ", ".join(f"{said[name]} ({name})" for name in sorted(said))
            conflicts.append(f"its copies contradict one another, so {label} is unknown: {places}")
        agreed[label] = values[0] if len(values) == 1 else None
        origins = [getattr(copy, origin) for copy in copies if copy.name in said and len(values) == 1]
        agreed[origin] = min(origins, default=None)
    sequences = {copy.sequence_id for copy in copies} - {None}
    agreed["sequence_id"] = sequences.pop() if len(sequences) == 1 else None
    labels = source.labels if labels is None else labels
    return replace(source, **agreed, labels=labels, reason="; ".join(conflicts) or None)  # type: ignore[arg-type]


_MORE = ("valence", "arousal", "intensity", "split", "pair_id", "votes")
"""Attributes of labels beside the subject and the emotion, which are compared by themselves."""


def _adds(labels: SourceLabels) -> bool:
    """Return whether labels say more than the subject and the emotion."""
    return any(getattr(labels, name) not in (None, ()) for name in (*_MORE, "box"))


def _agreed_labels(copies: Sequence[tuple[SourceLabels, ...]]) -> tuple[tuple[SourceLabels, ...] | None, list[str]]:
    """Return what the labels of copies agree on, None if they say nothing more, and the names of the others."""
    own = set(copies)
    if len(own) < 2:
        return (own.pop() if own else None), []
    if any(len(labels) > 1 or labels[0].box is not None for labels in own):
        return (), ["the labels of its boxes"]
    faces = sorted((labels[0] for labels in own), key=repr)
    said = {name: {getattr(one, name) for one in faces} - {None, ()} for name in _MORE}
    reasons = {one.reason for one in faces}
    agreed = {name: values.copy().pop() for name, values in said.items() if len(values) == 1}
    neither: dict[str, Any] = {
        **dict.fromkeys(_MORE),
        "votes": (),
        "reason": reasons.pop() if len(reasons) == 1 else None,
    }
    return (replace(faces[0], **neither | agreed),), [name for name, values in said.items() if len(values) > 1]


def _labels_lost(copy: Source, owner: Mapping[str, Any]) -> list[str]:
    """Return the labels of a new copy that the committed faces of its content do not have.

    Args:
        copy: a file that was not there before.
        owner: the committed row of `sources` with the same content.
    """
    return [
        f"{copy.name} is a copy of {owner['path']}, whose faces have the {label} {owner[label] or 'unknown'} "
        f"and not {getattr(copy, label)}; import that label, or ingest everything again"
        for label, _ in _LABELS
        if getattr(copy, label) not in (None, owner[label])
    ]


def _refuse_changed(source: Source, old: dict[str, Any], digest: str | None) -> None:
    readable_before = old["status"] in ("done", "empty")
    if readable_before and digest is not None and digest != old["source_id"]:
        raise ResumeRefused(
            f"{source.name} has other content than when it was ingested; put the old file back, "
            f"give the new one another name, or begin again with {given('overwrite', True)}"
        )


def id_of_name(name: str) -> str:
    """Return the `source_id` of a source that its content does not identify: an unreadable file or a duplicate."""
    return hash_bytes(b"path", name.encode())


def _items(sources: list[Source]) -> list[Item]:
    videos = [source for source in sources if source.kind == "video"]
    # The largest first: a long video at the end would keep one worker busy while the others wait.
    items = [Item(source.source_id, (source,)) for source in sorted(videos, key=lambda video: -size_bytes(video.path))]
    images = [source for source in sources if source.kind == "image"]
    for first in range(0, len(images), IMAGES_PER_ITEM):
        chunk = tuple(images[first : first + IMAGES_PER_ITEM])
        items.append(Item(hash_bytes(*(source.source_id.encode() for source in chunk)), chunk))
    return items


def size_bytes(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it is unknown."""
    try:
        return stamp(path).size_bytes
    except OSError:
        return 0


class _Reading:
    """Reports the progress of reading new files, if that takes long."""

    def __init__(self, total_bytes: int, files: int, report: Reporter) -> None:
        self._total_bytes, self._report, self._done = total_bytes, report, 0
        self._is_long = total_bytes > LONG_READING_BYTES
        if self._is_long:
            report.start(files)
            report.beside("reading")

    def advance(self, read_bytes: int) -> None:
        self._done += 1
        if self._is_long:
            self._report.reach(min(1.0, read_bytes / self._total_bytes))
            self._report.advance(self._done)


class _Digests:
    """Content digests of files, cached by size and modification time."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.digests
        self._workspace = workspace
        try:
            self._known: dict[str, list[Any]] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}
        self._changed = False
        self.read_bytes = 0

    def unread_bytes(self, found: Sequence[SourceFile]) -> int:
        """Return the total size of the files that must be read."""
        sizes = 0
        for file in found:
            with suppress(OSError):
                now = stamp(file.path)
                if self._known.get(self._workspace.name_of(file.path), [])[:2] != [now.size_bytes, now.modified_ns]:
                    sizes += now.size_bytes
        return sizes

    def of(self, path: Path) -> tuple[str | None, str | None]:
        """Return the digest of `path` and None, or None and the reason for the failure."""
        name = self._workspace.name_of(path)
        try:
            if split_member(path) is None and not stat.S_ISREG(path.stat().st_mode):
                # A named pipe, for example: reading it could take forever.
                return None, "is not an ordinary file"
            now = stamp(path)
            key = [now.size_bytes, now.modified_ns]
            known = self._known.get(name)
            if known is not None and known[:2] == key and known[2]:
                return str(known[2]), None
            digest = hash_content(path)
            self.read_bytes += now.size_bytes
        except InputError as error:
            return None, str(error).replace(str(path), "it")
        except OSError as error:
            raise_of_machine(error, path)
            return None, f"cannot be read: {error.strerror}"
        if now.size_bytes == 0:
            return None, "the file is empty (0 bytes)"
        self._known[name] = [*key, digest]
        self._changed = True
        return digest, None

    def drop(self, path: Path) -> None:
        """Keep no digest of a file, which would name it."""
        self._changed |= self._known.pop(self._workspace.name_of(path), None) is not None

    def save(self) -> None:
        if self._changed:
            files.write_json(self._path, self._known)
