"""The terms that the ranker knows of a listener and a candidate: one object each, in `TERMS`.

Another term is another line there; rankers that were trained without it go on without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from index.arrays import Float32Array
from recsys.models.ranker.pairs import Pairs
from recsys.models.ranker.topics import Topic


@dataclass(frozen=True)
class RankingTerm:
    """A term of the ranker.

    name      what it is called in the model card
    topic     the reason that its part of a score belongs to
    values    computes it of pairs: float32 (n_pairs,)
    monotone  1 where a higher value never lowers a score, 0 where it may
    """

    name: str
    topic: Topic
    values: Callable[[Pairs], NDArray[np.floating]]
    monotone: Literal[0, 1] = 0


DECIMALS = 4


def _scaled_log(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.log1p(values), np.float32)


def _own_artist_tracks(pairs: Pairs) -> NDArray[np.floating]:
    return _scaled_log(pairs.of_artist(pairs.by_artist))


def _own_artist_share(pairs: Pairs) -> NDArray[np.floating]:
    return pairs.of_artist(pairs.by_artist) / pairs.of_listener(pairs.lengths)


def _own_artist_plays(pairs: Pairs) -> NDArray[np.floating]:
    return pairs.of_artist(pairs.plays_by_artist)


def _own_artist_complete(pairs: Pairs) -> NDArray[np.floating]:
    artists = pairs.library.artists
    sizes = artists.of_tracks(artists.sizes, pairs.tracks)
    return pairs.of_artist(pairs.by_artist) / np.maximum(sizes, 1)


def _own_artist_recency(pairs: Pairs) -> NDArray[np.floating]:
    return pairs.of_artist(pairs.recency_by_artist)


def _own_album_tracks(pairs: Pairs) -> NDArray[np.floating]:
    return _scaled_log(pairs.of_album(pairs.by_album))


def _own_album_complete(pairs: Pairs) -> NDArray[np.floating]:
    albums = pairs.library.albums
    sizes = albums.of_tracks(albums.sizes, pairs.tracks)
    return pairs.of_album(pairs.by_album) / np.maximum(sizes, 1)


def _artist_affinity(pairs: Pairs) -> NDArray[np.floating]:
    return pairs.of_artist(np.asarray(_scaled_log(pairs.by_artist) @ pairs.library.affinity))


def _best_sound(pairs: Pairs) -> NDArray[np.floating]:
    """The greatest cosine of the candidate's content to a track of the history."""
    directions = pairs.library.model.directions
    best = np.zeros(len(pairs), np.float32)
    for listener, at in pairs.per_listener():
        history = directions[pairs.histories[[listener]].indices]
        if len(history):
            best[at] = (directions[pairs.tracks[at]] @ history.T).max(axis=1)
    return best


def _mainstream(pairs: Pairs) -> NDArray[np.floating]:
    """The mean popularity of the tracks of the history."""
    popularity = pairs.library.popularity
    return pairs.of_listener(np.asarray(pairs.played @ popularity) / pairs.lengths)


def _artist_size(pairs: Pairs) -> NDArray[np.floating]:
    artists = pairs.library.artists
    return _scaled_log(artists.of_tracks(artists.sizes, pairs.tracks))


def _artist_popularity(pairs: Pairs) -> NDArray[np.floating]:
    artists = pairs.library.artists
    return artists.of_tracks(artists.popularity, pairs.tracks)


def _known_tracks(pairs: Pairs) -> NDArray[np.floating]:
    """How many tracks with listens the artist has."""
    library = pairs.library
    return _scaled_log(library.artists.of_tracks(library.by_artist.n_tracks, pairs.tracks))


def _mean_popularity(pairs: Pairs) -> NDArray[np.floating]:
    library = pairs.library
    return library.artists.of_tracks(library.mean_popularity, pairs.tracks)


def _best_popularity(pairs: Pairs) -> NDArray[np.floating]:
    library = pairs.library
    return library.artists.of_tracks(library.best_popularity, pairs.tracks)


def _album_popularity(pairs: Pairs) -> NDArray[np.floating]:
    albums = pairs.library.albums
    return albums.of_tracks(albums.popularity, pairs.tracks)


def _tracks_per_artist(pairs: Pairs) -> NDArray[np.floating]:
    n_artists = np.maximum((pairs.by_artist > 0).sum(axis=1), 1)
    return pairs.of_listener(_scaled_log(pairs.by_artist.sum(axis=1) / n_artists))


def _artist_entropy(pairs: Pairs) -> NDArray[np.floating]:
    """Entropy of the artists in the history, as a share of the greatest possible."""
    n = pairs.by_artist
    total = np.maximum(n.sum(axis=1, keepdims=True), 1)
    entropy = -(n / total * np.log(np.maximum(n, 1) / total)).sum(axis=1)
    return pairs.of_listener(entropy / np.log(np.maximum(total[:, 0], 2)))


TERMS: tuple[RankingTerm, ...] = (
    RankingTerm("the listening model's score", "listeners", lambda pairs: pairs.scores, 1),
    RankingTerm("factors", "listeners", lambda pairs: pairs.terms.factors, 1),
    RankingTerm("evidence", "listeners", lambda pairs: pairs.library.model.evidence[pairs.tracks]),
    RankingTerm("tracks by the same artist", "own artist", _own_artist_tracks, 1),
    RankingTerm("share of the same artist", "own artist", _own_artist_share, 1),
    RankingTerm("plays of the same artist", "own artist", _own_artist_plays, 1),
    RankingTerm("part of the artist's tracks", "own artist", _own_artist_complete, 1),
    RankingTerm("recency of the same artist", "own artist", _own_artist_recency),
    RankingTerm("tracks from the same album", "own album", _own_album_tracks, 1),
    RankingTerm("part of the album's tracks", "own album", _own_album_complete, 1),
    RankingTerm("artists played together", "artists", _artist_affinity, 1),
    RankingTerm("mean score of the artist", "artists", lambda pairs: pairs.scores_by_artist[0]),
    RankingTerm("best score of the artist", "artists", lambda pairs: pairs.scores_by_artist[1]),
    RankingTerm("mean sound", "sound", lambda pairs: pairs.terms.content, 1),
    RankingTerm("most similar sound", "sound", _best_sound, 1),
    RankingTerm(
        "the track's listeners",
        "popularity",
        lambda pairs: pairs.library.popularity[pairs.tracks],
    ),
    RankingTerm("the artist's listeners", "popularity", _artist_popularity),
    RankingTerm("the album's listeners", "popularity", _album_popularity),
    RankingTerm("the artist's tracks", "popularity", _artist_size),
    RankingTerm("the artist's known tracks", "popularity", _known_tracks),
    RankingTerm("mean listeners of the artist's tracks", "popularity", _mean_popularity),
    RankingTerm("listeners of the artist's best track", "popularity", _best_popularity),
    RankingTerm("listeners of the history's tracks", "habits", _mainstream),
    RankingTerm("tracks per artist", "habits", _tracks_per_artist),
    RankingTerm("variety of artists", "habits", _artist_entropy),
    RankingTerm(
        "length of the history", "habits", lambda pairs: pairs.of_listener(np.log(pairs.lengths))
    ),
    RankingTerm(
        "kind of candidate",
        "habits",
        lambda pairs: pairs.library.kinds[pairs.tracks].astype(np.float32),
    ),
)


def term_values(pairs: Pairs) -> Float32Array:
    """Return the values of all terms, NaN where one is not known: float32 (n_pairs, n_terms).

    Rounded, so that a cosine of 1 is on one side of a threshold however many pairs there are.
    """
    values = np.column_stack([term.values(pairs) for term in TERMS])
    return np.round(values, DECIMALS).astype(np.float32)
