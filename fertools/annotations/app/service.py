"""The rating service: the catalogue of faces, the log of rating events, and the progress of each rater.

Only the log on the disk is authoritative. The queues and the progress in memory are computed from it, and can be
dropped at any time.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fertools.annotations.app.writer import Writer
from fertools.annotations.calibration_set import Reference, choose_calibration, read_calibration
from fertools.annotations.catalogue import Catalogue
from fertools.annotations.circumplex import load_points
from fertools.annotations.current import current_face_annotations
from fertools.annotations.events import PARTS, RATING_KINDS, Event, Known, check_rater, parse_event
from fertools.annotations.log import Batch, Logged, RatingLog, Receipt
from fertools.annotations.queue import CALIBRATION, MAIN, Queue, is_hidden, make_queue
from fertools.annotations.queue_plan import Plan
from fertools.annotations.replay import PASSES, TASKS, replay
from fertools.annotations.suggestions import (
    PRIOR,
    USUAL_RADIUS,
    Suggestions,
    prior_points,
    read_suggestions,
)
from fertools.core.errors import InputError
from fertools.core.hashing import fingerprint
from fertools.core.vocabulary import EMOTIONS, load_lexicon
from fertools.core.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """Settings of the rating page.

    Attributes:
        tasks: what raters rate: `va`, `emotion` or both.
        plan: seed and shares of the queues.
        raters: names of the admitted raters; empty admits everyone.
        suggestions: points to suggest: `prior`, the path of a table of predictions, or None.
        calibration: path of a table of faces with known ratings, which come first. None draws `plan.calibration` faces
            that have a rating in the manifest.
        warnings: whether the page warns of a value far from the usual point of its expression. None warns only if
            raters choose the expression; otherwise the warning would reveal the label of the face.
        agreement: whether raters see the agreement.
    """

    tasks: tuple[str, ...] = TASKS
    plan: Plan = field(default_factory=Plan)
    raters: tuple[str, ...] = ()
    suggestions: Path | Literal["prior"] | None = None
    calibration: Path | None = None
    warnings: bool | None = None
    agreement: bool = True

    @property
    def warns(self) -> bool:
        """Whether the page warns of values far from the usual point."""
        return "emotion" in self.tasks if self.warnings is None else self.warnings


@dataclass
class _Progress:
    """The queue and the progress of one rater.

    Attributes:
        queue: the faces in order.
        place: parts x faces, the position of each face in the queue; -1 if it is not in the queue.
        done: N Booleans, which positions are rated.
    """

    queue: Queue
    place: npt.NDArray[np.int64]
    done: npt.NDArray[np.bool_]


class RatingService:
    """Serves the requests of the page; use it in one thread only.

    Args:
        workspace: the workspace of the faces.
        settings: settings of the page.

    Raises:
        InputError: there is no manifest or no kept face, or the suggestions or the calibration cannot be read.
    """

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self.workspace, self.settings = workspace, settings
        for rater in settings.raters:
            check_rater(rater)
        self.catalogue = Catalogue(workspace)
        self.points = load_points(workspace.root)
        labels = load_lexicon(workspace.root).labels
        self.emotions = (*EMOTIONS, *(label for label in labels if label not in EMOTIONS))
        self.prior = prior_points(self.catalogue, self.points)
        self.suggestions = _make_suggestions(settings.suggestions, self.catalogue, self.prior)
        self._references = (
            choose_calibration(self.catalogue, settings.plan, settings.tasks)
            if settings.calibration is None
            else read_calibration(settings.calibration, self.catalogue, settings.tasks, self.emotions)
        )
        self.calibration = list(self._references)
        self._hidden = is_hidden(self.catalogue.keys, settings.plan)
        self._known = Known(self.catalogue.row_of, self.catalogue.videos, frozenset(self.emotions))
        self.writer = Writer(workspace.ratings_log)
        self.log = RatingLog(workspace.ratings_log)
        self.log.complete()
        self._progress: dict[str, _Progress] = {}
        self._raters = list(dict.fromkeys([*settings.raters, *self.log.raters()]))
        self._joined = set(self.log.raters())
        self._record_plan()

    def close(self) -> None:
        """Write all waiting events and close the log."""
        self.writer.close()
        self.log.close()

    def _record_plan(self) -> None:
        """Record the settings, unless the last recorded settings are the same."""
        calibration = [self.catalogue.face_ids[row] for row in self.calibration]
        body: dict[str, Any] = {
            **asdict(self.settings.plan),
            "calibration": calibration,
            "tasks": list(self.settings.tasks),
            "raters": list(self.settings.raters),
            "suggestions": self.suggestions.origin if self.suggestions else None,
            "warnings": self.settings.warns,
            "agreement": self.settings.agreement,
        }
        last = [logged.event.body for logged in self.log.events(rater="", kinds=("plan",))][-1:]
        if [fingerprint(dict(one)) for one in last] != [fingerprint(body)]:
            event = Event(uuid.uuid4().hex, "plan", "", int(time.time() * 1000), body)
            self.writer.submit(Batch("", [event])).result()

    @property
    def raters(self) -> list[str]:
        """All raters who joined or are admitted."""
        return list(self._raters)

    def is_known(self, rater: str) -> bool:
        """Return whether a rater of that name joined before or is admitted."""
        return rater in self._raters

    async def join(self, name: object) -> str:
        """Admit a rater and return the name.

        Raises:
            InputError: the name is invalid or not admitted.
        """
        rater = check_rater(name)
        if self.settings.raters and rater not in self.settings.raters:
            raise InputError(f"'{rater}' is not among the raters here; they are {', '.join(self.settings.raters)}")
        if rater not in self._joined:
            event = Event(uuid.uuid4().hex, "join", "", int(time.time() * 1000), {})
            await asyncio.wrap_future(self.writer.submit(Batch(rater, [event])))
            self._joined.add(rater)
            if rater not in self._raters:
                self._raters.append(rater)
                if self.settings.plan.overlap < 1:
                    # A new rater takes over a part of every queue.
                    self._progress.clear()
        return rater

    def rater(self, name: object) -> str:
        """Return the name of a rater who joined.

        Raises:
            InputError: nobody of that name joined.
        """
        if not isinstance(name, str) or name not in self._joined:
            raise InputError(f"there is no rater '{name}'; enter the name on the page first")
        return name

    async def record(self, rater: str, raw_events: Sequence[object]) -> tuple[Receipt, dict[str, str]]:
        """Write events to the log; return the receipt, and the reason for each refused event.

        An invalid event does not block the others.

        Raises:
            StorageError: the disk is full or cannot be written. Nothing was added.
        """
        events, refused = [], {}
        for number, raw in enumerate(raw_events):
            try:
                events.append(parse_event(raw, self._known))
            except InputError as error:
                event_id = raw.get("id") if isinstance(raw, dict) else None
                refused[event_id if isinstance(event_id, str) else f"event {number} of the batch"] = str(error)
        receipt = await asyncio.wrap_future(self.writer.submit(Batch(rater, events)))
        self._refresh(rater, receipt.added)
        return receipt, refused | receipt.refused

    def _refresh(self, rater: str, events: Sequence[Event]) -> None:
        """Update the progress for the items of new events."""
        progress = self._progress.get(rater)
        if progress is None:
            return
        items: set[str] = set()
        for event in events:
            if event.kind in RATING_KINDS:
                items.update(event.items)
            elif event.kind in ("undo", "redo"):
                items.update(self.items_of(rater, str(event.body["target"])))
        for item in items:
            kind, _, name = item.partition(":")
            if kind == "face":
                part, _, face_id = name.partition(":")
                place = progress.place[PARTS.index(part), self.catalogue.row_of[face_id]]
                if place >= 0:
                    progress.done[place] = replay(self.rating_events(rater, item)[0]).is_done(self.settings.tasks)

    def items_of(self, rater: str, event_id: str) -> list[str]:
        """Return the items of an event of a rater."""
        rows = self.log.connection.execute(
            "SELECT item FROM events JOIN about USING (number, rater) WHERE event_id = ? AND rater = ?",
            (event_id, rater),
        )
        return [item for (item,) in rows]

    def rating_events(self, rater: str, item: str) -> tuple[list[Event], list[Logged]]:
        """Return the active rating events of a rater on an item, and all of them, each in order."""
        every = list(self.log.events(rater=rater, item=item, kinds=tuple(RATING_KINDS)))
        undone = self.log.undone_of(rater, [logged.event.id for logged in every])
        return [logged.event for logged in every if logged.event.id not in undone], every

    def progress(self, rater: str) -> _Progress:
        """Return the queue and the progress of a rater, computed at the first call."""
        if rater not in self._progress:
            keys, plan = self.catalogue.keys, self.settings.plan
            queue = make_queue(keys, plan, self.calibration, self._raters, rater)
            place = np.full((len(PARTS), len(self.catalogue)), -1, np.int64)
            place[queue.parts, queue.rows] = np.arange(len(queue))
            progress = _Progress(queue, place, np.zeros(len(queue), bool))
            self._mark_done(rater, progress)
            self._progress[rater] = progress
        return self._progress[rater]

    def _mark_done(self, rater: str, progress: _Progress) -> None:
        if next(self.log.events(rater=rater, kinds=tuple(RATING_KINDS)), None) is None:
            return  # the first page of a new rater does not wait for an empty replay
        table = current_face_annotations(self.log, self.log.undone(rater), rater=rater)
        done = np.array([bool(PASSES.intersection(flags)) for flags in table["flags"].to_pylist()], bool)
        given = {"va": table["valence"].is_valid(), "emotion": table["emotion"].is_valid()}
        done |= np.logical_and.reduce([given[task].to_numpy() for task in self.settings.tasks])
        answered = table.select(["part", "face_id"]).filter(pa.array(done))
        for part, face_id in zip(*(column.to_pylist() for column in answered.columns), strict=True):
            row = self.catalogue.row_of.get(face_id)
            if row is not None and (place := progress.place[PARTS.index(part), row]) >= 0:
                progress.done[place] = True

    def next_place(self, rater: str, after: int) -> int | None:
        """Return the first open position after `after`, continuing from the start; None if all are rated."""
        done = self.progress(rater).done
        for begin, end in ((after + 1, len(done)), (0, min(after + 1, len(done)))):
            if begin < end and not done[begin:end].all():
                return begin + int(np.argmin(done[begin:end]))
        return None

    def items(self, rater: str, places: range) -> list[dict[str, Any]]:
        """Return the data of the page for a range of positions, without those beyond the queue."""
        queue = self.progress(rater).queue
        inside = range(max(0, places.start), min(places.stop, len(queue)))
        return [self._item(rater, int(queue.rows[place]), int(queue.parts[place]), place) for place in inside]

    def item(self, rater: str, face_id: object, part: object) -> dict[str, Any]:
        """Return the data of the page for one face. Its `place` is None if it is not in the rater's queue.

        Raises:
            InputError: there is no such face or no such part.
        """
        if not isinstance(face_id, str) or face_id not in self.catalogue.row_of:
            raise InputError(f"there is no face '{face_id}' to rate in this workspace")
        if part not in PARTS:
            raise InputError(f"there is no part '{part}'; parts are {', '.join(PARTS)}")
        row, number = self.catalogue.row_of[face_id], PARTS.index(str(part))
        place = int(self.progress(rater).place[number, row])
        return self._item(rater, row, number, place if place >= 0 else None)

    def _item(self, rater: str, row: int, number: int, place: int | None) -> dict[str, Any]:
        face_id, part = self.catalogue.face_ids[row], PARTS[number]
        counting, every = self.rating_events(rater, f"face:{part}:{face_id}")
        ids = {event.id for event in counting}
        return {
            "place": place,
            "part": part,
            "face": face_id,
            "source": self.catalogue.value("source_id", row),
            "frame": self.catalogue.value("frame_index", row),
            "suggestion": self._suggestion(row) if number == MAIN else None,
            "hidden": bool(self._hidden[row]),
            "usual": self._usual(row),
            "done": replay(counting).is_done(self.settings.tasks),
            "events": [
                {"id": one.event.id, "kind": one.event.kind, "active": one.event.id in ids, **one.event.body}
                for one in every
            ],
        }

    def _suggestion(self, row: int) -> dict[str, Any] | None:
        if self.suggestions is None or np.isnan(self.suggestions.points[row]).any():
            return None
        valence, arousal = self.suggestions.points[row].tolist()
        return {"valence": valence, "arousal": arousal, "origin": self.suggestions.origin}

    def _usual(self, row: int) -> str | None:
        """Return the expression whose usual point a rating is compared with, unless raters choose it themselves."""
        if not self.settings.warns or "emotion" in self.settings.tasks:
            return None  # the page uses the rater's own choice
        emotion = self.catalogue.value("emotion", row)
        return emotion if emotion in self.points else None

    def reference(self, face_id: object) -> Reference:
        """Return the known rating of a calibration face.

        Raises:
            InputError: the face is not in the calibration set.
        """
        row = self.catalogue.row_of.get(str(face_id))
        if row is None or row not in self._references:
            raise InputError(f"'{face_id}' is no face of the calibration set")
        return self._references[row]

    def counts(self, rater: str) -> dict[str, int | str]:
        """Return the length of a rater's queue and the number of rated positions, in all and of the calibration set.

        The result also has the digest `catalogue` of the faces, and `current`, whether the manifest is unchanged.
        """
        progress = self.progress(rater)
        first = progress.queue.parts == CALIBRATION
        return {
            "total": len(progress.queue),
            "done": int(progress.done.sum()),
            "calibration": int(first.sum()),
            "calibration_done": int(progress.done[first].sum()),
            "catalogue": self.catalogue.fingerprint,
            "current": self.catalogue.is_current(),
        }

    def describe(self) -> dict[str, Any]:
        """Return the settings and the data that the page needs at its start."""
        return {
            "log": self.log.identity,
            "tasks": list(self.settings.tasks),
            "emotions": list(self.emotions),
            "points": {
                label: {"valence": point.valence, "arousal": point.arousal, "source": point.source}
                for label, point in self.points.items()
            },
            "usual_radius": USUAL_RADIUS if self.settings.warns else None,
            "agreement": self.settings.agreement,
            "suggestions": None if self.suggestions is None else self.suggestions.origin,
            "prior": PRIOR,
            "catalogue": self.catalogue.fingerprint,
            "faces": len(self.catalogue),
            "videos": len(self.catalogue.videos),
            "now_ms": self.log.clock_ms(),
        }


def _make_suggestions(
    wanted: Path | str | None, catalogue: Catalogue, prior: npt.NDArray[np.float64]
) -> Suggestions | None:
    if wanted is None:
        return None
    return Suggestions(prior, PRIOR) if wanted == PRIOR else read_suggestions(Path(wanted), catalogue)
