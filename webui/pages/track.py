"""The page of a track: tags, similar tracks, details, history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from recsys.catalog import Feedback, Track, TrackPlays
from recsys.durations import seconds
from recsys.musical_key import camelot
from recsys.served_home import Served
from recsys.similarity.explanation import mean_logits
from recsys.similarity.similar_moments import MomentsAnswer, NoSuchPart
from recsys.similarity.similar_tracks import Neighbour
from recsys.tagging.taggram import TagBar, tag_bars
from webui import current_listener
from webui.served import available_track, current, label, why_not_analysed
from webui.suggested import suggesting

N_SIMILAR = 12
ARTIST_CAP = 3  # of the similar tracks, so that an album does not fill the list

track_page = Blueprint("track_page", __name__)


@dataclass(frozen=True)
class TrackSoundSection:
    """Tags, similar tracks and copies of a track."""

    bars: tuple[TagBar, ...]
    similar: tuple[Neighbour, ...]
    copies: tuple[Track, ...]


@dataclass(frozen=True)
class PartSection:
    """A part of the track as it was asked for, and what sounds like it or what is wrong with it."""

    start: str
    end: str
    answer: MomentsAnswer | None
    problem: str


@dataclass(frozen=True)
class TrackHistory:
    """How often the listener has played a track, and their feedback on it."""

    plays: TrackPlays
    feedback: Feedback | None


@track_page.get("/tracks/<int:track_id>")
def show(track_id: int) -> str:
    """Show a track."""
    served = current()
    track = available_track(served, track_id)
    return render_template(
        "track.html",
        track=track,
        sound=_sound(served, track),
        part=_part(served, track, request.args.get("from", ""), request.args.get("to", "")),
        album_id=served.discographies.current().album_of.get(track.id, ""),
        why=suggesting(why_not_analysed(track)),
        history=_history(served, track),
        expected=_expected(served, track),
        is_drawn=served.map.read() is not None,
        n_tracks=served.n_indexed,
        person=current_listener.person(),
    )


track_page.add_app_template_filter(label)


@track_page.app_template_filter("artist_page")
def artist_page(name: str) -> str:
    """Return the address of an artist's page. Names may hold anything, so they are no path.

    >>> artist_page("AC/DC")
    '/artist?name=AC%2FDC'
    """
    return f"/artist?{urlencode({'name': name})}"


@track_page.app_template_filter("genre_page")
def genre_page(name: str) -> str:
    """Return the address of a genre's page.

    >>> genre_page("R&B")
    '/genre?name=R%26B'
    """
    return f"/genre?{urlencode({'name': name})}"


@track_page.app_template_filter("day")
def day(at: int) -> str:
    """Write the day of a time in Unix seconds as this machine's clock has it.

    >>> len(day(1_700_000_000))
    11
    """
    local = datetime.fromtimestamp(at).astimezone()
    return f"{local.day} {local:%b %Y}"


@track_page.app_template_filter("time_of_day")
def time_of_day(at: int) -> str:
    """Write the hour and minute of a time in Unix seconds as this machine's clock has it."""
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M}"


@track_page.app_template_filter("moment")
def moment(at: int) -> str:
    """Write a time in Unix seconds as this machine's clock has it.

    >>> len(moment(1_700_000_000)) in (18, 19)
    True
    """
    return f"{day(at)}, {time_of_day(at)}"


@track_page.app_template_filter("file_kind")
def file_kind(track: Track) -> str:
    """Say what a track's file is: "mp3, 44.1 kHz, stereo"."""
    channels = {None: "", 1: "mono", 2: "stereo"}.get(track.channels, f"{track.channels} channels")
    rate = f"{track.sample_rate / 1000:g} kHz" if track.sample_rate else ""
    codec = (track.codec or "").removesuffix("float")
    return ", ".join(filter(None, (codec, rate, channels)))


@track_page.app_template_filter("tempo_words")
def tempo_words(track: Track) -> str:
    """Say a track's tempo, and what the file or the audio says otherwise."""
    if track.tempo is None:
        return ""
    words = f"{track.tempo:.0f} BPM"
    if track.bpm is None:
        return f"{words}, estimated"
    if track.estimated_bpm is None or round(track.bpm) == round(track.estimated_bpm):
        return words
    if track.tempo == track.bpm:
        return f"{words}; estimated {track.estimated_bpm:.0f}"
    return f"{words}, estimated; the file says {track.bpm:.0f}"


@track_page.app_template_filter("key_words")
def key_words(track: Track) -> str:
    """Say a track's key and its place on DJs' wheel, and an estimate that differs."""
    if track.key is None:
        return ""
    words = f"{track.key} ({camelot(track.key)})"
    if track.initial_key is None:
        return f"{words}, estimated"
    if track.estimated_key in (None, track.key):
        return words
    return f"{words}; estimated {track.estimated_key}"


@track_page.app_template_filter("loudness_words")
def loudness_words(loudness: float | None) -> str:
    """Write a loudness.

    >>> loudness_words(-14.23), loudness_words(None)
    ('−14.2 LUFS', '')
    """
    return "" if loudness is None else f"{loudness:.1f} LUFS".replace("-", "−")


@track_page.app_template_filter("spoken")
def spoken(seconds: float) -> str:
    """Write a length as a person says it.

    >>> spoken(30), spoken(3540), spoken(8100)
    ('30 s', '59 min', '2 h 15 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _sound(served: Served, track: Track) -> TrackSoundSection | None:
    """Return how a track sounds, None for one that is not in the index."""
    similar = served.similar
    try:
        return TrackSoundSection(
            tag_bars(
                mean_logits(similar.sound_of(track).features), similar.typical_logits, similar.tags
            ),
            tuple(similar.of_track(track, N_SIMILAR, artist_cap=ARTIST_CAP)),
            tuple(similar.copies(track)),
        )
    except KeyError:
        return None


def _part(served: Served, track: Track, start: str, end: str) -> PartSection | None:
    """Return what sounds like a part of a track; None where no part is asked for."""
    if not (start or end):
        return None
    try:
        part = seconds(start or "0"), seconds(end) if end else None
        found = served.moments.of_part(
            served.similar.sound_of(track), part, N_SIMILAR, seed=track, artist_cap=ARTIST_CAP
        )
    except NoSuchPart as error:
        return PartSection(start, end, None, str(error))
    except ValueError:
        return PartSection(start, end, None, "Write times as 1:05, or in seconds.")
    except KeyError:
        return None
    return PartSection(start, end, found, "")


def _expected(served: Served, track: Track) -> str:
    """Say how many a track might please that nobody has played, "" where that is not told."""
    expected = served.recommender.expected_popularity()
    table = served.recommender.track_table()
    if expected is None or not table.has(track.id):
        return ""
    (row,) = table.rows([track.id]).tolist()
    if served.recommender.popularity()[row] > 0:
        return ""
    return (
        f"more than {expected.share_below(row):.0%} of the library, by its sound "
        f"(rank correlation {expected.correlation.value:.2f})"
    )


def _history(served: Served, track: Track) -> TrackHistory:
    listener = current_listener.listener(served)
    if listener is None:
        return TrackHistory(TrackPlays(0, ()), None)
    feedback = served.catalog.feedback_on(listener, track.id)
    return TrackHistory(served.catalog.plays(listener, track.id), feedback)
