"""What a run takes from other runs. A run is refused if one of them learned from its test people."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.arguments import given
from fertools.core.errors import CheckFailed, InputError
from fertools.core.hashing import hash_bytes, hash_file
from fertools.core.workspace import Workspace
from fertools.manifests import nested
from fertools.training.data.faces import Side
from fertools.training.data.generated_faces import find_generators, find_seen_folds, find_selection, read_selection
from fertools.training.networks.published_weights import find_weights
from fertools.training.recipes.recipe import EngineRecipe, Recipe, TranslatingRecipe
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.generated import generated_path
from fertools.training.runs.job import Job
from fertools.training.runs.lineage import (
    Ancestor,
    Role,
    compose_lineage,
    digest_person,
    read_lineage,
    read_metadata,
    trace_weights,
    write_people,
)
from fertools.training.runs.metadata import Record

_COLUMNS = ["subject_id", "face_id", "parent_id"]
_NAMED = 3
"""Largest number of people named in a message."""


def trace_recipe(workspace: Workspace, recipe: Recipe) -> list[Ancestor]:
    """Return the ancestors of a run: its initial weights, its generated faces and its judge.

    Missing ones are skipped: their run may not be trained yet, and loading them raises its own error.

    Args:
        workspace: workspace with the runs and weights.
        recipe: recipe of the run.

    Raises:
        OSError: a file cannot be read.
    """
    found = []
    for name in dict.fromkeys(recipe.starting_weights.values() if isinstance(recipe, EngineRecipe) else ()):
        with contextlib.suppress(InputError):
            found.append(trace_weights(workspace, find_weights(name, workspace), name))
    names = dict.fromkeys(name for domain in recipe.domains for name in domain.generated)
    traced = [trace_generated(workspace, name) for name in names]
    if isinstance(recipe, TranslatingRecipe) and recipe.judge:
        traced.append(trace_run(workspace, recipe.judge.removeprefix("training/"), "judge"))
    return [*found, *(ancestor for ancestor in traced if ancestor is not None)]


def trace_generated(workspace: Workspace, name: str) -> Ancestor | None:
    """Return generated faces as an ancestor: those of a run, or those of a selection with all that it builds upon.

    Args:
        workspace: whose runs.
        name: `SYSTEM/RUN`, or the folder of a selection; None is returned where there is neither.

    Raises:
        InputError: a record is damaged.
        SchemaError: the selection is damaged.
        OSError: a file cannot be read.
    """
    if (path := find_selection(workspace, name)) is None:
        return trace_run(workspace, name, "generated faces")
    metadata = read_selection(path).schema.metadata or {}
    own = read_metadata(
        {key.decode(errors="replace"): value.decode(errors="replace") for key, value in metadata.items()}
    )
    generators = [trace_run(workspace, run, "generated faces") for run in find_generators(workspace, name)]
    known = [ancestor for ancestor in generators if ancestor is not None]
    lineages = [*([own] if own else []), *(lineage for ancestor in known for lineage in ancestor.lineages)]
    digest = hash_bytes(hash_file(path).encode(), *(ancestor.digest.encode() for ancestor in known))
    return Ancestor("generated faces", name, digest, tuple(lineages))


def trace_run(workspace: Workspace, name: str, role: Role) -> Ancestor | None:
    """Return a run as an ancestor; None if there is no such run.

    Args:
        workspace: workspace with the run.
        name: name of the run, as `SYSTEM/RUN`.
        role: `judge`, for its trained networks, or `generated faces`.

    Raises:
        InputError: the record of the run is damaged.
        OSError: a file cannot be read.
    """
    folder = RunFolder(workspace.root / "training" / name)
    system, _, run = name.partition("/")
    used = sorted(folder.models.glob("*.safetensors")) if role == "judge" else [generated_path(workspace, system, run)]
    if folder.read() is None or not all(path.is_file() for path in used):
        return None
    lineage = read_lineage(folder)
    digest = hash_bytes(*(hash_file(path).encode() for path in used))
    return Ancestor(role, name, digest, () if lineage is None else (lineage,))


def find_known_people(tested: pa.Table, ancestors: Sequence[Ancestor]) -> list[str]:
    """Return a sentence for each ancestor that has learned from test people.

    Args:
        tested: rows of the test faces, with `subject_id` and `face_id`.
        ancestors: ancestors of the run.
    """
    found = ((ancestor, name_learned(tested, ancestor.people)) for ancestor in ancestors)
    return [
        f"{ancestor.words} learned from {count_people(known)} held out here ({list_people(known)})"
        for ancestor, known in found
        if known
    ]


def name_learned(tested: pa.Table, people: Collection[str]) -> list[str]:
    """Return what messages call the people of test faces who are among others, in alphabetical order.

    Args:
        tested: rows of the test faces, with `subject_id` and `face_id`.
        people: digests of people, as in `Lineage.people`.
    """
    names = _names(tested)
    return sorted({name for person, name in names.items() if person in people})


def find_trained(validating: pa.Table, ancestors: Sequence[Ancestor]) -> list[str]:
    """Return a sentence for each ancestor that was trained on people by whom a run chooses its best state.

    Args:
        validating: rows of the validation faces, with `subject_id` and `face_id`.
        ancestors: what the run builds upon; a judge, which only chooses, is passed over.
    """
    names = _names(validating)
    found = (
        (ancestor, sorted({names[person] for person in names.keys() & ancestor.trained_on}))
        for ancestor in ancestors
        if ancestor.role != "judge"
    )
    return [
        f"{ancestor.words} was trained on {count_people(known)} kept for validation here ({list_people(known)})"
        for ancestor, known in found
        if known
    ]


def _names(rows: pa.Table) -> dict[str, str]:
    """Return what messages call each person, by digest."""
    pairs = set(zip(rows["subject_id"].to_pylist(), rows["face_id"].to_pylist(), strict=True))
    return {digest_person(subject, face): subject or f"face {face}" for subject, face in pairs}


def count_people(people: Sequence[str]) -> str:
    """Return the number of people as text."""
    return "1 person" if len(people) == 1 else f"{len(people)} people"


def list_people(people: Sequence[str]) -> str:
    """Return the first few names, and whether there are others."""
    return ", ".join(people[:_NAMED]) + (" and others" if len(people) > _NAMED else "")


def record_lineage(
    job: Job, old: Record | None, *, allow_leaks: bool = False, learned_from: Sequence[Ancestor] = ()
) -> None:
    """Record the ancestors of a new run; refuse a run whose ancestors have learned from its test people.

    Args:
        job: the run; the digest of its pixels is in its record.
        old: record of an earlier call; None for a new run.
        allow_leaks: whether to record a leak and train nevertheless.
        learned_from: runs whose generated faces are trained on, beside those of the recipe.

    Raises:
        CheckFailed: an ancestor has learned from people who are held out.
    """
    if not job.process_group.is_first:
        return
    run = job.folder.root.relative_to(job.workspace.root / "training").as_posix()
    if old is None or "lineage" not in old:
        sides: tuple[Side, ...] = ("test", "train", "val")
        tested, trained_on, validated_on = (_rows_of(job, side) for side in sides)
        ancestors = [*trace_recipe(job.workspace, job.configuration.resolved.recipe), *learned_from]
        lineage = compose_lineage(
            run, job.record, trained_on, ancestors, job.selection.source_fingerprint(), validated_on
        )
        leaks = find_known_people(tested, ancestors) or _seen_by_generators(job)
        job.record["lineage"] = {
            **lineage.record,
            "leaks": [*find_own_leaks(job.configuration.resolved.recipe), *leaks],
            "validation": find_trained(validated_on, ancestors),
        }
        if allow_leaks or not job.record["lineage"]["leaks"]:
            write_people(job.folder, lineage)
    if (leaks := job.record["lineage"]["leaks"]) and not allow_leaks:
        raise CheckFailed(
            f"{run} would be tested on people whom it has learned from: {leaks[0]}; use one with the same folds held "
            f"out, or allow it with {given('allow_leaks', True)}, which every report of the run will say"
        )


def _seen_by_generators(job: Job) -> list[str]:
    """Return what generated faces say of their generators, which counts where nothing is recorded of these."""
    test_folds = job.configuration.resolved.recipe.test_folds
    sentences = []
    for faces in job.selection.domains.values():
        generated = pc.is_valid(faces.table["parent_id"])
        real = nested.keep(faces.table, pc.invert(generated))
        sentences += find_seen_folds(nested.keep(faces.table, generated), real, test_folds)
    return list(dict.fromkeys(sentences))


def find_own_leaks(recipe: Recipe) -> list[str]:
    """Return a sentence for each way in which a recipe itself lets test people have a part in training."""
    found = {
        "its own training, since learn_from=all": recipe.trains_on_test,
        "its own choice of the best state, since early_stop=test-fold": recipe.stops_on_test,
    }
    return [f"the test people have a part in {words}" for words, leaks in found.items() if leaks]


def _rows_of(job: Job, side: Side) -> pa.Table:
    """Return the rows of one side in all domains."""
    parts = [nested.take(part.table, part.rows(side)).select(_COLUMNS) for part in job.selection.domains.values()]
    return pa.concat_tables(parts)
