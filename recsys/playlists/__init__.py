"""Playlists out and in: M3U8, XSPF, JSPF.

Paths are absolute, or relative to a folder where the writer is given one. What a playlist names is
found again by its path, then by its MusicBrainz identifier, then by artist and title.
"""

from recsys.playlists.entries import Entry, Playlist, PlaylistError
from recsys.playlists.jspf import jspf
from recsys.playlists.m3u import m3u8, m3u8_of_urls
from recsys.playlists.reading import parse, read_playlist
from recsys.playlists.resolving import Resolved, resolve
from recsys.playlists.xspf import xspf

WRITERS = {"m3u8": m3u8, "xspf": xspf, "jspf": jspf}

__all__ = [
    "WRITERS",
    "Entry",
    "Playlist",
    "PlaylistError",
    "Resolved",
    "jspf",
    "m3u8",
    "m3u8_of_urls",
    "parse",
    "read_playlist",
    "resolve",
    "xspf",
]
