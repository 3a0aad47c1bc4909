"""Make a mix: for a listener, from seeds, continuing a playlist, or from one track to another.

earshot recommend --listener ann --discovery .8
earshot recommend --like "nina simone sinnerman" --like 17 --unlike 23
earshot recommend --artist "Nina Simone" --tag jazz=2 --tag party=-1 --artist-cap 2
earshot recommend --playlist evening.m3u8 -k 30 --consistency .6 --out on.m3u8
earshot recommend --from 17 --to "blue monday" --length 12
earshot recommend --tag jazz --m3u | mpv --playlist=-
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.table import Table

from earshot.arguments import add_json, new_parser, whole_number
from earshot.command import DONE, NOTHING, Command, NotFound
from earshot.control_options import add_controls, given_controls
from earshot.query_arguments import analyse_file, find_listener, find_track, is_file, track_of_file
from earshot.terminal import TableConsole, complain, printable
from index.storage import replacing
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings
from recsys.playlists import WRITERS, PlaylistError, m3u8, read_playlist, resolve
from recsys.recommendation.controls import Filters, Tuning, sentence
from recsys.recommendation.query import Query, Recommendation, RecommendedList, Seed
from recsys.recommendation.recommender import Recommender, Unanswerable
from recsys.similarity.percentile import TABLE_DIGITS, shown

OF_PATHS = {"harmonic", "tempo_change"}  # of the controls that tune lists, those of paths too
N_SHOWN_REASONS = 2
LEAST_SHOWN = 0.05  # of the amounts
TITLE = "Recommended by Earshot"


@dataclass(frozen=True)
class RecommendOptions:
    """The arguments of `earshot recommend`.

    named     seeds that are artists or tags
    controls  the controls that were given
    """

    k: int
    home: Path | None
    listener: str | None
    like: tuple[str, ...]
    unlike: tuple[str, ...]
    named: tuple[Seed, ...]
    playlist: Path | None
    start: str | None
    end: str | None
    length: int
    controls: Mapping[str, Any]
    json: bool
    m3u: bool
    out: Path | None
    relative: bool


def parse(arguments: Sequence[str]) -> RecommendOptions:
    """Parse the arguments."""
    parser = new_parser(
        "recommend",
        "Make a mix.",
        nothing="1 no match, or no index",
        epilog="WHAT is a track's id, search words, or an audio file, in the library or not.",
    )
    parser.add_argument(
        "-k", type=whole_number(1), default=20, metavar="N", help="tracks (default: %(default)s)"
    )
    _add_seeds(parser.add_argument_group("seeds"))
    _add_path(parser.add_argument_group("a path from one track to another"))
    add_controls(parser.add_argument_group("tune the mix"), Tuning)
    add_controls(parser.add_argument_group("leave out"), Filters)
    output = parser.add_mutually_exclusive_group()
    add_json(output)
    output.add_argument("--m3u", action="store_true", help="print an M3U8 playlist")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"write a playlist, of the kind that the name ends in: {', '.join(WRITERS)}",
    )
    parser.add_argument(
        "--relative", action="store_true", help="with --out: paths relative to the playlist"
    )
    args = parser.parse_args(arguments)
    if args.out and args.out.suffix.lower().removeprefix(".") not in WRITERS:
        parser.error(f"--out takes a name that ends in .{', .'.join(WRITERS)}, not {args.out}")
    if (args.start is None) != (args.end is None):
        parser.error("--from and --to are given together")
    controls = given_controls(args)
    try:
        named = [_weighted("artist", text) for text in args.artist]
        named += [_weighted("tag", text) for text in args.tag]
        Query(**controls)
    except ValidationError as error:
        parser.error(sentence(error))
    except ValueError as error:
        parser.error(str(error))
    of_lists = controls.keys() & Tuning.model_fields.keys() - OF_PATHS
    seeds = args.like or args.unlike or named or args.playlist
    if args.start is not None and (seeds or of_lists):
        parser.error(
            "--from and --to go with a listener, harmonic mixing, a change of tempo and what to "
            "leave out, and nothing else"
        )
    return RecommendOptions(
        k=args.k,
        home=args.home,
        listener=args.listener,
        like=tuple(args.like),
        unlike=tuple(args.unlike),
        named=tuple(named),
        playlist=args.playlist,
        start=args.start,
        end=args.end,
        length=args.length,
        controls=controls,
        json=args.json,
        m3u=args.m3u,
        out=args.out,
        relative=args.relative,
    )


def _add_seeds(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--listener", metavar="NAME", help="for this listener, by what they play and like"
    )
    group.add_argument("--like", action="append", default=[], metavar="WHAT", help="more like this")
    group.add_argument(
        "--unlike", action="append", default=[], metavar="WHAT", help="less like this"
    )
    group.add_argument(
        "--artist", action="append", default=[], metavar="NAME[=WEIGHT]", help="an artist"
    )
    group.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME[=WEIGHT]",
        help="a genre or a tag such as jazz=2 or party=-1",
    )
    group.add_argument(
        "--playlist", type=Path, metavar="FILE", help="continue this M3U, XSPF or JSPF"
    )


def _add_path(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--from", dest="start", metavar="WHAT", help="the first track")
    group.add_argument("--to", dest="end", metavar="WHAT", help="the last track")
    group.add_argument(
        "--length", type=int, default=10, metavar="N", help="both included (default: %(default)s)"
    )


def _weighted(kind: str, text: str) -> Seed:
    """Read NAME or NAME=WEIGHT. Raises ValueError."""
    name, separator, weight = text.rpartition("=")
    if not separator:
        return Seed(kind, text)  # type: ignore[arg-type]
    try:
        return Seed(kind, name, float(weight))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f'--{kind} takes NAME or NAME=WEIGHT, not "{text}": {error}') from None


def run(options: RecommendOptions) -> int:
    """Make the mix and print it."""
    with open_home(load_settings(options.home)) as home:
        recommender = Recommender(home)
        if options.start is not None and options.end is not None:
            mix = path_between(options.start, options.end, home, recommender, options)
        else:
            mix = recommender.recommend(query_of(home, options), options.k)
        for notice in mix.notices:
            complain(notice)
        if options.out and mix.recommendations:
            write_playlist(mix, options.out, relative=options.relative)
        if options.json:
            print(json.dumps([as_json(result) for result in mix.recommendations]))
        elif options.m3u:
            sys.stdout.buffer.write(m3u8((r.track for r in mix.recommendations), TITLE))
        elif mix.recommendations:
            print_table(mix)
    return DONE if mix.recommendations else NOTHING


def query_of(home: Home, options: RecommendOptions) -> Query:
    """Return the query of the options. Raises NotFound, AudioError, PlaylistError."""
    seeds = [*options.named]
    seeds += [as_seed(home, what, 1.0) for what in options.like]
    seeds += [as_seed(home, what, -1.0) for what in options.unlike]
    if options.playlist:
        seeds += playlist_seeds(home, options.playlist)
    name = options.listener
    listener_id = None if name is None else find_listener(home.catalog, name)
    return Query(listener=listener_id, seeds=tuple(seeds), **options.controls)


def path_between(
    start: str, end: str, home: Home, recommender: Recommender, options: RecommendOptions
) -> RecommendedList:
    """Return a path from one track to another. Raises NotFound, AudioError."""
    ends = [as_seed(home, what, 1.0) for what in (start, end)]
    for seed, what in zip(ends, (start, end), strict=True):
        if seed.kind != "track":
            raise NotFound(f"{what} is not in the library: a path begins and ends with its tracks.")
    query = query_of(home, options)
    try:
        return recommender.path(int(ends[0].ref), int(ends[1].ref), options.length, query)
    except ValueError as error:
        raise NotFound(f"There is no such path: {error}.") from None


def as_seed(home: Home, what: str, weight: float) -> Seed:
    """Return the seed that an id, words or a file mean. Raises NotFound, AudioError."""
    if not is_file(what):
        match = find_track(home.catalog, what)
        complain(f'"{what}" is {match.name}.')
        return Seed("track", match.id, weight)
    track = track_of_file(home.catalog, Path(what))
    if track:
        return Seed("track", track.id, weight)
    vector, _ = analyse_file(Path(what), home.catalog, home.projection)
    return Seed("sound", Path(what).name, weight, vector)


def playlist_seeds(home: Home, path: Path) -> list[Seed]:
    """Return the tracks of a playlist, and print how many entries are not in the library."""
    entries = resolve(home.catalog, read_playlist(path))
    missing = [entry for entry in entries if entry.track_id is None]
    ids = dict.fromkeys(entry.track_id for entry in entries if entry.track_id is not None)
    if not ids:
        raise NotFound(f"No track of the library is in {path}.")
    if missing:
        complain(f"{len(missing)} of {len(entries)} entries of {path} are not in the library.")
    return [Seed("track", track_id) for track_id in ids]


def write_playlist(mix: RecommendedList, path: Path, *, relative: bool) -> None:
    """Write the tracks to a playlist, which replaces the file that is there once it is whole."""
    write = WRITERS[path.suffix.lower().removeprefix(".")]
    tracks = [result.track for result in mix.recommendations]
    folder = path.absolute().parent if relative else None
    with replacing(path) as file:
        file.write(write(tracks, TITLE, folder=folder))
    complain(f"{len(tracks)} tracks written to {path}.")


def as_json(result: Recommendation) -> dict[str, object]:
    """Return one result in the form --json prints."""
    return {
        "rank": result.rank,
        "track_id": result.track.id,
        "title": result.track.title,
        "artist": result.track.artist,
        "score": round(result.score, 4),
        "similarity": shown(result.similarity),
        "evidence": round(result.evidence, 4),
        "rung": result.fallback,
        "reasons": [
            {
                "kind": reason.kind,
                "ref": reason.ref,
                "amount": round(reason.amount, 4),
                "words": reason.words,
            }
            for reason in result.reasons
        ],
    }


def print_table(mix: RecommendedList) -> None:
    """Print the results for people."""
    table = Table(box=None, header_style="bold")
    for column in ("", "track", "score", "alike", "because"):
        numeric = column in ("", "score", "alike")
        table.add_column(column, justify="right" if numeric else "left")
    for result in mix.recommendations:
        telling = [r for r in result.reasons if abs(r.amount) >= LEAST_SHOWN] or result.reasons
        because = [f"{r.words} {r.amount:+.2f}" for r in telling[:N_SHOWN_REASONS]]
        table.add_row(
            str(result.rank),
            printable(result.track.name),
            f"{result.score:.2f}",
            f"{shown(result.similarity, TABLE_DIGITS):.{TABLE_DIGITS}f}",
            printable("; ".join(because)),
        )
    TableConsole().print(table)


COMMAND = Command(parse, run, errors=(PlaylistError, Unanswerable))
