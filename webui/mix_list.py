"""The tracks of a mix: recommendations, around the tracks that a person pinned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from werkzeug.exceptions import BadRequest

from recsys.catalog import FeedbackKind, Track
from recsys.recommendation.controls import Controls, Names, values_of
from recsys.recommendation.query import Query, Recommendation, Seed
from recsys.served_home import Served
from webui.mix_query import Mix, Ref
from webui.uploads import ID_LENGTH, Sound, read_sound

PINNED_WEIGHT = 0.5  # of a pinned track that is liked; a seed has 1


@dataclass(frozen=True)
class Row:
    """A track of a list with what is shown of it.

    place        from 1
    kept         whether the person pinned it there
    feedback     the listener's, on the track
    shared_tags  what it and the nearest seed stand out in; its own where it is like no track
    """

    place: int
    recommendation: Recommendation
    kept: bool
    feedback: FeedbackKind | None
    shared_tags: tuple[str, ...]

    @property
    def track(self) -> Track:
        """The track."""
        return self.recommendation.track


@dataclass(frozen=True)
class Listing:
    """A list.

    sentences  notices about it
    tracks     those that seeds and exclusions name, by id
    first      ids of the seed tracks that a saved playlist begins with, beside the rows
    fixed      ids of the tracks among the rows that were asked for: seeds and pinned ones
    """

    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    tracks: Mapping[int, Track]
    first: tuple[int, ...] = ()
    fixed: frozenset[int] = frozenset()

    @property
    def saved_ids(self) -> tuple[int, ...]:
        """The ids of a playlist that is saved of it."""
        return (*self.first, *(row.track.id for row in self.rows))


EMPTY = Listing((), (), {})


def answer(
    served: Served, mix: Mix, listener_id: int | None, leave_out: Collection[int] = ()
) -> Listing:
    """Recommend a mix for a listener, None for an unknown one.

    `leave_out` are ids of tracks to be left out too, but for those that the mix asks for.
    """
    feedback_of = feedback(served, listener_id)
    places = dict(mix.keep)
    query = served.recommender.resolve(_query(served, mix, listener_id, feedback_of, leave_out))
    pinned = query.describe(list(places))
    n_recommended = mix.length - len(pinned)
    recommendations: Sequence[Recommendation] = ()
    sentences: tuple[str, ...] = ()
    if n_recommended > 0:
        response = query.recommend(n_recommended)
        recommendations, sentences = response.recommendations, response.notices
    placed = _placed(recommendations, pinned, places)
    seeds = () if mix.controls.include_seeds is False else tuple(query.seed_tracks())
    first = seeds if mix.controls.include_seeds is None else ()
    fixed = frozenset(places) | (frozenset(seeds) - frozenset(first))
    shown = rows(served, placed, feedback_of, pinned=places)
    return Listing(shown, sentences, _tracks_of(served, mix), first, fixed)


def rows(
    served: Served,
    recommendations: Sequence[Recommendation],
    feedback_of: Mapping[int, FeedbackKind],
    *,
    pinned: Container[int] = (),
) -> tuple[Row, ...]:
    """Return rows: recommendations with shared tags and feedback."""
    shared_tags = served.similar.shared_tags({r.track.id: nearest(r) for r in recommendations})
    return tuple(
        Row(place, r, r.track.id in pinned, feedback_of.get(r.track.id), shared_tags[r.track.id])
        for place, r in enumerate(recommendations, start=1)
    )


def _query(
    served: Served,
    mix: Mix,
    listener_id: int | None,
    feedback_of: Mapping[int, FeedbackKind],
    leave_out: Collection[int],
) -> Query:
    """Return the recommender's query; with seeds, liked and pinned tracks are seeds too."""
    seeds = [
        *(seed for ref in mix.like for seed in seeds_of(served, ref, 1.0)),
        *(seed for ref in mix.unlike for seed in seeds_of(served, ref, -1.0)),
    ]
    seed_tracks = {seed.ref for seed in seeds if seed.kind == "track"}
    pinned = [track_id for track_id, _ in mix.keep]
    if mix.like:
        liked = [i for i in pinned if feedback_of.get(i) == "like" and i not in seed_tracks]
        seeds += [Seed("track", track_id, PINNED_WEIGHT) for track_id in liked]
    excluded: dict[str, Sequence[int | str]] = {
        name: _names(mix.without, values.kind)
        for name, field in Controls.model_fields.items()
        if isinstance(values := values_of(field), Names)
    }
    excluded["exclude_artists"] = (
        *excluded["exclude_artists"],
        *_artists_at_cap(served, mix.controls.artist_cap, pinned),
    )
    ids = [i for ref in mix.without for i in _track_ids(served, ref)]
    ids += sorted(set(leave_out) - seed_tracks)
    controls = mix.controls.model_dump() | excluded | {"exclude_tracks": (*ids, *pinned)}
    return Query(listener=listener_id, seeds=tuple(seeds), **controls)


def seeds_of(served: Served, ref: Ref, weight: float) -> list[Seed]:
    """Return the seeds of a reference; the tracks of an album share its weight."""
    if ref.kind == "artist":
        return [Seed("artist", ref.name, weight)]
    if ref.kind == "tag":
        return [Seed("tag", ref.name, weight)]
    if ref.kind == "sound":
        return [sound_seed(served, read_sound(ref.name), weight)]
    ids = _track_ids(served, ref)
    return [Seed("track", track_id, weight / len(ids)) for track_id in ids]


def sound_seed(served: Served, sound: Sound, weight: float) -> Seed:
    """Return the seed that a file from outside is, or raise BadRequest."""
    fits = len(sound.vector) == served.recommender.index.dim
    if not fits or sound.projection[:ID_LENGTH] != served.projection_id[:ID_LENGTH]:
        raise BadRequest(
            f"“{sound.name}” was analysed for an earlier state of this home: give it again."
        )
    return Seed("sound", sound.name, weight, sound.vector)


def _track_ids(served: Served, ref: Ref) -> Sequence[int]:
    if ref.kind == "album":
        return served.completer.album_tracks(ref.track_id)
    return [ref.track_id] if ref.kind == "track" else []


def _names(refs: Iterable[Ref], kind: str) -> tuple[str, ...]:
    return tuple(ref.name for ref in refs if ref.kind == kind)


def _artists_at_cap(served: Served, cap: int | None, pinned: Sequence[int]) -> list[str]:
    """Return the artists with `cap` pinned tracks, folded."""
    if cap is None or not pinned:
        return []
    table = served.recommender.track_table()
    counts = Counter(table.artists[table.rows(pinned)].tolist())
    return [
        name
        for name, rows in table.artist_rows.items()
        if counts[int(table.artists[rows[0]])] >= cap
    ]


def feedback(served: Served, listener_id: int | None) -> Mapping[int, FeedbackKind]:
    """Return a listener's feedback by track id."""
    return {} if listener_id is None else served.recommender.feedback_of(listener_id)


def _placed(
    recommendations: Sequence[Recommendation],
    pinned: Sequence[Recommendation],
    places: Mapping[int, int],
) -> list[Recommendation]:
    """Insert pinned tracks at their places, as far as the list is long."""
    placed = list(recommendations)
    for r in sorted(pinned, key=lambda r: places[r.track.id]):
        placed.insert(places[r.track.id] - 1, r)
    return placed


def nearest(recommendation: Recommendation) -> int | None:
    """Return the track that contributes most to a recommendation, None where none does."""
    for reason in recommendation.reasons:
        speaks = reason.amount > 0 and reason.kind in ("seed", "listens", "listeners")
        if speaks and isinstance(reason.ref, int):
            return reason.ref
    return None


def _tracks_of(served: Served, mix: Mix) -> dict[int, Track]:
    """Return the tracks that seeds and exclusions name, by id."""
    ids = {
        ref.track_id
        for ref in (*mix.like, *mix.unlike, *mix.without)
        if ref.kind in ("track", "album")
    }
    return {track.id: track for track in served.catalog.tracks(sorted(ids))} if ids else {}
