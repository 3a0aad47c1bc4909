"""Maps: what sounds alike lies close, and stays where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from index.vector_index import VectorIndex
from recsys.track_map import layout
from recsys.track_map.layout import lay_out, refresh_layout
from recsys.track_map.layout_file import NO_CLUSTER, DamagedLayout, Layout

N_GROUPS, N_EACH, DIM = 8, 30, 24


def library() -> NDArray[np.float32]:
    """Groups of vectors, one after the other."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.standard_normal((N_GROUPS, DIM)), N_EACH, axis=0)
    vectors = centres + 0.5 * rng.standard_normal(centres.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nowhere(n: int) -> NDArray[np.float32]:
    return np.full((n, 2), np.nan, np.float32)


def radius(positions: NDArray[np.float32]) -> float:
    return float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))


def drawn(n: int, path: Path) -> Layout:
    rows = np.random.default_rng(1).permutation(N_GROUPS * N_EACH)[:n]  # of all groups
    assert refresh_layout(VectorIndex.build(rows, library()[rows]), path)
    return Layout.load(path)


def test_what_is_alike_lies_close() -> None:
    positions, finished = lay_out(library(), nowhere(N_GROUPS * N_EACH))
    assert finished
    distances = np.linalg.norm(positions[:, None] - positions, axis=2)
    nearest = np.argsort(distances, axis=1)[:, 1:6]
    groups = np.arange(N_GROUPS * N_EACH) // N_EACH
    assert (groups[nearest] == groups[:, None]).mean() > 0.95
    again, _ = lay_out(library(), nowhere(N_GROUPS * N_EACH))
    np.testing.assert_array_equal(again, positions)


def test_of_very_many_some_are_laid_out_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps neighbourhoods as a map of all from the beginning does, and says each step."""
    n = N_GROUPS * N_EACH
    groups = np.arange(n) // N_EACH
    trusted = {}
    for name, n_sampled, n_steps in (("whole", n, 750), ("sampled", n // 3, 810)):
        monkeypatch.setattr(layout, "SAMPLED", n_sampled)
        said: list[tuple[int, int]] = []
        positions, finished = lay_out(
            library(), nowhere(n), progress=lambda *done, said=said: said.append(done)
        )
        assert finished
        assert said[-1] == (n_steps, n_steps)
        assert [done for done, _ in said] == sorted(done for done, _ in said)
        trusted[name] = trustworthiness(library(), positions, n_neighbors=5)
        nearest = NearestNeighbors(n_neighbors=5).fit(positions).kneighbors(return_distance=False)
        assert (groups[nearest] == groups[:, None]).mean() > 0.95
    assert trusted["sampled"] > trusted["whole"] - 0.01


def test_a_map_can_be_interrupted(tmp_path: Path) -> None:
    """Whoever is told of progress can stop it, and the last map stays."""
    path = tmp_path / "map.safetensors"
    drawn(60, path)
    before = path.read_bytes()

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refresh_layout(VectorIndex.build(np.arange(90), library()[:90]), path, progress=stop)
    assert path.read_bytes() == before


def test_a_map_without_clusters_gets_them_and_keeps_its_places(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    new = drawn(60, path)
    arrays = {"ids": new.ids, "positions": new.positions}
    path.write_bytes(save(arrays, {"format": "earshot-map-1", "key": "of an older build"}))
    old = Layout.load(path)
    assert (old.clusters == NO_CLUSTER).all()
    renewed = drawn(60, path)
    assert (renewed.clusters != NO_CLUSTER).all()
    moved = np.linalg.norm(renewed.positions - new.positions, axis=1) / radius(new.positions)
    assert np.median(moved) < 0.1


def test_a_tenth_more_tracks_move_the_others_little(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    n, n_more = 200, 220
    old = drawn(n, path)
    assert refresh_layout(VectorIndex.build(old.ids, library()[old.ids]), path) is None
    new = drawn(n_more, path)
    assert len(new.ids) == n_more
    stayed = new.positions[np.isin(new.ids, old.ids)]
    moved = np.linalg.norm(stayed - old.positions, axis=1) / radius(old.positions)
    assert np.median(moved) < 0.06
    assert np.percentile(moved, 95) < 0.15
    # The new ones are where their groups are.
    for track in np.setdiff1d(new.ids, old.ids).tolist():
        place = new.positions[new.ids == track][0]
        near = old.ids[np.argsort(np.linalg.norm(old.positions - place, axis=1))[:5]]
        assert np.mean(near // N_EACH == track // N_EACH) >= 0.6
    # Drawn from nothing instead, most of them are elsewhere: what the old map is good for.
    fresh, _ = lay_out(library()[new.ids], nowhere(n_more))
    elsewhere = np.linalg.norm(fresh[np.isin(new.ids, old.ids)] - old.positions, axis=1)
    assert np.median(elsewhere) / radius(old.positions) > 4 * np.median(moved)


def test_a_map_neither_turns_nor_flips(tmp_path: Path) -> None:
    """Where the places are turned, mirrored and moved, the map is so too."""
    old = drawn(120, tmp_path / "map.safetensors")
    turn = np.array([[0, 1], [1, 0]], np.float32)  # a mirror
    vectors = library()[old.ids]
    plain, _ = lay_out(vectors, old.positions)
    turned, _ = lay_out(vectors, old.positions @ turn + np.float32([500, -20]))
    np.testing.assert_allclose(turned, plain @ turn + np.float32([500, -20]), atol=2.0)


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_few_tracks_have_a_map_too(n: int) -> None:
    positions, _ = lay_out(library()[:n], nowhere(n))
    assert positions.shape == (n, 2)
    assert np.isfinite(positions).all()


def test_time_is_bounded() -> None:
    positions, finished = lay_out(library(), nowhere(N_GROUPS * N_EACH), budget=0.0)
    assert not finished
    assert np.isfinite(positions).all()


def test_a_damaged_map_is_drawn_anew(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    good = drawn(40, path)
    for content in (b"", b"nonsense", path.read_bytes()[:-8]):
        path.write_bytes(content)
        with pytest.raises(DamagedLayout, match="earshot build"):
            Layout.load(path)
    np.testing.assert_array_equal(drawn(40, path).ids, good.ids)
