"""What the review page shows and records: the people of the last `fertools identify`, and decisions about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.identity.decisions import Decision, DecisionLog
from fertools.manifests import store

_SHOWN = 6
"""Tracks of each person that a pair shows."""


class ReviewService:
    """The people of a workspace and the log of decisions.

    Args:
        workspace: workspace in which `fertools identify` ran.

    Raises:
        InputError: it did not run there, or its file is damaged.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.log = workspace, DecisionLog(workspace.decisions)
        if not workspace.people.is_file():
            raise InputError(f"there are no people in {workspace.root}; run {calls.IDENTIFY} there first")
        try:
            content = json.loads(workspace.people.read_bytes())
            self.threshold: dict[str, Any] = dict(content["threshold"])
            self._tracks: dict[str, list[dict[str, Any]]] = {
                str(one["subject"]): list(one["tracks"]) for one in content["people"]
            }
            self._pairs = [(one["first"], one["second"], one["similarity"]) for one in content["doubtful_pairs"]]
            shown = {track["face"] for tracks in self._tracks.values() for track in tracks}
            if any(name not in self._tracks for pair in self._pairs for name in pair[:2]):
                raise KeyError("a pair names nobody")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{workspace.people} is damaged; run {calls.IDENTIFY} again") from error
        table = store.read_faces(workspace, ["face_id", "path"])
        paths = zip(table["face_id"].to_pylist(), table["path"].to_pylist(), strict=True)
        self._paths = {face: path for face, path in paths if face in shown and path is not None}
        # The people with doubtful tracks come first, then those with the most tracks.
        self._order = sorted(
            self._tracks,
            key=lambda name: (
                -sum(bool(track["unsure"]) for track in self._tracks[name]),
                -len(self._tracks[name]),
                name,
            ),
        )

    def describe(self) -> dict[str, Any]:
        """Return the counts and the threshold."""
        return {
            "workspace": self.workspace.root.name,
            "people": len(self._tracks),
            "pairs": len(self._pairs),
            "threshold": self.threshold,
            "decisions": [
                {"id": one.id, "kind": one.kind, "faces": one.faces, "others": one.others} for one in self.log.current()
            ],
        }

    def people(self, start: int, count: int) -> dict[str, Any]:
        """Return some people with their tracks, those with doubtful tracks first."""
        names = self._order[start : start + count]
        return {"total": len(self._order), "people": [{"subject": one, "tracks": self._tracks[one]} for one in names]}

    def pairs(self, start: int, count: int) -> dict[str, Any]:
        """Return some doubtful pairs, the most alike first."""
        found = [
            {
                "similarity": alike,
                "people": [
                    {
                        "subject": name,
                        "faces": [track["face"] for track in self._tracks[name]],
                        "shown": [track["face"] for track in self._tracks[name][:_SHOWN]],
                    }
                    for name in (first, second)
                ],
            }
            for first, second, alike in self._pairs[start : start + count]
        ]
        return {"total": len(self._pairs), "pairs": found}

    def decide(self, content: Mapping[str, Any]) -> Decision:
        """Record a decision and return it; it is on the disk then.

        Raises:
            InputError: it is none, or names a face that the page does not show.
            StorageError: the disk is full or cannot be written.
        """
        decision = Decision.of(content)
        if unknown := [face for face in (*decision.faces, *decision.others) if face not in self._paths]:
            raise InputError(f"there is no face '{unknown[0]}' on this page; another dataset may be shown here now")
        self.log.append(decision)
        return decision

    def crop(self, face: str) -> Path | None:
        """Return the path of the crop of a face that the page shows; None for another one."""
        path = self._paths.get(face)
        return None if path is None else self.workspace.root / path
