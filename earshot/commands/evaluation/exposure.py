"""`evaluate.py exposure`: who is in whose list?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.table import Table

from earshot.commands.evaluation.shared import Parents, keep, opened
from earshot.terminal import printable, table_console
from recsys.evaluation.embeddings import HOME
from recsys.evaluation.exposure import exposure, summarise
from recsys.evaluation.labels import catalogue_labels
from recsys.evaluation.retrieval import HUB_K
from recsys.home.home import Home, NotIndexed

UNCORRECTED = "uncorrected"  # the home without its correction for hubs


def add_to(commands: Any, parents: Parents) -> None:
    """Add the command to those of the script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "exposure", parents=parents[:1], help="who is in whose list?"
    )
    parser.add_argument("-k", type=int, default=HUB_K, help="length of a list (default: 10)")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many to name")
    parser.set_defaults(run=run, check=lambda args: check(parser, args))


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Check what argparse cannot."""
    if args.k < 1 or args.top < 1:
        parser.error("-k and --top take whole numbers of at least 1")


def run(args: argparse.Namespace) -> int:
    """Count who is in whose list and print it."""
    with opened(args) as home:
        figures = measure(args, home)
        keep(args, home, "exposure", figures)
    if args.json:
        print(json.dumps(figures))
    else:
        print_exposure(figures)
    return 0


def measure(args: argparse.Namespace, home: Home) -> dict[str, Any]:
    """Make every track's list as the home serves it, and without correction for hubs."""
    recordings = home.catalog.recording_groups()
    methods = {HOME: home.settings.hubs, UNCORRECTED: "none"}
    degrees = {
        name: exposure(home.index, recordings, hubs, args.k) for name, hubs in methods.items()
    }
    if degrees[HOME].empty:
        raise NotIndexed("No indexed track is in the library any more: run build_index.py again.")
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
        "k": args.k,
        "n_tracks": len(served),
        "hubs": {
            name: {"method": methods[name], **summarise(counts)} for name, counts in degrees.items()
        },
        "tracks": most_exposed_tracks(served, args.top),
        "artists": most_exposed_artists(served, args.top),
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
    console = table_console()
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
