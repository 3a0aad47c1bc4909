"""Draw two tracks compared moment by moment, by their tags; the closest pair is marked.

earshot plot similarity "Harbour Psalm" "Salt and Candle" --out similarity.png
earshot plot similarity "Harbour Psalm" song.mp3 --out similarity.svg
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earshot.arguments import new_parser
from earshot.command import DONE, Command
from earshot.commands.plotting.shared import add_out, heard, say_written
from earshot.pictures import draw_similarity
from recsys.durations import clock
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.similarity.explanation import compare_segments
from recsys.similarity.similar_tracks import SimilarTracks


@dataclass(frozen=True)
class SimilarityOptions:
    """The arguments of `earshot plot similarity`."""

    home: Path | None
    one: str
    other: str
    out: Path


def parse(arguments: Sequence[str]) -> SimilarityOptions:
    """Parse the arguments."""
    parser = new_parser("plot similarity", "Draw two tracks compared moment by moment.")
    for name in ("one", "other"):
        parser.add_argument(name, metavar=name.upper(), help="an id, words of its name, or a file")
    add_out(parser)
    return SimilarityOptions(**vars(parser.parse_args(arguments)))


def run(options: SimilarityOptions) -> int:
    """Draw the comparison."""
    with open_home(load_settings(options.home)) as home:
        similar = SimilarTracks.of(home)
        one, other = (heard(home, similar, what) for what in (options.one, options.other))
        compared = compare_segments(one.sound, other.sound, similar.typical_logits)
        draw_similarity(options.out, compared, (one.name, other.name))
    closest = [of[n] for of, n in zip(compared.moments, compared.closest, strict=True)]
    places = " and ".join(f"{clock(m.start)} to {clock(m.end)}" for m in closest)
    cosine = float(compared.cosines[compared.closest])
    say_written(options.out, [f"most alike at {places}, cosine {cosine:.2f}"])
    return DONE


COMMAND = Command(parse, run, refused="cannot be written")
