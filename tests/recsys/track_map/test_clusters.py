"""Clusters: found, numbered alike from build to build, and named by what sets them apart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from recsys.track_map.cluster_names import cluster_names
from recsys.track_map.clusters import MAX_CLUSTERS, find_clusters

N_EACH = 30


def parted(n_groups: int, seed: int = 0) -> NDArray[np.float32]:
    """Groups of points that lie well apart, one after the other."""
    rng = np.random.default_rng(seed)
    centres = 10 * np.eye(n_groups, 12)
    points = np.repeat(centres, N_EACH, axis=0) + rng.standard_normal((n_groups * N_EACH, 12))
    return points.astype(np.float32)


def none(n: int) -> NDArray[np.uint8]:
    return np.zeros(n, np.uint8)


def test_groups_are_found() -> None:
    found = find_clusters(parted(MAX_CLUSTERS), none(MAX_CLUSTERS * N_EACH))
    assert sorted(set(found.tolist())) == list(range(1, MAX_CLUSTERS + 1))
    assert adjusted_rand_score(np.arange(MAX_CLUSTERS * N_EACH) // N_EACH, found) == 1


@pytest.mark.parametrize(
    ("n", "k"), [(1, 1), (2, 1), (7, 1), (8, 2), (72, 6), (161, 8), (162, 9), (4000, 9)]
)
def test_there_are_as_many_as_the_rule_says(n: int, k: int) -> None:
    points = np.random.default_rng(0).standard_normal((n, 3)).astype(np.float32)
    assert len(set(find_clusters(points, none(n)).tolist())) == k


def test_copies_make_no_clusters() -> None:
    assert set(find_clusters(np.ones((200, 3), np.float32), none(200)).tolist()) == {1}


def test_clusters_keep_their_numbers_even_in_another_space() -> None:
    points = parted(MAX_CLUSTERS)
    n = len(points)
    rng = np.random.default_rng(1)
    last = np.repeat(rng.permutation(MAX_CLUSTERS) + 1, N_EACH).astype(np.uint8)
    new = rng.permutation(n)[: n // 10]
    known = last.copy()
    known[new] = 0
    turned = points @ np.linalg.qr(rng.standard_normal((12, 12)))[0].astype(np.float32)
    np.testing.assert_array_equal(find_clusters(turned, known), last)
    assert (find_clusters(turned, none(n)) != last).any(), "it cannot know them from nothing"


def test_names_are_the_tags_that_set_a_cluster_apart() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat([1, 2, 4], 50).astype(np.uint8)
    values = rng.standard_normal((150, 6)).astype(np.float32)
    for tag, cluster in ((0, 1), (2, 2), (3, 4)):
        values[clusters == cluster, tag] += 4
    values[:, 1] = values[:, 0] + 0.01 * rng.standard_normal(150)  # says the same
    values[clusters == 4, 5] += 2
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    first, second, nobody, fourth = cluster_names(values.astype(np.float16), clusters)
    assert first[0] in (0, 1)
    assert not {0, 1} <= set(first)
    assert second[0] == 2
    assert fourth[:2] == (3, 5)
    assert nobody == ()
    assert cluster_names(np.empty((150, 0), np.float16), clusters)[0] == ()
