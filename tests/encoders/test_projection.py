"""The default embedding: what it keeps, what it is fitted on, and that it stays put."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from encoders import projection as module
from encoders.features import TrackFeatures
from encoders.head import Head, HeadError
from encoders.projection import MIN_TO_WHITEN, Projection, ProjectionError, fit_projection

N_UNITS, N_TAGS, N_POOLS = 20, 5, 30
TAGS = [f"tag {i}" for i in range(2 * N_TAGS)]
Library = list[tuple[TrackFeatures, TrackFeatures]]


def make_track(
    rng: np.random.Generator, n_segments: int = 4
) -> tuple[TrackFeatures, TrackFeatures]:
    mood = rng.standard_normal(3)

    def one(seed: int) -> TrackFeatures:
        mixing = np.random.default_rng(seed)

        def layer(n: int) -> np.ndarray:
            return mood @ mixing.standard_normal((3, n)) + 0.3 * rng.standard_normal(
                (n_segments, n)
            )

        return TrackFeatures(
            starts=np.arange(n_segments, dtype=np.float32),
            tags=(1 / (1 + np.exp(-layer(N_TAGS)))).astype(np.float16),
            penultimate=(layer(N_UNITS) + 2).astype(np.float16),
            pooled=layer(N_POOLS).mean(axis=0).astype(np.float16),
        )

    return one(1), one(2)


def make_library(n: int, seed: int = 0) -> Library:
    rng = np.random.default_rng(seed)
    return [make_track(rng) for _ in range(n)]


def fit(library: Library) -> Projection:
    prior = np.full(N_UNITS, 2, np.float32), np.zeros(2 * N_TAGS, np.float32)
    return fit_projection(library, len(library), ("a", "b"), TAGS, *prior)


@pytest.mark.parametrize("n", [1, 2, 10, MIN_TO_WHITEN - 1, MIN_TO_WHITEN, 300])
def test_any_library_gets_unit_vectors(n: int) -> None:
    library = make_library(n)
    projection = fit(library)
    vectors = projection.embed(library)
    assert vectors.shape == (n, projection.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (projection.whitening.shape[1] > 0) == (n >= MIN_TO_WHITEN)


def test_no_tracks_no_vectors() -> None:
    projection = fit(make_library(3))
    assert projection.embed([]).shape == (0, projection.dim)


def test_a_cosine_is_the_weighted_mean_of_three_cosines() -> None:
    library = make_library(200)
    projection = fit(library)
    one, other = projection.embed(library[:2]).astype(np.float64)
    cosines = []
    for view in (slice(0, N_UNITS), slice(N_UNITS, 3 * N_UNITS), slice(3 * N_UNITS, None)):
        a, b = one[view], other[view]
        cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert one @ other == pytest.approx(np.average(cosines, weights=module.WEIGHTS), abs=1e-5)


def test_the_views_are_what_they_are_said_to_be() -> None:
    """Roots of the first model's means and of all models' deviations, centred."""
    library = make_library(MIN_TO_WHITEN - 1)
    projection = fit(library)
    track = library[0]
    units = [model.penultimate.astype(np.float64) for model in track]
    means = units[0].mean(axis=0)
    roots = np.sign(means) * np.sqrt(np.abs(means)) - projection.penultimate_mean
    deviations = np.sqrt(np.concatenate([u.std(axis=0, ddof=1) for u in units]))
    deviations -= projection.deviations_mean
    expected = np.concatenate(
        [
            np.sqrt(w) * view / np.linalg.norm(view)
            for w, view in zip(module.WEIGHTS, (roots, deviations), strict=False)
        ]
    )
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(projection.embed([track])[0], expected, atol=1e-4)


def test_a_track_of_one_segment_has_no_deviations() -> None:
    library = make_library(MIN_TO_WHITEN)
    projection = fit(library)
    (vector,) = projection.embed([make_track(np.random.default_rng(1), n_segments=1)])
    assert not vector[N_UNITS : 3 * N_UNITS].any()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_principal_components_keep_the_cosines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduced to as many dimensions as the tracks differ in."""
    library = make_library(200)
    whole = fit(library).embed(library)
    monkeypatch.setattr(module, "N_PENULTIMATE", N_UNITS - 1)
    monkeypatch.setattr(module, "N_DEVIATIONS", 2 * N_UNITS - 1)
    reduced = fit(library)
    assert reduced.dim == whole.shape[1] - 2
    vectors = reduced.embed(library)
    np.testing.assert_allclose(vectors @ vectors.T, whole @ whole.T, atol=0.05)


@pytest.mark.parametrize("n", [5, 120])
def test_projections_of_earlier_versions_open_and_embed_as_they_did(n: int, tmp_path: Path) -> None:
    """Three views of equal weight: means, log-odds, whitened pools."""
    library = make_library(n)
    fitted = fit(library)
    earlier = replace(
        fitted,
        deviations_mean=None,
        penultimate_components=None,
        deviations_components=None,
        weights=None,
    )
    earlier.save(tmp_path / "projection.safetensors")
    assert b'"format":"1"' in (tmp_path / "projection.safetensors").read_bytes()
    loaded = Projection.load(tmp_path / "projection.safetensors")
    assert (loaded.id, loaded.is_earlier, fitted.is_earlier) == (earlier.id, True, False)
    views = [
        np.stack([t[0].penultimate.astype(np.float32).mean(axis=0) for t in library])
        - earlier.penultimate_mean,
        np.stack([np.concatenate([m.mean_logits() for m in t]) for t in library])
        - earlier.logits_mean,
    ]
    if n >= MIN_TO_WHITEN:
        pooled = np.array([np.concatenate([m.pooled for m in t]) for t in library], np.float32)
        views.append((pooled - earlier.pooled_mean) / earlier.pooled_scale @ earlier.whitening)
    unit = np.hstack([v / np.linalg.norm(v, axis=1, keepdims=True) for v in views])
    np.testing.assert_allclose(loaded.embed(library), unit / np.sqrt(len(views)), atol=1e-5)
    assert loaded.dim == unit.shape[1]
    with_head = replace(loaded, head=a_head(loaded))
    with_head.save(tmp_path / "projection.safetensors")
    assert Projection.load(tmp_path / "projection.safetensors").id == with_head.id


@pytest.mark.parametrize("n", [150, 30])
def test_whitening_without_damping_is_pca_whitening(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both for more tracks than pools and for fewer."""
    monkeypatch.setattr(module, "DAMPING", 0.0)
    monkeypatch.setattr(module, "MIN_TO_WHITEN", 10)
    monkeypatch.setattr(module, "N_WHITENED", 8)
    library = make_library(n)
    projection = fit(library)
    pooled = np.array([np.concatenate([m.pooled for m in track]) for track in library], np.float64)
    standardised = (pooled - projection.pooled_mean) / projection.pooled_scale
    expected = PCA(8, whiten=True, svd_solver="full").fit_transform(standardised)
    ours = standardised @ projection.whitening * np.sqrt((n - 1) / n)  # sklearn divides by n - 1
    np.testing.assert_allclose(np.abs(ours), np.abs(expected), rtol=2e-3, atol=2e-3)


def test_damping_holds_small_eigenvalues_down() -> None:
    library = make_library(200)
    projection = fit(library)
    pooled = np.array([np.concatenate([m.pooled for m in track]) for track in library], np.float64)
    whitened = (pooled - projection.pooled_mean) / projection.pooled_scale @ projection.whitening
    spread = whitened.std(axis=0)
    assert spread[0] == pytest.approx(1 / np.sqrt(1 + module.DAMPING), rel=1e-3)
    assert (np.diff(spread) < 1e-3).all()
    assert spread[-1] < 0.6


def test_the_published_sizes_stay_within_the_limit() -> None:
    rng = np.random.default_rng(0)

    def track() -> tuple[TrackFeatures, TrackFeatures]:
        def one() -> TrackFeatures:
            tags, units = rng.random((2, 50)), rng.random((2, 200))
            return TrackFeatures(
                np.zeros(2, np.float32),
                tags.astype(np.float16),
                units.astype(np.float16),
                rng.random(1506).astype(np.float16),
            )

        return one(), one()

    library = [track() for _ in range(2 * MIN_TO_WHITEN)]
    prior = np.zeros(200, np.float32), np.zeros(100, np.float32)
    projection = fit_projection(library, len(library), ("a", "b"), TAGS, *prior)
    assert projection.dim == 384


def test_one_track_is_centred_by_the_training_data() -> None:
    """Its own mean alone would leave nothing of it."""
    (track,) = make_library(1)
    vector = fit([track]).embed([track])[0]
    assert np.linalg.norm(vector[:N_UNITS]) == pytest.approx(np.sqrt(1 / 3), abs=1e-5)


def test_features_without_any_direction_do_not_break_it() -> None:
    flat = TrackFeatures(
        np.zeros(1, np.float32),
        np.full((1, N_TAGS), 0.5, np.float16),
        np.full((1, N_UNITS), 2, np.float16),
        np.zeros(N_POOLS, np.float16),
    )
    projection = fit([(flat, flat)] * (MIN_TO_WHITEN + 1))
    assert np.isfinite(projection.embed([(flat, flat)])).all()


def test_extreme_probabilities_stay_finite() -> None:
    tags = np.array([[0, 1, 0.5, 1e-7, 0.9999]], np.float16)
    library = make_library(5)
    odd = replace(library[0][0], tags=tags)
    assert np.isfinite(fit(library).embed([(odd, odd)])).all()


def test_a_projection_is_kept_until_the_library_has_doubled() -> None:
    assert not fit(make_library(200)).outgrown_by(202)
    assert not fit(make_library(200)).outgrown_by(399)
    assert fit(make_library(200)).outgrown_by(400)
    assert not fit(make_library(90)).outgrown_by(MIN_TO_WHITEN - 1)
    assert fit(make_library(90)).outgrown_by(MIN_TO_WHITEN)


def test_even_a_new_fit_on_one_more_percent_keeps_the_neighbours() -> None:
    library = make_library(303)
    before, after = fit(library[:300]).embed(library[:300]), fit(library).embed(library[:300])

    def nearest(vectors: np.ndarray) -> np.ndarray:
        return np.argsort(-(vectors @ vectors.T), axis=1)[:, 1:11]

    pairs = zip(nearest(before), nearest(after), strict=True)
    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in pairs]) > 0.9


def test_saving_and_loading(tmp_path: Path) -> None:
    library = make_library(120)
    projection = fit(library)
    projection.save(tmp_path / "projection.safetensors")
    loaded = Projection.load(tmp_path / "projection.safetensors")
    assert (loaded.id, loaded.extractors, loaded.tags) == (projection.id, ("a", "b"), tuple(TAGS))
    assert loaded.n_fitted == 120
    np.testing.assert_array_equal(loaded.embed(library), projection.embed(library))


def test_ids_tell_projections_apart() -> None:
    assert fit(make_library(5)).id == fit(make_library(5)).id
    assert fit(make_library(5)).id != fit(make_library(5, seed=1)).id


@pytest.mark.parametrize("damage", ["missing", "cut", "flip", "garbage", "version"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "projection.safetensors"
    fit(make_library(5)).save(path)
    whole = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "cut":
            path.write_bytes(whole[:-10])
        case "flip":
            path.write_bytes(whole[:-10] + bytes([whole[-10] ^ 255]) + whole[-9:])
        case "garbage":
            path.write_bytes(b"garbage")
        case "version":
            path.write_bytes(whole.replace(b'"format":"3"', b'"format":"9"'))
    with pytest.raises(ProjectionError, match="run `earshot build` again"):
        Projection.load(path)


def a_head(projection: Projection, weight: float = 0.3) -> Head:
    rng = np.random.default_rng(3)
    mean, matrix = rng.standard_normal(projection.dim), rng.standard_normal((projection.dim, 7))
    return Head(projection.id, mean.astype(np.float32), matrix.astype(np.float32), weight)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_head_counts_as_much_as_its_weight(weight: float) -> None:
    library = make_library(30)
    projection = fit(library)
    head = a_head(projection, weight)
    joined = replace(projection, head=head).embed(library)
    vectors = projection.embed(library)
    assert joined.shape == (30, projection.dim + 7)
    learned = head.apply(vectors)
    expected = (1 - weight) * vectors @ vectors.T + weight * learned @ learned.T
    np.testing.assert_allclose(joined @ joined.T, expected, atol=1e-5)


def test_a_projection_keeps_its_head(tmp_path: Path) -> None:
    library = make_library(30)
    default = fit(library)
    projection = replace(default, head=a_head(default))
    projection.save(tmp_path / "projection.safetensors")
    loaded = Projection.load(tmp_path / "projection.safetensors")
    assert loaded.has_head
    assert (loaded.id, loaded.default.id) == (projection.id, default.id)
    assert projection.id != default.id != replace(default, head=a_head(default, 0.4)).id
    np.testing.assert_array_equal(loaded.embed(library), projection.embed(library))


def test_a_head_of_another_projection_is_refused() -> None:
    with pytest.raises(ValueError, match="was trained on projection"):
        replace(fit(make_library(30)), head=a_head(fit(make_library(30, seed=1))))


def test_a_head_and_its_card_belong_together(tmp_path: Path) -> None:
    projection = fit(make_library(30))
    path, head = tmp_path / "head.safetensors", a_head(projection)
    head.save(path, {"seed": 5})
    loaded, card = Head.load(path)
    assert (card["seed"], loaded.projection, loaded.weight) == (5, projection.id, 0.3)
    np.testing.assert_array_equal(loaded.matrix, head.matrix)
    a_head(projection, 0.5).save(tmp_path / "other.safetensors", {})
    for damage in (
        lambda: path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0"),
        lambda: path.write_bytes(b""),
        lambda: path.with_suffix(".json").write_text("[]"),
        lambda: path.with_suffix(".json").unlink(),
    ):
        head.save(path, {})
        damage()
        with pytest.raises(HeadError, match="train-head` makes a new one"):
            Head.load(path)
    replace(head, matrix=np.full_like(head.matrix, np.nan)).save(path, {})
    with pytest.raises(HeadError, match="a number that is none"):
        Head.load(path)
