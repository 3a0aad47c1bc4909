"""Playlists of Windows' players: WPL (SMIL) and ASX, which are seldom well-formed XML.

They are read tag by tag: in any case, with stray "&", and without entities of their own, so nothing
expands. The time is linear in the length of the text, whatever is in it.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

from recsys.listens.values import seconds
from recsys.playlists.entries import Entry, Playlist, check_length, paths_of_location

_TAG = re.compile(r"<(/?)([A-Za-z]\w*)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>")
_ATTRIBUTE = re.compile(r"([A-Za-z]\w*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LARGEST_TEXT = 10_000  # characters of a title


def read_markup(text: str, folder: Path, most: int = sys.maxsize) -> Playlist:
    """Read a WPL or ASX playlist."""
    title, entries = "", list[Entry]()
    entry: dict[str, str] | None = None
    tags = list(_TAG.finditer(text))
    for tag, following in zip(tags, [*tags[1:], None], strict=True):
        check_length(entries, most)
        is_end, name = bool(tag[1]), tag[2].lower()
        if is_end:
            if name == "entry" and entry is not None:
                entries.append(_entry(entry, folder))
                entry = None
            continue
        values = {
            found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "")
            for found in _ATTRIBUTE.finditer(tag[3])
        }
        end = following.start() if following else len(text)
        content = html.unescape(text[tag.end() : min(end, tag.end() + _LARGEST_TEXT)]).strip()
        if name == "entry":
            entry = {}
        elif name == "media" or (name in ("ref", "entryref") and entry is None):
            entries.append(_entry(values, folder))
        elif entry is None:
            title = title or (content if name == "title" else "")
        elif name == "ref":
            entry.setdefault("href", values.get("href", ""))
        elif name == "duration":
            entry["value"] = values.get("value", "")
        elif name in ("title", "author"):
            entry[name] = content
    return Playlist(title, tuple(entry for entry in entries if entry.location))


def _entry(values: dict[str, str], folder: Path) -> Entry:
    """Return the entry of a media element's attributes, or of what an entry element holds."""
    location = (values.get("src") or values.get("href", "")).strip()
    return Entry(
        location=location,
        paths=paths_of_location(location, folder) if location else (),
        title=values.get("tracktitle") or values.get("title", ""),
        creator=values.get("trackartist") or values.get("albumartist") or values.get("author", ""),
        album=values.get("albumtitle", ""),
        duration=seconds(values.get("duration"), 1e-3) or seconds(values.get("value")),
    )
