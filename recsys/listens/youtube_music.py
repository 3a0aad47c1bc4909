"""YouTube Music: watch-history.json of Google Takeout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from recsys.catalog import Listen, Recording
from recsys.listens import values
from recsys.listens.json_records import Around, RecordFormat
from recsys.listens.names import CHANNEL
from recsys.listens.values import BadValue

# How Takeout says "Watched TITLE" in the languages of its users.
_WATCHED = re.compile(
    r"(?:Watched|Listened to|Has visto|Visto|Vous avez regardé|Hai guardato|Assistiu a|Obejrzano"
    r"|Bekeken|Tittade på|Просмотрено(?: видео)?:?)\s+(?P<title>.+)"
    r"|(?P<before>.+?)\s+(?:angesehen|bekeken|をご覧になりました|を視聴しました)",
    re.DOTALL,
)


def _is_watched(entry: Mapping[str, Any]) -> bool:
    return ("titleUrl" in entry and "time" in entry) or ("header" in entry and "products" in entry)


def _events(entry: dict[str, Any], around: Around) -> list[Listen]:
    """Turn an entry into a listen, nothing for what is no music or has no name. Raises BadValue."""
    url = values.words(entry.get("titleUrl"))
    if entry.get("header") != "YouTube Music" and not url.startswith("https://music.youtube."):
        around.notes.leave_out("entries of YouTube that are not of YouTube Music")
        return []
    written = values.words(entry.get("title"))
    found = _WATCHED.fullmatch(written)
    title = (found["title"] or found["before"]) if found else written
    channels = entry.get("subtitles")
    channel = channels[0].get("name") if isinstance(channels, list) and channels else None
    if title.startswith("http") or not values.words(channel):
        around.notes.leave_out("videos that have been removed, or that name no artist")
        return []
    if not title:
        raise BadValue("It has no title.")
    recording = Recording(
        artist=CHANNEL.sub("", values.words(channel)), title=title, item=url.partition("&")[0]
    )
    return [Listen(around.owner(), recording, values.unix_seconds(entry.get("time")))]


RECORDS = RecordFormat("youtubemusic", _is_watched, _events)
