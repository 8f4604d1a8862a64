"""`forget`: take people, videos or single faces out of a dataset for good.

What goes is found first and written to `manifests/forgetting.json`, then the tombstones are written, then everything is
removed. Until that file is gone, no other command changes the workspace, and the next `forget` continues. The original
videos and pictures belong to the user and stay; the summary names them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from fertools.core import calls, files, locking
from fertools.core.arguments import argument
from fertools.core.errors import FertoolsError, InputError
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.shards import shard_folders
from fertools.manifests import store
from fertools.manifests.tombstones import add_tombstones, read_tombstones
from fertools.transfer.exports.exported_folders import exports_with
from fertools.transfer.forget_store import forget_in_store
from fertools.transfer.forget_target import Target, find_target, read_target
from fertools.transfer.forget_workspace import Erased, erase, find_remaining
from fertools.transfer.merge_base import known_stores
from fertools.transfer.merged_folders import merged_workspaces


@dataclass(frozen=True)
class ForgetSummary(Erased, HtmlFields):
    """What `forget` removed, and what it cannot remove. The counts are totals of all workspaces.

    Attributes:
        faces: number of rows of the manifest.
        sources: number of rows of the sources table.
        crops: number of crops of any template and size.
        generated: number of generated faces that were made from the forgotten ones.
        records: number of ratings and of other rows, lines and entries about the faces.
        pictures: number of other pictures, such as generated faces, sample grids and reports.
        caches: number of files of caches, which are made again when they are needed.
        trained: runs whose networks learned from the people, or were selected by them.
        tested: other runs that were given their faces. If the people had other identifiers then, these learned, too.
        untraceable: runs without the records that tell whether they saw the people.
        workspaces: folders of the workspaces that were searched.
        originals: files of the user that still show the faces.
        exports: folders of exports that still have the faces.
        stores: addresses of the copies of these workspaces, which are cleaned as well.
        unreached: those that could not be cleaned, with the reason.
        remaining: texts in the workspaces that still mention a face.
    """

    workspaces: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()


def forget(
    workspace: WorkspaceLike,
    *,
    subjects: Collection[str] = (),
    sources: Collection[str] = (),
    faces: Collection[str] = (),
    others: Sequence[WorkspaceLike] = (),
    dry_run: bool = False,
    report: Reporter | None = None,
) -> ForgetSummary:
    """Remove people, sources or faces from a dataset, and leave tombstones that keep them out.

    Without any of these, the call continues one that was stopped, or that could not reach a store. The shards of the
    workspace, the workspaces that were merged into it, and the stores that it was copied to or from
    are cleaned as well. A rerun of `ingest`, `merge` or `pull` leaves out what has a tombstone.

    Args:
        workspace: the workspace to change.
        subjects: identifiers of people; all of their faces go.
        sources: identifiers of videos or pictures, or their paths as in the sources table.
        faces: identifiers of single faces.
        others: further workspaces with copies of the same faces. Faces and sources are found there by their
            identifiers, which follow from the content; people of the same name are not.
        dry_run: only count; nothing is changed and no store is contacted.
        report: receives the progress.

    Returns:
        The summary. A call that continues a stopped one returns the summary of the whole work.

    Raises:
        InputError: nothing is given and nothing was forgotten before, or a value is not in the dataset. Or a file in
            the workspace is damaged, or another command or a rating page is running.
        SchemaError: a manifest is of another schema version.
        StorageError: a file cannot be written; the same call continues.

    Example:
        >>> forget("my-dataset", subjects=["p01"], dry_run=True).faces > 0
        True
    """
    report = report or Silent()
    home = Workspace(workspace)
    request = {"subjects": sorted(subjects), "sources": sorted(sources), "faces": sorted(faces)}
    places = _places(home, [Workspace(other) for other in others], report)
    with ExitStack() as held:
        for one in places if not dry_run else ():
            store.read_faces(one, ("face_id",))
            held.enter_context(one.locked("forgetting", forgetting=True))
            if one.ratings.parent.is_dir():
                held.enter_context(locking.exclusive(one.rating_lock, "forgetting"))
        if home.forgetting.is_file():
            if dry_run:
                raise InputError(f"{home.root} was forgetting faces when it was stopped; finish that: {calls.FORGET}")
            begun = read_target(home.forgetting)
            summary = _finish(home, places, begun, report)
            if begun["request"] == request or not any(request.values()):
                return summary
        elif not any(request.values()):
            return _reach_stores(home, places)
        _refuse_unknown(home, request)
        targets, summary = _plan(home, places, request)
        if dry_run:
            return summary
        work = {"request": request, "target": targets[home].to_json(), "summary": asdict(summary)}
        files.write_json(home.forgetting, work)
        return _finish(home, places, work | {"target": targets[home]}, report)


def _plan(
    home: Workspace, places: Sequence[Workspace], request: dict[str, list[str]]
) -> tuple[dict[Workspace, Target], ForgetSummary]:
    first = find_target(home, **{name: set(values) for name, values in request.items()})
    targets = {one: first if one == home else _target_in(home, one, first) for one in places}
    erased = Erased()
    for one, target in targets.items():
        erased += erase(one, target, write=False)
    summary = ForgetSummary(
        **asdict(erased),
        workspaces=tuple(str(one.root) for one in places),
        originals=tuple(sorted({path for target in targets.values() for path in target.originals})),
        exports=tuple(name for one, target in targets.items() for name in exports_with(one, target.faces)),
        stores=tuple(url for one in places for url in known_stores(one)),
    )
    return targets, summary


def _target_in(home: Workspace, place: Workspace, first: Target) -> Target:
    """Return the target in another workspace. A share has the same subjects; elsewhere names may differ."""
    subjects = first.subjects if place.root.is_relative_to(home.shards) else ()
    return find_target(place, subjects, first.sources, first.faces | first.generated)


def _finish(home: Workspace, places: Sequence[Workspace], work: dict[str, Any], report: Reporter) -> ForgetSummary:
    """Carry out the work that `home.forgetting` describes, and remove that file."""
    first: Target = work["target"]
    scrubs = {}
    report.start(len(places))
    for number, one in enumerate(places):
        # A place that was being changed when the work stopped has lost rows already, so it recorded its target.
        if one == home:
            target = first
        elif one.forgetting.is_file():
            target = read_target(one.forgetting)["target"]
        else:
            target = _target_in(home, one, first)
            if target:
                files.write_json(one.forgetting, {"request": {}, "target": target.to_json(), "summary": {}})
        add_tombstones(one, target.tombstones(one))
        erase(one, target, write=True)
        scrubs[one] = target.scrub
        report.advance(number + 1)
    unreached = _clean_stores(places)
    remaining = [str(one.path_of(name)) for one, scrub in scrubs.items() for name in find_remaining(one, scrub)]
    for one in (*places[1:], home):
        one.forgetting.unlink(missing_ok=True)
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value for name, value in work["summary"].items()
    }
    return ForgetSummary(**{**told, "unreached": unreached, "remaining": tuple(remaining)})


def _clean_stores(places: Sequence[Workspace]) -> tuple[str, ...]:
    """Clean the copies of some workspaces in stores; return those that could not be, with the reason."""
    unreached = []
    for one in places:
        for url in known_stores(one):
            try:
                forget_in_store(one, url)
            except FertoolsError as error:
                unreached.append(f"{url}: {error}")
    return tuple(unreached)


def _reach_stores(home: Workspace, places: Sequence[Workspace]) -> ForgetSummary:
    """Clean the stores again that an earlier call may not have reached."""
    if not read_tombstones(home):
        raise InputError(f"nothing to forget is given; give {argument('subjects')}, for example")
    return ForgetSummary(
        workspaces=tuple(str(one.root) for one in places),
        stores=tuple(url for one in places for url in known_stores(one)),
        unreached=_clean_stores(places),
    )


def _places(home: Workspace, others: Sequence[Workspace], report: Reporter) -> list[Workspace]:
    """Return the workspaces to clean: the given ones, their shards, and those that were merged into them."""
    found: dict[Workspace, None] = {}
    waiting = [home, *others]
    for one in waiting:
        if one in found:
            continue
        if one != home and not one.manifest.is_file():
            report.note(f"there is no dataset in {one.root} any more, so nothing is forgotten there")
            continue
        found[one] = None
        waiting += [*map(Workspace, shard_folders(one)), *merged_workspaces(one)]
    return list(found)


def _refuse_unknown(home: Workspace, request: dict[str, list[str]]) -> None:
    """Raise InputError if a value is neither in the dataset nor forgotten already."""
    stones = read_tombstones(home)
    rows = store.read_faces(home, ("face_id", "subject_id"))
    listed = store.read_sources(home, ("source_id", "path", "subject_id"))
    known = {
        "subjects": {*rows["subject_id"].to_pylist(), *listed["subject_id"].to_pylist()},
        "sources": {*listed["source_id"].to_pylist(), *listed["path"].to_pylist()},
        "faces": {*rows["face_id"].to_pylist()},
    }
    for name, values in request.items():
        for value in values:
            if value not in known[name] and not stones.has(name.removesuffix("s"), value):
                raise InputError(
                    f"{argument(name)} has '{value}', which is not in {home.manifest}; check it and repeat"
                )
