"""The list that answers a mix: what the recommender says, around what a person keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from werkzeug.exceptions import BadRequest

from recsys.catalog import FeedbackKind, Track
from recsys.recommendation.controls import Controls, Names, values_of
from recsys.recommendation.query import Query, Recommendation, Seed
from recsys.served_home import Served
from webui.mix_query import Mix, Ref
from webui.uploads import ID_LENGTH, Sound, read_sound

KEPT_WEIGHT = 0.5  # of a kept track that is liked; a seed has 1


@dataclass(frozen=True)
class Row:
    """A track of a list with what is shown of it.

    place        from 1
    kept         whether the person keeps it there
    feedback     what the listener says of it
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

    sentences  what a person should know of it
    tracks     those that seeds and exclusions name, by id
    """

    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    tracks: Mapping[int, Track]


def answer(served: Served, mix: Mix, listener_id: int | None) -> Listing:
    """Answer a mix for a listener, None for nobody known."""
    said = feedback(served, listener_id)
    places = dict(mix.keep)
    query = served.recommender.resolve(_query(served, mix, listener_id, said))
    kept = query.describe(list(places))
    wanted = mix.length - len(kept)
    found: Sequence[Recommendation] = ()
    sentences: tuple[str, ...] = ()
    if wanted > 0:
        answered = query.recommend(wanted)
        found, sentences = answered.recommendations, answered.notices
    chosen = _placed(found, kept, places)
    return Listing(rows(served, chosen, said, kept=places), sentences, _named(served, mix))


def rows(
    served: Served,
    chosen: Sequence[Recommendation],
    said: Mapping[int, FeedbackKind],
    *,
    kept: Container[int] = (),
) -> tuple[Row, ...]:
    """Return recommendations with what is shown of them."""
    shared = served.similar.shared_tags({c.track.id: nearest(c) for c in chosen})
    return tuple(
        Row(place, c, c.track.id in kept, said.get(c.track.id), shared[c.track.id])
        for place, c in enumerate(chosen, start=1)
    )


def _query(
    served: Served,
    mix: Mix,
    listener_id: int | None,
    said: Mapping[int, FeedbackKind],
) -> Query:
    """Return the recommender's question. What is kept and liked speaks too, beside seeds."""
    seeds = [
        *(seed for ref in mix.like for seed in _seeds(served, ref, 1.0)),
        *(seed for ref in mix.unlike for seed in _seeds(served, ref, -1.0)),
    ]
    named = {seed.ref for seed in seeds if seed.kind == "track"}
    kept = [track_id for track_id, _ in mix.keep]
    if mix.like:
        liked = [i for i in kept if said.get(i) == "like" and i not in named]
        seeds += [Seed("track", track_id, KEPT_WEIGHT) for track_id in liked]
    excluded: dict[str, Sequence[int | str]] = {
        name: _names(mix.without, values.kind)
        for name, field in Controls.model_fields.items()
        if isinstance(values := values_of(field), Names)
    }
    excluded["exclude_artists"] = (
        *excluded["exclude_artists"],
        *_at_their_cap(served, mix.controls.artist_cap, kept),
    )
    ids = [i for ref in mix.without for i in _track_ids(served, ref)]
    controls = mix.controls.model_dump() | excluded | {"exclude_tracks": (*ids, *kept)}
    return Query(listener=listener_id, seeds=tuple(seeds), **controls)


def _seeds(served: Served, ref: Ref, weight: float) -> list[Seed]:
    """Return the seeds that something named means; the tracks of an album share its weight."""
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


def _at_their_cap(served: Served, cap: int | None, kept: Sequence[int]) -> list[str]:
    """Return the artists of whom `cap` tracks are kept, folded."""
    if cap is None or not kept:
        return []
    table = served.recommender.track_table()
    counts = Counter(table.artists[table.rows(kept)].tolist())
    return [
        name
        for name, rows in table.artist_rows.items()
        if counts[int(table.artists[rows[0]])] >= cap
    ]


def feedback(served: Served, listener_id: int | None) -> dict[int, FeedbackKind]:
    """Return what a listener says of tracks, by their ids."""
    if listener_id is None:
        return {}
    return {said.track_id: said.kind for said in served.catalog.feedback(listener_id)}


def _placed(
    found: Sequence[Recommendation], kept: Sequence[Recommendation], places: Mapping[int, int]
) -> list[Recommendation]:
    """Put what is kept at its places, or as near to them as the list is long, and fill the rest."""
    chosen = list(found)
    for one in sorted(kept, key=lambda one: places[one.track.id]):
        chosen.insert(places[one.track.id] - 1, one)
    return chosen


def nearest(recommendation: Recommendation) -> int | None:
    """Return the track that speaks loudest for a recommendation, None where no track does."""
    for reason in recommendation.reasons:
        speaks = reason.amount > 0 and reason.kind in ("seed", "listens", "listeners")
        if speaks and isinstance(reason.ref, int):
            return reason.ref
    return None


def _named(served: Served, mix: Mix) -> dict[int, Track]:
    """Return the tracks and albums that a person reads the names of."""
    ids = {
        ref.track_id
        for ref in (*mix.like, *mix.unlike, *mix.without)
        if ref.kind in ("track", "album")
    }
    return {track.id: track for track in served.catalog.tracks(sorted(ids))}
