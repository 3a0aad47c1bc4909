"""Find tracks that sound like a track of the library, or like any audio file.

earshot similar "nina simone sinnerman"
earshot similar 17 --why
earshot similar ~/Downloads/unknown.flac --m3u > like-this.m3u8
earshot similar --words "calm solo piano for late evening"
earshot similar 17 --from 1:05 --to 1:35
earshot similar --duplicates
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from earshot.arguments import add_json, new_parser, whole_number
from earshot.command import DONE, NOTHING, Command
from earshot.duplicates import list_duplicates
from earshot.moments import list_by_part, time_of_part
from earshot.query_arguments import (
    analyse_file,
    find_track,
    incomparable,
    is_file,
    track_of_file,
)
from earshot.terminal import TableConsole, complain, printable, suggesting
from earshot.words import MAX_RESULTS, list_by_words
from encoders.projection import Projection
from recsys.catalog import Track
from recsys.durations import clock
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.library.file_tags import read_tags
from recsys.playlists import m3u8
from recsys.similarity.explanation import Reasons, TrackSound
from recsys.similarity.percentile import TABLE_DIGITS, shown
from recsys.similarity.similar_tracks import Neighbour, SimilarTracks, copies_hidden


@dataclass(frozen=True)
class SimilarOptions:
    """The arguments of `earshot similar`."""

    query: str
    words: str | None
    listener: str | None
    duplicates: bool
    start: float | None
    end: float | None
    k: int
    artist_cap: int | None
    why: bool
    home: Path | None
    json: bool
    m3u: bool


class SimilarAnswer(NamedTuple):
    """The neighbours of the query called `title`, and with --why the reasons, by track id."""

    title: str
    neighbours: list[Neighbour]
    reasons: dict[int, Reasons]


def parse(arguments: Sequence[str]) -> SimilarOptions:
    """Parse the arguments."""
    parser = new_parser(
        "similar",
        "Find tracks that sound alike.",
        nothing="1 no match, or no index",
    )
    parser.add_argument("query", nargs="*", help="search words, a track's id, or an audio file")
    parser.add_argument(
        "--words", metavar="WORDS", help='instead: find music by words, such as "calm solo piano"'
    )
    parser.add_argument(
        "--listener", metavar="NAME", help="with --words: the listener's own tags count too"
    )
    parser.add_argument(
        "--duplicates", action="store_true", help="instead: list files that are the same recording"
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=time_of_part,
        metavar="TIME",
        help="what sounds like a part alone, from 1:05 (or 65); with the moments that do",
    )
    parser.add_argument(
        "--to", dest="end", type=time_of_part, metavar="TIME", help="the part's end (default: all)"
    )
    parser.add_argument(
        "-k", type=whole_number(1), default=10, metavar="N", help="tracks (default: %(default)s)"
    )
    parser.add_argument(
        "--artist-cap", type=whole_number(1), metavar="N", help="at most N of one artist"
    )
    parser.add_argument(
        "--why", action="store_true", help="show what makes each alike, and at which moments"
    )
    output = parser.add_mutually_exclusive_group()
    add_json(output)
    output.add_argument("--m3u", action="store_true", help="print an M3U8 playlist")
    args = parser.parse_args(arguments)
    if (bool(args.query), args.words is not None, args.duplicates).count(True) != 1:
        parser.error("either a query, --words or --duplicates is needed")
    if args.duplicates and (args.why or args.m3u):
        parser.error("--duplicates prints a table, or --json")
    if args.words is not None and (args.why or args.artist_cap):
        parser.error("--words takes -k and --listener, and prints a table, --json or --m3u")
    if args.words is not None and args.k > MAX_RESULTS:
        parser.error(f"-k with --words: at most {MAX_RESULTS}, got {args.k}")
    if args.listener is not None and args.words is None:
        parser.error("--listener goes with --words")
    if (args.start, args.end) != (None, None):
        if args.words is not None or args.duplicates or args.why:
            parser.error("--from and --to go with a track or a file, and not with --why")
        if args.end is not None and args.end <= (args.start or 0):
            parser.error("--to: wanted a time behind --from")
    if args.why and args.m3u:
        parser.error("--why goes into the table or --json: a playlist has no place for it")
    return SimilarOptions(**{**vars(args), "query": " ".join(args.query)})


def run(options: SimilarOptions) -> int:
    """Answer the query."""
    if options.duplicates:
        list_duplicates(options.home, as_json=options.json)
        return DONE
    with open_home(load_settings(options.home)) as home:
        if options.words is not None:
            return list_by_words(
                home, options.words, options.k, options.listener, options.json, options.m3u
            )
        if (options.start, options.end) != (None, None):
            part = options.start or 0.0, options.end
            return list_by_part(
                home, options.query, part, options.k, options.artist_cap, options.json, options.m3u
            )
        similar = SimilarTracks.of(home)
        if is_file(options.query):
            answer = by_file(Path(options.query), similar, home.projection, options)
        else:
            answer = by_track(find_track(home.catalog, options.query), similar, options)
        n_hidden = similar.n_hidden([neighbour.track for neighbour in answer.neighbours])
    if options.json:
        print(json.dumps(as_json(answer, n_hidden, options.why)))
    elif options.m3u:
        sys.stdout.buffer.write(m3u8((n.track for n in answer.neighbours), f"Like {answer.title}"))
    else:
        print_table(answer, options.why)
        for sentence in copies_hidden(sum(n_hidden)):
            print(suggesting(f"{sentence} `earshot similar --duplicates` lists them."))
    if not answer.neighbours:
        complain(f"The library has no other track to compare {answer.title} with.")
        return NOTHING
    return DONE


def by_track(track: Track, similar: SimilarTracks, options: SimilarOptions) -> SimilarAnswer:
    """Find the neighbours of a track of the library."""
    try:
        neighbours = similar.of_track(track, options.k, artist_cap=options.artist_cap)
        sound = similar.sound_of(track) if options.why else None
    except KeyError:
        raise incomparable(track) from None
    return explained(track.name, neighbours, sound, similar)


def by_file(
    path: Path, similar: SimilarTracks, projection: Projection, options: SimilarOptions
) -> SimilarAnswer:
    """Find the neighbours of a file, which may be one of the library's."""
    track = track_of_file(similar.catalog, path)
    if track:
        return by_track(track, similar, options)
    vector, features = analyse_file(path, similar.catalog, projection)
    neighbours = similar.of_vector(vector, features, options.k, artist_cap=options.artist_cap)
    sound = TrackSound(features, bpm=read_tags(path).bpm) if options.why else None
    return explained(path.name, neighbours, sound, similar)


def explained(
    title: str, neighbours: list[Neighbour], sound: TrackSound | None, similar: SimilarTracks
) -> SimilarAnswer:
    """Add the reasons, where the query's sound is given."""
    if sound is None:
        return SimilarAnswer(title, neighbours, {})
    return SimilarAnswer(title, neighbours, similar.reasons(sound, [n.track for n in neighbours]))


def as_json(answer: SimilarAnswer, n_hidden: Sequence[int], why: bool) -> list[dict[str, object]]:
    """Return the results in the form --json prints."""
    rows: list[dict[str, object]] = []
    for rank, (neighbour, copies) in enumerate(
        zip(answer.neighbours, n_hidden, strict=True), start=1
    ):
        track = neighbour.track
        row: dict[str, object] = {
            "rank": rank,
            "track_id": track.id,
            "path": str(track.path),
            "title": track.title,
            "artist": track.artist,
            "album": track.album,
            "similarity": shown(neighbour.similarity),
            "shared_tags": list(neighbour.shared_tags),
            "copies_hidden": copies,
        }
        if why:
            reasons = answer.reasons.get(track.id)
            row["why"] = reasons.as_json() if reasons else None
        rows.append(row)
    return rows


def print_table(answer: SimilarAnswer, why: bool) -> None:
    """Print the results for people."""
    title = f"Like {printable(answer.title)}"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    reasons = answer.reasons
    has_tempo = any(r.tempo or r.keys for r in reasons.values())
    columns = ["", "title", "artist", "similarity", "both sound"]
    columns += ["most alike at", *(["bpm", "keys"] if has_tempo else [])] if why else []
    for column in columns:
        table.add_column(column, justify="right" if column in ("", "similarity") else "left")
    for rank, neighbour in enumerate(answer.neighbours, start=1):
        track = neighbour.track
        cells = [
            str(rank),
            printable(track.title),
            printable(track.artist),
            f"{shown(neighbour.similarity, TABLE_DIGITS):.{TABLE_DIGITS}f}",
        ]
        reason = reasons.get(track.id)
        cells += because(reason) if reason else [", ".join(neighbour.shared_tags)]
        table.add_row(*cells[: len(columns)])
    TableConsole().print(table)


def because(reasons: Reasons) -> list[str]:
    """Put the reasons into cells: tags with their shares, moments, tempo, keys."""
    tags = ", ".join(f"{shared.tag} {shared.share:.0%}" for shared in reasons.shared_tags)
    moments = " and ".join(f"{clock(m.start)}-{clock(m.end)}" for m in reasons.moments)
    tempo = " and ".join(f"{bpm:.0f}" for bpm in reasons.tempo or ())
    return [tags, moments, tempo, " and ".join(reasons.keys or ())]


COMMAND = Command(parse, run, refused="cannot be read")
