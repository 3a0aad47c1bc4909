"""`earshot evaluate exposure`: which tracks are in the most lists?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from earshot.arguments import whole_number
from earshot.command import DONE
from earshot.commands.evaluation.shared import command_line, evaluation, evaluation_parser, keep
from earshot.terminal import TableConsole, printable
from recsys.evaluation.embeddings import HOME
from recsys.evaluation.exposure import exposure, summarise
from recsys.evaluation.labels import catalogue_labels
from recsys.evaluation.retrieval import HUB_K
from recsys.home.home import Home, NotIndexed, open_home
from recsys.home.settings import load_settings

UNCORRECTED = "uncorrected"  # the home without its correction for hubs


@dataclass(frozen=True)
class ExposureOptions:
    """The arguments of `earshot evaluate exposure`."""

    home: Path | None
    json: bool
    k: int
    top: int
    command_line: str


def parse(arguments: Sequence[str]) -> ExposureOptions:
    """Parse the arguments."""
    parser = evaluation_parser("exposure", "Which tracks are in the most lists?")
    parser.add_argument(
        "-k",
        type=whole_number(1),
        default=HUB_K,
        metavar="N",
        help="length of a list (default: %(default)s)",
    )
    parser.add_argument(
        "--top",
        type=whole_number(1),
        default=10,
        metavar="N",
        help="tracks and artists to name (default: %(default)s)",
    )
    args = parser.parse_args(arguments)
    return ExposureOptions(**vars(args), command_line=command_line("exposure", arguments))


def run(options: ExposureOptions) -> int:
    """Count how many lists each track is in, and print the result."""
    with open_home(load_settings(options.home)) as home:
        figures = measure(options, home)
        keep(home, "exposure", options.command_line, figures)
    if options.json:
        print(json.dumps(figures))
    else:
        print_exposure(figures)
    return DONE


def measure(options: ExposureOptions, home: Home) -> dict[str, Any]:
    """Count exposure in every track's list, with the home's correction for hubs and without."""
    table = home.tables.tracks()
    living = table.available
    codes = table.recordings.codes[living].tolist()
    recordings = dict(zip(table.ids[living].tolist(), codes, strict=True))
    methods = {HOME: home.settings.hubs, UNCORRECTED: "none"}
    degrees = {
        name: exposure(home.index, recordings, hubs, options.k) for name, hubs in methods.items()
    }
    if degrees[HOME].empty:
        raise NotIndexed("No indexed track is in the library any more: run `earshot build` again.")
    labels = catalogue_labels(home.catalog).loc[degrees[HOME].index]
    titles = {track.id: track.title for track in home.catalog.tracks(labels.index)}
    served = pd.DataFrame(
        {
            "title": [titles[track_id] for track_id in labels.index],
            "artist": labels["artist"],
            "in_degree": degrees[HOME],
        }
    )
    return {
        "k": options.k,
        "n_tracks": len(served),
        "hubs": {
            name: {"method": methods[name], **summarise(counts)} for name, counts in degrees.items()
        },
        "tracks": most_exposed_tracks(served, options.top),
        "artists": most_exposed_artists(served, options.top),
    }


def most_exposed_tracks(served: pd.DataFrame, top: int) -> list[dict[str, Any]]:
    """Name the tracks that are in the most lists."""
    best = served.sort_values("in_degree", ascending=False, kind="stable").head(top)
    return [
        {
            "track_id": row.Index,
            "title": row.title,
            "artist": row.artist,
            "in_degree": row.in_degree,
        }
        for row in best.itertuples()
    ]


def most_exposed_artists(served: pd.DataFrame, top: int) -> list[dict[str, Any]]:
    """Name the artists with the most places in lists, and how many that is for each track."""
    named = served[served["artist"] != ""].groupby("artist")["in_degree"]
    table = pd.DataFrame({"n_tracks": named.size(), "places": named.sum()})
    table["share"] = table["places"] / max(served["in_degree"].sum(), 1)
    table["places_per_track"] = table["places"] / table["n_tracks"]
    best = table.sort_values("places", ascending=False, kind="stable").head(top)
    return [
        {
            "artist": row.Index,
            "n_tracks": row.n_tracks,
            "places": row.places,
            "share": row.share,
            "places_per_track": row.places_per_track,
        }
        for row in best.itertuples()
    ]


def print_exposure(figures: Mapping[str, Any]) -> None:
    """Print the result for people."""
    console = TableConsole()
    k = figures["k"]
    table = Table(
        *("", "scores", "largest", "skewness", "orphans", "Gini"),
        title=f"In how many lists of {k} each of {figures['n_tracks']} tracks is",
        box=None,
    )
    for name, hubs in figures["hubs"].items():
        table.add_row(
            *(name, hubs["method"], str(hubs["max_in_degree"]), f"{hubs['skewness']:.2f}"),
            *(f"{hubs['orphans']:.1%}", f"{hubs['gini']:.3f}"),
        )
    console.print(table)
    tracks = Table("lists", "title", "artist", title="Most exposed tracks", box=None)
    for track in figures["tracks"]:
        tracks.add_row(
            str(track["in_degree"]), printable(track["title"]), printable(track["artist"])
        )
    console.print(tracks)
    artists = Table(
        *("places", "share", "a track", "tracks", "artist"),
        title="Most exposed artists",
        box=None,
    )
    for artist in figures["artists"]:
        artists.add_row(
            *(str(artist["places"]), f"{artist['share']:.1%}"),
            *(f"{artist['places_per_track']:.1f}", str(artist["n_tracks"])),
            printable(artist["artist"]),
        )
    console.print(artists)


COMMAND = evaluation(parse, run)
