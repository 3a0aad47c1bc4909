"""Find files of one recording: candidates by embedding and name, decided by waveform.

Features alone do not suffice: a cut shifts the segments, a quieter copy gets other tags, and two
takes of a piece may be closer than two encodings of one. They only select the pairs to compare
(`recsys.library.coherence`); in doubt two files are no duplicates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache

from encoders.errors import AudioError
from index.arrays import Float32Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, CatalogReadOnly, Track
from recsys.catalog.comparisons import Verdicts, group_alike, pair
from recsys.library.coherence import MAX_CUT, same_recording
from recsys.library.comparing import LoadWaveform, named_alike, similar_length

N_NEIGHBOURS = 10  # of each track, candidates for a comparison
MIN_COSINE = 0.7  # of candidates; copies are closer, but for some at 32 kbit/s
_N_CACHED = 16  # waveforms
_SEARCH_BATCH = 500  # tracks
_LOSSLESS = ("alac", "ape", "flac", "pcm", "tta", "wavpack")  # prefixes of FFmpeg's names


@dataclass(frozen=True)
class Duplicates:
    """Groups of duplicates.

    groups    the tracks of each recording with several files, the best copy first: lossless, of
              the highest sample rate, the longest
    failures  sentences about files that could not be compared
    """

    groups: tuple[tuple[Track, ...], ...]
    failures: tuple[str, ...]


def find_duplicates(
    catalog: Catalog,
    index: VectorIndex,
    load_waveform: LoadWaveform,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Duplicates:
    """Group the files of one recording: other codecs, rates, loudness, or ends cut off.

    `progress` is called with (done, total) of the tracks that have candidates. Verdicts are taken
    from the catalogue and written into it, so that lists show one recording once.
    """
    known = catalog.verdicts()
    new: Verdicts = {}
    by_audio: defaultdict[Hashable, list[Track]] = defaultdict(list)
    for track in catalog.available_tracks():
        if track.status == "ready":
            by_audio[track.audio_hash or track.id].append(track)
    copies = {
        tracks[0].id: tracks for tracks in by_audio.values()
    }  # equal audio needs no comparison
    firsts = {track_id: tracks[0] for track_id, tracks in copies.items()}
    failures: dict[int, str] = {}

    @lru_cache(maxsize=_N_CACHED)
    def waveform(track_id: int) -> Float32Array | None:
        try:
            return load_waveform(firsts[track_id])
        except AudioError as error:
            failures[track_id] = str(error)
            return None

    @cache
    def same(one: int, other: int) -> bool:
        if not similar_length(firsts[one], firsts[other]):
            return False
        key = pair(firsts[one].audio_hash or "", firsts[other].audio_hash or "")
        if key in known:
            return known[key]
        a, b = waveform(one), waveform(other)
        if a is None or b is None:
            return False
        new[key] = same_recording(a, b)
        return new[key]

    candidates = _candidates(list(firsts.values()), index)
    alike = group_alike(candidates, same, progress)
    if new:
        with suppress(CatalogReadOnly):  # then they are not kept
            catalog.record_verdicts(new)
    alone = [[track_id] for track_id in firsts.keys() - {i for group in alike for i in group}]
    groups = [[track for i in group for track in copies[i]] for group in (*alike, *alone)]
    several = sorted((group for group in groups if len(group) > 1), key=lambda group: group[0].id)
    return Duplicates(
        tuple(tuple(sorted(group, key=_quality, reverse=True)) for group in several),
        tuple(failures.values()),
    )


def _candidates(tracks: Sequence[Track], index: VectorIndex) -> dict[int, set[int]]:
    """Return the candidates of each track: of similar duration, by equal name or by embedding."""
    by_id = {track.id: track for track in tracks}
    candidates: defaultdict[int, set[int]] = defaultdict(set)

    def add(one: int, other: int) -> None:
        if one != other and similar_length(by_id[one], by_id[other]):
            candidates[one].add(other)
            candidates[other].add(one)

    for one, other in named_alike(tracks, MAX_CUT, len(tracks)):
        add(one.id, other.id)
    others = [track_id for track_id in index.ids.tolist() if track_id not in by_id]
    indexed = [track_id for track_id in index.ids.tolist() if track_id in by_id]
    for start in range(0, len(indexed), _SEARCH_BATCH):
        batch = indexed[start : start + _SEARCH_BATCH]
        rankings = index.search(index.vectors(batch), N_NEIGHBOURS + 1, exclude=others)
        for track_id, ranking in zip(batch, rankings, strict=True):
            for neighbour in ranking.ids[ranking.scores >= MIN_COSINE].tolist():
                add(track_id, neighbour)
    return dict(candidates)


def _quality(track: Track) -> tuple[bool, int, float]:
    """The sort key of copies: lossless, sample rate, duration."""
    lossless = (track.codec or "").startswith(_LOSSLESS)
    return lossless, track.sample_rate or 0, track.duration or 0.0
