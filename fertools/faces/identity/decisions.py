"""Decisions of people about who is who: `annotations/people.jsonl`, an append-only log that every run replays.

A decision names faces, not tracks or subjects, because faces keep their identifiers when a video is tracked again or
people get other subjects. An undo is a decision, too; nothing in the log is ever changed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from fertools.core import files
from fertools.core.errors import InputError

Kind = Literal["same", "different", "undo"]
_FACE = re.compile(r"[0-9a-f]{32}")
_ID = re.compile(r"[0-9a-zA-Z-]{8,64}")
MOST_FACES = 10_000


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
        id: identifier, unique in the log.
        kind: `same`: all `faces` and `others` show one person; `different`: no face of `faces` shows a person of
            `others`; `undo`: the decision `target` no longer counts.
        faces: identifiers of faces.
        others: identifiers of further faces.
        target: identifier of the decision to undo; empty for other kinds.
        at_ms: time in milliseconds since 1970.
    """

    id: str
    kind: Kind
    faces: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    target: str = ""
    at_ms: int = 0

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Decision:
        """Return a checked decision from a JSON object; it gets an identifier and the time if it has none.

        Raises:
            InputError: a field is missing or has a value that no review page sends.
        """
        kind, target = str(content.get("kind")), content.get("target", "")
        lists = [content.get(name, ()) for name in ("faces", "others")]
        name, at_ms = content.get("id") or str(uuid.uuid4()), content.get("at_ms") or int(time.time() * 1000)
        known = all(
            isinstance(faces, list | tuple)
            and len(faces) <= MOST_FACES
            and all(isinstance(face, str) and _FACE.fullmatch(face) for face in faces)
            for faces in lists
        )
        texts = all(isinstance(text, str) and _ID.fullmatch(text) for text in (name, *([target] if target else [])))
        if not (known and texts and isinstance(at_ms, int)) or kind not in get_args(Kind):
            raise InputError("a decision has a kind (same, different or undo), and lists of face identifiers")
        faces, others = (tuple(faces) for faces in lists)
        whole = {"same": len({*faces, *others}) > 1, "different": bool(faces and others), "undo": bool(target)}
        if not whole[kind]:
            raise InputError(f"a decision '{kind}' lacks faces or its target; send it with them")
        return cls(name, cast(Kind, kind), faces, others, target, at_ms)


class DecisionLog:
    """The log of decisions of a workspace.

    Args:
        path: path of the file; it is created with the first decision.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, decision: Decision) -> None:
        """Add a decision. It is on the disk when this returns; a decision with a known identifier is added once.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        with files.storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                if any(known.id == decision.id for known in self.all()):
                    return
                stream.seek(0, os.SEEK_END)
                end = stream.tell()
                stream.seek(max(0, end - 1))
                # A power failure can leave half a line; it stays a line of its own.
                torn = end > 0 and stream.read(1) != b"\n"
                stream.write(b"\n" * torn + json.dumps(asdict(decision)).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())

    def all(self) -> list[Decision]:
        """Return all decisions in their order, undone ones included.

        Raises:
            InputError: a line is no decision. Half a line, as a power failure leaves it, is passed over.
        """
        if not self.path.is_file():
            return []
        found = []
        for number, line in enumerate(self.path.read_bytes().split(b"\n"), start=1):
            try:
                content = json.loads(line)
            except ValueError:
                continue
            try:
                # The page always sends both, and without them a replay would make new ones.
                if not (isinstance(content, dict) and content.get("id") and content.get("at_ms")):
                    raise InputError("a decision has an id and a time")
                found.append(Decision.of(content))
            except InputError as error:
                raise InputError(
                    f"{self.path} line {number} is no decision; restore the file from a copy, or delete the line"
                ) from error
        return found

    def current(self) -> list[Decision]:
        """Return the decisions that count, the oldest first."""
        decisions = self.all()
        undone = {one.target for one in decisions if one.kind == "undo"}
        return [one for one in decisions if one.kind != "undo" and one.id not in undone]


def pairs_of(decision: Decision, track_of: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return the pairs of tracks that a decision is about; faces that are gone are left out.

    Args:
        decision: a decision of the kind `same` or `different`.
        track_of: number of the track of each face.
    """
    first, second = (_tracks(faces, track_of) for faces in (decision.faces, decision.others))
    if decision.kind == "same":
        whole = [*first, *(track for track in second if track not in first)]
        return [(whole[0], track) for track in whole[1:]]
    return [(one, two) for one in first for two in second if one != two]


def _tracks(faces: Sequence[str], track_of: Mapping[str, int]) -> list[int]:
    return list(dict.fromkeys(track_of[face] for face in faces if face in track_of))
