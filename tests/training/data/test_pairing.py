"""Pairing: the partners in another domain, and the same partners after a resume."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from fertools.core.errors import InputError
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.faces import Faces, select_faces
from fertools.training.recipes.domains import Pairing
from tests.training.blobs import blob_rows, write_blobs

FLIP = Augmentation(flip=True)


def with_moments(faces: Faces, moments: list[str | None]) -> Faces:
    """Return faces with a `pair_id` each; `select_faces` gives none, as the manifest has no such column yet."""
    table = faces.table.drop_columns([name for name in ("pair_id",) if name in faces.table.column_names])
    return dataclasses.replace(faces, table=table.append_column("pair_id", pa.array(moments, pa.string())))


def two_domains(root: Path, *, unpaired: int = 0) -> dict[str, Faces]:
    """Return visible and thermal faces of four people: each moment in both, except for `unpaired` thermal ones.

    Args:
        root: of the workspace.
        unpaired: thermal faces of training people that have no moment.
    """
    visible, thermal = blob_rows(takes=2), blob_rows(takes=2)
    for row in thermal:
        row["face_id"] = name = row["face_id"][::-1]
        row["path"] = f"faces/{name[:2]}/{name}.png"
        row["modality"] = "thermal"
    workspace = write_blobs(root, visible + thermal)
    domains = {
        name: select_faces(workspace, modality=name, test_folds=[0], needs_emotion=True, needs_va=False)
        for name in ("visible", "thermal")
    }
    lonely = domains["thermal"].rows("train")[:unpaired].tolist()
    names = domains["thermal"].table["face_id"].to_pylist()
    moments = [None if row in lonely else name[::-1] for row, name in enumerate(names)]
    return {
        "visible": with_moments(domains["visible"], domains["visible"].table["face_id"].to_pylist()),
        "thermal": with_moments(domains["thermal"], moments),
    }


def pixels_of(faces: Faces, side: int = 8) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return pictures whose left half is the row's number and whose right half is 255."""
    pixels = np.full((len(faces.table), side, side, 3), 255, np.uint8)
    pixels[:, :, : side // 2] = np.arange(len(faces.table), dtype=np.uint8)[:, None, None, None]
    return pixels


def make_loader(
    domains: dict[str, Faces],
    pairing: Pairing,
    *,
    batch_size: int = 5,
    seed: int = 0,
    augmentation: Augmentation = FLIP,
    alike: bool = False,
) -> BatchLoader:
    return BatchLoader(
        {name: FaceSource(faces, pixels_of(faces)) for name, faces in domains.items()},
        batch_size=batch_size,
        augmentation=augmentation,
        seed=seed,
        device="cpu",
        pairing=pairing,
        alike=alike,
    )


def column(faces: Faces, rows: torch.Tensor, name: str) -> list[Any]:
    values: list[Any] = faces.table[name].take(rows.numpy()).to_pylist()
    return values


@pytest.mark.parametrize("pairing", ["none", "label", "capture"])
def test_both_domains_give_training_faces_alone_and_the_first_each_once_an_epoch(
    tmp_path: Path, pairing: Pairing
) -> None:
    domains = two_domains(tmp_path)
    training = {name: faces.rows("train").tolist() for name, faces in domains.items()}
    loader = make_loader(domains, pairing, batch_size=6)
    orders = [loader.next() for _ in range(7)]
    first = torch.cat([order.rows["visible"] for order in orders])
    assert sorted(first.tolist()) == training["visible"], "42 faces, an epoch"
    other = torch.cat([order.rows["thermal"] for order in orders])
    assert set(other.tolist()) <= set(training["thermal"])
    assert all(len(order.rows["thermal"]) == 6 for order in orders)


def test_without_pairing_every_face_comes_with_any(tmp_path: Path) -> None:
    domains = two_domains(tmp_path)
    loader = make_loader(domains, "none", batch_size=50)
    orders = [loader.next() for _ in range(84)]
    counts = Counter(torch.cat([order.rows["thermal"] for order in orders]).tolist())
    assert set(counts) == set(domains["thermal"].rows("train").tolist())
    # 100 times each on average, with a standard deviation of 10.
    assert max(counts.values()) < 150
    assert min(counts.values()) > 50
    pairs = [
        (column(domains["visible"], order.rows["visible"], "emotion"), column(domains["thermal"], rows, "emotion"))
        for order in orders
        for rows in [order.rows["thermal"]]
    ]
    alike = np.mean([one == other for ours, theirs in pairs for one, other in zip(ours, theirs, strict=True)])
    assert 0.1 < alike < 0.2, "one in seven by chance"


def test_pairs_by_label_show_the_same_and_any_of_those(tmp_path: Path) -> None:
    domains = two_domains(tmp_path)
    loader = make_loader(domains, "label", batch_size=42)
    partners: dict[str, set[int]] = {}
    for _ in range(40):
        order = loader.next()
        shown = column(domains["visible"], order.rows["visible"], "emotion")
        assert column(domains["thermal"], order.rows["thermal"], "emotion") == shown
        for emotion, row in zip(shown, order.rows["thermal"].tolist(), strict=True):
            partners.setdefault(emotion, set()).add(row)
    assert {emotion: len(rows) for emotion, rows in partners.items()} == dict.fromkeys(partners, 6)
    assert len(partners) == 7


def test_pairs_by_capture_are_of_one_moment_and_faces_without_one_are_left_out(tmp_path: Path) -> None:
    domains = two_domains(tmp_path, unpaired=4)
    loader = make_loader(domains, "capture", batch_size=38)
    order = loader.next()
    moments = column(domains["visible"], order.rows["visible"], "pair_id")
    assert column(domains["thermal"], order.rows["thermal"], "pair_id") == moments
    assert len(set(moments)) == 38, "of 42 faces, 4 have no partner"
    assert None not in moments


def test_a_moment_with_several_faces_gives_each_of_them(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(subjects=2))
    chosen = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    faces = with_moments(chosen, chosen.table["subject_id"].to_pylist())
    loader = make_loader({"a": faces, "b": faces}, "capture", batch_size=70)
    counts = Counter(loader.next().rows["b"].tolist())
    assert set(counts) == set(faces.rows("train").tolist())


def test_partners_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pairing is capture, and no two training faces .* have the same pair_id"):
        make_loader(two_domains(tmp_path / "a", unpaired=42), "capture")
    domains = two_domains(tmp_path / "b")
    nameless = {
        name: dataclasses.replace(faces, table=faces.table.drop_columns(["pair_id"])) for name, faces in domains.items()
    }
    with pytest.raises(InputError, match="pairing is capture, and the manifest has no column pair_id"):
        make_loader(nameless, "capture")
    fear = domains["thermal"].classes.index("fear")
    without = domains["thermal"].emotions != fear
    kept = Faces(
        table=domains["thermal"].table.filter(without),
        held_out=domains["thermal"].held_out[without],
        validating=domains["thermal"].validating[without],
        classes=domains["thermal"].classes,
        emotions=domains["thermal"].emotions[without],
        valence_arousal=domains["thermal"].valence_arousal[without],
        soft_labels=domains["thermal"].soft_labels[without],
    )
    lacking = domains | {"thermal": kept}
    with pytest.raises(InputError, match="pairing is label, and no training face of the other domain shows fear"):
        make_loader(lacking, "label")
    make_loader(lacking, "none").next()


@pytest.mark.parametrize("pairing", ["none", "label", "capture"])
def test_a_loader_goes_on_with_the_same_choices(tmp_path: Path, pairing: Pairing) -> None:
    domains = two_domains(tmp_path)
    unbroken = make_loader(domains, pairing)
    for _ in range(11):
        unbroken.next()
    resumed = make_loader(domains, pairing, seed=9)
    resumed.restore(*unbroken.state())
    for _ in range(11):
        order, expected = resumed.next(), unbroken.next()
        for name in domains:
            assert torch.equal(order.rows[name], expected.rows[name])
            assert torch.equal(order.augmentation_draws[name], expected.augmentation_draws[name])


def test_seeds_differ(tmp_path: Path) -> None:
    domains = two_domains(tmp_path)
    one, other = (make_loader(domains, "none", seed=seed).next() for seed in (0, 1))
    assert not torch.equal(one.rows["thermal"], other.rows["thermal"])


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("pairing", ["none", "label", "capture"])
def test_pairs_are_changed_alike_where_that_is_wanted(tmp_path: Path, pairing: Pairing, alike: bool) -> None:
    domains = two_domains(tmp_path)
    changes = Augmentation(flip=True, cut_px=4)
    loader = make_loader(domains, pairing, batch_size=42, augmentation=changes, alike=alike)
    order = loader.next()
    same = torch.equal(order.augmentation_draws["visible"], order.augmentation_draws["thermal"])
    assert same == alike
    batches = loader.load(order)
    assert all(batch.images.shape == (42, 3, 4, 4) for batch in batches.values())
    # White shows how much of the right half was cut out, and on which side it came to be.
    white = [batches[name].images == 1 for name in ("visible", "thermal")]
    assert torch.equal(*white) == alike


def test_each_domain_has_its_own_faces_and_labels(tmp_path: Path) -> None:
    domains = two_domains(tmp_path)
    loader = make_loader(domains, "none", augmentation=Augmentation())
    order = loader.next()
    batches, labels = loader.load(order), loader.labels(order)
    for name, faces in domains.items():
        rows = order.rows[name]
        assert batches[name].emotions.tolist() == labels[name].emotions.tolist() == faces.emotions[rows].tolist()
        shown = batches[name].images[:, 0, 0, 0].add(1).mul(127.5).round()
        assert shown.tolist() == rows.tolist()
    one = loader.batch(np.array([3]), "thermal")
    assert one.images[0, 0, 0, 0].item() == pytest.approx(3 / 127.5 - 1)
    assert one.emotions.tolist() == [domains["thermal"].emotions[3]]


@pytest.mark.parametrize("pairing", ["none", "label", "capture"])
def test_a_batch_of_one(tmp_path: Path, pairing: Pairing) -> None:
    domains = two_domains(tmp_path)
    loader = make_loader(domains, pairing, batch_size=1)
    orders = [loader.next() for _ in range(42)]
    assert sorted(int(order.rows["visible"]) for order in orders) == domains["visible"].rows("train").tolist()
    assert loader.load(orders[0])["thermal"].images.shape == (1, 3, 8, 8)
