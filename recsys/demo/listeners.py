"""Simulated listeners of the demo library: their preferences, listens, likes and dislikes.

A listener is of one of a few kinds, with individual preferences for styles, artists and tracks, and
listens in sessions that mostly stay in one style.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np

from index.arrays import Float64Array
from recsys.demo.styles import ARTISTS, STYLES
from recsys.demo.tracks import DEMO_TRACKS, DemoTrack

_SEED = 20
_PEOPLE = 72
_END = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
_DAYS = 365
_DAY = 86_400  # seconds
_UNPLAYED = 5  # tracks that no listener has played
_STAY = 0.85  # how likely a session's next track is of the same style
_MEAN_SESSION = 7

# Styles by weight; and the hour of the day at which this kind listens most.
_KINDS: Sequence[tuple[dict[str, float], int]] = (
    ({"ambient": 4, "lo-fi": 4, "jazz": 1.5, "dub": 1}, 23),
    ({"house": 6, "dub": 1.5, "chiptune": 1, "lo-fi": 0.5}, 21),
    ({"chiptune": 5, "metal": 2, "house": 1, "lo-fi": 1}, 17),
    ({"baroque": 6, "jazz": 1.5, "ambient": 1}, 19),
    ({"jazz": 4, "dub": 3, "folk": 1, "lo-fi": 1}, 20),
    ({"folk": 5, "baroque": 1, "jazz": 1, "ambient": 1}, 9),
    ({"metal": 6, "folk": 1, "chiptune": 1}, 16),
    ({"dub": 5, "house": 2, "lo-fi": 1.5}, 18),
    (dict.fromkeys(STYLES, 1.0), 14),
)
_MANNERS = ("quiet", "early", "late", "brisk", "sunny", "rainy", "dusty", "gentle")
_ANIMALS = ("otter", "magpie", "lynx", "heron", "badger", "newt", "marten", "plover", "stoat")


@dataclass(frozen=True)
class _Person:
    name: str
    hour: int
    n_listens: int
    appetite: Float64Array  # for each track; sums to 1


def listen_lines() -> list[dict[str, Any]]:
    """All listens in order of time, in ListenBrainz' format with a `user_name` added."""
    rng = np.random.default_rng(_SEED)
    seconds = [track.compose().seconds for track in DEMO_TRACKS]
    listens = [
        (at, person.name, number)
        for person in _people()
        for at, number in _listens(person, seconds, rng)
    ]
    lines = []
    for at, name, number in sorted(listens):
        track = DEMO_TRACKS[number]
        info: dict[str, Any] = {"duration_ms": round(1000 * seconds[number])}
        if track.recording_id:
            info["recording_mbid"] = track.recording_id
        metadata = _metadata(track) | {"additional_info": info}
        lines.append({"user_name": name, "listened_at": at, "track_metadata": metadata})
    return lines


def feedback_lines() -> list[dict[str, Any]]:
    """Likes (1) and dislikes (-1) in order of time, in ListenBrainz' format too."""
    rng = np.random.default_rng(_SEED)
    lines = []
    for person in _people():
        ranked = np.argsort(person.appetite)
        liked = rng.choice(ranked[-12:], rng.integers(2, 7), replace=False)
        disliked = rng.choice(
            ranked[_UNPLAYED : ranked.size // 2], rng.integers(0, 3), replace=False
        )
        for number in (*liked, *disliked):
            track = DEMO_TRACKS[number]
            lines.append(
                {
                    "user_name": person.name,
                    "recording_mbid": track.recording_id,
                    "score": 1 if number in liked else -1,
                    "created": _END - int(rng.integers(_DAYS * _DAY)),
                    "track_metadata": _metadata(track),
                }
            )
    return sorted(lines, key=lambda line: (line["created"], line["user_name"]))


def _metadata(track: DemoTrack) -> dict[str, Any]:
    return {
        "artist_name": track.artist.name,
        "track_name": track.title,
        "release_name": track.album.title,
    }


@lru_cache(maxsize=1)
def _people() -> tuple[_Person, ...]:
    rng = np.random.default_rng(_SEED)
    appeal = rng.lognormal(0, 0.8, len(DEMO_TRACKS))
    appeal[rng.choice(len(DEMO_TRACKS), _UNPLAYED, replace=False)] = 0
    people = []
    for number in range(_PEOPLE):
        likes, hour = _KINDS[number % len(_KINDS)]
        styles = {style: likes.get(style, 0.05) * rng.gamma(2) for style in STYLES}
        artists = {artist.name: rng.gamma(0.8) for artist in ARTISTS}
        whims = rng.lognormal(0, 0.6, len(DEMO_TRACKS))
        leanings = [styles[t.artist.style] * artists[t.artist.name] for t in DEMO_TRACKS]
        appetite = np.array(leanings) * whims * appeal
        name = f"{_MANNERS[number % len(_MANNERS)]}_{_ANIMALS[number // len(_MANNERS)]}"
        n_listens = int(np.clip(rng.lognormal(np.log(100), 0.7), 15, 600))
        people.append(_Person(name, hour, n_listens, appetite / appetite.sum()))
    return tuple(people)


def _listens(
    person: _Person, seconds: Sequence[float], rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """The times and the numbers of the tracks of one person's sessions."""
    styles = np.array([track.artist.style for track in DEMO_TRACKS])
    left = person.n_listens
    while left:
        midnight = _END - _DAY * int(rng.integers(1, _DAYS + 1))
        at = midnight + int(np.clip(rng.normal(person.hour, 2), 0, 23) * 3600)
        number = int(rng.choice(len(DEMO_TRACKS), p=person.appetite))
        for _ in range(min(left, rng.geometric(1 / _MEAN_SESSION))):
            yield at, number
            left -= 1
            at += int(seconds[number]) + int(rng.integers(1, 5))
            odds = person.appetite * (styles == styles[number] if rng.random() < _STAY else 1)
            odds[number] = 0
            number = int(rng.choice(len(DEMO_TRACKS), p=odds / odds.sum()))
