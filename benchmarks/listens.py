"""Speed and memory of importing, matching and reading listening histories.

    python -m benchmarks.listens                          2 million rows of each form, in SQLite
    python -m benchmarks.listens --rows 50000000 --forms triplets
    python -m benchmarks.listens --database postgresql+psycopg://…/name

Listeners play recordings by a Zipf law (exponent 1): a few are played by all and most by few. Half
of the artists are in the library, with all their tracks; a twentieth of all titles is written with
one wrong letter.
Files and catalogue lie in a temporary folder. Times are wall clock; memory is the peak of this
process while the file is read (files are written by another).
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import text

from encoders.features import AudioInfo
from encoders.memory import PeakMemory
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.catalog.base import batches
from recsys.listens.choice import FormatChoice
from recsys.listens.importing import import_file
from recsys.listens.matching import match_recordings

ROWS_PER_LISTENER = 500
START = 1_500_000_000
SYLLABLES = (
    "ba",
    "do",
    "ki",
    "lu",
    "men",
    "nor",
    "pa",
    "ri",
    "sol",
    "tan",
    "ul",
    "ver",
    "wen",
    "xi",
)
FORMS = ("triplets", "csv", "jsonl")


@dataclass
class Row:
    """One line of the table; rates are rows a second, memory in MiB."""

    form: str
    database: str
    rows: int
    recordings: int
    file_mib: float
    import_rows_s: float
    again_rows_s: float
    peak_mib: float
    match_s: float
    matched: int
    interactions_s: float
    entries: int
    catalogue_mib: float | None


def words(n: int, n_words: int, seed: int) -> list[str]:
    """Return n names of some random words each."""
    rng = np.random.default_rng(seed)
    syllables = np.array(SYLLABLES)[rng.integers(0, len(SYLLABLES), (n, n_words, 3))]
    return [" ".join("".join(word) for word in name).title() for name in syllables.tolist()]


def names(n_recordings: int) -> list[tuple[str, str]]:
    """Return artist and title of each recording; an artist has ten on average."""
    artists = words(max(1, n_recordings // 10), 2, seed=0)
    artist_of = np.random.default_rng(1).integers(0, len(artists), n_recordings)
    titles = words(n_recordings, 3, seed=2)
    return [(artists[i], title) for i, title in zip(artist_of.tolist(), titles, strict=True)]


def rows(n_rows: int, n_recordings: int) -> Iterator[tuple[int, int, int]]:
    """Yield listener, recording and time, listener by listener."""
    rng = np.random.default_rng(1)
    popularity = 1 / np.arange(1, n_recordings + 1)
    cumulative = np.cumsum(popularity / popularity.sum())
    for first in range(0, n_rows, ROWS_PER_LISTENER):
        n = min(ROWS_PER_LISTENER, n_rows - first)
        played = np.searchsorted(cumulative, rng.random(n)).clip(max=n_recordings - 1)
        times = START + np.sort(rng.integers(0, 10**8, n))
        listener = first // ROWS_PER_LISTENER
        for recording, at in zip(played.tolist(), times.tolist(), strict=True):
            yield listener, recording, at


def write(form: str, path: Path, n_rows: int, n_recordings: int) -> None:
    """Write a history of this form."""
    written_names = names(n_recordings)
    with path.open("w", encoding="utf-8") as file:
        if form == "csv":
            file.write("user,artist,title,timestamp\n")
        for listener, recording, at in rows(n_rows, n_recordings):
            artist, title = written_names[recording]
            if recording % 20 == 0:
                title = title[:3] + "q" + title[4:]
            if form == "triplets":
                file.write(f"{listener:040x}\tSO{recording:016d}\t{1 + at % 9}\n")
            elif form == "csv":
                file.write(f"user{listener},{artist},{title},{at}\n")
            else:
                metadata = {
                    "artist_name": artist,
                    "track_name": title,
                    "additional_info": {"duration_ms": 200_000 + recording, "player": "any"},
                    "mbid_mapping": None,
                }
                line = {"user_name": f"user{listener}", "listened_at": at}
                file.write(json.dumps(line | {"track_metadata": metadata}) + "\n")


def fill(catalog: Catalog, n_recordings: int, form: str) -> None:
    """Put every other artist's tracks into the library; for triplets, files have ids as names."""
    written_names = names(n_recordings)
    artists = set(sorted({artist for artist, _ in written_names})[::2])
    tracks = (number for number in range(n_recordings) if written_names[number][0] in artists)
    for numbers in batches(tracks, 5000):
        files = []
        for number in numbers:
            artist, title = written_names[number]
            stem = f"SO{number:016d}" if form == "triplets" else f"{number}"
            audio = AudioInfo(200.0 + number / 1000, 44100, 2, "flac", f"{number:032x}")
            tags = Tags(title, artist)
            files.append(ScannedFile(None, Path(f"/music/{stem}.flac"), 1, 1, audio, tags))
        catalog.record_files(files)
    with catalog._writing() as session:  # features would take longer, and do not matter here
        session.execute(text("UPDATE tracks SET status = 'ready'"))


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def measure(form: str, n_rows: int, n_recordings: int, database: str | None) -> Row:
    """Write one history, import it twice, match it and read it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / ("train_triplets.txt" if form == "triplets" else f"history.{form}")
        writer = multiprocessing.get_context("spawn").Process(
            target=write, args=(form, path, n_rows, n_recordings)
        )
        writer.start()
        writer.join()
        with Catalog(home, database) as catalog:
            fill(catalog, n_recordings, form)
            with PeakMemory(0.1) as memory:
                first = import_file(catalog, path, FormatChoice())
            again = import_file(catalog, path, FormatChoice())
            if (
                first.stored.new + first.stored.known + first.stored.changed == 0
                or again.stored.new
            ):
                raise SystemExit("The import is not what it should be.")
            match_s = timed(lambda: match_recordings(catalog))
            begin = time.perf_counter()
            interactions = catalog.interactions()
            return Row(
                form,
                "PostgreSQL" if database else "SQLite",
                first.rows,
                sum(row.recordings for row in catalog.match_counts()),
                path.stat().st_size / 2**20,
                first.rows / first.seconds,
                again.rows / again.seconds,
                memory.peak / 2**20,
                match_s,
                sum(row.recordings for row in catalog.match_counts() if row.level),
                time.perf_counter() - begin,
                interactions.counts.nnz,
                None
                if database
                else sum(f.stat().st_size for f in home.glob("catalogue.db*")) / 2**20,
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Benchmark the import of listening histories.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--recordings", type=int, default=200_000)
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--database", help="an empty PostgreSQL database, for one form")
    args = parser.parse_args()
    gc.set_threshold(200_000)  # as `earshot import` does
    for form in args.forms.split(","):
        row = measure(form, args.rows, args.recordings, args.database)
        print(json.dumps(vars(row)), flush=True)


if __name__ == "__main__":
    main()
