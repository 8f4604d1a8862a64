"""Cluster track embeddings into people: average linkage that keeps all known links.

Up to `exact_up_to` tracks, all pairs are compared. The distance of a pair is 1 - cosine and a constant. A pair that
must stay together gets none, so it is joined first. A pair that must stay apart gets so large a distance that no
average with it falls below the threshold. So the result is that of average linkage, and no constraint is broken.

With more tracks, each is compared to its nearest neighbours. Communities of that graph are found by Leiden's method
with the constant Potts model, whose objective is the same: tracks stay together if their mean similarity is above the
threshold. Average linkage with constraints then runs inside each community.

Connected components are not used: one wrong link would join two people, and a chain of them everybody.

Source: Traag, Waltman and van Eck, "From Louvain to Leiden", Scientific Reports 9, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fertools.core.errors import InputError
from fertools.faces.identity.embedder import Floats
from fertools.faces.identity.links import Groups

EXACT_UP_TO = 20_000
"""Number of tracks up to which all pairs are compared: 3.2 GB of memory at this number, and a quarter for a half."""
NEIGHBOURS = 50
"""Nearest neighbours of each track in the graph for more tracks."""
_FAR, _NEAR, _OFFSET = 1e12, 0.0, 2.0
"""Distances of pairs that must stay apart or together, and what is added to all others, so that they are larger than
the second. A sum with a constant changes no order of averages."""
_BLOCK = 256
_MARGIN = 0.05
"""By how much the threshold of communities is lower, so that average linkage inside them decides."""
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class _Known:
    """Constraints as arrays: group of each track, names by realm, and separate groups."""

    groups: Labels
    realms: tuple[Labels, ...]
    apart: dict[int, set[int]]


def cluster(embeddings: Floats, groups: Groups, threshold: float, *, exact_up_to: int = EXACT_UP_TO) -> Labels:
    """Return the (N,) person of each track, numbered from 0 in the order of the first track.

    Args:
        embeddings: (N, D) embeddings of length 1.
        groups: what is known about the tracks; all of it is kept.
        threshold: cosine above which the mean similarity of two clusters joins them.
        exact_up_to: number of tracks up to which all pairs are compared.

    Raises:
        InputError: there are more tracks, and scikit-network is not installed.
    """
    known = _known(groups)
    if len(embeddings) <= exact_up_to:
        return _renumbered(_average(embeddings, np.arange(len(embeddings)), known, threshold))
    found = np.full(len(embeddings), -1, np.int64)
    next_label = 0
    communities = _communities(embeddings, known.groups, threshold)
    for members in _members(communities):
        labels = _average(embeddings[members], members, known, threshold)
        found[members] = labels + next_label
        next_label += int(labels.max()) + 1
    return _renumbered(found)


def _known(groups: Groups) -> _Known:
    labels = groups.labels()
    apart: dict[int, set[int]] = {}
    for first, second in groups.separations():
        one, two = int(labels[first]), int(labels[second])
        apart.setdefault(one, set()).add(two)
        apart.setdefault(two, set()).add(one)
    return _Known(labels, tuple(groups.realms().values()), apart)


def _average(embeddings: Floats, tracks: Labels, known: _Known, threshold: float) -> Labels:
    """Return the cluster of each of some tracks by average linkage with constraints, from 0."""
    count = len(tracks)
    if count == 1:
        return np.zeros(1, np.int64)
    groups, realms = known.groups[tracks], [realm[tracks] for realm in known.realms]
    places: dict[int, list[int]] = {}
    for place, group in enumerate(groups.tolist()):
        places.setdefault(group, []).append(place)
    distances = np.empty(count * (count - 1) // 2)
    end = 0
    for row in range(count - 1):
        start, end = end, end + count - row - 1
        line = distances[start:end]
        line[:] = _OFFSET + 1 - embeddings[row + 1 :] @ embeddings[row]
        for realm in realms:
            if realm[row] >= 0:
                line[(realm[row + 1 :] >= 0) & (realm[row + 1 :] != realm[row])] = _FAR
        for other in known.apart.get(int(groups[row]), ()):
            line[[place - row - 1 for place in places.get(other, ()) if place > row]] = _FAR
        line[groups[row + 1 :] == groups[row]] = _NEAR
    tree = linkage(distances, "average")
    return np.asarray(fcluster(tree, _OFFSET + 1 - threshold, "distance"), np.int64) - 1


def _communities(embeddings: Floats, groups: Labels, threshold: float) -> Labels:
    try:
        from sknetwork.clustering import Leiden
    except ImportError as error:
        raise InputError(
            f"{len(embeddings):,} tracks are compared by communities, which needs scikit-network; run: "
            "pip install 'fertools[identity]'"
        ) from error
    graph = _neighbour_graph(embeddings, threshold - _MARGIN)
    # One edge of the Potts model counts weight / total - resolution / N^2; so this resolution is the threshold.
    total = float(graph.sum())
    if not total:
        return groups
    resolution = (threshold - _MARGIN) * len(embeddings) ** 2 / total
    found = Leiden(resolution, modularity="potts", random_state=0).fit_predict(graph)
    # Tracks that must stay together bring their communities together.
    count = len(found) + int(groups.max()) + 1
    links = coo_matrix((np.ones(len(found)), (found, len(found) + groups)), (count, count))
    return np.asarray(connected_components(links, directed=False)[1][found], np.int64)


def _neighbour_graph(embeddings: Floats, least: float) -> coo_matrix:
    """Return the symmetric graph of the nearest neighbours with a cosine above `least`."""
    count = len(embeddings)
    most = min(NEIGHBOURS, count - 1)
    rows, columns, values = [], [], []
    for start in range(0, count, _BLOCK):
        found = embeddings[start : start + _BLOCK] @ embeddings.T
        found[np.arange(len(found)), np.arange(start, start + len(found))] = -1
        near = np.argpartition(found, -most, axis=1)[:, -most:]
        value = np.take_along_axis(found, near, axis=1)
        kept = value > max(least, 0)
        rows.append(np.repeat(np.arange(start, start + len(found)), most)[kept.ravel()])
        columns.append(near[kept])
        values.append(value[kept])
    graph = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (count, count))
    graph = graph.tocsr()
    return graph.maximum(graph.T)


def _members(labels: Labels) -> list[Labels]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _renumbered(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse.reshape(-1)], np.int64)
