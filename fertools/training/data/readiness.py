"""What the domains of a recipe need of a dataset, and what a workspace has of it.

The manifest is read once, without the crops, so this takes a moment where `fertools.training.data.selection` takes
longer. Both use the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.training.data.generated_faces import find_generators, generated_table
from fertools.training.data.manifest_rows import rows_with_split
from fertools.training.recipes.domains import Domain, Pairing
from fertools.training.recipes.recipe import Recipe

_COLUMNS = (
    *("face_id", "path", "status", "parent_id", "modality", "dataset", "subject_id", "pair_id"),
    *("emotion", "valence", "arousal", "fold", "split"),
)
_ADD_PAIRS = "import a table with a pair_id column by `fertools annotate import csv TABLE`"


@dataclass(frozen=True)
class Gap:
    """Something that a recipe needs and a workspace lacks.

    Attributes:
        missing: what is missing, such as `no thermal faces`.
        remedy: what to do, such as a command.
    """

    missing: str
    remedy: str


@dataclass(frozen=True)
class DomainData:
    """The faces that a workspace has for one domain of a recipe.

    Attributes:
        name: name of the domain in the system.
        modality: modality of its faces.
        dataset: name of the only dataset to use; empty for all.
        needs: labels that every face needs: `an expression`, `valence and arousal`, or both.
        faces: number of kept faces with a crop.
        labelled: number of those that have the labels and, where the dataset is split, a fold or split part.
        people: number of people whom the labelled faces show.
        gap: what is missing; None if the domain is ready.
    """

    name: str
    modality: str
    dataset: str
    needs: tuple[str, ...]
    faces: int
    labelled: int
    people: int
    gap: Gap | None


@dataclass(frozen=True)
class DataState:
    """The data that a workspace has for a recipe.

    Attributes:
        domains: state of each domain, in the order of the recipe.
        pairing: how faces of several domains belong together: `none`, `label`, or `capture` for the same moment.
        pairs: number of moments with a training face of the first domain and of another one, the smallest number of
            several; None if no pairs are needed.
        gap: what is missing of all domains together; None if nothing is.
    """

    domains: tuple[DomainData, ...]
    pairing: Pairing
    pairs: int | None
    gap: Gap | None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Everything that is missing, each once."""
        found = [*(domain.gap for domain in self.domains), self.gap]
        return tuple(dict.fromkeys(gap for gap in found if gap is not None))

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.gaps


@dataclass(frozen=True)
class _Rows:
    """Rows of one domain: the labelled ones of the split, and which of them are held out."""

    labelled: pa.Table
    held_out: NDArray[np.bool_]

    def column(self, name: str, *, held_out: bool) -> set[str]:
        mask = pa.array(self.held_out if held_out else ~self.held_out)
        return set(self.labelled[name].filter(mask).to_pylist()) - {None}


def read_kept(workspace: Workspace) -> pa.Table | None:
    """Return the kept real faces with a crop, with the columns that `find_data` needs; None without a manifest.

    Raises:
        SchemaError: the manifest is damaged.
    """
    if not workspace.manifest.is_file():
        return None
    table = store.read_faces(workspace, _COLUMNS, [("status", "=", "kept")])
    return nested.keep(table, pc.and_(pc.is_null(table["parent_id"]), pc.is_valid(table["path"])))


def find_data(workspace: Workspace, kept: pa.Table | None, recipe: Recipe) -> DataState:
    """Return the data that a workspace has for a recipe.

    Args:
        workspace: workspace of the faces.
        kept: the result of `read_kept`.
        recipe: recipe with the domains, the folds and the classes.
    """
    found = [_find_domain(workspace, kept, recipe, domain) for domain in recipe.domains]
    known = [rows for _, rows in found if rows is not None]
    pairings = [domain.pairing or recipe.domain_pairing for domain in recipe.domains]
    pairs = _count_pairs(known) if "capture" in pairings[1:] else None
    gap = None
    if kept is not None and all(domain.gap is None for domain, _ in found):
        gap = _find_common_gap(workspace, kept, recipe, known, pairs)
    return DataState(tuple(domain for domain, _ in found), recipe.domain_pairing, pairs, gap)


def _find_domain(
    workspace: Workspace, kept: pa.Table | None, recipe: Recipe, domain: Domain
) -> tuple[DomainData, _Rows | None]:
    needs = ("an expression",) * domain.needs_emotion + ("valence and arousal",) * domain.needs_va
    named = f"{domain.modality} faces" + (f" of the dataset {domain.dataset}" if domain.dataset else "")
    named += f" of the character {domain.character}" if domain.character else ""

    def state(table: pa.Table | None, labelled: pa.Table | None, missing: str, remedy: str) -> DomainData:
        people = pc.count_distinct(labelled["subject_id"]).as_py() if labelled is not None else 0
        faces, known = (0 if rows is None else len(rows) for rows in (table, labelled))
        gap = Gap(missing, remedy) if missing else None
        return DomainData(domain.name, domain.modality, domain.dataset, needs, faces, known, people, gap)

    if kept is None or not len(rows := _keep_domain(kept, domain)):
        return state(None, None, f"no {named}", calls.ingest(domain.modality)), None
    classes = domain.classes or recipe.class_names
    labelled = _keep_labelled(rows, domain, classes)
    try:
        rows_with_split(workspace, rows)
    except InputError:
        return state(rows, labelled, "not split", calls.SPLIT), None
    if not len(labelled):
        flag, what = ("--emotion", "expressions") if domain.needs_emotion else ("--va", "valence and arousal")
        return state(rows, labelled, f"{named} without {what}", f"`fertools annotate {flag}`"), None
    try:
        table = rows_with_split(workspace, labelled)
    except InputError:
        return state(rows, labelled, f"labelled {named} that are not split", calls.SPLIT_ANEW), None
    # A character is nobody, so all of its faces are trained on.
    part = _Rows(table, np.zeros(len(table), bool) if domain.character else _held_out(table, recipe))
    if domain.character:
        return state(rows, table, "", ""), part
    for lacking, side in ((not part.held_out.any(), "held-out"), (part.held_out.all(), "training")):
        if lacking:
            folds = ", ".join(map(str, recipe.test_folds))
            return state(rows, table, f"no {side} {named} with test fold {folds}", calls.SPLIT_ANEW), None
    if domain.needs_emotion and len(part.column("emotion", held_out=False)) < 2:
        return state(rows, table, f"one expression among the {named}", "`fertools annotate --emotion`"), None
    for run in domain.generated:
        for generator in find_generators(workspace, run):
            if not generated_table(workspace, generator).is_file():
                remedy = calls.generate_training_faces(generator)
                return state(rows, table, f"no generated faces of {generator}", remedy), None
    return state(rows, table, "", ""), part


def _keep_domain(kept: pa.Table, domain: Domain) -> pa.Table:
    wanted = pc.equal(kept["modality"], domain.modality)
    for column, name in (("dataset", domain.dataset), ("subject_id", domain.character)):
        if name:
            wanted = pc.and_(wanted, pc.fill_null(pc.equal(kept[column], name), False))
    return nested.keep(kept, wanted)


def _keep_labelled(rows: pa.Table, domain: Domain, classes: Sequence[str]) -> pa.Table:
    if domain.needs_emotion:
        rows = nested.keep(rows, pc.is_in(rows["emotion"], value_set=pa.array(classes, pa.string())))
    if domain.needs_va:
        rows = nested.keep(rows, pc.and_(pc.is_valid(rows["valence"]), pc.is_valid(rows["arousal"])))
    return rows


def _held_out(rows: pa.Table, recipe: Recipe) -> NDArray[np.bool_]:
    """Return N booleans: whether a row is in the test part; in contrast to training, unknown folds hold nothing out."""
    if rows["fold"].null_count == len(rows):
        return np.asarray(pc.equal(rows["split"], "test").to_numpy(zero_copy_only=False), bool)
    folds = pa.array(recipe.test_folds, rows["fold"].type)
    return np.asarray(pc.is_in(rows["fold"], value_set=folds).to_numpy(zero_copy_only=False), bool)


def _count_pairs(known: Sequence[_Rows]) -> int:
    moments = [rows.column("pair_id", held_out=False) for rows in known]
    return min((len(moments[0] & other) for other in moments[1:]), default=0)


def _find_common_gap(
    workspace: Workspace, kept: pa.Table, recipe: Recipe, known: Sequence[_Rows], pairs: int | None
) -> Gap | None:
    if pairs == 0:
        return Gap("no pairs of one moment (pair_id)", _ADD_PAIRS)
    if any((domain.pairing or recipe.domain_pairing) == "label" for domain in recipe.domains[1:]):
        shown = [rows.column("emotion", held_out=False) for rows in known]
        everything = set.union(*shown)
        if missing := sorted(name for name in everything if not all(name in kinds for kinds in shown)):
            return Gap(f"{missing[0]} in one domain only", "`fertools annotate --emotion`")
    parts = [domain.part for domain in recipe.domains if domain.part is not None]
    if parts:
        unit = "pair_id" if parts[0].unit == "sample" else "subject_id"
        units = set.union(*(rows.column(unit, held_out=False) for rows in known))
        if len(units) < parts[0].of:
            return Gap(f"too few training {parts[0].unit}s to divide among the domains", calls.INGEST)
    if recipe.inner_validation:
        table = rows_with_split(workspace, kept)
        people = pc.coalesce(table["subject_id"], table["face_id"]).filter(pa.array(~_held_out(table, recipe)))
        if pc.count_distinct(people).as_py() < 2:
            return Gap("a single training person, and nobody for validation", calls.INGEST)
    return None
