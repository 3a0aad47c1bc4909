"""How often a highlight falls into a planted chorus, beside the middle and the typical moment.

    python -m benchmarks.highlights FOLDER WEIGHTS [--songs 18]

Composes songs of the demo library's artists with verses (A), breaks (C) and choruses (B). In a
chorus the tune rises and the whole band plays; elsewhere a third of its layers rest. FOLDER gets
the files. A hit is a window whose centre lies in a chorus. Prints a Markdown table with intervals
over artists (bootstrap).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encoders.bundles import DEFAULT_MODELS
from encoders.extract import load_extractor
from encoders.features import AudioSpan
from recsys.demo.compose import Song, compose
from recsys.demo.files import audio_file
from recsys.demo.mix import play
from recsys.demo.recipes import Artist, Style
from recsys.demo.styles import ARTISTS, STYLES
from recsys.demo.tracks import DemoTrack
from recsys.similarity import highlights
from recsys.similarity.explanation import Moment, TrackSound, typical_moment

FORMS = ("IAABAACBO", "IABAACBBO", "IAAABCAAO", "IABBACAAO")
PHRASES = 2  # of each letter, so that songs last a minute and a half
N_DRAWS = 2000


class Planted(NamedTuple):
    """A song's artist, file, and the seconds of its choruses."""

    artist: int
    path: Path
    choruses: list[tuple[float, float]]
    seconds: float


def plant(folder: Path, n_songs: int) -> list[Planted]:
    """Compose and render songs; existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    songs = []
    for number in range(n_songs):
        chosen = number % len(ARTISTS)
        form = FORMS[(number + number // len(ARTISTS)) % len(FORMS)]
        form = "".join(PHRASES * letter for letter in form)
        rng = np.random.default_rng(1000 + number)
        artist, style = with_full_choruses(ARTISTS[chosen], STYLES[ARTISTS[chosen].style], rng)
        artist = replace(artist, form=form)
        song = compose(artist, style, rng)
        choruses = chorus_times(song, form, style.phrase_bars, artist.beats or style.beats)
        path = folder / f"{number:03d}.wav"
        if not path.exists():
            album = replace(artist.albums[0], format="wav")
            track = DemoTrack(artist, album, 1, f"Song {number}")
            path.write_bytes(audio_file(track, play(song)))
        songs.append(Planted(chosen, path, choruses, song.seconds))
    return songs


def with_full_choruses(
    artist: Artist, style: Style, rng: np.random.Generator
) -> tuple[Artist, Style]:
    """Return an artist whose layers rest outside choruses, a third of them."""
    layers = {**style.layers, **artist.layers}
    names = [name for name in layers if name not in artist.without]
    for name in rng.choice(names, size=max(1, len(names) // 3), replace=False):
        layers[name] = replace(layers[name], sections="B")
    return replace(artist, layers={}), replace(style, layers=layers)


def chorus_times(song: Song, form: str, phrase_bars: int, beats: int) -> list[tuple[float, float]]:
    """Return begin and end of each chorus in seconds; neighbours are one."""
    phrase = phrase_bars * beats * 60 / song.tempo
    times: list[tuple[float, float]] = []
    for place, section in enumerate(form):
        if section == "B" and times and abs(times[-1][1] - place * phrase) < 0.1:
            times[-1] = (times[-1][0], (place + 1) * phrase)
        elif section == "B":
            times.append((place * phrase, (place + 1) * phrase))
    return times


def hits(song: Planted, moment: Moment) -> float:
    """Return 1 if the middle of a moment lies in a chorus, else 0."""
    centre = (moment.start + moment.end) / 2
    return float(any(begin <= centre < end for begin, end in song.choruses))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--songs", type=int, default=18)
    parser.add_argument("--seconds", type=float, default=highlights.SECONDS)
    args = parser.parse_args()
    songs = plant(args.folder, args.songs)
    extractor = load_extractor(DEFAULT_MODELS, args.weights)
    spans = [AudioSpan(song.path, song.seconds) for song in songs]
    found = dict(extractor.extract(spans))
    sounds = [TrackSound(found[span], span.duration) for span in spans]  # type: ignore[arg-type]
    typical = np.concatenate(
        [np.mean([s.features[n].mean_logits() for s in sounds], axis=0) for n in range(2)]
    )
    share = [sum(end - begin for begin, end in song.choruses) / song.seconds for song in songs]

    def middle(number: int) -> Moment:
        return Moment(songs[number].seconds / 2, songs[number].seconds / 2)

    ways: dict[str, Callable[[int], Moment]] = {
        "the middle": middle,
        "the typical moment": lambda n: typical_moment(sounds[n], typical),
        "the highlight": lambda n: highlights.highlight(sounds[n], extractor.tags, args.seconds),
    }
    print(f"{len(songs)} songs of {np.mean([song.seconds for song in songs]):.0f} s on average\n")
    print("| | in a chorus | 95 % |\n|---|---:|---:|")
    print(f"| by chance: the choruses' share | {np.mean(share):.3f} | |")
    for name, way in ways.items():
        values = np.array([hits(song, way(number)) for number, song in enumerate(songs)])
        low, high = interval(values, np.array([song.artist for song in songs]))
        print(f"| {name} | {values.mean():.3f} | {low:.2f} to {high:.2f} |")


def interval(values: np.ndarray, artists: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean, drawing artists."""
    rng = np.random.default_rng(0)
    groups = [values[artists == artist] for artist in np.unique(artists)]
    means = [
        np.concatenate([groups[n] for n in rng.integers(len(groups), size=len(groups))]).mean()
        for _ in range(N_DRAWS)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
