"""Find files of one recording: candidates by embedding and name, decided by waveform.

Features alone do not suffice: a cut shifts the segments, a quieter copy gets other tags, and two
takes of a piece may be closer than two encodings of one. They only select the pairs to compare
(`recsys.library.coherence`); in doubt two files are no duplicates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations

from encoders.errors import AudioError
from index.arrays import Float32Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Track
from recsys.catalog.search import fold
from recsys.library.coherence import MAX_CUT, same_recording

N_NEIGHBOURS = 10  # of each track, candidates for a comparison
MIN_COSINE = 0.7  # of candidates; copies are closer, but for some at 32 kbit/s
_N_CACHED = 16  # waveforms
_SEARCH_BATCH = 500  # tracks
_LOSSLESS = ("alac", "ape", "flac", "pcm", "tta", "wavpack")  # prefixes of FFmpeg's names

# Loads a track's waveform, mono at `recsys.library.coherence.RATE`; raises AudioError.
LoadWaveform = Callable[[Track], Float32Array]


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

    `progress` is called with (done, total) of the tracks that have candidates.
    """
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
        if not _similar_duration(firsts[one], firsts[other]):
            return False
        a, b = waveform(one), waveform(other)
        return a is not None and b is not None and same_recording(a, b)

    candidates = _candidates(list(firsts.values()), index)
    alike = group_alike(candidates, same, progress)
    alone = [[track_id] for track_id in firsts.keys() - {i for group in alike for i in group}]
    groups = [[track for i in group for track in copies[i]] for group in (*alike, *alone)]
    several = sorted((group for group in groups if len(group) > 1), key=lambda group: group[0].id)
    return Duplicates(
        tuple(tuple(sorted(group, key=_quality, reverse=True)) for group in several),
        tuple(failures.values()),
    )


def group_alike(
    candidates: Mapping[int, set[int]],
    same: Callable[[int, int], bool],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[list[int]]:
    """Group ids by complete linkage: every two of a group are the `same`.

    Each id, in order, joins the first group that contains one of its `candidates` and only members
    that are the `same`, or begins a group.
    """
    groups: dict[int, list[int]] = {}
    for done, newcomer in enumerate(sorted(candidates)):
        progress(done, len(candidates))
        groups[newcomer] = [newcomer]
        for candidate in sorted(candidates[newcomer] & groups.keys() - {newcomer}):
            if all(same(member, newcomer) for member in groups[candidate]):
                groups[candidate].append(newcomer)
                groups[newcomer] = groups[candidate]
                break
    return [group for first, group in groups.items() if group[0] == first]


def _candidates(tracks: Sequence[Track], index: VectorIndex) -> dict[int, set[int]]:
    """Return the candidates of each track: of similar duration, by equal name or by embedding."""
    by_id = {track.id: track for track in tracks}
    candidates: defaultdict[int, set[int]] = defaultdict(set)

    def add(one: int, other: int) -> None:
        if one != other and _similar_duration(by_id[one], by_id[other]):
            candidates[one].add(other)
            candidates[other].add(one)

    by_name: defaultdict[Hashable, list[int]] = defaultdict(list)
    for track in tracks:
        names: list[Hashable] = [track.recording_mbid, track.isrc]
        if track.artist and track.title:
            names.append((fold(track.artist), fold(track.title)))
        for name in filter(None, names):
            by_name[name].append(track.id)
    for ids in by_name.values():
        for one, other in combinations(ids, 2):
            add(one, other)
    others = [track_id for track_id in index.ids.tolist() if track_id not in by_id]
    indexed = [track_id for track_id in index.ids.tolist() if track_id in by_id]
    for start in range(0, len(indexed), _SEARCH_BATCH):
        batch = indexed[start : start + _SEARCH_BATCH]
        rankings = index.search(index.vectors(batch), N_NEIGHBOURS + 1, exclude=others)
        for track_id, ranking in zip(batch, rankings, strict=True):
            for neighbour in ranking.ids[ranking.scores >= MIN_COSINE].tolist():
                add(track_id, neighbour)
    return dict(candidates)


def _similar_duration(one: Track, other: Track) -> bool:
    return (
        one.duration is not None
        and other.duration is not None
        and abs(one.duration - other.duration) <= MAX_CUT
    )


def _quality(track: Track) -> tuple[bool, int, float]:
    """The sort key of copies: lossless, sample rate, duration."""
    lossless = (track.codec or "").startswith(_LOSSLESS)
    return lossless, track.sample_rate or 0, track.duration or 0.0
