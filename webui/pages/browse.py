"""The pages to look through the library by: albums, artists, tracks, genres."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast
from urllib.parse import urlencode

import numpy as np
from flask import Blueprint, render_template, request
from werkzeug.exceptions import BadRequest, NotFound

from recsys.catalog.search import fold
from recsys.home.discography import Discography, LibraryAlbum, LibraryGenre
from recsys.home.track_table import Measure
from recsys.served_home import Served
from webui import current_listener, library_lists
from webui.library_lists import ALBUM_ORDERS, ARTIST_ORDERS, TRACK_ORDERS, Order, letter_starts
from webui.listening import listening
from webui.served import current
from webui.texts import read_whole

ON_PAGE = {"albums": 60, "artists": 100, "tracks": 100, "genres": 200}
MIN_LETTERED = 20  # items of a list that letters lead into
MAX_FOUND = 1000  # that are sorted of those which words find
MAX_WORDS = 200  # characters
MEASURES: Mapping[str, Order] = {
    "tempo": Order("Tempo"),
    "key": Order("Key"),
    "loudness": Order("Loudness"),
}
EXPECTED: Mapping[str, Order] = {"expected": Order("Might please many")}  # where it is told
_MOST_PAGES = 1_000_000
_T = TypeVar("_T")

browse_pages = Blueprint("browse_pages", __name__)


@dataclass(frozen=True)
class Choice:
    """What an address asks a list for.

    path   of the page
    order  a key of `orders`
    words  that names hold, "" for any; genre: in any spelling, "" for any; liked: those alone
    """

    path: str
    orders: Mapping[str, Order]
    order: str
    words: str = ""
    genre: str = ""
    liked: bool = False
    page: int = 1

    @classmethod
    def read(cls, path: str, orders: Mapping[str, Order]) -> Choice:
        """Read the address of the request. Raises BadRequest."""
        order = request.args.get("sort") or next(iter(orders))
        if order not in orders:
            raise BadRequest(f'"sort" takes one of {", ".join(orders)}.')
        page = read_whole(request.args.get("page") or "1", 1, _MOST_PAGES)
        if page is None:
            raise BadRequest('"page" takes a whole number from 1.')
        words, genre = (request.args.get(name, "").strip()[:MAX_WORDS] for name in ("q", "genre"))
        return cls(path, orders, order, words, genre, bool(request.args.get("liked")), page)

    @property
    def is_filtered(self) -> bool:
        """Whether something is left out."""
        return bool(self.words or self.genre or self.liked)

    def address(self, page: int = 1) -> str:
        """Return the address of one of the list's pages."""
        given = {"sort": self.order, "q": self.words, "genre": self.genre}
        given |= {"liked": "1" if self.liked else "", "page": str(page) if page > 1 else ""}
        if self.order == next(iter(self.orders)):
            del given["sort"]
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True)
class Shown(Generic[_T]):
    """A page of a list.

    items    on it; first: how many come before them
    letters  the page and the place from 0 that each letter begins at; empty for a list that is
             short, or not by name
    """

    items: Sequence[_T]
    n_all: int
    first: int
    n_pages: int
    letters: Mapping[str, tuple[int, int]]

    @classmethod
    def of(
        cls, items: Sequence[_T], choice: Choice, on_page: int, name: Callable[[_T], str]
    ) -> Shown[_T]:
        """Return the page that was chosen. Raises NotFound."""
        n_pages = max(1, -(-len(items) // on_page))
        if choice.page > n_pages:
            raise NotFound(f"The list has {n_pages} pages.")
        first = (choice.page - 1) * on_page
        by_name = choice.orders[choice.order].by_name and len(items) >= MIN_LETTERED
        starts = letter_starts(items, name) if by_name else {}
        letters = {one: (1 + at // on_page, at) for one, at in starts.items()}
        return cls(items[first : first + on_page], len(items), first, n_pages, letters)


@browse_pages.get("/albums")
def albums() -> str:
    """Show the albums."""
    served = current()
    library, mine = served.discographies.current(), listening(served)
    choice = Choice.read("/albums", ALBUM_ORDERS)
    listed = library_lists.albums(choice.order, library, mine)
    if choice.words:
        found = {album.id for album in library.search_albums(choice.words, MAX_FOUND)}
        listed = [album for album in listed if album.id in found]
    if choice.genre:
        genre = fold(choice.genre)
        listed = [album for album in listed if genre in map(fold, album.genres)]
    if choice.liked:
        listed = [album for album in listed if ("album", album.id) in mine.starred]

    def name(album: LibraryAlbum) -> str:
        return album.artist if choice.order == "artist" else album.name

    return _page(served, "albums", choice, Shown.of(listed, choice, ON_PAGE["albums"], name))


@browse_pages.get("/artists")
def artists() -> str:
    """Show the artists."""
    served = current()
    library, mine = served.discographies.current(), listening(served)
    choice = Choice.read("/artists", ARTIST_ORDERS)
    listed = library_lists.artists(choice.order, library, mine)
    if choice.words:
        found = {artist.id for artist in library.search_artists(choice.words, MAX_FOUND)}
        listed = [artist for artist in listed if artist.id in found]
    if choice.genre:
        ids = {one for i in _genre(library, choice).tracks for one in library.artists_of[i]}
        listed = [artist for artist in listed if artist.id in ids]
    if choice.liked:
        listed = [artist for artist in listed if ("artist", artist.id) in mine.starred]
    shown = Shown.of(listed, choice, ON_PAGE["artists"], lambda artist: artist.name)
    albums_of = {one.id: [library.albums[album] for album in one.albums] for one in shown.items}
    return _page(served, "artists", choice, shown, albums_of=albums_of, library=library)


@browse_pages.get("/tracks")
def tracks() -> str:
    """Show the tracks."""
    served = current()
    library, mine = served.discographies.current(), listening(served)
    expected = served.recommender.expected_popularity()
    choice = Choice.read("/tracks", {**TRACK_ORDERS, **MEASURES, **(EXPECTED if expected else {})})
    if choice.order in TRACK_ORDERS:
        listed = library_lists.tracks(choice.order, library, mine)
    else:
        listed = _by_sound(served, choice.order, library.titles)
    if choice.words:
        found = {track.id for track in served.catalog.search(choice.words, MAX_FOUND)}
        listed = [track_id for track_id in listed if track_id in found]
    if choice.genre:
        ids = set(_genre(library, choice).tracks)
        listed = [track_id for track_id in listed if track_id in ids]
    if choice.liked:
        listed = [track_id for track_id in listed if track_id in mine.liked]
    shown = Shown.of(listed, choice, ON_PAGE["tracks"], lambda track_id: library.titles[track_id])
    there = [track for track in served.catalog.tracks(shown.items) if not track.removed]
    return _page(
        *(served, "tracks", choice, shown),
        rows=there,
        library=library,
        mine=mine,
        how_sure=expected.words if expected and choice.order in EXPECTED else "",
    )


def _by_sound(served: Served, order: str, known: Container[int]) -> Sequence[int]:
    """Return the ids of the tracks of which a measure is known, in its order, or `EXPECTED`."""
    recommender = served.recommender
    table, expected = recommender.track_table(), recommender.expected_popularity()
    if order in MEASURES:
        rows = table.ordered_by(cast(Measure, order), np.flatnonzero(table.available))
    elif expected is not None:
        rows = expected.of_unplayed(recommender.popularity(), table)
    else:  # deleted since the order was read
        return ()
    return [track_id for track_id in table.ids[rows].tolist() if track_id in known]


@browse_pages.get("/genres")
def genres() -> str:
    """Show the genres in the tags of the files, the largest first or by name."""
    served = current()
    library = served.discographies.current()
    orders = {"tracks": Order("Most tracks"), "name": Order("Name", by_name=True)}
    choice = Choice.read("/genres", orders)
    listed: list[LibraryGenre] = list(library.genres.values())
    if choice.words:
        listed = [genre for genre in listed if fold(choice.words) in fold(genre.name)]
    if choice.order == "tracks":
        listed.sort(key=lambda genre: -len(genre.tracks))
    shown = Shown.of(listed, choice, ON_PAGE["genres"], lambda genre: genre.name)
    return _page(served, "genres", choice, shown)


def _genre(library: Discography, choice: Choice) -> LibraryGenre:
    return library.genre(choice.genre) or LibraryGenre(choice.genre, (), 0)


def _page(served: Served, name: str, choice: Choice, shown: Shown[_T], **more: object) -> str:
    return render_template(
        f"{name}.html",
        choice=choice,
        shown=shown,
        n_tracks=served.n_indexed,
        person=current_listener.person(),
        **more,
    )
