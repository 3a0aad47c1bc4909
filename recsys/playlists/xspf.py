"""XSPF, version 1: playlists in XML."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from recsys.catalog import Track
from recsys.listens.values import mbid, seconds
from recsys.playlists.entries import (
    RECORDING,
    VLC_START,
    Entry,
    Playlist,
    PlaylistError,
    check_length,
    paths_of_uri,
    track_uri,
    without_fragment,
)

NAMESPACE = "http://xspf.org/ns/0/"
_MOST = 20  # locations of a track that are looked at, and identifiers
# What XML 1.0 cannot hold.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xspf(tracks: Iterable[Track], title: str = "", *, folder: Path | None = None) -> bytes:
    """Write an XSPF playlist of absolute file URIs, or of relative ones seen from `folder`.

    Characters that XML cannot hold become U+FFFD.
    """
    root = ElementTree.Element("playlist", {"version": "1", "xmlns": NAMESPACE})
    _add(root, "title", title)
    listed = ElementTree.SubElement(root, "trackList")
    for track in tracks:
        element = ElementTree.SubElement(listed, "track")
        _add(element, "location", track_uri(track, folder))
        if track.recording_mbid:
            _add(element, "identifier", RECORDING + track.recording_mbid)
        _add(element, "title", track.title)
        _add(element, "creator", track.artist)
        _add(element, "album", track.album or "")
        if track.duration is not None:
            _add(element, "duration", str(round(1000 * track.duration)))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True)) + b"\n"


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    if text:
        ElementTree.SubElement(parent, tag).text = _NO_XML.sub("\ufffd", text)


def read_xspf(data: bytes, folder: Path, most: int = sys.maxsize) -> Playlist:
    """Read an XSPF playlist.

    Raises PlaylistError for what is none, and for a document type: entities could expand without
    end, or name other files.
    """
    reader = _Reader(folder, most)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text.append
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise PlaylistError(f"It is no XML: {error}.") from error
    if not reader.is_playlist:
        raise PlaylistError("It is XML, but no XSPF playlist.")
    return Playlist(reader.title, tuple(reader.entries))


def _refuse(*_: object) -> None:
    raise PlaylistError("It declares a document type or entities, which no playlist needs.")


class _Reader:
    """Collects the playlist while its elements go by."""

    def __init__(self, folder: Path, most: int) -> None:
        self.title = ""
        self.entries: list[Entry] = []
        self.is_playlist = False
        self.text: list[str] = []
        self._folder = folder
        self._most = most
        self._open: list[str] = []
        self._track: dict[str, list[str]] = {}

    def start(self, name: str, _: object) -> None:
        """Open an element."""
        self._open.append(name.rpartition(" ")[2])
        self.text.clear()
        if self._open == ["playlist"]:
            self.is_playlist = True
        elif self._open == ["playlist", "trackList", "track"]:
            self._track = {}

    def end(self, _: str) -> None:
        """Close an element and keep what it said."""
        *parents, tag = self._open
        self._open.pop()
        value = "".join(self.text).strip()
        self.text.clear()
        if parents == ["playlist"] and tag == "title":
            self.title = value
        elif parents[:3] == ["playlist", "trackList", "track"]:
            if len(parents) == 3 or tag == "option":  # which is VLC's, in an extension
                self._track.setdefault(tag, []).append(value)
        elif parents == ["playlist", "trackList"] and tag == "track":
            self.entries.append(entry(self._track, self._folder))
            check_length(self.entries, self._most)


def entry(values: dict[str, list[str]], folder: Path) -> Entry:
    """Return the entry of what XSPF and JSPF say of a track, each in a list."""

    def first(key: str) -> str:
        return next((value for value in values.get(key, []) if value), "")

    locations, identifiers = (values.get(key, [])[:_MOST] for key in ("location", "identifier"))
    paths: list[Path] = []
    begin = None
    for location in locations:
        uri, place = without_fragment(location)
        begin = place if begin is None else begin
        paths += [*paths_of_uri(uri, folder), *paths_of_uri(location, folder)]
    for option in values.get("option", [])[:_MOST]:
        if begin is None and (found := VLC_START.fullmatch(option)):
            begin = float(found[1])
    mbids = [mbid(uri.strip().rstrip("/")[-36:]) for uri in identifiers]
    return Entry(
        location=first("location"),
        paths=tuple(dict.fromkeys(paths)),
        title=first("title"),
        creator=first("creator"),
        album=first("album"),
        duration=seconds(first("duration"), 1e-3),
        mbid=next(filter(None, mbids), None),
        begin=begin,
    )
