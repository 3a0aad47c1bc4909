"""Popularity from sound: told where it is planted, refused where it is chance, and whose it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from small_library import Library, Song

from recsys.catalog import Catalog
from recsys.home.evaluation_reports import read_report
from recsys.home.files import POPULARITY_NAME
from recsys.interactions import Interactions
from recsys.popularity import learning
from recsys.popularity import measure as measuring
from recsys.popularity.data import popularity_of, sample
from recsys.popularity.learning import learn_popularity, renew_popularity
from recsys.popularity.measure import (
    OURS,
    PopularityData,
    TooFewPlayedArtists,
    artist_folds,
    artist_means,
    chance_ndcg,
    measure,
    ndcg,
    spearman,
)
from recsys.popularity.regression import RankingRegression
from recsys.popularity.stored import PopularityReader
from recsys.recommendation.query import Query
from recsys.recommendation.recommender import Recommender


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "N_RESAMPLES", 100)
    monkeypatch.setattr(measuring, "PENALTIES", (10.0, 1000.0))


def made(seed: int, effect: float, n_artists: int = 80, each: int = 3) -> PopularityData:
    """Tracks of artists; the first feature says how popular a track is, by `effect`."""
    rng = np.random.default_rng(seed)
    artists = np.repeat(np.arange(n_artists), each)
    features = rng.standard_normal((n_artists, 6))[artists] + 0.5 * rng.standard_normal(
        (len(artists), 6)
    )
    popularity = effect * features[:, 0] + rng.standard_normal(len(artists))
    popularity += rng.standard_normal(n_artists)[artists]
    return PopularityData(features, np.log1p(10 * expit(popularity)), artists)


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    pairs = (np.array([3, 5, 9]), np.array([1, 9, 2]))
    settings, weights = RankingRegression(2.0, 0.4), rng.standard_normal(4)
    _, gradient = settings._loss(weights, x, y, pairs)
    for place in range(4):
        step = 1e-6 * np.eye(4)[place]
        ends = [settings._loss(weights + sign * step, x, y, pairs)[0] for sign in (1, -1)]
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-6)


def test_without_ranking_loss_it_is_ridge_regression() -> None:
    data = made(1, 1.0)
    x, y = data.features, data.popularity
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    weights = np.linalg.solve(z.T @ z + 3.0 * np.eye(6), z.T @ (y - y.mean()))
    scorer = RankingRegression(3.0, 0.0).fit(x, y)
    assert scorer.scores(x) == pytest.approx(y.mean() + z @ weights, abs=1e-3)


def test_planted_popularity_is_told_and_chance_is_refused() -> None:
    told = measure(made(2, 1.5))
    assert told.is_told and told.spearman[OURS].low > 0.3
    assert told.spearman[OURS].value > told.spearman["artist's mean"].value - 0.2
    n_refused = sum(not measure(made(seed, 0.0)).is_told for seed in range(3, 6))
    assert n_refused >= 2
    assert told.as_json()["told_from_chance"] is True


def test_measures_of_known_orders() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(values, values) == pytest.approx(1)
    assert spearman(-values, values) == pytest.approx(-1)
    assert spearman(np.ones(4), values) == 0
    assert ndcg(values, values, 2) == pytest.approx(1)
    assert ndcg(-values, np.array([0.0, 0, 0, 1]), 2) == 0
    rng = np.random.default_rng(0)
    drawn = [ndcg(rng.permutation(4).astype(float), values, 2) for _ in range(4000)]
    assert np.mean(drawn) == pytest.approx(chance_ndcg(values, 2), abs=0.01)


def test_folds_and_means_are_of_artists() -> None:
    artists = np.array([7, 7, 3, 9, 9, 9])
    folds = artist_folds(artists, 2, 0)
    assert len(set(folds[:2])) == len(set(folds[3:])) == 1
    data = PopularityData(np.zeros((6, 1)), np.array([1.0, 3, 5, 2, 4, 6]), artists)
    assert artist_means(data).tolist() == [3, 1, 3.5, 5, 4, 3]
    with pytest.raises(TooFewPlayedArtists, match="of 3 artists, and 20 are needed"):
        measure(data)


def test_popularity_counts_listeners_and_their_plays() -> None:
    counts = sparse.csr_matrix(np.array([[1, 3, 0], [1, 0, 0]], np.float32))
    found = popularity_of(Interactions(np.arange(2), np.arange(3), counts))
    assert found == pytest.approx(np.log1p([2, 2, 0]))


@pytest.fixture
def library(sqlite_catalog: Catalog) -> Library:
    """Songs of 40 artists: the nearer to the first axis, the more people play them."""
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 90, 120))
    songs = [
        Song(
            (float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle))), 0.1),
            f"Artist {number % 40}",
        )
        for number, angle in enumerate(angles)
    ]
    library = Library(sqlite_catalog, songs)
    for person in range(12):
        played = [n + 1 for n in range(120) if n % 4 and rng.random() < (120 - n) / 120]
        library.listen(f"person {person}", *played)
    return library


def test_a_home_learns_it_and_orders_what_nobody_has_played(library: Library) -> None:
    path = library.home.settings.home / POPULARITY_NAME
    recommender = Recommender(library.home)
    assert recommender.expected_popularity() is None
    report = learn_popularity(library.home, "earshot evaluate popularity")
    assert report.is_told and path.exists()
    expected = recommender.expected_popularity()
    assert expected is not None and "rank correlation of 0." in expected.words
    unplayed = recommender.popularity() == 0
    rows = expected.of_unplayed(recommender.popularity(), recommender.track_table())
    assert sorted(rows) == np.flatnonzero(unplayed).tolist()
    assert np.mean(rows[:10]) < np.mean(rows[-10:]) - 50
    assert expected.share_below(int(rows[0])) > 0.8
    filled = expected.with_unplayed(recommender.popularity())
    assert filled[unplayed].max() < filled[~unplayed].min()
    table = recommender.track_table()
    played = table.ids[~unplayed].tolist()
    answer = recommender.recommend(Query(exclude_tracks=tuple(played)), 10)
    assert [one.track.id for one in answer.recommendations] == table.ids[rows[:10]].tolist()


def test_builds_learn_it_once_until_half_more_is_played(library: Library) -> None:
    report = renew_popularity(library.home, "earshot build")
    assert report is not None and report.is_told
    assert report.sentence.startswith(
        f"What might please many was learned from {report.n_tracks} played tracks of 30 artists: a "
        "rank correlation of 0."
    )
    kept = read_report(library.home.settings.home, "popularity")
    assert kept is not None and kept.command == "earshot build"
    assert renew_popularity(library.home, "earshot build") is None, "nothing has changed"
    for person in range(12):
        library.listen(f"new {person}", *(n + 1 for n in range(0, 120, 4)))
    assert renew_popularity(library.home, "earshot import") is not None, "half more was played"
    for name in ("popularity.safetensors", "reports/popularity.json"):
        (library.home.settings.home / name).unlink()
    assert renew_popularity(library.home, "earshot build") is not None


def test_a_refusal_is_remembered_and_too_few_artists_say_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = learning.measure
    low = {OURS: replace_low(told(made(2, 1.5)).spearman[OURS])}
    monkeypatch.setattr(
        learning, "measure", lambda data, seed: replace(told(data, seed), spearman=low)
    )
    refused = renew_popularity(library.home, "earshot build")
    assert refused is not None and refused.sentence.startswith(
        "What might please many cannot be told from chance by the sound of "
    )
    assert renew_popularity(library.home, "earshot build") is None
    monkeypatch.setattr(measuring, "LEAST_ARTISTS", 41)
    monkeypatch.setattr(learning, "measure", told)
    (library.home.settings.home / "reports" / "popularity.json").unlink()
    assert renew_popularity(library.home, "earshot build") is None


def test_a_sample_has_whole_artists() -> None:
    data = made(0, 0.0)
    some = sample(data, 100, 0)
    assert len(some.artists) == 99 and (np.unique(some.artists, return_counts=True)[1] == 3).all()
    assert sample(data, 240, 0) is data
    one = PopularityData(np.zeros((9, 1)), np.ones(9), np.zeros(9, np.int64))
    assert len(sample(one, 5, 0).artists) == 9


def test_a_damaged_file_and_another_embedding_tell_nothing(library: Library) -> None:
    learn_popularity(library.home, "earshot evaluate popularity")
    path = library.home.settings.home / POPULARITY_NAME
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert PopularityReader(library.home).read() is None
    path.write_bytes(content.replace(library.home.projection.id.encode(), b"x" * 8, 1))
    assert PopularityReader(library.home).read() is None


def test_what_is_told_no_longer_is_deleted(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn_popularity(library.home, "earshot evaluate popularity")
    told = learning.measure
    untold = {OURS: replace_low(told(made(2, 1.5)).spearman[OURS])}
    monkeypatch.setattr(
        learning, "measure", lambda data, seed: replace(told(data, seed), spearman=untold)
    )
    assert not learn_popularity(library.home, "earshot evaluate popularity").is_told
    assert not (library.home.settings.home / POPULARITY_NAME).exists()


def replace_low(one):  # type: ignore[no-untyped-def]
    return one._replace(low=-0.1)
