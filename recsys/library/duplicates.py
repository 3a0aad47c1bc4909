"""Find files of one recording: candidates by embedding, name and bits, decided by waveform.

Features alone do not suffice: a cut shifts the segments, a quieter copy gets other tags, and two
takes of a piece may be closer than two encodings of one. They only propose pairs; the fingerprints
of the tracks' middles (`recsys.library.fingerprints`) leave few of them to be compared whole
(`recsys.library.coherence`). In doubt two files are no duplicates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioSpan
from index.arrays import Float32Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, CatalogReadOnly, Track
from recsys.catalog.comparisons import Verdicts, group_alike, pair
from recsys.library import fingerprints
from recsys.library.coherence import MAX_CUT, same_recording
from recsys.library.comparing import named_alike, similar_length

N_NEIGHBOURS = 40  # of each track, candidates for a comparison
MIN_COSINE = 0.5  # of candidates; copies are closer, also at 32 kbit/s
_N_CACHED = 16  # waveforms
_PER_TRANSACTION = 50  # verdicts
_FRAMES_APART = 4  # by which the fingerprints of two long tracks may differ in length
_SEARCH_BATCH = 500  # tracks
_LOSSLESS = ("alac", "ape", "flac", "pcm", "tta", "wavpack")  # prefixes of FFmpeg's names

# Decodes a track or a part of one, mono at `recsys.library.coherence.RATE`; raises AudioError.
LoadSpan: TypeAlias = Callable[[AudioSpan], Float32Array]


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
    load: LoadSpan,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Duplicates:
    """Group the files of one recording: other codecs, rates, loudness, or ends cut off.

    `load` decodes, in `workers` threads at once. `progress` is called with (done, total) of what is
    decoded. Verdicts are taken from the catalogue and written into it, so that lists show one
    recording once; fingerprints are kept in the home.
    """
    by_audio: defaultdict[Hashable, list[Track]] = defaultdict(list)
    for track in catalog.available_tracks():
        if track.status == "ready":
            by_audio[track.audio_hash or track.id].append(track)
    # Equal audio needs no comparison.
    copies = {tracks[0].id: tracks for tracks in by_audio.values()}
    firsts = {track_id: tracks[0] for track_id, tracks in copies.items()}
    candidates = _candidates(list(firsts.values()), index)
    comparer = _Comparer(catalog, firsts, load)
    with ThreadPoolExecutor(workers) as pool:
        comparer.prepare(candidates, pool, progress)
        alike = group_alike(candidates, comparer.same)
    comparer.record()
    failures = comparer.failures
    alone = [[track_id] for track_id in firsts.keys() - {i for group in alike for i in group}]
    groups = [[track for i in group for track in copies[i]] for group in (*alike, *alone)]
    several = sorted((group for group in groups if len(group) > 1), key=lambda group: group[0].id)
    return Duplicates(
        tuple(tuple(sorted(group, key=_quality, reverse=True)) for group in several),
        tuple(failures.values()),
    )


class _Comparer:
    """Says of two tracks whether they are one recording: by verdict, by bits, by waveform."""

    def __init__(self, catalog: Catalog, tracks: Mapping[int, Track], load: LoadSpan) -> None:
        self.failures: dict[int, str] = {}
        self._catalog = catalog
        self._tracks = tracks
        self._load = load
        self._known = catalog.verdicts()
        self._new: Verdicts = {}
        self._unlike: set[tuple[int, int]] = set()
        self._waveform = lru_cache(maxsize=_N_CACHED)(self._whole)

    def prepare(
        self,
        candidates: Mapping[int, set[int]],
        pool: ThreadPoolExecutor,
        progress: Callable[[int, int], None],
    ) -> None:
        """Compare all candidates: by their middles, and the few that are alike by waveform."""
        open_pairs = {
            one: sorted(other for other in others if other > one and not self._is_known(one, other))
            for one, others in candidates.items()
        }
        wanted = sorted({i for one, rest in open_pairs.items() if rest for i in (one, *rest)})
        bits = self._fingerprints(wanted, pool, progress)
        waiting = []
        for one, others in open_pairs.items():
            alike = _alike(one, others, bits)
            waiting += [(one, other) for other in alike]
            self._unlike.update((one, other) for other in set(others).difference(alike))
        progress(0, len(waiting))
        verdicts = pool.map(lambda pair: self._judge(*pair), waiting)
        for done, (two, verdict) in enumerate(zip(waiting, verdicts, strict=True), start=1):
            self._remember(*two, verdict)
            progress(done, len(waiting))
            if len(self._new) >= _PER_TRANSACTION:
                self.record()

    def same(self, one: int, other: int) -> bool:
        """Say whether two tracks are one recording."""
        one, other = sorted((one, other))
        if (one, other) in self._unlike or not similar_length(
            self._tracks[one], self._tracks[other]
        ):
            return False
        key = self._key(one, other)
        verdict = self._known.get(key, self._new.get(key))
        if verdict is None:
            verdict = self._judge(one, other)
            self._remember(one, other, verdict)
        return bool(verdict)

    def record(self) -> None:
        """Write what was found."""
        if self._new:
            with suppress(CatalogReadOnly):  # then they are not kept
                self._catalog.record_verdicts(self._new)
            self._known |= self._new
            self._new = {}

    def _judge(self, one: int, other: int) -> bool | None:
        """Compare two tracks by waveform; None where one cannot be read. For any thread."""
        a, b = self._waveform(one), self._waveform(other)
        return None if a is None or b is None else same_recording(a, b)

    def _remember(self, one: int, other: int, verdict: bool | None) -> None:
        if verdict is not None:
            self._new[self._key(one, other)] = verdict

    def _fingerprints(
        self, ids: Sequence[int], pool: ThreadPoolExecutor, progress: Callable[[int, int], None]
    ) -> dict[int, fingerprints.Bits]:
        """Return the fingerprints of tracks, from the home or anew."""
        hashes = {i: self._tracks[i].audio_hash or "" for i in ids}
        stored = fingerprints.load(self._catalog.home)
        lacking = [i for i in ids if hashes[i] not in stored]
        for done, (i, bits) in enumerate(
            zip(lacking, pool.map(self._fingerprint, lacking), strict=True), start=1
        ):
            if bits is not None:
                stored[hashes[i]] = bits
            progress(done, len(lacking))
        if lacking:
            with suppress(OSError):  # then they are made again
                present = (track.audio_hash or "" for track in self._tracks.values())
                fingerprints.save(self._catalog.home, stored, filter(None, present))
        return {i: stored.get(hashes[i], fingerprints.NOTHING) for i in ids}

    def _fingerprint(self, track_id: int) -> fingerprints.Bits | None:
        """Return a fingerprint, None where the file cannot be read at the moment."""
        try:
            return fingerprints.fingerprint(self._load(fingerprints.middle(self._tracks[track_id])))
        except FileUnavailable:
            return None
        except AudioError:  # silent, or unreadable: the whole will tell
            return fingerprints.NOTHING

    def _whole(self, track_id: int) -> Float32Array | None:
        try:
            return self._load(self._tracks[track_id].span)
        except AudioError as error:
            self.failures[track_id] = str(error)
            return None

    def _is_known(self, one: int, other: int) -> bool:
        return self._key(one, other) in self._known

    def _key(self, one: int, other: int) -> tuple[str, str]:
        return pair(self._tracks[one].audio_hash or "", self._tracks[other].audio_hash or "")


def _alike(one: int, others: Sequence[int], bits: Mapping[int, fingerprints.Bits]) -> list[int]:
    """Return which others may be one recording with a track, by their fingerprints."""
    mine = bits.get(one, fingerprints.NOTHING)
    alike = [i for i in others if abs(len(bits[i]) - len(mine)) > _FRAMES_APART or not len(mine)]
    rest = [i for i in others if i not in alike]
    if rest:
        n_frames = min(len(mine), *(len(bits[i]) for i in rest))
        theirs = np.stack([bits[i][:n_frames] for i in rest])
        unlike = fingerprints.unlikeness(mine[:n_frames], theirs)
        alike += [i for i, u in zip(rest, unlike, strict=True) if u <= fingerprints.MOST_UNLIKE]
    return alike


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
