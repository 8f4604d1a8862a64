"""Statistics held to the same numbers computed with pandas, and the page and command that show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

import fertools as package
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.views.conditions import FaceConditions
from fertools.views.stats import DatasetStats, describe, stats
from fertools.views.stats_page import write_stats_page
from tests.browser import check_page
from tests.cli.conftest import Run, fertools
from tests.manifests.rows import build, face
from tests.views.faces import random_workspace

__all__ = ["fertools"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return random_workspace(tmp_path_factory.mktemp("looking") / "made")


def _table(workspace: Workspace, conditions: FaceConditions) -> pd.DataFrame:
    texts = ("face_id", "emotion", "subject_id", "source_id", "dataset", "status", "modality", "split")
    names = (*texts, "valence", "arousal", "blur", "yaw_deg", "fold", "pts_s")
    table = store.read_faces(workspace).select(names)
    found: pd.DataFrame = table.filter(conditions.mask(table)).to_pandas()
    return found


@pytest.mark.parametrize(
    "conditions",
    [
        FaceConditions(),
        FaceConditions(emotion=("anger", "none"), dataset=("one",)),
        FaceConditions(status=(), ranges={"yaw_deg": (-10, 15), "blur": (None, 300)}),
    ],
)
def test_the_numbers_are_those_of_pandas(workspace: Workspace, conditions: FaceConditions) -> None:
    found, table = stats(workspace, conditions), _table(workspace, conditions)
    assert found.faces == len(table) == sum(one.faces for one in found.labels)
    assert (found.people, found.sources) == (table["subject_id"].nunique(), table["source_id"].nunique())
    for one in found.labels:
        rows = table[table["emotion"].isna() if one.label is None else table["emotion"] == one.label]
        numbers = (len(rows), rows["subject_id"].nunique(), rows["source_id"].nunique())
        assert (one.faces, one.subjects, one.sources) == numbers
        assert one.valence == pytest.approx(rows["valence"].mean(), rel=1e-6)
    assert [one.label for one in found.labels][-1] is None
    names = [one.label for one in found.labels]
    for person in found.persons:
        rows = table[table["subject_id"] == person.subject]
        expected = [int((rows["emotion"].isna() if name is None else rows["emotion"] == name).sum()) for name in names]
        assert (person.faces, list(person.by_label)) == (len(rows), expected)
    assert found.datasets == table["dataset"].value_counts().to_dict()
    known = table.dropna(subset=["valence", "arousal"])
    cells, _, _ = np.histogram2d(known["arousal"], known["valence"], 20, ((-1, 1), (-1, 1)))
    assert np.array_equal(found.plane, cells)
    blur = next(one for one in found.quality if one.name == "blur")
    assert blur.median == pytest.approx(table["blur"].median(), rel=1e-6)
    assert sum(blur.counts) == blur.known == table["blur"].notna().sum()
    for source in found.largest_sources:
        rows = table[table["source_id"] == source.source_id]
        assert source.faces == len(rows) == sum(source.timeline)
        assert source.duration_s == rows["pts_s"].max()
        assert source.path.startswith(source.source_id)


def test_conditions_hold_row_by_row(workspace: Workspace) -> None:
    rows = store.read_faces(workspace).to_pylist()
    conditions = FaceConditions(
        emotion=("anger", "none"), subject=("anna", "ben"), ranges={"fold": (1, None), "blur": (50, 400)}
    )
    expected = [
        row["emotion"] in ("anger", None)
        and row["subject_id"] in ("anna", "ben")
        and row["status"] == "kept"
        and row["fold"] is not None
        and row["fold"] >= 1
        and row["blur"] is not None
        and 50 <= row["blur"] <= 400
        for row in rows
    ]
    table = store.read_faces(workspace, conditions.columns)
    assert conditions.mask(table).tolist() == expected
    assert 0 < sum(expected) < len(rows)
    encoded = table.set_column(0, "emotion", table["emotion"].dictionary_encode())
    assert conditions.mask(encoded).tolist() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"status": ("good",)}, "status` is 'good'; choose among kept, rejected"),
        ({"ranges": {"emotion": (0, 1)}}, "the column 'emotion'"),
        ({"ranges": {"blur": (2, 1)}}, "lowest value first"),
    ],
)
def test_conditions_that_cannot_hold_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FaceConditions(**values)  # type: ignore[arg-type]


def test_constant_and_missing_values_have_a_distribution_or_none() -> None:
    same = describe("x", np.full(5, 3.0))
    assert same is not None
    assert (same.low, same.median, same.high, sum(same.counts)) == (3, 3, 3, 5)
    assert describe("x", np.full(5, np.nan)) is None


def test_a_dataset_without_a_face_has_statistics(tmp_path: Path) -> None:
    made = build(tmp_path / "made", [face("a", status="rejected", reason="<b>")])
    found = stats(made)
    assert (found.faces, found.labels, found.faces_a_source) == (0, (), None)
    write_stats_page(found, tmp_path / "page.html")
    assert "&lt;b&gt;" in (tmp_path / "page.html").read_text()


def test_a_notebook_shows_statistics(workspace: Workspace) -> None:
    found = package.stats(workspace)
    assert isinstance(found, DatasetStats)
    assert f"{found.faces} faces of 3 people in 4 sources" in found._repr_html_()


def test_the_command_prints_and_writes_what_the_library_finds(
    fertools: Run, workspace: Workspace, tmp_path: Path, browser: Browser
) -> None:
    options = ("-w", str(workspace.root), "--emotion", "anger", "--range", "yaw_deg=-10..")
    ended = fertools("stats", *options, "--page", str(tmp_path / "stats.html"))
    found = stats(workspace, FaceConditions(emotion=("anger",), ranges={"yaw_deg": (-10, None)}))
    assert ended.code == 0
    assert f"{found.faces} faces of {found.people} people" in ended.out
    assert json.loads(fertools("stats", *options, "--json").out)["faces"] == found.faces
    refused = fertools("stats", "-w", str(workspace.root), "--range", "blur")
    assert (refused.code, "COLUMN=LOW..HIGH" in refused.err, "--range" in refused.err) == (2, True, True)
    looks: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("dark", 1280), ("light", 360)]
    for scheme, width in looks:
        page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}).new_page()
        page.goto((tmp_path / "stats.html").as_uri())
        assert page.locator("svg").count() > 5
        check_page(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
