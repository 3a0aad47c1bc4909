"""Draw the library's tempos and keys on the Camelot wheel.

    earshot plot tempo-key --out wheel.png

A point is a track: its angle its key's place on the wheel, its distance from the centre its tempo.
Keys side by side, and minor and major of one place, mix harmonically.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earshot.arguments import new_parser
from earshot.command import DONE, Command, NotFound
from earshot.commands.plotting.shared import add_out, say_written
from earshot.pictures import draw_wheel
from recsys.catalog import Catalog
from recsys.home.settings import load_settings
from recsys.track_map.wheel import wheel_points


@dataclass(frozen=True)
class TempoKeyOptions:
    """The arguments of `earshot plot tempo-key`."""

    home: Path | None
    out: Path


def parse(arguments: Sequence[str]) -> TempoKeyOptions:
    """Parse the arguments."""
    parser = new_parser(
        "plot tempo-key", "Draw tempos and keys on the Camelot wheel.", nothing="1 nothing to draw"
    )
    add_out(parser)
    return TempoKeyOptions(**vars(parser.parse_args(arguments)))


def run(options: TempoKeyOptions) -> int:
    """Draw the wheel."""
    settings = load_settings(options.home)
    with Catalog(settings.home, settings.database) as catalog:
        tracks = list(catalog.track_summaries())
    shown = wheel_points(
        (t.id, t.key, t.tempo) for t in tracks if t.key is not None and t.tempo is not None
    )
    if not shown:
        raise NotFound("No track has a known tempo and key: run `earshot build` again.")
    title = f"{len(shown):,} of {len(tracks):,} tracks have a tempo and a key"
    draw_wheel(options.out, shown, title)
    say_written(options.out, [f"{title}."])
    return DONE


COMMAND = Command(parse, run, refused="cannot be written")
