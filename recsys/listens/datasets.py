"""Tables of research: the MSD Taste Profile and hetrec2011-lastfm-2k."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from recsys.catalog import PlayCount, Recording
from recsys.listens import values
from recsys.listens.choice import FormatChoice
from recsys.listens.notes import Notes
from recsys.listens.repeated import added_up_by_listener
from recsys.listens.sources import BadLine, Source, lines
from recsys.listens.values import BadValue

_TRIPLET = re.compile(rb"[0-9a-f]{40}\tSO[A-Z0-9]{16}\t\d+")
_HETREC = b"userID\tartistID\tweight"


def is_triplets(line: bytes) -> bool:
    """Say whether a first line is one of the MSD Taste Profile's."""
    return _TRIPLET.fullmatch(line.strip()) is not None


@lru_cache(100_000)
def _song(item: str) -> Recording:
    return Recording(item=item)


def read_triplets(
    source: Source, choice: FormatChoice, notes: Notes
) -> Iterator[PlayCount | BadLine]:
    """Read user, song and count, between tabs (Bertin-Mahieux et al. 2011, the MSD).

    The rows are sorted by user; those of one user and song are added up.
    """
    counts: dict[str, int] = {}
    listener = ""
    with source.open() as file:
        for number, line in enumerate(lines(file), start=1):
            try:
                if line is None:
                    raise BadValue("The line is too long.")
                user, song, count = line.decode().split("\t")
                plays = values.plays(count)
                if user != listener:
                    following = values.listener(user)
                    yield from _plays(listener, counts)
                    counts, listener = {}, following
                counts[song] = counts.get(song, 0) + plays
            except BadValue as error:
                yield BadLine(number, str(error), source.member)
            except ValueError:
                if line and line.strip():
                    yield BadLine(number, "It is not user, song and count.", source.member)
    yield from _plays(listener, counts)


def _plays(listener: str, counts: Mapping[str, int]) -> Iterator[PlayCount]:
    return (PlayCount(listener, _song(song), plays) for song, plays in counts.items())


def is_hetrec(line: bytes) -> bool:
    """Say whether a first line is the header of hetrec2011-lastfm-2k's user_artists.dat."""
    return line.strip() == _HETREC


def read_hetrec(
    source: Source, choice: FormatChoice, notes: Notes
) -> Iterator[PlayCount | BadLine]:
    """Read user, artist and weight; the names of the artists from artists.dat beside it, if there.

    The items are artists (Cantador, Brusilovsky, Kuflik 2011): such listens say nothing of tracks.
    """
    yield from added_up_by_listener(_weights(source))


def _weights(source: Source) -> Iterator[PlayCount | BadLine]:
    names = _hetrec_names(source)
    with source.open() as file:
        for number, line in enumerate(lines(file), start=1):
            if number == 1 or (line is not None and not line.strip()):
                continue
            try:
                if line is None:
                    raise BadValue("The line is too long.")
                user, artist, weight = line.decode().split("\t")
                recording = Recording(artist=names.get(artist, ""), item=artist, kind="artist")
                yield PlayCount(values.listener(user), recording, values.plays(weight))
            except BadValue as error:
                yield BadLine(number, str(error), source.member)
            except ValueError:
                yield BadLine(number, "It is not user, artist and weight.", source.member)


def _hetrec_names(source: Source) -> dict[str, str]:
    """Return the names of the artists by their numbers, none where they are not beside it."""
    beside = source.path.parent / "artists.dat"
    if source.member or not beside.is_file():
        return {}
    names = {}
    with Source(beside).open() as file:
        for line in lines(file):
            cells = (line or b"").decode("utf-8", "replace").split("\t")
            if len(cells) > 1:
                names[cells[0]] = cells[1]
    return names
