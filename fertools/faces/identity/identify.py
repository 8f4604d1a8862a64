"""`identify`: find who is who across videos and pictures, and write the people into the manifest.

The best faces of each track are embedded, and tracks that show two people are split. What is already known gives the
constraints and the threshold. Tracks are then clustered into people, who keep the identifiers of earlier runs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.progress import Reporter, Silent
from fertools.core.spreading import spread_over
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.identity import evidence, face_crops
from fertools.faces.identity.clustering import cluster
from fertools.faces.identity.decisions import DecisionLog
from fertools.faces.identity.embedder import Embedder, EmbedderOptions, Floats, unit
from fertools.faces.identity.embedding_cache import EmbeddingCache
from fertools.faces.identity.identity_options import IdentifyOptions, IdentifySummary
from fertools.faces.identity.links import Groups
from fertools.faces.identity.people import Doubts, find_doubts, name_people
from fertools.faces.identity.registry import load_embedder, reopen_embedder
from fertools.faces.identity.similarity_threshold import Threshold, calibrate
from fertools.faces.identity.track_parts import find_cuts
from fertools.faces.identity.tracks import COLUMNS, Tracks, find_tracks
from fertools.manifests import store
from fertools.manifests.change import changing, differs
from fertools.manifests.schema import FACES

SECTION = "identify"
"""Section of `fertools.toml` with the record of the last run."""
_SUBJECT = ("subject_id", "subject_origin", "subject_confidence")
_NAMED = 3


@dataclass(frozen=True)
class _Embedded:
    """Tracks with the embeddings of their chosen faces, all of them readable."""

    tracks: Tracks
    faces: tuple[Floats, ...]

    @property
    def means(self) -> Floats:
        """(T, D) embeddings of the tracks, of length 1."""
        return unit(np.stack([faces.mean(axis=0) for faces in self.faces]))


@dataclass(frozen=True)
class _Result:
    tracks: Tracks
    labels: NDArray[np.int64]
    names: list[str]
    stated: dict[int, str]
    earlier: dict[int, str]
    decided: set[int]
    threshold: Threshold
    doubts: Doubts
    notes: tuple[str, ...]
    split: tuple[str, ...] = ()


def identify(
    workspace: WorkspaceLike,
    options: IdentifyOptions | None = None,
    report: Reporter | None = None,
    *,
    network: Embedder | None = None,
    dry_run: bool = False,
) -> IdentifySummary:
    """Find who is who in a dataset, and write each face's subject into the manifest.

    Subjects that a dataset, a folder or a table states do not change. People of an earlier run keep their identifiers;
    new tracks join them or become new people. Decisions of `fertools identify review` are replayed.

    Args:
        workspace: workspace of the faces.
        options: embedder and threshold; None for the defaults.
        report: receives the progress.
        network: an embedder of your own; None for the one that the options name.
        dry_run: only count; write nothing but the cache of embeddings.

    Raises:
        InputError: there is no manifest or no usable face, the embedder or its weights are missing, or another command
            runs here.
        StorageError: the disk is full or cannot be written; the same call continues.
    """
    workspace = Workspace(workspace)
    options, report = options or IdentifyOptions(), report or Silent()
    wanted = EmbedderOptions(options.weights, options.input, options.device, str(workspace.root))
    embedder = network or load_embedder(options.embedder, wanted)
    with changing(workspace, "an identify") as faces:
        spread = spread_over(options.engine, options.ray_address, workspace.manifest, gpus=options.device != "cpu")
        reopen = None if network else _reopening(options.embedder, wanted, embedder)
        embed = partial(EmbeddingCache(workspace.embeddings, embedder).embed, spread=spread, reopen=reopen)
        found, computed, unreadable = _embed(workspace, faces, options.faces_per_track, partial(embed, report=report))
        result = _find_people(workspace, found, options, embedder)
        after = _with_subjects(faces, result)
        changed = int(differs(faces, after, _SUBJECT[:2]).sum())
        if not dry_run:
            if differs(faces, after, _SUBJECT).any():
                store.write_table(workspace.manifest, FACES, after)
            files.write_json(workspace.people, _people_file(result, embedder))
            record = {"embedder": embedder.card.name, "weights": embedder.card.digest}
            workspace.save_settings(SECTION, {**record, "threshold": result.threshold.value})
    return _summarise(result, computed, unreadable, changed)


def _reopening(name: str, options: EmbedderOptions, embedder: Embedder) -> Callable[[], Embedder]:
    """Return what opens the embedder again on another machine, whose current folder is another one."""
    path = Path(options.weights)
    there = replace(options, weights=str(path.absolute())) if options.weights and path.is_file() else options
    return partial(reopen_embedder, name, there, embedder.card.digest)


def _embed(
    workspace: Workspace, faces: pa.Table, most: int, embed: Callable[[Path, list[dict[str, Any]]], tuple[Floats, int]]
) -> tuple[_Embedded, int, int]:
    """Return the tracks with their embeddings, and the numbers of computed faces and of tracks without crops."""
    tracks = find_tracks(faces.select(list(COLUMNS)), most)
    if not tracks.chosen:
        raise InputError(
            f"no face of {workspace.root} can be compared, because none is kept; ingest videos or pictures"
        )
    rows = np.concatenate(tracks.chosen)
    table = faces.select(list(face_crops.COLUMNS)).take(rows)
    vectors, computed = embed(workspace.root, table.to_pylist())
    chosen: list[NDArray[np.int64]] = []
    embeddings: list[Floats] = []
    number = np.full(len(tracks.chosen), -1, np.int64)
    ends = np.cumsum([len(one) for one in tracks.chosen])[:-1]
    for track, (own, found) in enumerate(zip(tracks.chosen, np.split(vectors, ends), strict=True)):
        readable = np.isfinite(found).all(axis=1)
        if readable.any():
            number[track] = len(chosen)
            chosen.append(own[readable])
            embeddings.append(found[readable])
    if not chosen:
        raise InputError(f"no crop of {workspace.root} can be read; ingest again with the sources at their place")
    track_of = np.where(tracks.track_of >= 0, number[tracks.track_of], -1)
    readable_tracks = Tracks(tracks.faces, track_of, tuple(chosen))
    return _Embedded(readable_tracks, tuple(embeddings)), computed, int((number < 0).sum())


def _find_people(workspace: Workspace, found: _Embedded, options: IdentifyOptions, embedder: Embedder) -> _Result:
    decisions = DecisionLog(workspace.decisions)
    groups, _, _ = _known(found.tracks, decisions)
    threshold = calibrate(found.means, groups, embedder.card, options.false_matches, options.threshold)
    found, split = _split_tracks(workspace, found, threshold)
    tracks, means = found.tracks, found.means
    groups, decided, notes = _known(tracks, decisions)
    threshold = calibrate(means, groups, embedder.card, options.false_matches, options.threshold)
    bound, _, _ = _known(tracks, decisions)
    if not options.overwrite:
        bound.add(evidence.links_of_earlier(tracks, decided), "earlier")
    labels = cluster(means, bound, threshold.value)
    stated = {track: name for track, _, name in evidence.links_of_names(tracks).names}
    earlier = evidence.earlier_subjects(tracks)
    ids = tracks.faces["face_id"].take(np.array([rows[0] for rows in tracks.chosen])).to_pylist()
    names = name_people(labels, {track: str(name) for track, name in stated.items()}, earlier, ids)
    doubts = find_doubts(means, labels, groups, threshold)
    said = {track: str(name) for track, name in stated.items()}
    return _Result(tracks, labels, names, said, earlier, decided, threshold, doubts, notes, split)


def _known(tracks: Tracks, log: DecisionLog) -> tuple[Groups, set[int], tuple[str, ...]]:
    """Return what is known of tracks except for earlier runs, the tracks of decisions, and notes on contradictions."""
    groups, decided = Groups(len(tracks.chosen)), set()
    faces = dict(zip(tracks.faces["face_id"].to_pylist(), tracks.track_of.tolist(), strict=True))
    track_of = {face: track for face, track in faces.items() if track >= 0}
    for decision, links in evidence.links_of_decisions(log.current(), track_of):
        groups.add(links, "decisions")
        decided |= {track_of[face] for face in (*decision.faces, *decision.others) if face in track_of}
    groups.add(evidence.links_of_frames(tracks), "frames")
    groups.add(evidence.links_of_names(tracks), "names")
    counts = Counter((one.evidence, one.said) for one in groups.contradictions)
    words = {
        "decisions": "decisions on the review page contradict newer ones, which count",
        "frames": "pairs of faces in one frame are one person, because a decision says so",
        "names": "names contradict a decision, or two faces in one frame",
    }
    notes = tuple(f"{count:,} {words[kind]}" for (kind, _), count in sorted(counts.items()))
    return groups, decided, notes


def _split_tracks(workspace: Workspace, found: _Embedded, threshold: Threshold) -> tuple[_Embedded, tuple[str, ...]]:
    """Return the tracks with those split that show several people, and where they were split."""
    tracks = found.tracks
    named = {track for track, _, _ in evidence.links_of_names(tracks).names}
    chosen, faces = list(tracks.chosen), list(found.faces)
    cuts: list[tuple[int, int, NDArray[np.int64]]] = []
    for track, (rows, vectors) in enumerate(zip(tracks.chosen, found.faces, strict=True)):
        ends = [] if track in named else find_cuts(vectors, threshold.stranger)
        parts = list(zip(np.split(rows, ends), np.split(vectors, ends), strict=True))
        chosen[track], faces[track] = parts[0]
        before = track
        for cut, (part, own) in zip(ends, parts[1:], strict=True):
            cuts.append((before, len(chosen), rows[cut - 1 : cut + 1]))
            before = len(chosen)
            chosen.append(part)
            faces.append(own)
    if not cuts:
        return found, ()
    columns = tracks.faces.select(["source_id", "track_id", "frame_index"])
    frames = columns["frame_index"].to_numpy()
    track_of, split = tracks.track_of.copy(), []
    paths = dict(
        zip(*(store.read_sources(workspace, [name])[name].to_pylist() for name in ("source_id", "path")), strict=True)
    )
    for track, other, beside in cuts:
        # The change is between two compared faces; the frame in the middle is as good as any.
        at = int(frames[beside].sum()) // 2 + 1
        track_of[(track_of == track) & (frames >= at)] = other
        row = columns.slice(int(beside[0]), 1).to_pylist()[0]
        split.append(f"{paths.get(row['source_id'], row['source_id'])}: track {row['track_id']} at frame {at}")
    return _Embedded(Tracks(tracks.faces, track_of, tuple(chosen)), tuple(faces)), tuple(split)


def _with_subjects(faces: pa.Table, result: _Result) -> pa.Table:
    """Return the manifest with the subjects of tracks; faces with a stated subject do not change."""
    tracks = result.tracks
    ids, origins, confidences = (faces[name].to_pylist() for name in _SUBJECT)
    confidence = result.threshold.confidence(result.doubts.inside)
    for row in np.flatnonzero(tracks.track_of >= 0).tolist():
        if origins[row] in evidence.NAMED:
            continue
        track = int(tracks.track_of[row])
        ids[row] = result.names[int(result.labels[track])]
        by_person = track in result.decided
        origins[row] = "person" if by_person else "identity"
        unknown = by_person or not np.isfinite(result.doubts.inside[track]) or not np.isfinite(confidence[track])
        confidences[row] = None if unknown else float(confidence[track])
    return store.replace_columns(faces, dict(zip(_SUBJECT, (ids, origins, confidences), strict=True)))


def _people_file(result: _Result, embedder: Embedder) -> dict[str, Any]:
    """Return the content of `manifests/people.json`: each person's tracks, and the doubtful pairs."""
    tracks = result.tracks
    rows = np.array([own[len(own) // 2] for own in tracks.chosen])
    shown = tracks.faces.select(["face_id", "source_id", "track_id"]).take(rows).to_pylist()
    people: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for track, row in enumerate(shown):
        inside = float(result.doubts.inside[track])
        people[int(result.labels[track])].append(
            {
                "face": row["face_id"],
                "source": row["source_id"],
                "track": row["track_id"],
                "similarity": round(inside, 4) if np.isfinite(inside) else None,
                "unsure": bool(result.doubts.tracks[track]),
                "stated": result.stated.get(track),
            }
        )
    card, threshold = embedder.card, result.threshold
    return {
        "embedder": {"name": card.name, "digest": card.digest, "licence": card.licence, "origin": card.origin},
        "threshold": {"value": threshold.value, "doubtful": threshold.doubtful, "origin": threshold.origin},
        "people": [{"subject": result.names[person], "tracks": own} for person, own in sorted(people.items())],
        "doubtful_pairs": [
            {"first": result.names[one], "second": result.names[two], "similarity": round(alike, 4)}
            for one, two, alike in result.doubts.pairs
        ],
    }


def _summarise(result: _Result, computed: int, unreadable: int, changed: int) -> IdentifySummary:
    known = {*result.stated.values(), *result.earlier.values()}
    moved = Counter(
        (name, result.names[int(result.labels[track])])
        for track, name in result.earlier.items()
        if result.names[int(result.labels[track])] != name
    )
    threshold, notes = result.threshold, list(result.notes)
    if threshold.origin == "constant":
        notes.append(
            f"the threshold {threshold.value:.3f} is the embedder's constant, because only {threshold.pairs} pairs are "
            "known to show two people"
        )
    return IdentifySummary(
        tracks=len(result.tracks.chosen),
        people=len(result.names),
        new_people=len(set(result.names) - known),
        embedded=computed,
        unreadable=unreadable,
        threshold=round(threshold.value, 4),
        threshold_origin=threshold.origin,
        known_different=threshold.pairs,
        unsure_tracks=int(result.doubts.tracks.sum()),
        doubtful_pairs=len(result.doubts.pairs),
        split_tracks=result.split,
        renamed=tuple(f"{old} -> {new} ({count} tracks)" for (old, new), count in sorted(moved.items())),
        changed=changed,
        notes=tuple(notes),
    )
