"""Compare the tracks that are named alike, so that lists show one recording once.

What lists hide is what waveforms confirm (`recsys.library.coherence`), as `--duplicates` lists it:
equal names, lengths and identifiers alone hide nothing, as movements, untitled tracks and wrong
identifiers have them too. Each pair of audios is compared once.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import lru_cache

import numpy as np

from encoders.errors import AudioError
from index.arrays import Float32Array
from recsys.catalog import Catalog, Track
from recsys.catalog.comparisons import pair
from recsys.catalog.search import fold
from recsys.library.coherence import MAX_CUT, same_recording

SAME_LENGTH = 3.0  # s; whole copies of one recording differ by less
MOST_MATES = 20  # with which a track is compared: of many of one name, those of the nearest length
_N_CACHED = 16  # waveforms
_BATCH = 20  # verdicts of one transaction

# Loads a track's waveform, mono at `recsys.library.coherence.RATE`; raises AudioError.
LoadWaveform = Callable[[Track], Float32Array]


def compare_named_alike(
    catalog: Catalog,
    load_waveform: LoadWaveform,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Compare pairs of tracks that are named alike and have not been compared; return how many.

    A pair with a file that cannot be decoded waits for the next call. `progress` is called with
    (done, total). Raises CatalogError.
    """
    known = catalog.verdicts()
    waiting = [
        (one, other)
        for one, other in named_alike(catalog.tracks(named_as_another(catalog)))
        if pair(one.audio_hash or "", other.audio_hash or "") not in known
    ]
    by_id = {track.id: track for tracks in waiting for track in tracks}

    @lru_cache(maxsize=_N_CACHED)
    def waveform(track_id: int) -> Float32Array | None:
        try:
            return load_waveform(by_id[track_id])
        except AudioError:
            return None

    verdicts = {}
    for done, (one, other) in enumerate(waiting):
        progress(done, len(waiting))
        a, b = waveform(one.id), waveform(other.id)
        if a is not None and b is not None:
            key = pair(one.audio_hash or "", other.audio_hash or "")
            verdicts[key] = same_recording(a, b)
        if len(verdicts) >= _BATCH:
            catalog.record_verdicts(verdicts)
            verdicts = {}
    if verdicts:
        catalog.record_verdicts(verdicts)
    return len(waiting)


def _names(track: Track) -> tuple[Hashable, Hashable, Hashable]:
    """Return MBID, ISRC, and artist with title; nothing for what is unknown."""
    names = (fold(track.artist), fold(track.title)) if track.artist and track.title else None
    return track.recording_mbid, track.isrc, names


def named_as_another(catalog: Catalog) -> list[int]:
    """Return the ids of the analysed tracks that may be named as another one is, ascending.

    Of several tracks of equal audio the first stands for all. Names are compared by hashes, 40
    bytes a track.
    """
    columns = tuple(array("q") for _ in range(5))  # id, audio, and as many as there are names
    for track in catalog.available_tracks():
        if track.status == "ready" and track.audio_hash:
            hashes = [hash(name or (track.id, i)) for i, name in enumerate(_names(track))]
            values = track.id, hash(track.audio_hash), *hashes
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    ids, audios, *names = [np.array(column, np.int64) for column in columns]
    first = np.unique(audios, return_index=True)[1]
    alike = np.zeros(len(first), np.bool_)
    for name in names:
        _, codes, counts = np.unique(name[first], return_inverse=True, return_counts=True)
        alike |= counts[codes] > 1
    found: list[int] = np.sort(ids[first[alike]]).tolist()
    return found


def named_alike(
    tracks: Iterable[Track], within: float = SAME_LENGTH, most: int = MOST_MATES
) -> Iterator[tuple[Track, Track]]:
    """Give pairs of equal MBID, ISRC, or artist and title, whose lengths are `within` seconds.

    Of many of one name each is paired with the `most` that follow it by length.
    """
    by_name: defaultdict[Hashable, list[Track]] = defaultdict(list)
    for track in tracks:
        for name in filter(None, _names(track)):
            by_name[name].append(track)
    seen = set()
    for alike in by_name.values():
        by_length = sorted(alike, key=lambda track: (track.duration or 0.0, track.id))
        for number, one in enumerate(by_length):
            for other in by_length[number + 1 : number + 1 + most]:
                key = min(one.id, other.id), max(one.id, other.id)
                if key not in seen and similar_length(one, other, within):
                    seen.add(key)
                    yield (one, other) if one.id < other.id else (other, one)


def similar_length(one: Track, other: Track, within: float = MAX_CUT) -> bool:
    """Say whether two lengths are known and differ by at most `within` seconds."""
    return (
        one.duration is not None
        and other.duration is not None
        and abs(one.duration - other.duration) <= within
    )
