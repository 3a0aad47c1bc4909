"""Mixes made for a person, from what they play and like: what the first page begins with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from recsys.home.discography import (
    UNKNOWN_ARTIST,
    VARIOUS,
    Discography,
    LibraryAlbum,
    LibraryArtist,
)
from recsys.served_home import Served
from webui import library_lists
from webui.library_lists import artist_plays
from webui.listening import Listening, listening
from webui.pages.start import activities

N_ARTIST_MIXES = 4
N_WITH = 3  # artists beside the first one of a mix
N_SIMILAR = 50  # artists among whom these are looked for
ALIKE = 0.8  # share of pairs of artists that are less alike than those of one mix
N_ALBUMS = 12
LIKE_COUNTS_AS = 3  # plays
LONG_AGO = 90 * 86_400  # s
N_FORGOTTEN = 12
_NOBODY = (UNKNOWN_ARTIST, VARIOUS)


@dataclass(frozen=True)
class MadeMix:
    """A mix that is offered.

    covers  ids of four tracks with pictures, or of one, which may have none
    """

    title: str
    words: str
    address: str
    covers: tuple[int, ...] = ()


@dataclass(frozen=True)
class MadeForYou:
    """What the first page offers to a person of whom something is known."""

    mixes: Sequence[MadeMix]
    activities: Sequence[str]
    recent: Sequence[LibraryAlbum]
    newest: Sequence[LibraryAlbum]


def made_for_you(served: Served) -> MadeForYou:
    """Return mixes of the artists that a person plays and likes most, and albums to go on with."""
    library, mine = served.discographies.current(), listening(served)
    mixes = [_mix(library, group) for group in _groups(served, library, mine)]
    covers = [cover for mix in mixes for cover in mix.covers[:1]]
    discovery = "/?discovery=0.9&unplayed=1"
    mixes.append(MadeMix("Discover", "Nothing you have played", discovery, tuple(covers[::-1])))
    if forgotten := _forgotten(mine, time.time()):
        query = urlencode([("like", f"track:{track_id}") for track_id in forgotten])
        played = [library.albums[library.album_of[i]] for i in forgotten if i in library.album_of]
        mixes.append(MadeMix("Rediscover", "Not heard for months", f"/?{query}", _covers(played)))
    return MadeForYou(
        mixes,
        activities(served),
        library_lists.albums("recent", library, mine)[:N_ALBUMS],
        library.newest_albums[:N_ALBUMS],
    )


def _groups(served: Served, library: Discography, mine: Listening) -> list[list[LibraryArtist]]:
    """Return groups of artists: one that is played most, with those played who sound alike."""
    plays = artist_plays(library, mine)
    for track_id in mine.liked:
        for one in library.artists_of.get(track_id, ()):
            plays[one] = plays.get(one, 0) + LIKE_COUNTS_AS
    left = [library.artists[one] for one in sorted(plays, key=lambda one: (-plays[one], one))]
    left = [artist for artist in left if artist.name not in _NOBODY]
    groups: list[list[LibraryArtist]] = []
    while left and len(groups) < N_ARTIST_MIXES:
        first, *left = left
        near = served.artists.similar(first.name, N_SIMILAR)
        named = [library.artist_named(one.name) for one in near if one.similarity >= ALIKE]
        known = {artist.id for artist in left}
        alike = [artist for artist in named if artist is not None and artist.id in known][:N_WITH]
        left = [artist for artist in left if artist not in alike]
        groups.append([first, *alike])
    return groups


def _mix(library: Discography, artists: Sequence[LibraryArtist]) -> MadeMix:
    """Return the mix of a group of artists."""
    first, *others = artists
    query = urlencode([("like", f"artist:{artist.name}") for artist in artists])
    names = [artist.name for artist in others] or ["similar artists"]
    albums = [library.albums[one] for artist in artists for one in artist.albums]
    return MadeMix(f"{first.name} mix", f"With {_enumerated(names)}", f"/?{query}", _covers(albums))


def _forgotten(mine: Listening, now: float) -> list[int]:
    """Return the tracks that were played most, of those played more than once, and not of late."""
    ids = [i for i, at in mine.last_at.items() if at < now - LONG_AGO and mine.plays[i] > 1]
    ids.sort(key=lambda i: (-mine.plays[i], i))
    return [i for i in ids if i not in mine.disliked][:N_FORGOTTEN]


def _covers(albums: Sequence[LibraryAlbum]) -> tuple[int, ...]:
    """Return the ids of four tracks whose pictures are known, or of one to be looked at."""
    found = tuple(dict.fromkeys(album.cover for album in albums if album.cover is not None))
    return found[:4] if len(found) >= 4 else (*found, *(one.pictured for one in albums))[:1]


def _enumerated(names: Sequence[str]) -> str:
    """Write names as a person does.

    >>> _enumerated(["Ada"]), _enumerated(["Ada", "Bix", "Cleo"])
    ('Ada', 'Ada, Bix and Cleo')
    """
    *before, final = names
    return f"{', '.join(before)} and {final}" if before else final
