"""Recommend music: for a listener, like and unlike anything, on from a playlist, along a way.

    python scripts/recommend.py --listener ann --discovery .8
    python scripts/recommend.py --like "nina simone sinnerman" --like 17 --unlike 23
    python scripts/recommend.py --artist "Nina Simone" --tag jazz=2 --tag party=-1 --artist-cap 2
    python scripts/recommend.py --playlist evening.m3u8 -k 30 --consistency .6 --out on.m3u8
    python scripts/recommend.py --from 17 --to "blue monday" --length 12

Exit status: 0 found, 1 nothing found or nothing indexed, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from earshot.query_arguments import (
    NOT_FOUND,
    NotFound,
    complain,
    find,
    hear,
    is_file,
    status_of,
    track_name,
    track_of_file,
)
from earshot.terminal import printable, table_console
from index.storage import replacing
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings
from recsys.playlists import WRITERS, PlaylistError, read_playlist, resolve
from recsys.recommendation.query import Query, Recommendation, RecommendedList, Seed
from recsys.recommendation.recommender import Recommender, Unanswerable
from recsys.similarity.percentile import TABLE_DIGITS, shown

N_SHOWN_REASONS = 2
LEAST_SHOWN = 0.05  # of the amounts
TITLE = "Recommended by Earshot"


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="Recommend music.",
        epilog="WHAT is a track's id, search words, or an audio file, in the library or not.",
    )
    parser.add_argument("-k", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    _add_seeds(parser.add_argument_group("for whom, like what"))
    _add_path(parser.add_argument_group("a way from one track to another"))
    _add_controls(parser.add_argument_group("how the list shall be"))
    _add_exclusions(parser.add_argument_group("what to leave out"))
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"write a playlist, its kind told by the name's end: {', '.join(WRITERS)}",
    )
    parser.add_argument(
        "--relative", action="store_true", help="with --out: paths as seen from the playlist"
    )
    args = parser.parse_args(arguments)
    if args.k < 1:
        parser.error("-k takes a number of at least 1")
    if args.out and args.out.suffix.lower().removeprefix(".") not in WRITERS:
        parser.error(f"--out takes a name that ends in .{', .'.join(WRITERS)}, not {args.out}")
    if (args.start is None) != (args.end is None):
        parser.error("--from and --to are given together")
    try:
        args.controls = _controls(args)
        args.named = [_weighted("artist", text) for text in args.artist]
        args.named += [_weighted("tag", text) for text in args.tag]
        Query(**args.controls)
    except ValueError as error:
        parser.error(str(error))
    of_lists = [name for name in args.controls if "exclude" not in name and "duration" not in name]
    seeds = args.like or args.unlike or args.named or args.playlist
    if args.start is not None and (seeds or of_lists):
        parser.error("--from and --to go with a listener and what to leave out, and nothing else")
    return args


def _add_seeds(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--listener", metavar="NAME", help="by what this listener plays and likes")
    group.add_argument("--like", action="append", default=[], metavar="WHAT", help="sounds like it")
    group.add_argument("--unlike", action="append", default=[], metavar="WHAT", help="does not")
    group.add_argument("--artist", action="append", default=[], metavar="NAME[=WEIGHT]")
    group.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME[=WEIGHT]",
        help="a genre or a tag such as jazz=2 or party=-1",
    )
    group.add_argument("--playlist", type=Path, metavar="FILE", help="goes on from M3U, XSPF, JSPF")


def _add_path(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--from", dest="start", metavar="WHAT", help="the first track")
    group.add_argument("--to", dest="end", metavar="WHAT", help="the last track")
    group.add_argument(
        "--length", type=int, default=10, metavar="N", help="both included (default: %(default)s)"
    )


def _add_controls(group: argparse._ArgumentGroup) -> None:
    for name, text in (
        ("discovery", "0 familiar to 1 new (default: .5)"),
        ("consistency", "0 to 1: how alike the list must sound"),
        ("diversity", "0 to 1: how much each track must differ from those before"),
        ("randomness", "0 to 1: how far chance may reorder it"),
    ):
        group.add_argument(f"--{name}", type=float, metavar="X", help=text)
    for name, text in (
        ("artist-cap", "at most N of one artist"),
        ("album-cap", "at most N of one album"),
        ("artist-spacing", "at least N others between two of one artist"),
        ("album-spacing", "at least N others between two of one album"),
        ("seed", "of chance: the same seed, the same list (default: 0)"),
    ):
        group.add_argument(f"--{name}", type=int, metavar="N", help=text)


def _add_exclusions(group: argparse._ArgumentGroup) -> None:
    for name, metavar in (("artist", "NAME"), ("genre", "NAME"), ("tag", "NAME"), ("track", "ID")):
        group.add_argument(
            f"--exclude-{name}",
            dest=f"exclude_{name}s",
            action="append",
            type=int if name == "track" else str,
            metavar=metavar,
        )
    group.add_argument("--min-duration", type=float, metavar="SECONDS")
    group.add_argument("--max-duration", type=float, metavar="SECONDS")
    group.add_argument(
        "--exclude-played",
        action=argparse.BooleanOptionalAction,
        help="what the listener has played (default: unless --discovery is below .5)",
    )
    group.add_argument(
        "--exclude-disliked",
        action=argparse.BooleanOptionalAction,
        help="what the listener disliked (default: yes)",
    )


def _controls(args: argparse.Namespace) -> dict[str, object]:
    """Return the arguments of Query that were given, but for listener and seeds."""
    names = set(Query.__dataclass_fields__) - {"listener", "seeds"}
    given = {name: value for name, value in vars(args).items() if name in names}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value is not None
    }


def _weighted(kind: str, text: str) -> Seed:
    """Read NAME or NAME=WEIGHT. Raises ValueError."""
    name, separator, weight = text.rpartition("=")
    if not separator:
        return Seed(kind, text)  # type: ignore[arg-type]
    try:
        return Seed(kind, name, float(weight))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f'--{kind} takes NAME or NAME=WEIGHT, not "{text}": {error}') from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    return status_of(run, args, PlaylistError, Unanswerable, refused="cannot be used")


def run(args: argparse.Namespace) -> int:
    """Answer the query."""
    with open_home(load_settings(args.home)) as home:
        recommender = Recommender(home)
        if args.start is not None:
            answer = ask_path(home, recommender, args)
        else:
            answer = recommender.recommend(ask(home, args), args.k)
        for sentence in answer.sentences:
            complain(sentence)
        if args.out and answer.recommendations:
            write_playlist(answer, args.out, relative=args.relative)
        if args.json:
            print(json.dumps([as_json(result) for result in answer.recommendations]))
        elif answer.recommendations:
            print_table(answer)
    return 0 if answer.recommendations else NOT_FOUND


def ask(home: Home, args: argparse.Namespace) -> Query:
    """Make the query of the arguments."""
    seeds = [*args.named]
    seeds += [as_seed(home, what, 1.0) for what in args.like]
    seeds += [as_seed(home, what, -1.0) for what in args.unlike]
    if args.playlist:
        seeds += playlist_seeds(home, args.playlist)
    listener = None
    if args.listener is not None:
        found = home.catalog.listener(args.listener)
        if found is None:
            raise NotFound(f'There is no listener "{args.listener}": run import_listens.py first.')
        listener = found.id
    return Query(listener=listener, seeds=tuple(seeds), **args.controls)


def ask_path(home: Home, recommender: Recommender, args: argparse.Namespace) -> RecommendedList:
    """Answer with a way between two tracks."""
    ends = [as_seed(home, what, 1.0) for what in (args.start, args.end)]
    for end, what in zip(ends, (args.start, args.end), strict=True):
        if end.kind != "track":
            raise NotFound(f"{what} is not in the library: a way begins and ends with its tracks.")
    try:
        return recommender.path(int(ends[0].ref), int(ends[1].ref), args.length, ask(home, args))
    except ValueError as error:
        raise NotFound(f"There is no such way: {error}.") from None


def as_seed(home: Home, what: str, weight: float) -> Seed:
    """Return the seed that an id, words or a file mean. Raises NotFound, AudioError."""
    if not is_file(what):
        found = find(home.catalog, what)
        complain(f'"{what}" is {track_name(found)}.')
        return Seed("track", found.id, weight)
    track = track_of_file(home.catalog, Path(what))
    if track:
        return Seed("track", track.id, weight)
    vector, _ = hear(Path(what), home.catalog, home.projection)
    return Seed("sound", Path(what).name, weight, vector)


def playlist_seeds(home: Home, path: Path) -> list[Seed]:
    """Return the tracks of a playlist, and say which entries are none."""
    entries = resolve(home.catalog, read_playlist(path))
    missing = [entry for entry in entries if entry.track_id is None]
    ids = dict.fromkeys(entry.track_id for entry in entries if entry.track_id is not None)
    if not ids:
        raise NotFound(f"No track of the library is in {path}.")
    if missing:
        complain(f"{len(missing)} of {len(entries)} entries of {path} are not in the library.")
    return [Seed("track", track_id) for track_id in ids]


def write_playlist(answer: RecommendedList, path: Path, *, relative: bool) -> None:
    """Write the tracks to a playlist, which takes the place of what is there once it is whole."""
    write = WRITERS[path.suffix.lower().removeprefix(".")]
    tracks = [result.track for result in answer.recommendations]
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
        "rung": result.rung,
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


def print_table(answer: RecommendedList) -> None:
    """Print the results for people."""
    table = Table(box=None, header_style="bold")
    for column in ("", "track", "score", "alike", "because"):
        numeric = column in ("", "score", "alike")
        table.add_column(column, justify="right" if numeric else "left")
    for result in answer.recommendations:
        telling = [r for r in result.reasons if abs(r.amount) >= LEAST_SHOWN] or result.reasons
        because = [f"{r.words} {r.amount:+.2f}" for r in telling[:N_SHOWN_REASONS]]
        table.add_row(
            str(result.rank),
            printable(track_name(result.track)),
            f"{result.score:.2f}",
            f"{shown(result.similarity, TABLE_DIGITS):.{TABLE_DIGITS}f}",
            printable("; ".join(because)),
        )
    table_console().print(table)
