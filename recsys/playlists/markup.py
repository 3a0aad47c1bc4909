"""Playlists of Windows' players: WPL (SMIL) and ASX, which are seldom well-formed XML.

They are read as HTML is: tags in any case, stray "&", and no entities of their own, so nothing
expands.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from recsys.listens.values import seconds
from recsys.playlists.entries import Entry, Playlist, paths_of_location

_LARGEST_TEXT = 10_000  # characters of a title


class _Markup(HTMLParser):
    """Collects the entries of a WPL or an ASX playlist."""

    def __init__(self, folder: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.entries: list[Entry] = []
        self._folder = folder
        self._open: list[str] = []
        self._entry: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "media":  # of WPL
            self._add(
                {
                    "href": values.get("src", ""),
                    "title": values.get("tracktitle", ""),
                    "author": values.get("trackartist") or values.get("albumartist", ""),
                    "album": values.get("albumtitle", ""),
                    "milliseconds": values.get("duration", ""),
                }
            )
        elif tag == "entry":
            self._entry = {}
        elif tag in ("ref", "entryref") and values.get("href"):
            if self._entry is None:
                self._add({"href": values["href"]})
            else:
                self._entry.setdefault("href", values["href"])
        elif tag == "duration" and self._entry is not None:
            self._entry["duration"] = values.get("value", "")
        else:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag == "entry" and self._entry is not None:
            self._add(self._entry)
            self._entry = None
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._open or not data.strip():
            return
        key = self._open[-1]
        if self._entry is not None and key in ("title", "author"):
            self._entry[key] = (self._entry.get(key, "") + data)[:_LARGEST_TEXT]
        elif self._entry is None and key == "title":
            self.title = (self.title + data).strip()[:_LARGEST_TEXT]

    def _add(self, values: dict[str, str]) -> None:
        location = values.get("href", "").strip()
        if not location:
            return
        self.entries.append(
            Entry(
                location=location,
                paths=paths_of_location(location, self._folder),
                title=values.get("title", "").strip(),
                creator=values.get("author", "").strip(),
                album=values.get("album", "").strip(),
                duration=seconds(values.get("milliseconds"), 1e-3)
                or seconds(values.get("duration")),
            )
        )


def read_markup(text: str, folder: Path) -> Playlist:
    """Read a WPL or ASX playlist."""
    parser = _Markup(folder)
    parser.feed(text)
    parser.close()
    return Playlist(parser.title, tuple(parser.entries))
