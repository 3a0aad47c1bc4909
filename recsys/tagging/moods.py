"""Moods and activities, such as "for running": questions that can be named as tags are.

How well a track suits a mood is a sum, in standard deviations of the library:

tags      the mean of the tags to stand out in, less the mean of those not to stand out in
own tags  the mean of the listener's own tags that have one of the mood's names
tempo     TEMPO times 1 inside the tempos that suit, less for each STEP outside, down to -1
loudness  LOUDNESS times the loudness, or its negative where quiet music suits

What is not known of a track adds 0. Lists and weights were written before any result was seen; what
they find is in docs/results/moods.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.arrays import BoolArray, Float32Array
from recsys.catalog.search import fold
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable

TEMPO = 0.5
LOUDNESS = 0.5
STEP = 0.06  # of a tempo: what costs half a standard deviation


@dataclass(frozen=True)
class Mood:
    """What music of a mood, or for an activity, sounds like.

    name      as it is asked for: "for running"
    words     other names: those of own tags that mean it, and words of queries
    wanted    tags of the taggers to stand out in; those that a home's taggers know count
    unwanted  tags not to stand out in, likewise
    tempos    ranges of beats a minute that suit, () where any does
    loudness  1 for loud, -1 for quiet, 0 where it does not matter
    """

    name: str
    words: tuple[str, ...]
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    tempos: tuple[tuple[float, float], ...] = ()
    loudness: float = 0.0


def _mood(
    name: str,
    words: str,
    wanted: str,
    unwanted: str,
    tempos: tuple[tuple[float, float], ...] = (),
    loudness: float = 0.0,
) -> Mood:
    """Return a mood whose lists are written with commas."""
    called, has, lacks = (tuple(map(fold, text.split(","))) for text in (words, wanted, unwanted))
    return Mood(name, called, has, lacks, tempos, loudness)


# fmt: off
_ALL = (
    _mood("for running", "running, run, jogging", "fast, energetic, dance, electronic, beat, loud",
          "slow, quiet, ambient, sad", ((150, 185), (75, 93)), 1),
    _mood("for working out", "workout, working out, gym, the gym, fitness, training",
          "energetic, loud, heavy, rock, techno, beat, fast",
          "slow, quiet, soft, ambient, classical",
          ((115, 150),), 1),
    _mood("for a party", "party, partying, celebration",
          "party, dance, catchy, happy, beat, pop", "slow, sad, ambient, quiet, classical",
          ((100, 135),), 1),
    _mood("for dancing", "dancing, dance, dancefloor, club",
          "dance, house, techno, electro, beat, funk", "slow, sad, ambient, quiet, classical",
          ((110, 135),), 1),
    _mood("for driving", "driving, road trip, car",
          "rock, classic rock, guitar, catchy, indie rock, drums",
          "ambient, quiet, classical, slow"),
    _mood("for the morning", "morning, waking up, wake up, breakfast",
          "happy, acoustic, folk, mellow, guitar, indie", "metal, heavy, loud, techno, dark"),
    _mood("for cooking", "cooking, kitchen", "soul, funk, jazz, happy, oldies, latin",
          "metal, ambient, sad, weird"),
    _mood("for dinner", "dinner, restaurant, cafe, coffee",
          "jazz, easy listening, lounge, mellow, soft, soul, piano",
          "metal, loud, fast, techno, weird", loudness=-1),
    _mood("for reading", "reading, books",
          "instrumental, no vocals, no vocal, no voice, quiet, ambient, classical, piano, solo",
          "vocal, vocals, singing, loud, metal, party, dance", loudness=-1),
    _mood("for concentrating",
          "focus, concentration, concentrating, study, studying, work, working",
          "instrumental, no vocals, no vocal, no voice, ambient, electronica, downtempo, calm",
          "vocal, vocals, singing, loud, metal, party"),
    _mood("for relaxing", "relaxing, relax, chill, chilling, calm",
          "chillout, chill, mellow, relaxing, soft, acoustic, easy listening",
          "loud, fast, metal, energetic, party, hard rock", loudness=-1),
    _mood("for falling asleep", "sleep, sleeping, asleep, to fall asleep, bedtime",
          "ambient, quiet, slow, soft, relaxing, new age, meditative",
          "loud, fast, beat, drums, metal, dance, party, rock", loudness=-1),
    _mood("for meditation", "meditation, meditating, yoga",
          "ambient, new age, meditative, slow, no beat, quiet, harp, flute",
          "loud, fast, beat, drums, metal, dance, party, rock, vocal", loudness=-1),
    _mood("for a rainy day", "rain, rainy day, melancholy",
          "sad, mellow, slow, piano, folk, acoustic, emotional", "happy, party, dance, loud, fast"),
)
# fmt: on

MOODS: Mapping[str, Mood] = {mood.name: mood for mood in _ALL}


def known_moods(tags: Iterable[str]) -> list[Mood]:
    """Return the moods of which the taggers, whose `tags` these are, know one to stand out in."""
    names = set(map(fold, tags))
    return [mood for mood in _ALL if not names.isdisjoint(mood.wanted)]


def mood_values(
    mood: Mood, tags: TagTable, tracks: TrackTable, own: Sequence[Float32Array] = ()
) -> Float32Array:
    """Return how well each track suits a mood, standardised over the available ones: (n,).

    `own` are the values of the listener's own tags that mean it, standardised, each (n,).
    """
    available = tracks.available
    values = _mean_of(mood.wanted, tags, len(tracks)) - _mean_of(mood.unwanted, tags, len(tracks))
    values = standardised(values, available)
    if own:
        values += standardised(np.mean(own, axis=0), available)
    if mood.tempos:
        values += np.float32(TEMPO) * tempo_fit(tracks.tempos, mood.tempos)
    if mood.loudness:
        loudness = np.float32(mood.loudness) * standardised(tracks.loudness, available)
        values += np.float32(LOUDNESS) * loudness
    return standardised(values, available)


def tempo_fit(tempos: Float32Array, ranges: Sequence[tuple[float, float]]) -> Float32Array:
    """Return 1 for tempos inside a range, less outside, down to -1; 0 for NaN: (n,).

    >>> tempo_fit(np.array([120, 106, 60, np.nan], np.float32), [(112, 132)]).round(1).tolist()
    [1.0, 0.5, -1.0, 0.0]
    """
    best = np.full(len(tempos), -1.0, np.float32)
    logs = np.log(np.maximum(tempos, 1e-6))
    for low, high in ranges:
        outside = np.maximum(np.maximum(np.log(low) - logs, logs - np.log(high)), 0)
        best = np.maximum(best, 1 - 0.5 * outside / np.log1p(STEP))
    fit: Float32Array = np.nan_to_num(best).astype(np.float32)
    return fit


def standardised(values: Float32Array, available: BoolArray) -> Float32Array:
    """Return values less their mean, by their deviation, over the available tracks; 0 for NaN."""
    known = available & ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values), np.float32)
    scaled = (values - values[known].mean()) / max(float(values[known].std()), 1e-6)
    result: Float32Array = np.nan_to_num(scaled).astype(np.float32)
    return result


def _mean_of(names: Sequence[str], tags: TagTable, n: int) -> Float32Array:
    columns = [column for name in names if (column := tags.column(name)) is not None]
    mean: Float32Array = np.mean(columns, axis=0) if columns else np.zeros(n, np.float32)
    return mean
