"""Tools for assistants: what an MCP server offers of a home, each a plain method.

Their docstrings are what an assistant reads of them. Errors that an assistant can act on are
`ToolRefused`, with a sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from earshot.terminal import suggesting
from recsys.catalog import (
    LONGEST_PLAYLIST,
    Catalog,
    PlaylistChanged,
    PlaylistRenews,
    StoredPlaylist,
    Track,
)
from recsys.home.settings import Settings
from recsys.musical_key import camelot
from recsys.recommendation.controls import MAX_IDS, MAX_RESULTS, PublicControls
from recsys.recommendation.query import Query, Recommendation, Seed
from recsys.recommendation.recommender import Unanswerable
from recsys.served_home import Served, ServedHome, Unavailable
from recsys.similarity.explanation import mean_logits
from recsys.tagging.taggram import tag_bars

Json = dict[str, Any]
Limit = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="How many at most.")]
TrackId = Annotated[int, Field(ge=1, description="A track's id, as other tools return it.")]
TrackIds = Annotated[list[TrackId], Field(max_length=MAX_IDS)]
Names = Annotated[list[str], Field(max_length=50)]


GONE = "The listener, the playlist or one of the tracks has just been deleted: look again."


class ToolRefused(Exception):
    """A tool cannot do what is asked; the message says why and what to do."""


class AssistantTools:
    """The tools of one home, for one listener or for none. Safe to share between threads."""

    def __init__(self, settings: Settings, listener: str | None = None) -> None:
        """`listener` is the name of a person whose history counts."""
        self._home = ServedHome(settings)
        self._listener = listener

    def close(self) -> None:
        """Close the home."""
        self._home.close()

    def reading(self) -> list[Callable[..., Json]]:
        """Return the tools that change nothing."""
        return [
            self.overview,
            self.search,
            self.find_by_words,
            self.tags,
            self.describe,
            self.similar,
            self.why_similar,
            self.mix,
            self.path,
            self.history,
            self.playlists,
            self.playlist,
        ]

    def writing(self) -> list[Callable[..., Json]]:
        """Return the tools that write playlists and opinions."""
        return [self.create_playlist, self.extend_playlist, self.rate]

    # Reading

    def overview(self) -> Json:
        """Say what the library holds: numbers of tracks, artists, albums, listens; listeners."""
        served = self._served()
        counts, totals = served.catalog.counts(), served.catalog.totals()
        return {
            "tracks": counts.ready,
            "not_analysed": counts.pending + counts.failed,
            **vars(totals),
            "listeners": [listener.name for listener in served.catalog.listeners()],
            "listener": self._listener,
        }

    def search(self, words: str, limit: Limit = 10) -> Json:
        """Find tracks by words of their title, artist, album or genre. Typing errors are forgiven.

        For how music sounds ("calm piano"), use find_by_words.
        """
        found = self._served().catalog.search(words, limit)
        return {"tracks": [brief(track) for track in found]}

    def find_by_words(self, words: str, limit: Limit = 10) -> Json:
        """Find tracks by how they sound, such as "calm solo piano without vocals, in a minor key".

        Understands tags, genres, "without", "like ARTIST", tempo ("around 120 bpm"), years, keys
        and length. Says what was understood and what was ignored.
        """
        served = self._served()
        answer = served.words.search(words, limit, self._listener_id(served))
        return {
            "understood": {part.words: list(part.taken_for) for part in answer.understood},
            "ignored": list(answer.ignored),
            "notices": list(answer.notices),
            "tracks": [
                brief(found.track) | {"score": found.score, "met": list(found.met)}
                for found in answer.results
            ],
        }

    def tags(self) -> Json:
        """List the tags, moods and activities that mixes can name, and the listener's own tags."""
        served = self._served()
        known = served.recommender.tags_of(self._listener_id(served))
        return {
            "tags": sorted({*known.names.values()} - {mood.name for mood in known.moods}),
            "moods": [mood.name for mood in known.moods],
            "own_tags": sorted(known.names[name] for name in known.own_names),
        }

    def describe(self, track_id: TrackId) -> Json:
        """Describe a track: metadata, tempo, key, loudness, the surest tags, plays, opinion."""
        served = self._served()
        track = self._track(served, track_id)
        described = brief(track) | {
            "album_artist": track.album_artist,
            "year": track.year,
            "genres": list(track.genres),
            "file_tempo": track.bpm,
            "estimated_tempo": track.estimated_bpm,
            "file_key": track.initial_key,
            "estimated_key": track.estimated_key,
            "loudness_lufs": track.loudness,
        }
        try:
            sound = served.similar.sound_of(track)
        except KeyError:
            return described | {"tags": [], "note": "It is not analysed."}
        logits, typical = mean_logits(sound.features), served.similar.typical_logits
        described["tags"] = [
            {"tag": bar.tag, "probability": round(bar.probability, 3), "usual": round(bar.usual, 3)}
            for bar in tag_bars(logits, typical, served.similar.tags)
        ]
        described["highlight"] = served.similar.highlight(sound).as_json()
        listener = self._listener_id(served)
        if listener is not None:
            described["plays"] = served.catalog.plays(listener, track.id).count
            opinion = served.catalog.feedback_on(listener, track.id)
            described["opinion"] = opinion.kind if opinion else None
        return described

    def similar(self, like: TrackIds, unlike: TrackIds | None = None, limit: Limit = 10) -> Json:
        """Find tracks that sound like some tracks, and unlike others, with reasons."""
        served = self._served()
        seeds = [Seed("track", self._track(served, one).id) for one in like]
        seeds += [Seed("track", one, -1.0) for one in unlike or []]
        return self._recommended(served, Query(seeds=tuple(seeds)), limit)

    def why_similar(self, track_id: TrackId, other_id: TrackId) -> Json:
        """Say why two tracks sound alike: shared tags, the closest moments, tempo, keys."""
        served = self._served()
        one, other = self._track(served, track_id), self._track(served, other_id)
        try:
            reasons = served.similar.reasons(served.similar.sound_of(one), [other])[other.id]
        except KeyError as error:
            raise ToolRefused(f"Track {error.args[0]} is not analysed.") from None
        return {"tracks": [brief(one), brief(other)], **reasons.as_json()}

    def mix(
        self,
        tracks: TrackIds | None = None,
        artists: Names | None = None,
        tags: Names | None = None,
        unlike_tracks: TrackIds | None = None,
        controls: PublicControls | None = None,
        limit: Limit = 20,
    ) -> Json:
        """Make a mix: like tracks, artists and tags, within bounds, each with its reasons.

        Without seeds: what the listener may like, or what is typical of the library. The controls
        bound length, tempo and artists, leave out genres, tags and what was played, and mix
        harmonically.
        """
        served = self._served()
        seeds = [Seed("track", self._track(served, one).id) for one in tracks or []]
        seeds += [Seed("artist", name) for name in artists or []]
        seeds += [Seed("tag", name) for name in tags or []]
        seeds += [Seed("track", one, -1.0) for one in unlike_tracks or []]
        given = controls.model_dump(exclude_unset=True) if controls else {}
        query = Query(listener=self._listener_id(served), seeds=tuple(seeds), **given)
        return self._recommended(served, query, limit)

    def path(
        self,
        start: TrackId,
        end: TrackId,
        length: Annotated[int, Field(ge=2, le=MAX_RESULTS)] = 8,
        harmonic: bool = False,
        tempo_change: Annotated[float | None, Field(ge=0, le=50)] = None,
    ) -> Json:
        """Find a path of small steps from one track to another, both included.

        With `harmonic` keys mix from track to track; `tempo_change` is the most change in percent.
        """
        served = self._served()
        for track_id in (start, end):
            self._track(served, track_id)
        if start == end:
            raise ToolRefused("A path ends at another track than it starts with.")
        query = Query(
            listener=self._listener_id(served), harmonic=harmonic, tempo_change=tempo_change
        )
        try:
            answer = served.recommender.path(start, end, length, query)
        except Unanswerable as error:
            raise ToolRefused(str(error)) from None
        return _listed(answer.recommendations, answer.notices)

    def history(self, limit: Limit = 20) -> Json:
        """List the listener's last plays, the latest first, with Unix times, and opinions."""
        served = self._served()
        listener = self._needed_listener(served)
        plays = served.catalog.listens_before(listener, None, limit)
        by_id = {track.id: track for track in served.catalog.tracks(p.track_id or 0 for p in plays)}
        return {
            "plays": [
                {
                    "at": play.listened_at,
                    "track": brief(by_id[play.track_id]) if play.track_id in by_id else None,
                    "artist": play.artist,
                    "title": play.title,
                }
                for play in plays
            ],
            "opinions": [
                {"track_id": one.track_id, "opinion": one.kind}
                for one in served.catalog.feedback(listener)
            ],
        }

    def playlists(self) -> Json:
        """List the listener's playlists."""
        served = self._served()
        stored = served.catalog.playlists(self._needed_listener(served))
        return {"playlists": [_playlist(one) for one in stored]}

    def playlist(self, playlist_id: int) -> Json:
        """Show a playlist of the listener with its tracks."""
        served = self._served()
        stored = self._playlist(served, self._needed_listener(served), playlist_id)
        tracks = served.catalog.tracks(stored.track_ids)
        return _playlist(stored) | {"tracks": [brief(track) for track in tracks]}

    # Writing

    def create_playlist(self, name: str, track_ids: TrackIds) -> Json:
        """Create a playlist of the listener."""
        served = self._served()
        return self._save(served, name, [self._track(served, one).id for one in track_ids])

    def extend_playlist(self, playlist_id: int, track_ids: TrackIds) -> Json:
        """Append tracks to a playlist of the listener."""
        served = self._served()
        stored = self._playlist(served, self._needed_listener(served), playlist_id)
        more = [self._track(served, one).id for one in track_ids]
        return self._save(served, stored.name, [*stored.track_ids, *more], stored)

    def rate(self, track_id: TrackId, opinion: Literal["like", "dislike", "none"]) -> Json:
        """Write the listener's opinion of a track; "none" takes it back."""
        served = self._served()
        track, listener = self._track(served, track_id), self._needed_listener(served)
        kind = None if opinion == "none" else opinion
        try:
            served.catalog.set_feedback(listener, track.id, kind, int(time.time()))
        except KeyError:
            raise ToolRefused(GONE) from None
        return {"track": brief(track), "opinion": kind}

    # What they share

    def _served(self) -> Served:
        try:
            return self._home.current()
        except Unavailable as error:
            raise ToolRefused(str(error)) from None

    def _track(self, served: Served, track_id: int) -> Track:
        track = served.catalog.track(track_id)
        if track is None or track.removed:
            raise ToolRefused(f"The library has no track {track_id}: search finds ids.")
        return track

    def _listener_id(self, served: Served) -> int | None:
        return None if self._listener is None else _id_of(served.catalog, self._listener)

    def _needed_listener(self, served: Served) -> int:
        listener = self._listener_id(served)
        if listener is None:
            raise ToolRefused(
                suggesting(
                    "This needs a listener: start the server with `earshot mcp --listener NAME`."
                )
            )
        return listener

    def _playlist(self, served: Served, listener: int, playlist_id: int) -> StoredPlaylist:
        stored = served.catalog.playlist(listener, playlist_id)
        if stored is None:
            raise ToolRefused(f"There is no playlist {playlist_id}: playlists lists them.")
        return stored

    def _save(
        self, served: Served, name: str, ids: Sequence[int], stored: StoredPlaylist | None = None
    ) -> Json:
        if len(ids) > LONGEST_PLAYLIST:
            raise ToolRefused(f"A playlist has at most {LONGEST_PLAYLIST:,} tracks.")
        listener = self._needed_listener(served)
        try:
            saved = served.catalog.save_playlist(
                listener,
                name,
                ids,
                stored.id if stored else None,
                revision=stored.revision if stored else None,
            )
        except PlaylistChanged:
            raise ToolRefused("Somebody else just changed this playlist: read it again.") from None
        except PlaylistRenews:
            raise ToolRefused(
                "This playlist renews itself: its tracks are not chosen by hand."
            ) from None
        except KeyError:
            raise ToolRefused(GONE) from None
        except ValueError as error:
            raise ToolRefused(f"The playlist cannot be saved: {error}.") from None
        return _playlist(saved)

    def _recommended(self, served: Served, query: Query, limit: int) -> Json:
        answer = served.recommender.recommend(query, limit)
        return _listed(answer.recommendations, answer.notices)


def brief(track: Track) -> Json:
    """Return what lists say of a track."""
    return {
        "track_id": track.id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "seconds": None if track.duration is None else round(track.duration),
        "tempo": None if track.tempo is None else round(track.tempo, 1),
        "key": track.key,
        "camelot": camelot(track.key) if track.key else None,
    }


def _listed(recommendations: Sequence[Recommendation], notices: Sequence[str]) -> Json:
    return {
        "tracks": [
            brief(one.track)
            | {
                "score": round(one.score, 3),
                "similarity": round(one.similarity, 3),
                "because": [f"{reason.words} ({reason.amount:+.2f})" for reason in one.reasons[:5]],
            }
            for one in recommendations
        ],
        "notices": list(notices),
    }


def _playlist(stored: StoredPlaylist) -> Json:
    return {"playlist_id": stored.id, "name": stored.name, "n_tracks": len(stored.track_ids)}


def _id_of(catalog: Catalog, name: str) -> int:
    listener = catalog.listener(name)
    if listener is None:
        raise ToolRefused(f"There is no listener “{name}” any more.")
    return listener.id
