"""What the pages take that one looks through a large library by, with several callers at once.

    python -m benchmarks.browsing [--tracks 100000] [--callers 8] [--seconds 10]

The library is that of subsonic.py, with N_LISTENS listens of the one person who is served, most of
them of a few artists, and a map of random places. As there, each caller asks for another page as
soon as it has one.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.subsonic import (
    PER_ALBUM,
    Question,
    add_arguments,
    artist,
    made_home,
    measure,
    song,
)
from recsys.catalog import Catalog
from recsys.home.discography import Discographies
from recsys.home.files import LAYOUT_NAME
from recsys.track_map.layout_file import Layout

N_LISTENS = 20_000
N_CLUSTERS = 40
FIRST, APART = 1_700_000_000, 1500  # Unix seconds of the first listen, and between two


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    with made_home(args) as home:
        listen(home, args.tracks)
        draw(home, args.tracks)
        measure(home, questions(home), args)


def listen(home: Path, n: int) -> None:
    """Write listens, where there are none yet."""
    rng = np.random.default_rng(1)
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        if me is None or me.n_listens:
            return
        ids = 1 + (rng.pareto(1.0, N_LISTENS) * n / 100).astype(np.int64) % n
        plays = [(int(one), FIRST + APART * place) for place, one in enumerate(ids)]
        catalog.record_listens(me.id, plays)


def draw(home: Path, n: int) -> None:
    """Write a map of random places, where there is none yet."""
    if not (home / LAYOUT_NAME).exists():
        rng = np.random.default_rng(2)
        clusters = rng.integers(1, N_CLUSTERS + 1, n).astype(np.uint8)
        places = rng.standard_normal((n, 2), np.float32)
        Layout(np.arange(1, n + 1), places, clusters, "invented").save(home / LAYOUT_NAME)


def questions(home: Path) -> Mapping[str, Question]:
    """Return the pages."""
    with Catalog(home) as catalog:
        albums = tuple(Discographies(catalog).current().albums)
    return {
        "first page": lambda rng, n: "/",
        "albums": lambda rng, n: f"/albums?page={1 + int(rng.integers(n // PER_ALBUM // 60))}",
        "albums, most played": lambda rng, n: "/albums?sort=played",
        "albums, filtered": lambda rng, n: f"/albums?q={artist(rng, n)}",
        "artists": lambda rng, n: f"/artists?page={1 + int(rng.integers(8))}",
        "tracks": lambda rng, n: f"/tracks?page={1 + int(rng.integers(n // 100))}",
        "genres": lambda rng, n: "/genres",
        "an album": lambda rng, n: f"/albums/{albums[int(rng.integers(len(albums)))]}",
        "an artist": lambda rng, n: f"/artist?name={artist(rng, n)}",
        "a genre": lambda rng, n: f"/genre?name=genre{int(rng.integers(40))}",
        "a track": lambda rng, n: f"/tracks/{song(rng, n)}",
        "history": lambda rng, n: "/history",
        "tempo and key": lambda rng, n: f"/wheel?track={song(rng, n)}",
        "the map's page": lambda rng, n: "/map",
        "its places": lambda rng, n: "/api/v1/map",
        "its colours by sound": lambda rng, n: "/api/v1/map/colours?by=sound",
        "its colours by cluster": lambda rng, n: "/api/v1/map/colours?by=cluster",
    }


if __name__ == "__main__":
    main()
