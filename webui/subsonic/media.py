"""The files: streams as they are or transcoded, downloads, covers, lyrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Response, current_app
from werkzeug.exceptions import NotFound

from recsys.catalog import Track
from recsys.catalog.search import fold
from recsys.library.lyrics import Lyrics, read_lyrics
from webui.api.media import (
    BIT_RATE,
    KINDS,
    MAX_EDGE,
    MIN_EDGE,
    StreamKind,
    Transcode,
    file_of,
    picture_of,
    send_picture,
    send_track,
    send_transcoded,
)
from webui.subsonic.answers import Tree, present
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import NOT_FOUND, SubsonicError
from webui.subsonic.library import LibraryView, bit_rate, file_name, library
from webui.subsonic.parameters import flag, maybe_whole, required, text, whole
from webui.subsonic.playlists import own_playlist

MOST_BIT_RATE = 320  # thousands of bits a second
_MP3_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # that it has
_LEAST_OPUS = 16
_MOST_OFFSET = 100_000  # seconds
_AS_IT_IS = "raw"
_MOST_LOOKED_AT = 20  # albums or songs, for a picture

api = group("media")


@endpoint(api, "stream")
def stream() -> Response:
    """Send a song as it is, with ranges; transcoded where format, bit rate or offset ask for it."""
    track = library().track(required("id"))
    wanted, limit = (text("format") or "").lower(), whole("maxBitRate", 0)
    offset = whole("timeOffset", 0, most=_MOST_OFFSET)
    flag("estimateContentLength", default=False)
    if not _is_transcoded(track, wanted, limit, offset):
        return send_track(track)
    kind: StreamKind = "opus" if wanted == "opus" else "mp3"
    rate = _rate(kind, limit or BIT_RATE)
    sent = send_transcoded(track, offset, rate, kind)
    if flag("estimateContentLength", default=False) and kind == "mp3" and track.duration:
        length = round(max(track.duration - offset, 0) * rate * 125)
        sent.response = _of_length(sent.response, length)
        sent.content_length = length
    return sent


@endpoint(api, "download")
def download() -> Response:
    """Send a song's file as it is, to be kept."""
    track = library().track(required("id"))
    sent = send_track(track, MOST_BIT_RATE)
    sent.headers.set("Content-Disposition", "attachment", filename=file_name(track))
    return sent


@endpoint(api, "getCoverArt")
def get_cover_art() -> Response:
    """Send the picture of a song, an album, an artist or a playlist, no larger than asked for."""
    view, one = library(), required("id")
    edge = maybe_whole("size", most=MAX_EDGE)
    for track in view.served.catalog.tracks(_pictured(view, one)):
        picture = None if track.removed else picture_of(track)
        if picture is not None:
            return send_picture(picture, max(edge, MIN_EDGE) if edge else None)
    raise SubsonicError(NOT_FOUND, f"There is no cover of {one[:100]}.")


@endpoint(api, "getLyricsBySongId")
def get_lyrics_by_song_id() -> Tree:
    """Send the lyrics in a song's tags, and those of the .lrc file beside it."""
    track = library().track(required("id"))
    lyrics = [] if track.part else read_lyrics(file_of(track))
    return {"lyricsList": {"structuredLyrics": [_structured(track, one) for one in lyrics]}}


@endpoint(api, "getLyrics")
def get_lyrics() -> Tree:
    """Send the lyrics of a song by its artist and title, as plain text."""
    view, artist, title = library(), text("artist") or "", text("title") or ""
    for track in view.served.catalog.search(f"{artist} {title}", _MOST_LOOKED_AT):
        if fold(track.title) != fold(title) or (artist and not _is_by(track, artist)):
            continue
        try:
            lyrics = [] if track.part else read_lyrics(file_of(track))
        except NotFound:
            continue
        if lyrics:
            words = "\n".join(line.text for line in lyrics[-1].lines)
            return {"lyrics": {"artist": track.artist, "title": track.title, "value": words}}
    return {"lyrics": {"value": ""}}


def _is_by(track: Track, artist: str) -> bool:
    return fold(artist) in map(fold, (track.artist, *track.artists))


def _is_transcoded(track: Track, wanted: str, limit: int, offset: int) -> bool:
    """Say whether a stream is not the file as it is."""
    transcode: Transcode | None = current_app.config["TRANSCODE"]
    if track.part:
        return True
    if transcode is None or wanted == _AS_IT_IS:
        return False
    own = track.path.suffix.lower().removeprefix(".")
    rate = bit_rate(track)
    too_large = bool(limit) and (rate is None or rate > limit)
    return bool(offset) or too_large or (wanted in KINDS and wanted != own)


def _rate(kind: StreamKind, limit: int) -> int:
    """Return the largest bit rate of a kind within a limit, or its least."""
    if kind == "opus":
        return max(_LEAST_OPUS, min(limit, MOST_BIT_RATE))
    return max((rate for rate in _MP3_RATES if rate <= limit), default=_MP3_RATES[0])


def _of_length(pieces: Iterable[bytes] | Iterable[str], length: int) -> Iterator[bytes]:
    """Give pieces of exactly so many bytes: an MP3 may end early, and in zeros."""
    for piece in pieces:
        data = piece if isinstance(piece, bytes) else piece.encode()
        if len(data) >= length:
            yield data[:length]
            return
        length -= len(data)
        yield data
    yield bytes(length)


def _pictured(view: LibraryView, one: str) -> list[int]:
    """Return the ids of tracks whose picture, or whose folder's, is that of an id, best first."""
    if one.startswith("pl-"):
        tracks = view.served.catalog.tracks(own_playlist(view.served, one).track_ids)
        tracks.sort(key=lambda track: not track.has_cover)
        return [track.id for track in tracks[:_MOST_LOOKED_AT]]
    if one.startswith("ar-"):
        albums = [view.album(album) for album in view.artist(one).albums]
        albums.sort(key=lambda album: album.cover is None)
        return [album.pictured for album in albums[:_MOST_LOOKED_AT]]
    if one.startswith("al-"):
        return [view.album(one).pictured]
    track = view.track(one)
    album = view.discography.albums.get(view.discography.album_of.get(track.id, ""))
    return [track.id, *([album.pictured] if album else [])]


def _structured(track: Track, lyrics: Lyrics) -> Tree:
    return present(
        lang=lyrics.language,
        synced=lyrics.synced,
        offset=lyrics.offset or None,
        displayArtist=track.artist or None,
        displayTitle=track.title or None,
        line=[
            present(start=line.start if lyrics.synced else None, value=line.text)
            for line in lyrics.lines
        ],
    )
