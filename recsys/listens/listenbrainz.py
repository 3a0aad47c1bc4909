"""ListenBrainz: listens and feedback, in the export's ZIP, as JSON lines or answers of its API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from recsys.catalog import FeedbackKind, Listen, Opinion, Recording
from recsys.listens import values
from recsys.listens.columns import named_roles, names_tracks
from recsys.listens.json_records import Around, RecordFormat
from recsys.listens.sources import Source
from recsys.listens.values import BadValue

USER = re.compile(r"(?:.*/)?user\.json")
_SCORES: dict[int, FeedbackKind | None] = {1: "like", -1: "dislike", 0: None}
_KINDS: dict[str, FeedbackKind | None] = {
    "like": "like",
    "dislike": "dislike",
    "skip": "skip",
    "none": None,
}


def user_of(source: Source) -> str:
    """Return the name in an export's user.json, an empty text where there is none."""
    try:
        user = json.loads(source.head())
    except ValueError:
        return ""
    keys = ("user_name", "username", "musicbrainz_id")
    names = [values.words(user.get(key)) for key in keys] if isinstance(user, dict) else []
    return next(filter(None, names), "")


def is_event(entry: Mapping[str, Any]) -> bool:
    """Say whether a JSON value has the form of a listen or of feedback."""
    if "listened_at" in entry:
        if "track_metadata" in entry:
            return True
        return "track" not in entry and not names_tracks(named_roles(list(entry)))
    return ("score" in entry or "kind" in entry) and not entry.keys().isdisjoint(_NAMES)


_NAMES = ("recording_mbid", "recording_msid", "track_metadata")


def events(entry: dict[str, Any], around: Around) -> list[Listen | Opinion]:
    """Turn one entry into an event. Raises BadValue."""
    user = values.words(entry.get("user_name") or entry.get("user_id"))
    who = values.listener(user or around.choice.listener or around.listener)
    metadata = entry.get("track_metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if "score" in entry or "kind" in entry:
        at = entry.get("created") or entry.get("at")
        when = values.unix_seconds(at) if at else 0
        return [Opinion(who, _recording(entry | {"track_metadata": metadata}), _kind(entry), when)]
    at = values.unix_seconds(entry.get("listened_at"))
    return [Listen(who, _recording({"track_metadata": metadata}), at)]


RECORDS = RecordFormat("listenbrainz", is_event, events)


def _kind(entry: dict[str, Any]) -> FeedbackKind | None:
    said = entry.get("kind", entry.get("score"))
    known: dict[Any, FeedbackKind | None] = {**_SCORES, **_KINDS, None: None}
    if not isinstance(said, (str, int, type(None))) or said not in known:
        raise BadValue(f"{str(said)[:40]!r} is no feedback: like, dislike, skip, or 1, -1, 0.")
    return known[said]


def _recording(entry: dict[str, Any]) -> Recording:
    """Return the recording of an entry, by the names and identifiers it has."""
    metadata = entry["track_metadata"]
    info = metadata.get("additional_info")
    info = info if isinstance(info, dict) else {}
    mapping = metadata.get("mbid_mapping")
    mapping = mapping if isinstance(mapping, dict) else {}
    recording = Recording(
        artist=values.words(metadata.get("artist_name")),
        title=values.words(metadata.get("track_name")),
        album=values.words(metadata.get("release_name")),
        duration=values.seconds(info.get("duration_ms"), 1e-3)
        or values.seconds(info.get("duration")),
        mbid=values.mbid(info.get("recording_mbid")) or values.mbid(entry.get("recording_mbid")),
        isrc=values.isrc(info.get("isrc")),
        item=values.words(
            metadata.get("recording_msid")
            or info.get("recording_msid")
            or entry.get("recording_msid")
        ),
        mapped_mbid=values.mbid(mapping.get("recording_mbid")),
    )
    if not (recording.title or recording.mbid or recording.isrc or recording.item):
        raise BadValue("It has no track_name and no identifier of a recording.")
    return recording
