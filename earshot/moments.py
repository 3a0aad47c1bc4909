"""`earshot similar --from --to`: what sounds like a part of a track, as a table, JSON or M3U8."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.table import Table

from earshot.command import DONE, NOTHING, NotFound
from earshot.query_arguments import (
    analyse_file,
    find_track,
    incomparable,
    is_file,
    track_of_file,
)
from earshot.terminal import TableConsole, complain, printable
from recsys.durations import clock, seconds
from recsys.home.home import Home
from recsys.playlists import m3u8
from recsys.similarity.explanation import TrackSound
from recsys.similarity.percentile import TABLE_DIGITS, shown
from recsys.similarity.similar_moments import MomentsAnswer, NoSuchPart, SimilarMoments


def time_of_part(text: str) -> float:
    """Parse a time."""
    try:
        return seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes a time as 1:05 or 65, not {text}") from None


def list_by_part(
    home: Home,
    query: str,
    part: tuple[float, float | None],
    k: int,
    artist_cap: int | None,
    as_json: bool,
    as_m3u: bool,
) -> int:
    """Print at most `k` tracks like a part of another; return the exit status. Raises NotFound."""
    search = SimilarMoments.of(home)
    path = Path(query)
    seed = track_of_file(home.catalog, path) if is_file(query) else find_track(home.catalog, query)
    if seed is None:
        sound, title = TrackSound(analyse_file(path, home.catalog, home.projection)[1]), path.name
    else:
        title = seed.name
        try:
            sound = search.similar.sound_of(seed)
        except KeyError:
            raise incomparable(seed) from None
    try:
        answer = search.of_part(sound, part, k, seed=seed, artist_cap=artist_cap)
    except NoSuchPart as error:
        raise NotFound(f"{title}: {error}") from None
    compared = f"{clock(answer.compared.start)}-{clock(answer.compared.end)}"
    if as_json:
        print(json.dumps(answer_json(answer)))
    elif as_m3u:
        tracks = (found.track for found in answer.moments)
        sys.stdout.buffer.write(m3u8(tracks, f"Like {title}, {compared}"))
    elif answer.moments:
        print_table(answer, f"Like {printable(title)}, {compared}")
    if not answer.moments:
        complain(f"The library has no other track to compare {title} with.")
        return NOTHING
    return DONE


def answer_json(answer: MomentsAnswer) -> dict[str, object]:
    """Return an answer in the form --json prints."""
    return {
        "compared": answer.compared.as_json(),
        "results": [
            {
                "rank": rank,
                "track_id": found.track.id,
                "path": str(found.track.path),
                "title": found.track.title,
                "artist": found.track.artist,
                "album": found.track.album,
                "similarity": shown(found.similarity),
                "moment": found.moment.as_json(),
            }
            for rank, found in enumerate(answer.moments, start=1)
        ],
    }


def print_table(answer: MomentsAnswer, title: str) -> None:
    """Print the tracks and their moments for people."""
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for column in ("", "title", "artist", "similarity", "at"):
        table.add_column(column, justify="right" if column in ("", "similarity") else "left")
    for rank, found in enumerate(answer.moments, start=1):
        table.add_row(
            str(rank),
            printable(found.track.title),
            printable(found.track.artist),
            f"{shown(found.similarity, TABLE_DIGITS):.{TABLE_DIGITS}f}",
            f"{clock(found.moment.start)}-{clock(found.moment.end)}",
        )
    TableConsole().print(table)
