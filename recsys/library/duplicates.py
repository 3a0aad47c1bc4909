"""Which files of the library are one recording: features and names propose, waveforms decide.

Features alone cannot tell. A cut moves the segments, a quieter copy sounds other to a tagger, and
two takes of a piece may be closer than two encodings of one. So they only say what to compare
(`recsys.library.coherence`), and in doubt two files stay apart.
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

N_NEIGHBOURS = 10  # of each track, that it is compared with
MIN_COSINE = 0.7  # copies are closer, but for some at 32 kbit/s
_WAVEFORMS_KEPT = 16
_SEARCH_BATCH = 500  # tracks
_LOSSLESS = ("alac", "ape", "flac", "pcm", "tta", "wavpack")  # how FFmpeg's names begin

# Gives a track's waveform, mono at `recsys.library.coherence.RATE`; raises AudioError.
Listen = Callable[[Track], Float32Array]


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    groups    the tracks of each recording that has several, the most promising copy first:
              lossless, of the highest sample rate, the longest
    failures  sentences about files that could not be compared
    """

    groups: tuple[tuple[Track, ...], ...]
    failures: tuple[str, ...]


def find_duplicates(
    catalog: Catalog,
    index: VectorIndex,
    listen: Listen,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Duplicates:
    """Group the files of one recording: other codecs, rates, loudness, or ends cut off.

    `progress` is told (done, total) of the tracks that have something to be compared with.
    """
    by_audio: defaultdict[Hashable, list[Track]] = defaultdict(list)
    for track in catalog.living():
        if track.status == "ready":
            by_audio[track.audio_hash or track.id].append(track)
    copies = {tracks[0].id: tracks for tracks in by_audio.values()}  # equal audio is not compared
    firsts = {track_id: tracks[0] for track_id, tracks in copies.items()}
    failures: dict[int, str] = {}

    @lru_cache(maxsize=_WAVEFORMS_KEPT)
    def waveform(track_id: int) -> Float32Array | None:
        try:
            return listen(firsts[track_id])
        except AudioError as error:
            failures[track_id] = str(error)
            return None

    @cache
    def same(one: int, other: int) -> bool:
        if not _of_one_length(firsts[one], firsts[other]):
            return False
        a, b = waveform(one), waveform(other)
        return a is not None and b is not None and same_recording(a, b)

    candidates = _candidates(list(firsts.values()), index)
    alike = group_alike(candidates, same, progress)
    alone = [[track_id] for track_id in firsts.keys() - {i for group in alike for i in group}]
    groups = [[track for i in group for track in copies[i]] for group in (*alike, *alone)]
    several = sorted((group for group in groups if len(group) > 1), key=lambda group: group[0].id)
    return Duplicates(
        tuple(tuple(sorted(group, key=_promise, reverse=True)) for group in several),
        tuple(failures.values()),
    )


def group_alike(
    candidates: Mapping[int, set[int]],
    same: Callable[[int, int], bool],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[list[int]]:
    """Group ids by complete linkage: every two of a group are the `same`.

    Each id, in order, joins the first group with one of its `candidates` in it and nothing but its
    likes, or begins a group.
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
    """Return what each track is to be compared with: of its length, with its name or sound."""
    by_id = {track.id: track for track in tracks}
    found: defaultdict[int, set[int]] = defaultdict(set)

    def propose(one: int, other: int) -> None:
        if one != other and _of_one_length(by_id[one], by_id[other]):
            found[one].add(other)
            found[other].add(one)

    by_name: defaultdict[Hashable, list[int]] = defaultdict(list)
    for track in tracks:
        names: list[Hashable] = [track.recording_mbid, track.isrc]
        if track.artist and track.title:
            names.append((fold(track.artist), fold(track.title)))
        for name in filter(None, names):
            by_name[name].append(track.id)
    for ids in by_name.values():
        for one, other in combinations(ids, 2):
            propose(one, other)
    others = [track_id for track_id in index.ids.tolist() if track_id not in by_id]
    indexed = [track_id for track_id in index.ids.tolist() if track_id in by_id]
    for start in range(0, len(indexed), _SEARCH_BATCH):
        batch = indexed[start : start + _SEARCH_BATCH]
        rankings = index.search(index.vectors(batch), N_NEIGHBOURS + 1, exclude=others)
        for track_id, ranking in zip(batch, rankings, strict=True):
            for near in ranking.ids[ranking.scores >= MIN_COSINE].tolist():
                propose(track_id, near)
    return dict(found)


def _of_one_length(one: Track, other: Track) -> bool:
    return (
        one.duration is not None
        and other.duration is not None
        and abs(one.duration - other.duration) <= MAX_CUT
    )


def _promise(track: Track) -> tuple[bool, int, float]:
    """Rank copies by what they say of themselves."""
    lossless = (track.codec or "").startswith(_LOSSLESS)
    return lossless, track.sample_rate or 0, track.duration or 0.0
