"""`earshot similar --words`: tracks found by words, as a table, JSON or a playlist."""

from __future__ import annotations

import json
import sys

from rich.table import Table

from earshot.command import DONE, NOTHING
from earshot.query_arguments import find_listener
from earshot.terminal import TableConsole, complain, printable
from recsys.home.home import Home
from recsys.playlists import m3u8
from recsys.recommendation.recommender import Recommender
from recsys.words.search import MAX_RESULTS, WordAnswer, WordSearch
from recsys.words.text_audio import text_audio_of

__all__ = ["MAX_RESULTS", "list_by_words"]


def list_by_words(
    home: Home, words: str, k: int, listener: str | None, as_json: bool, as_m3u: bool
) -> int:
    """Print at most `k` tracks for some words, and return the exit status. Raises NotFound."""
    listener_id = None if listener is None else find_listener(home.catalog, listener)
    search = WordSearch(Recommender(home), text_audio=text_audio_of(home))
    answer = search.search(words, k, listener_id)
    if as_json:
        print(json.dumps(answer_json(answer)))
    elif as_m3u:
        tracks = (found.track for found in answer.results)
        sys.stdout.buffer.write(m3u8(tracks, printable(words)))
    elif answer.results:
        print_table(answer, words)
    for notice in answer.notices:
        complain(notice)
    if not answer.results:
        complain("No track was found by these words.")
        return NOTHING
    return DONE


def answer_json(answer: WordAnswer) -> dict[str, object]:
    """Return an answer in the form --json prints."""
    return {
        "understood": [
            {"words": part.words, "taken_for": list(part.taken_for)} for part in answer.understood
        ],
        "ignored": list(answer.ignored),
        "results": [
            {
                "rank": found.rank,
                "track_id": found.track.id,
                "title": found.track.title,
                "artist": found.track.artist,
                "score": found.score,
                "met": list(found.met),
            }
            for found in answer.results
        ],
    }


def print_table(answer: WordAnswer, words: str) -> None:
    """Print the tracks for people, and above them what the words were taken for."""
    table = Table(title=printable(words), title_justify="left", box=None, header_style="bold")
    for column in ("", "title", "artist", "score", "meets"):
        table.add_column(column, justify="right" if column in ("", "score") else "left")
    for found in answer.results:
        table.add_row(
            str(found.rank),
            printable(found.track.title),
            printable(found.track.artist),
            f"{found.score:.2f}",
            printable(", ".join(found.met)),
        )
    console = TableConsole()
    console.print(table)
    for part in answer.understood:
        console.print(printable(f"{part.words}: {', '.join(part.taken_for)}"), markup=False)
