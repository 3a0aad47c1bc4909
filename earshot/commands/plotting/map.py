"""Draw the map of the library: tracks that sound alike lie close together.

    earshot plot map --out map.png
    earshot plot map --tag jazz --tag metal --tag ambient --out map.svg

Positions are those of the last build (t-SNE of the embeddings), colours the clusters that it found,
or the tags that are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earshot.arguments import new_parser
from earshot.command import DONE, Command, NotFound
from earshot.commands.plotting.shared import add_out, say_written
from earshot.pictures import COLOURS, draw_map
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.home.track_table import nearest_name
from recsys.recommendation.filters import STANDS_OUT
from recsys.recommendation.recommender import Recommender
from recsys.track_map.track_map import MapReader


@dataclass(frozen=True)
class MapOptions:
    """The arguments of `earshot plot map`."""

    home: Path | None
    tags: tuple[str, ...]
    out: Path


def parse(arguments: Sequence[str]) -> MapOptions:
    """Parse the arguments."""
    parser = new_parser("plot map", "Draw the map of the library.", nothing="1 nothing to draw")
    parser.add_argument(
        "--tag",
        dest="tags",
        action="append",
        default=[],
        metavar="TAG",
        help=f"colour the tracks that stand out in it; up to {len(COLOURS)}, the first counts",
    )
    add_out(parser)
    args = parser.parse_args(arguments)
    if len(args.tags) > len(COLOURS):
        parser.error(f"--tag: at most {len(COLOURS)}, got {len(args.tags)}")
    return MapOptions(args.home, tuple(args.tags), args.out)


def run(options: MapOptions) -> int:
    """Draw the map."""
    settings = load_settings(options.home)
    with open_home(settings) as home:
        recommender = Recommender(home)
        tags = recommender.tag_table()
        reader = MapReader(settings.home, recommender.track_table, recommender.tag_table)
        track_map = reader.read()
        if track_map is None:
            raise NotFound(f"{settings.home} has no map: run `earshot build` again.")
        groups = []
        for tag in options.tags:
            column = tags.column(tag)
            if column is None:
                near = nearest_name(tag, tags.names)
                raise NotFound(f'The taggers have no tag "{tag}".{near}')
            groups.append((tag, column[track_map.rows] >= STANDS_OUT))
        if not options.tags:
            colours = reader.by_cluster(track_map)
            groups = [
                (name, colours.values == number)
                for number, name in enumerate(colours.names, start=1)
            ]
        title = f"{len(track_map.ids):,} tracks by how they sound"
        draw_map(options.out, track_map.places, groups, title)
    say_written(options.out, [f"{int(members.sum()):6}  {name}" for name, members in groups])
    return DONE


COMMAND = Command(parse, run, refused="cannot be written")
