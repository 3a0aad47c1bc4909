"""Whether a part of a track finds what the part is of, and what an index of segments costs.

    python -m benchmarks.moments CLIPS WORK [--pairs 100]
    python -m benchmarks.moments --tracks 10000

CLIPS holds labelled clips of at least 30 s (a `labels.csv` with the columns path and artist). The
library are their second halves; each question is the first half of one clip followed by that of
another, of another artist: which half is asked for by --from and --to is known, and its right
answer is the second half of the same clip. Files and home are made in WORK, and kept there.
`--tracks` instead times making, reading and asking an index of an invented library.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import av
import numpy as np
import pandas as pd
import psutil

from benchmarks.serving import make_home
from recsys.catalog import Track
from recsys.evaluation.metrics import bootstrap_means, interval
from recsys.home.files import SEGMENTS_NAME
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.similarity.similar_moments import SimilarMoments

ROOT = Path(__file__).parents[1]
RATE = 16_000  # what the taggers hear
HALF = 15.0  # s
K = 10
ALL = 10_000  # tracks
N_LATER = 20  # questions


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("work", type=Path, nargs="?")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--tracks", type=int)
    args = parser.parse_args()
    if args.tracks:
        print_cost(args.tracks)
    elif args.clips and args.work:
        print_quality(args.clips, args.work, args.pairs)
    else:
        parser.error("takes CLIPS and WORK, or --tracks.")


def print_quality(clips: Path, work: Path, n_pairs: int) -> None:
    """Ask for each half of each question, by the part alone and by the whole track."""
    labels = pd.read_csv(clips / "labels.csv", dtype=str)
    pairs = draw_pairs(labels, n_pairs)
    music, home_folder = work / "music", work / "home"
    if not music.exists():
        render(clips, labels, pairs, music)
    script = str(ROOT / "scripts" / "build_index.py")
    command = [sys.executable, script, str(music), "--home", str(home_folder), "--no-learn"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open_home(load_settings(home_folder)) as home:
        search = SimilarMoments.of(home)
        tracks = {Path(track.path).stem: track for track in home.catalog.available_tracks()}
        ranks = [
            (
                rank_by_part(search, tracks[f"question {number}"], half, tracks[f"half {clip}"]),
                rank_by_whole(search, tracks[f"question {number}"], tracks[f"half {clip}"]),
            )
            for number, pair in enumerate(pairs)
            for half, clip in enumerate(pair)
        ]
    n_answers = sum(name.startswith("half") for name in tracks)
    print(f"{len(pairs)} questions of two halves, {n_answers} answers\n")
    print(f"| asked by | first | 95 % | among {K} | 95 % | median rank |")
    print("|---|---:|---|---:|---|---:|")
    groups = np.repeat(np.arange(len(pairs)), 2)
    for name, found in zip(("the part", "the whole track"), np.array(ranks).T, strict=True):
        cells = []
        for hits in (found == 1, found <= K):
            low, high = interval(bootstrap_means(hits.astype(np.float64)[:, None], groups))
            cells.append(f"{hits.mean():.3f} | {low[0]:.2f} to {high[0]:.2f}")
        print(f"| {name} | {' | '.join(cells)} | {np.median(found):g} |")


def draw_pairs(labels: pd.DataFrame, n: int) -> list[tuple[int, int]]:
    """Return pairs of rows of different artists, each row once."""
    order = np.random.default_rng(0).permutation(len(labels)).tolist()
    pairs = [(a, b) for a, b in zip(order[::2], order[1::2], strict=False)]
    artist = labels["artist"].tolist()
    return [(a, b) for a, b in pairs if artist[a] != artist[b]][:n]


def render(clips: Path, labels: pd.DataFrame, pairs: list[tuple[int, int]], music: Path) -> None:
    """Write the halves of all clips and the questions as WAV files."""
    middle = int(HALF * RATE)
    sounds = [decode(clips / name)[: 2 * middle] for name in labels["path"]]
    music.mkdir(parents=True)
    for row, sound in enumerate(sounds):
        write(music / f"half {row}.wav", sound[middle:])
    for number, (a, b) in enumerate(pairs):
        write(
            music / f"question {number}.wav",
            np.concatenate([s[:middle] for s in (sounds[a], sounds[b])]),
        )


def decode(path: Path) -> np.ndarray:
    """Return a file's samples as 16-bit numbers, one channel."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [
            part.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames)


def write(path: Path, samples: np.ndarray) -> None:
    """Write a WAV file of one channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def rank_by_part(search: SimilarMoments, question: Track, half: int, right: Track) -> int:
    """Return the place of the right answer, asked for one half of a question."""
    sound = search.similar.sound_of(question)
    part = (half * HALF, (half + 1) * HALF)
    answer = search.of_part(sound, part, ALL, seed=question)
    return place_of(right, [found.track for found in answer.moments])


def rank_by_whole(search: SimilarMoments, question: Track, right: Track) -> int:
    """Return the place of the right answer, asked for the whole question."""
    return place_of(right, [near.track for near in search.similar.of_track(question, ALL)])


def place_of(right: Track, found: list[Track]) -> int:
    """Return the place of a track among those found that are answers, not other questions."""
    answers = [track.id for track in found if Path(track.path).stem.startswith("half")]
    return answers.index(right.id) + 1 if right.id in answers else len(answers) + 1


def print_cost(n_tracks: int) -> None:
    """Time an index of segments: the first question, a new process's first, later ones."""
    with tempfile.TemporaryDirectory() as folder:
        home_folder = Path(folder)
        make_home(home_folder, n_tracks)
        print(f"{n_tracks} tracks\n\n| | s | MiB more |\n|---|---:|---:|")
        for name in ("first question, which makes the index", "first question, which reads it"):
            with open_home(load_settings(home_folder)) as home:
                before = psutil.Process().memory_info().rss
                search = SimilarMoments.of(home)
                [track] = home.catalog.tracks([1 + n_tracks // 2])
                seconds = [ask(search, track) for _ in range(1 + N_LATER)]
                more = psutil.Process().memory_info().rss - before
            print(f"| {name} | {seconds[0]:.2f} | {more >> 20} |")
        print(f"| later questions, median | {np.median(seconds[1:]):.3f} | |")
        print(f"\n{SEGMENTS_NAME}: {(home_folder / SEGMENTS_NAME).stat().st_size >> 20} MiB")


def ask(search: SimilarMoments, track: Track) -> float:
    """Return how many seconds an answer took."""
    begin = time.perf_counter()
    search.of_part(search.similar.sound_of(track), (0.0, HALF), K, seed=track)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
