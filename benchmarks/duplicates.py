"""How many copies of a recording are found, and whether anything else is taken for one.

    python -m benchmarks.duplicates CLIPS --work FOLDER [--clips-copied 14] [--songs 6]

CLIPS holds music with a `labels.csv` that has a column `path`. Some clips are copied in 15 ways
into FOLDER, all are built into a home there (what is there already is kept), and the duplicates of
that home are looked for. Every two clips are compared as well, and songs of the demo library with
other takes of them.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pandas as pd
from scipy import fft, signal

from earshot.duplicates import Decoders
from encoders.audio import SegmentGrid, inspect
from encoders.decoding import DecoderProcess
from encoders.features import AudioSpan
from index.arrays import Float32Array
from recsys.demo import DEMO_TRACKS
from recsys.demo.compose import Song
from recsys.demo.mix import play
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.library.coherence import MAX_CUT, RATE, same_recording
from recsys.library.duplicates import Duplicates, find_duplicates
from recsys.threads import n_cores

BUILD = Path(__file__).parents[1] / "scripts" / "build_index.py"
RATE_CD = 44_100  # Hz
GRID = SegmentGrid(RATE, hop_length=2, n_fft=2, n_frames=RATE // 8)
PARTS = ("copies", "pairs", "takes")
LOW_RATE = 1000  # Hz
SUSPECT = 0.2  # correlation below LOW_RATE / 2, above which two clips are compared in full
ENCODERS = {
    "mp3": ("mp3", "libmp3lame", "fltp"),
    "flac": ("flac", "flac", "s16"),
    "opus": ("ogg", "libopus", "flt"),
    "m4a": ("ipod", "aac", "fltp"),
}
Wave = Float32Array


class Copy(NamedTuple):
    """A way to copy a recording."""

    suffix: str
    kbit: int | None = None
    change: Callable[[Wave], Wave] = lambda wave: wave  # (2, n) at RATE_CD
    rate: int = RATE_CD


def _cut(begin: float, end: float = 0.0) -> Callable[[Wave], Wave]:
    """Cut off seconds at the beginning and the end."""
    return lambda wave: wave[:, round(begin * RATE_CD) : wave.shape[1] - round(end * RATE_CD)]


COPIES: Mapping[str, Copy] = {
    "mp3_320": Copy("mp3", 320),
    "mp3_96": Copy("mp3", 96),
    "mp3_64": Copy("mp3", 64),
    "aac_96": Copy("m4a", 96),
    "aac_64": Copy("m4a", 64),
    "opus_64": Copy("opus", 64, rate=48_000),
    "opus_32": Copy("opus", 32, rate=48_000),
    "flac": Copy("flac"),
    "gain": Copy("flac", change=lambda wave: 0.5 * wave),
    "r22050": Copy("mp3", 64, rate=22_050),
    "mono": Copy("mp3", 64, lambda wave: wave.mean(axis=0, keepdims=True)),
    "trim1.37": Copy("flac", change=_cut(1.37)),
    "trim3_mp3_96": Copy("mp3", 96, _cut(3 - 17 / RATE_CD)),
    "trim2_end": Copy("opus", 96, _cut(0.777, 2.1), 48_000),
    "compressed": Copy("mp3", 192, lambda wave: np.tanh(3 * wave)),  # 9.5 dB of clipping
}


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--clips-copied", type=int, default=14)
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="leave some out")
    args = parser.parse_args()
    paths = [args.clips / name for name in pd.read_csv(args.clips / "labels.csv")["path"]]
    if "copies" in args.parts:
        report_copies(paths, args)
    if "pairs" in args.parts:
        report_pairs(paths)
    if "takes" in args.parts:
        report_takes(args.songs)


def report_copies(paths: Sequence[Path], args: argparse.Namespace) -> None:
    """Copy some clips, build a home, and look for its duplicates."""
    chosen = np.random.default_rng(0).choice(len(paths), args.clips_copied, replace=False).tolist()
    for number in chosen:
        make_copies(paths[number], args.work / "copies" / str(number))
    home = args.work / "home"
    folders = [str(args.clips), str(args.work / "copies"), "--home", str(home)]
    subprocess.run([sys.executable, str(BUILD), *folders], check=True)
    begin = time.perf_counter()
    duplicates = find_copies(home)
    print(f"\n{time.perf_counter() - begin:.0f} s")
    report(duplicates, {path: str(number) for number, path in enumerate(paths)}, len(chosen))


def make_copies(source: Path, folder: Path) -> None:
    """Write those copies of a clip that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in COPIES if not (folder / f"{n}.{COPIES[n].suffix}").exists()]
    wave = decode(source) if missing else np.zeros((2, 0), np.float32)
    for name in missing:
        encode(folder / f"{name}.{COPIES[name].suffix}", COPIES[name].change(wave), COPIES[name])


def decode(path: Path) -> Wave:
    """Decode a file in stereo: (2, n) at RATE_CD."""
    resampler = av.AudioResampler("fltp", "stereo", RATE_CD)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def encode(path: Path, wave: Wave, copy: Copy) -> None:
    """Write a waveform (n_channels, n) at RATE_CD."""
    muxer, encoder, sample_format = ENCODERS[copy.suffix]
    layout = "stereo" if len(wave) == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave, np.float32), "fltp", layout)
    frame.sample_rate = RATE_CD
    with av.open(str(path), "w", format=muxer) as container:
        stream: Any = container.add_stream(encoder, rate=copy.rate, layout=layout)
        if copy.kbit:
            stream.bit_rate = 1000 * copy.kbit
        frame_size = stream.codec_context.frame_size or 0
        resampler = av.AudioResampler(sample_format, layout, copy.rate, frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def decode_in_process(decoder: DecoderProcess, path: Path, duration: float) -> Wave:
    """Decode as `earshot similar` does."""
    decoder.request_segments(AudioSpan(path, duration), GRID, None)
    wave: Wave = decoder.receive_segments(path).waveforms.reshape(-1)
    return wave


def find_copies(home: Path) -> Duplicates:
    """Look for the duplicates of a home, on all cores."""
    with open_home(load_settings(home)) as opened, closing(Decoders()) as decoders:
        return find_duplicates(opened.catalog, opened.index, decoders.load, workers=n_cores())


def report(duplicates: Duplicates, numbers: Mapping[Path, str], n_copied: int) -> None:
    """Print which copies are in one group with their clip, and what else is."""
    joined: Counter[str] = Counter()
    pairs = wrong = 0
    for group in duplicates.groups:
        clips = [numbers.get(track.path, track.path.parent.name) for track in group]
        both = list(itertools.combinations(clips, 2))
        pairs += sum(a == b for a, b in both)
        wrong += sum(a != b for a, b in both)
        originals = {numbers[track.path] for track in group if track.path in numbers}
        for track in group:
            joined[track.path.stem] += track.path.parent.name in originals
    print("\n| copy | with its clip | of |\n|---|---:|---:|")
    for name in COPIES:
        print(f"| {name} | {joined[name]} | {n_copied} |")
    n_pairs = n_copied * len(COPIES) * (len(COPIES) + 1) // 2
    print(f"\nPairs of one recording found: {pairs} of {n_pairs}. Other pairs joined: {wrong}.")


def report_pairs(paths: Sequence[Path]) -> None:
    """Compare every two clips: below 500 Hz first, in full where they correlate there at all."""
    with closing(DecoderProcess()) as decoder:
        clips = [decode_in_process(decoder, path, inspect(path).duration) for path in paths]
    low = [signal.resample(np.diff(clip), len(clip) * LOW_RATE // RATE) for clip in clips]
    furthest = round(MAX_CUT * LOW_RATE)
    n = fft.next_fast_len(max(map(len, low)) + furthest, real=True)
    spectra = [fft.rfft((wave / np.linalg.norm(wave)).astype(np.float32), n) for wave in low]
    highest, joined, n_pairs = 0.0, 0, 0
    for i, j in itertools.combinations(range(len(clips)), 2):
        agreement = np.abs(fft.irfft(np.conj(spectra[i]) * spectra[j], n))
        peak = float(max(agreement[:furthest].max(), agreement[-furthest:].max()))
        highest, n_pairs = max(highest, peak), n_pairs + 1
        joined += peak > SUSPECT and same_recording(clips[i], clips[j])
    print(
        f"\nOf {n_pairs} pairs of clips {joined} are joined. The highest correlation of two clips"
    )
    print(f"below {LOW_RATE // 2} Hz, at any lag, is {highest:.3f}.")


def report_takes(n_songs: int) -> None:
    """Compare songs with other takes of them."""
    kinds: Mapping[str, Callable[[Song], Song]] = {
        "the same notes again, up to 1 ms off": lambda song: again(song, 0.001),
        "up to 5 ms off": lambda song: again(song, 0.005),
        "0.1 % faster": lambda song: again(song, 0.0, 1.001),
        "2 % faster": lambda song: again(song, 0.0, 1.02),
    }
    joined: Counter[str] = Counter()
    for track in DEMO_TRACKS[:: len(DEMO_TRACKS) // n_songs][:n_songs]:
        song = track.compose()
        original = lowered(play(song))
        for name, kind in kinds.items():
            joined[name] += same_recording(original, lowered(play(kind(song))))
    print("\n| another take | joined | of |\n|---|---:|---:|")
    for name in kinds:
        print(f"| {name} | {joined[name]} | {n_songs} |")


def again(song: Song, late: float, speed: float = 1.0) -> Song:
    """Let everybody play a song again, each note up to `late` s off."""
    rng = np.random.default_rng(1)
    parts = []
    for part in song.parts:
        starts = [max(0.0, n.start / speed + rng.uniform(-late, late)) for n in part.notes]
        notes = [n._replace(start=s) for n, s in zip(part.notes, starts, strict=True)]
        parts.append(part._replace(notes=tuple(notes)))
    return song._replace(parts=tuple(parts), kicks=tuple(kick / speed for kick in song.kicks))


def lowered(wave: Wave) -> Wave:
    """Mix (2, n) at RATE_CD to mono at RATE."""
    mono = np.ascontiguousarray(wave.mean(axis=0, keepdims=True), np.float32)
    frame = av.AudioFrame.from_ndarray(mono, "fltp", "mono")
    frame.sample_rate = RATE_CD
    resampler = av.AudioResampler("fltp", "mono", RATE)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray()[0] for piece in frames])


if __name__ == "__main__":
    main()
