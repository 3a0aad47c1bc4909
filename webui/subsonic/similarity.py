"""Similar music: radio from a song, album or artist, random songs, sonic similarity, paths."""

from __future__ import annotations

from recsys.catalog import Track
from recsys.recommendation.query import Query, Seed
from recsys.recommendation.recommender import MAX_LENGTH, Unanswerable
from recsys.similarity.percentile import SAME, shown
from webui import current_listener
from webui.radio import at_random, radio, seeds_of_artist, seeds_of_tracks
from webui.served import why_not_analysed
from webui.subsonic.answers import Tree
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import NOT_FOUND, PROBLEM, SubsonicError, missing
from webui.subsonic.library import LibraryView, library
from webui.subsonic.parameters import MOST, maybe_whole, required, text, whole

api = group("similarity")


@endpoint(api, "getSimilarSongs")
def get_similar_songs() -> Tree:
    """Go on from a song, an album or an artist: other songs each time."""
    return {"similarSongs": {"song": _radio()}}


@endpoint(api, "getSimilarSongs2")
def get_similar_songs2() -> Tree:
    """Go on from an artist, an album or a song: other songs each time."""
    return {"similarSongs2": {"song": _radio()}}


@endpoint(api, "getRandomSongs")
def get_random_songs() -> Tree:
    """Draw songs, of a genre or of some years if asked for, none of the last hours."""
    view = library()
    discography, size = view.discography, whole("size", 10, most=MOST)
    first, last = maybe_whole("fromYear"), maybe_whole("toYear")
    genre = text("genre")
    ids = list(discography.seconds)
    if genre is not None:
        named = discography.genre(genre)
        ids = list(named.tracks) if named else []
    if first is not None or last is not None:
        low, high = first or 0, 9999 if last is None else last
        ids = [i for i in ids if low <= discography.years.get(i, -1) <= high]
    return {"randomSongs": {"song": view.songs(at_random(view.served, ids, size))}}


@endpoint(api, "getTopSongs")
def get_top_songs() -> Tree:
    """List an artist's songs, those first that the person plays most, then starred ones."""
    view, one, name = library(), text("id"), text("artist")
    if one is None and name is None:
        raise missing("artist")
    artist = view.artist(one) if one else view.discography.artist_named(name or "")
    plays, starred = view.listening.plays, view.listening.starred

    def rank(track_id: int) -> tuple[int, int, int]:
        return -plays.get(track_id, 0), -starred.get(("track", str(track_id)), 0), track_id

    ids = sorted(artist.tracks, key=rank) if artist else []
    return {"topSongs": {"song": view.songs(ids[: whole("count", 50, most=MOST)])}}


@endpoint(api, "getSonicSimilarTracks")
def get_sonic_similar_tracks() -> Tree:
    """List what sounds most like a song, with how alike each is: 1 the same, 0 as unlike as can be.

    The similarity is the share of the library's pairs of songs that are less alike.
    """
    view = library()
    track, count = view.track(required("id")), whole("count", 10, most=MOST)
    if not count:
        return {"sonicMatch": []}
    try:
        near = view.served.similar.nearest(track, count)
    except KeyError:
        raise _not_heard(track) from None
    return {"sonicMatch": [_match(view, other, similarity) for other, similarity in near]}


@endpoint(api, "findSonicPath")
def find_sonic_path() -> Tree:
    """Lead from one song to another in small steps, by as many songs as asked for."""
    view = library()
    start, end = view.track(required("startSongId")), view.track(required("endSongId"))
    count = whole("count", 25, least=1, most=MAX_LENGTH)
    if start.id == end.id:
        return {"sonicMatch": [_match(view, start, SAME)]}
    if count < 2:
        raise SubsonicError(PROBLEM, '"count" takes at least 2: a path has two ends.')
    query = Query(listener=current_listener.listener(view.served), exclude_played=False)
    try:
        path = view.served.recommender.path(start.id, end.id, count, query)
    except Unanswerable as error:
        raise SubsonicError(NOT_FOUND, str(error)) from error
    similar = view.served.similar
    return {
        "sonicMatch": [
            _match(view, one.track, SAME if n == 0 else similar.similarity(start, one.track))
            for n, one in enumerate(path.recommendations)
        ]
    }


def _radio() -> list[Tree]:
    view = library()
    seeds, count = _seeds_of(view, required("id")), whole("count", 50, most=MOST)
    return view.songs(radio(view.served, seeds, count)) if count else []


def _seeds_of(view: LibraryView, one: str) -> list[Seed]:
    """Return the seeds of a song, an album or an artist by its id. Raises SubsonicError."""
    if one in view.discography.albums:
        return seeds_of_tracks(view.album(one).tracks)
    if one in view.discography.artists:
        return seeds_of_artist(view.served, view.artist(one))
    return seeds_of_tracks([view.track(one).id])


def _match(view: LibraryView, track: Track, similarity: float) -> Tree:
    return {"entry": view.song(track), "similarity": shown(similarity)}


def _not_heard(track: Track) -> SubsonicError:
    return SubsonicError(NOT_FOUND, f"{track.name} cannot be compared. {why_not_analysed(track)}")
