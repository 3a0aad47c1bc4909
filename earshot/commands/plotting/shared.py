"""What the pictures of tracks share: the argument of the file, and how a track sounds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from earshot.arguments import output_file
from earshot.command import NotFound
from earshot.query_arguments import analyse_file, find_track, is_file, track_of_file
from earshot.terminal import complain
from recsys.home.home import Home
from recsys.similarity.explanation import TrackSound
from recsys.similarity.similar_tracks import SimilarTracks


class Heard(NamedTuple):
    """A track's name and how it sounds."""

    name: str
    sound: TrackSound


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the picture's file."""
    parser.add_argument(
        "--out",
        type=output_file(".png", ".svg", ".pdf"),
        required=True,
        metavar="FILE",
        help="the picture, .png, .svg or .pdf",
    )


def heard(home: Home, similar: SimilarTracks, what: str) -> Heard:
    """Return what an id, words or a file mean. Raises NotFound, AudioError."""
    if is_file(what):
        track = track_of_file(home.catalog, Path(what))
        if track is None:
            _, features = analyse_file(Path(what), home.catalog, home.projection)
            return Heard(Path(what).name, TrackSound(features))
    else:
        track = find_track(home.catalog, what)
        complain(f'"{what}" is {track.name}.')
    try:
        return Heard(track.name, similar.sound_of(track))
    except KeyError:
        raise NotFound(f"{track.name} is not analysed: run `earshot build`.") from None


def say_written(path: Path, lines: Sequence[str] = ()) -> None:
    """Print what the picture shows in words, and where it is."""
    for line in lines:
        print(line)
    complain(f"{path} is drawn.")
