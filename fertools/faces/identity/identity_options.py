"""The options and the result of `fertools identify`. The command line reads the defaults, so nothing heavy is here."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import HtmlFields
from fertools.core.spreading import Engine, check_engine


@dataclass(frozen=True)
class IdentifyOptions:
    """How to find who is who.

    Attributes:
        embedder: name of the face recognition network.
        weights: its weights, as a path or a name; empty for the usual place.
        input: crop of an ONNX network, such as `arcface,112,rgb,-1..1`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        faces_per_track: number of faces to compare of each track, the best of equal stretches of time.
        threshold: cosine above which tracks are one person; None to calibrate it on this dataset.
        false_matches: share of pairs of different people that may be above the calibrated threshold.
        overwrite: start again instead of adding to the people of an earlier run. Decisions still count.
        engine: `local`, or `ray` to embed faces on a Ray cluster. Its machines have to see the workspace and the
            weights under the same path.
        ray_address: address of the cluster, such as `auto` or `10.0.0.5:6379`; None starts one on this machine.

    Raises:
        InputError: a value is out of range.
    """

    embedder: str = "dlib"
    weights: str = ""
    input: str = ""
    device: str = "auto"
    faces_per_track: int = 8
    threshold: float | None = None
    false_matches: float = 0.001
    overwrite: bool = False
    engine: Engine = "local"
    ray_address: str | None = None

    def __post_init__(self) -> None:
        check_engine(self.engine, self.ray_address)
        if not 1 <= self.faces_per_track <= 100:
            raise InputError(f"{argument('faces_per_track')} is {self.faces_per_track}; give 1 to 100")
        if self.threshold is not None and not -1 < self.threshold < 1:
            raise InputError(f"{argument('threshold')} is {self.threshold}; give a cosine between -1 and 1")
        if not 0 < self.false_matches < 0.5:
            raise InputError(f"{argument('false_matches')} is {self.false_matches}; give a share between 0 and 0.5")


@dataclass(frozen=True)
class IdentifySummary(HtmlFields):
    """The result of `fertools identify`.

    Attributes:
        tracks: number of tracks with at least one usable face; a face of a picture is a track.
        people: number of people.
        new_people: number of people without a name and without an identifier of an earlier run.
        embedded: number of faces whose embedding was computed now.
        unreadable: number of tracks whose crops are missing; their subjects did not change.
        threshold: cosine above which the mean similarity joined two clusters.
        threshold_origin: `calibrated`, `constant` or `given`.
        known_different: number of pairs of tracks that are known to show two people.
        unsure_tracks: number of tracks that may be another person's.
        doubtful_pairs: number of pairs of people that may be one.
        split_tracks: tracks that show two people, as `path: track N at frame M`.
        renamed: identifiers of an earlier run that changed, as `OLD -> NEW` with the number of tracks.
        changed: number of faces whose subject changed.
        notes: sentences about contradictions and limits.
    """

    tracks: int
    people: int
    new_people: int
    embedded: int
    unreadable: int
    threshold: float
    threshold_origin: str
    known_different: int
    unsure_tracks: int
    doubtful_pairs: int
    split_tracks: tuple[str, ...]
    renamed: tuple[str, ...]
    changed: int
    notes: tuple[str, ...]
