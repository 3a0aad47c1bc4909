"""How well tempo, key and loudness are estimated, and what they cost a build.

    python -m benchmarks.descriptors FOLDER WEIGHTS [--titles LABELS.csv] [--songs FOLDER]

FOLDER gets the demo library, which is composed: tempo and key of each track are known. WEIGHTS has
skey.pt, as `earshot weights skey` installs it, and weights of the default taggers. `--titles` is a
table with columns path and title; titles such as "Sonata in D minor" name keys. `--songs` are whole
songs, by which loudness and speed are measured. Prints Markdown tables.

A tempo is right within 4 %; "within octaves" also its double, half, triple and third (Gouyon et
al. 2006, accuracies 1 and 2). Keys score by MIREX's weights (mir_eval): 1 for the key, .5 a fifth
away, .3 the relative, .2 the parallel.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, cast

import av
import librosa
import mir_eval
import numpy as np
import torch

from encoders.audio import Segments, inspect, read_segments
from encoders.bundles import BUNDLES, DEFAULT_MODELS
from encoders.constant_q import ConstantQ
from encoders.descriptors import Describer
from encoders.extract import N_SEGMENTS, load_extractor
from encoders.features import TONICS, AudioSpan, Descriptors
from encoders.frontends import segment_grid
from encoders.key import key_by_profiles
from encoders.loudness import integrated_loudness
from encoders.tempo import estimate_tempo
from encoders.weights import SKEY_FILE
from recsys.demo import DEMO_TRACKS, make_demo_library
from recsys.demo.theory import SCALES
from recsys.library.scanning import scan
from recsys.musical_key import KEYS, parse_key

GRID = segment_grid(BUNDLES[DEFAULT_MODELS[0]].front)
OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)
TOLERANCE = 0.04
RATE, HOP = 16_000, 160  # of librosa's onset strength: as ours
CPU = torch.device("cpu")
IN_KEY = re.compile(r"\bin ([A-G](?:[ -](?:flat|sharp))? (?:major|minor))", re.IGNORECASE)


class Known(NamedTuple):
    """A track's segments with its tempo, None where it is not known, and its key."""

    segments: Segments
    bpm: float | None
    key: str


def demo(folder: Path) -> list[Known]:
    """Return the demo library's tracks with what they were composed to be."""
    make_demo_library(folder)
    known = []
    for track in DEMO_TRACKS:
        song = track.compose()
        mode = "minor" if 3 in SCALES[song.mode] else "major"
        key = f"{TONICS[song.key]} {mode}"
        known.append(Known(segments(folder / track.path), song.tempo, key))
    return known


def titled(labels: Path) -> list[Known]:
    """Return the tracks whose titles name a key."""
    known = []
    for row in csv.DictReader(labels.open(encoding="utf-8")):
        match = IN_KEY.search(row["title"])
        key = parse_key(match[1]) if match else None
        if key:
            known.append(Known(segments(labels.parent / row["path"]), None, key))
    return known


def segments(path: Path) -> Segments:
    """Read what a build reads of a file."""
    return read_segments(path, inspect(path).duration, GRID, N_SEGMENTS)


def by_librosa(one: Segments) -> float:
    """Estimate the tempo of the same segments by librosa."""
    strength = [
        librosa.onset.onset_strength(y=waveform, sr=RATE, hop_length=HOP)
        for waveform in one.waveforms
    ]
    joined = np.concatenate(strength)
    return float(librosa.feature.tempo(onset_envelope=joined, sr=RATE, hop_length=HOP)[0])


def tempo_row(
    name: str, known: Sequence[Known], estimate: Callable[[Segments], float | None]
) -> str:
    """Return a table row: shares that are right, and milliseconds of a core for a track."""
    begin = time.process_time()
    found = [(estimate(one.segments), one.bpm or 0.0) for one in known]
    seconds = (time.process_time() - begin) / len(known)
    right = [bpm is not None and abs(bpm / true - 1) <= TOLERANCE for bpm, true in found]
    octaves = [
        bpm is not None and any(abs(bpm / (true * n) - 1) <= TOLERANCE for n in OCTAVES)
        for bpm, true in found
    ]
    given = [bpm is not None for bpm, _ in found]
    return (
        f"| {name} | {np.mean(right):.3f} | {np.mean(octaves):.3f} | {np.mean(given):.3f} "
        f"| {np.sum(octaves) / max(np.sum(given), 1):.3f} | {1000 * seconds:.0f} |"
    )


def key_row(name: str, pairs: Iterable[tuple[str, str | None]]) -> str:
    """Return a table row: MIREX's score and the share of exact keys; no key scores 0."""
    scores = [
        0.0 if found is None else float(mir_eval.key.weighted_score(true, found))
        for true, found in pairs
    ]
    exact = np.mean([score == 1 for score in scores])
    return f"| {name} | {len(scores)} | {np.mean(scores):.3f} | {exact:.3f} |"


def raised(key: str | None) -> str | None:
    """Return the key a semitone higher."""
    if key is None:
        return None
    minor, tonic = divmod(KEYS.index(key), 12)
    return KEYS[12 * minor + (tonic + 1) % 12]


def loudness_of_file(path: Path) -> float:
    """Return the integrated loudness of a whole file, all channels, by FFmpeg's ebur128."""
    with av.open(str(path)) as source:
        return by_ffmpeg(source.decode(audio=0))


def loudness_of_segments(one: Segments) -> float:
    """Return the same of a track's segments, one behind the other."""
    frame = av.AudioFrame.from_ndarray(one.waveforms.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    return by_ffmpeg(iter([frame]))


def by_ffmpeg(frames: Iterator[av.AudioFrame]) -> float:
    """Return the integrated loudness of decoded frames."""
    first = next(frames)
    graph = av.filter.Graph()
    begin = graph.add_abuffer(
        format=first.format.name, sample_rate=first.sample_rate, layout=first.layout.name
    )
    meter, end = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    begin.link_to(meter)
    meter.link_to(end)
    graph.configure()
    measured: dict[str, str] = {}
    for frame in chain([first], frames, [None]):
        begin.push(frame)
        try:
            while True:
                measured = end.pull().metadata or measured
        except (av.EOFError, av.BlockingIOError):
            continue
    return float(measured["lavfi.r128.I"])


def print_quality(folder: Path, weights: Path, titles: Path | None) -> None:
    """Print the tables of tempo and key."""
    composed = demo(folder)
    print(f"Tempo of the {len(composed)} tracks of the demo library:\n")
    print("| | right | within octaves | given | within octaves of those given | ms a track |")
    print("|---|---:|---:|---:|---:|---:|")
    by_librosa(composed[0].segments)  # compiles
    print(
        tempo_row(
            "Earshot", composed, lambda s: estimate_tempo(torch.from_numpy(s.waveforms), RATE)
        )
    )
    print(tempo_row("librosa 0.11", composed, by_librosa))
    print(tempo_row("always 120", composed, lambda _: 120.0))
    print("\n| keys of | tracks | MIREX | exact |\n|---|---:|---:|---:|")
    network = Describer(CPU, weights)
    transform = ConstantQ(GRID.n_samples, GRID.sample_rate, CPU)

    def profiles(one: Known) -> str | None:
        waveforms = torch.from_numpy(one.segments.waveforms)
        return key_by_profiles(transform(torch.fft.rfft(waveforms)))

    tables = [("the demo library", composed, False)]
    if titles:
        tables.append(("titles, raised a semitone", titled(titles), True))
    for name, known, at_415 in tables:
        for way, estimate in (
            ("S-KEY", lambda one: network(one.segments, RATE).key),
            ("profiles", profiles),
            ("always C major", lambda _: "C major"),
        ):
            pairs = [(one.key, estimate(one)) for one in known]
            if at_415:
                pairs = [(true, raised(found)) for true, found in pairs]
            print(key_row(f"{name}, by {way}", pairs))


def print_loudness(songs: Sequence[Path]) -> None:
    """Print how far the loudness of a build's segments is from that of the whole file."""
    away, spent = [], np.zeros(2)
    for path in songs:
        one = segments(path)
        times = [time.process_time()]
        spectra = torch.fft.rfft(torch.from_numpy(one.waveforms))
        found = integrated_loudness(spectra, one.waveforms.shape[1], RATE)
        times.append(time.process_time())
        loudness_of_segments(one)
        times.append(time.process_time())
        spent += np.diff(times)
        if found is not None:
            away.append(found - loudness_of_file(path))
    print(
        f"\nLoudness of {len(away)} songs less FFmpeg's ebur128 of the whole stereo file: mean "
        f"{np.mean(away):+.2f} LU, standard deviation {np.std(away):.2f}, "
        f"most {np.max(np.abs(away)):.2f}"
    )
    ours, theirs = 1000 * spent / len(songs)
    print(f"Milliseconds of a core for a song's segments: {ours:.0f}, by ebur128 {theirs:.0f}")


def print_speed(songs: Sequence[Path], weights: Path) -> None:
    """Print core-seconds a song of a build by two workers, and what of them describes it."""
    jobs = [AudioSpan(path, inspect(path).duration) for path in songs]
    print(f"\n| of {len(jobs)} songs | core-seconds a song | of these descriptors | added |")
    print("|---|---:|---:|---:|")
    for name, describer in (("S-KEY", Describer(CPU, weights)), ("profiles", Describer(CPU))):
        extractor = load_extractor(DEFAULT_MODELS, weights, workers=2)
        spent: list[float] = []

        def timed(
            one: Segments, rate: int, describer: Describer = describer, spent: list[float] = spent
        ) -> Descriptors:
            begin = time.thread_time()
            described = describer(one, rate)
            spent.append(time.thread_time() - begin)
            return described

        extractor.describer = cast(Describer, timed)
        sum(1 for _ in extractor.analyse(jobs[:2]))  # what comes first takes longer
        spent.clear()
        begin = sum(os.times()[:4])  # of this process and of the decoders that have ended
        sum(1 for _ in extractor.analyse(jobs))
        whole, part = (sum(os.times()[:4]) - begin) / len(jobs), sum(spent) / len(jobs)
        print(f"| key by {name} | {whole:.3f} | {part:.3f} | {part / (whole - part):.1%} |")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--titles", type=Path)
    parser.add_argument("--songs", type=Path)
    parser.add_argument("--speed", action="store_true", help="measure the speed alone")
    args = parser.parse_args()
    if not SKEY_FILE.path(args.weights).exists():
        raise SystemExit(f"{args.weights} lacks skey.pt: run `earshot weights skey`.")
    torch.set_num_threads(1)
    songs = [file.path for file in scan([args.songs]).files] if args.songs else []
    if args.speed:
        print_speed(songs, args.weights)
        return
    print_quality(args.folder, args.weights, args.titles)
    if songs:
        print_loudness(songs)


if __name__ == "__main__":
    main()
