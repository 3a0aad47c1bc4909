"""A query whose context is loaded: it recommends, and scores tracks that are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recsys.catalog import Catalog
from recsys.recommendation.candidates import CandidateLimits
from recsys.recommendation.context import QueryContext
from recsys.recommendation.query import (
    KINDS,
    Fallback,
    Reason,
    Recommendation,
    RecommendedList,
)
from recsys.recommendation.ranking import RankedTracks, rank, scored
from recsys.similarity.percentile import Similarity
from recsys.similarity.similar_tracks import copies_hidden


class ResolvedQuery:
    """A query with its context, for any number of answers."""

    def __init__(
        self,
        context: QueryContext,
        notices: Sequence[str],
        catalog: Catalog,
        similarity: Similarity,
        limits: CandidateLimits,
    ) -> None:
        """`notices` are on what of the query could not be used."""
        self.context = context
        self.notices = tuple(notices)
        self._catalog = catalog
        self._similarity = similarity
        self._limits = limits
        self._titles = {} if context.kept is None else context.kept.titles

    def recommend(self, k: int) -> RecommendedList:
        """Return at most `k` tracks, best first; with `include_seeds` the seeds before them.

        Raises ValueError for `k` below 1.
        """
        if k < 1:
            raise ValueError(f"k: wanted at least 1, got {k}")
        seeds: tuple[Recommendation, ...] = ()
        if self.context.query.include_seeds:
            seeds = self.describe(self.seed_tracks()[:k])
            k -= len(seeds)
        if not k:
            return RecommendedList(seeds, self.context.seeds.fallback, self.notices)
        ranked = rank(self.context, k, self._limits)
        following = (
            replace(found, rank=found.rank + len(seeds)) for found in self._recommendations(ranked)
        )
        return RecommendedList(
            (*seeds, *following),
            self.context.seeds.fallback,
            (
                *self.notices,
                *_basis(self.context),
                *_shortage(self.context, len(ranked.rows), k),
                *copies_hidden(self.context.track_table.n_hidden(ranked.rows)),
            ),
        )

    def seed_tracks(self) -> list[int]:
        """Return the ids of the tracks that the query is to be like, in its order.

        Without those that are not available, or that the query excludes by id.
        """
        query, table = self.context.query, self.context.track_table
        liked = [seed.ref for seed in query.seeds if seed.kind == "track" and seed.weight > 0]
        ids = dict.fromkeys(int(ref) for ref in liked if ref not in query.exclude_tracks)
        rows = table.rows(list(ids))
        available = set(table.ids[rows[table.available[rows]]].tolist())
        return [track_id for track_id in ids if track_id in available]

    def describe(self, ids: Sequence[int]) -> tuple[Recommendation, ...]:
        """Return tracks scored as recommendations are, in their order, whatever is excluded.

        Those that are not indexed are missing.
        """
        return self._recommendations(scored(self.context, self.context.track_table.rows(ids)))

    def _recommendations(self, ranked: RankedTracks) -> tuple[Recommendation, ...]:
        context = self.context
        if not len(ranked.rows):
            return ()
        ids = context.track_table.ids[ranked.rows].tolist()
        reasons, scores = ranked.scores.reasons(), ranked.scores.values.tolist()
        refs = {r.ref for each in reasons for r in each if isinstance(r.ref, int)}
        titles = self._titles
        if unknown := refs - titles.keys():
            titles.update(self._catalog.titles(unknown))
        tracks = {track.id: track for track in self._catalog.tracks(ids)}

        def named(reason: Reason) -> Reason:
            kind, ref, amount = reason.kind, reason.ref, reason.amount
            name = titles.get(ref, "") if isinstance(ref, int) else ref or ""
            return Reason(kind, ref, amount, name)

        listener = context.listener_scores
        evidence = np.zeros(len(ids)) if listener is None else listener.model.evidence[ranked.rows]
        similarities = self._similarity.of(ranked.scores.nearest)
        return tuple(
            Recommendation(
                place + 1,
                tracks[track_id],
                scores[place],
                float(similarities[place]),
                float(evidence[place]),
                _fallback(reasons[place], context.seeds.fallback),
                tuple(map(named, reasons[place])),
            )
            for place, track_id in enumerate(ids)
        )


def _fallback(reasons: Sequence[Reason], otherwise: Fallback) -> Fallback:
    """Return the fallback that the greatest positive reason belongs to."""
    fallbacks = (KINDS[reason.kind].fallback for reason in reasons if reason.amount > 0)
    return next((fallback for fallback in fallbacks if fallback), otherwise)


def _basis(context: QueryContext) -> list[str]:
    """Say what the recommendations are based on, where a person would expect something else."""
    query = context.query
    if context.seeds.fallback != "popular":
        if query.listener is None or context.listener_scores is not None:
            return []
        return [
            "The listening model does not know this listener's plays yet: these tracks are chosen "
            "by sound alone."
            if context.has_model
            else "There is no listening model yet: these tracks are chosen by sound alone."
        ]
    notices = []
    if query.listener is not None and not query.seeds:
        notices.append("There are no plays or likes of this listener yet.")
    notices.append(
        "These are the tracks that most people play."
        if context.popularity.any()
        else "Nothing has been played yet: these tracks are the most typical of the library."
    )
    return notices


def _shortage(context: QueryContext, n: int, k: int) -> list[str]:
    """Say why there are fewer than asked for."""
    if n == k:
        return []
    n_allowed, n_available = context.n_allowed, int(context.track_table.available.sum())
    if not n_allowed:
        return [f"None of the library's {n_available} tracks is left to be recommended."]
    why = f"{n_allowed} of the library's {n_available} tracks may be in the answer"
    return [
        f"{n} instead of {k}: {why}"
        + (", and these limits let no more in." * (n < n_allowed) or ".")
    ]
