"""Draw a track's surest tags over time, and its highlight.

earshot plot taggram "Harbour Psalm" --out taggram.png
earshot plot taggram song.mp3 --out taggram.svg
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earshot.arguments import new_parser, whole_number
from earshot.command import DONE, Command
from earshot.commands.plotting.shared import add_out, heard, say_written
from earshot.pictures import draw_taggram
from recsys.durations import clock
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.similarity.similar_tracks import SimilarTracks
from recsys.tagging.taggram import N_TAGS, taggram


@dataclass(frozen=True)
class TaggramOptions:
    """The arguments of `earshot plot taggram`."""

    home: Path | None
    track: str
    tags: int
    out: Path


def parse(arguments: Sequence[str]) -> TaggramOptions:
    """Parse the arguments."""
    parser = new_parser("plot taggram", "Draw a track's surest tags over time.")
    parser.add_argument("track", metavar="TRACK", help="an id, words of its name, or a file")
    parser.add_argument(
        "--tags",
        type=whole_number(1),
        default=N_TAGS,
        metavar="N",
        help="how many (default: %(default)s)",
    )
    add_out(parser)
    return TaggramOptions(**vars(parser.parse_args(arguments)))


def run(options: TaggramOptions) -> int:
    """Draw the taggram."""
    with open_home(load_settings(options.home)) as home:
        similar = SimilarTracks.of(home)
        one = heard(home, similar, options.track)
        highlight = similar.highlight(one.sound)
        drawn = taggram(one.sound, similar.tags, options.tags)
        draw_taggram(options.out, drawn, one.name, highlight)
    say_written(options.out, [f"highlight {clock(highlight.start)} to {clock(highlight.end)}"])
    return DONE


COMMAND = Command(parse, run, refused="cannot be written")
