"""What a build on a Ray cluster costs beside a plain one, on the same files of one machine.

    python -m benchmarks.on_ray FOLDER [--tracks 120] [--store]

Builds new homes of a third of the tracks and of all of them, without Ray and with `--ray local`.
What a song costs, and what a build costs whatever its size (starting workers, for example), follow
from both. With --store, also from an object store on this machine (moto, of the development
dependencies). The folder's files must be different audio. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from encoders.bundles import BUNDLES, DEFAULT_MODELS
from recsys.home.files import WEIGHTS_NAME
from recsys.library.scanning import scan
from recsys.threads import n_cores

BUCKET = "bucket"


class Cost(NamedTuple):
    """Seconds of inspection and analysis: whatever the number of songs, and of each song."""

    start: float
    song: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tracks", type=int, default=120)
    parser.add_argument("--store", action="store_true")
    args = parser.parse_args()
    songs = [file.path for file in scan([args.folder]).files][: args.tracks]
    sizes = len(songs) // 3, len(songs)
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for model in DEFAULT_MODELS:
            BUNDLES[model].load(work / WEIGHTS_NAME)
        for size in sizes:
            (work / "music" / str(size)).mkdir(parents=True)
            for number, song in enumerate(songs[:size]):
                shutil.copy(song, work / "music" / str(size) / f"{number}{song.suffix}")
        costs["one machine"] = cost(work, f"{work}/music", sizes)
        costs["--ray local"] = cost(work, f"{work}/music", sizes, "--ray", "local")
        if args.store:
            with object_store(work / "music"):
                options = "--ray", "local", "--shards", f"s3://{BUCKET}/shards"
                costs["--ray local, s3://"] = cost(work, f"s3://{BUCKET}", sizes, *options)
    print(f"{len(songs)} songs, {n_cores()} cores\n")
    print("| way | songs/hour | seconds a song | beside one machine | seconds whatever the size |")
    print("|---|---:|---:|---:|---:|")
    for way, each in costs.items():
        beside = each.song / costs["one machine"].song
        print(f"| {way} | {3600 / each.song:,.0f} | {each.song:.3f} | {beside:.2f} |", end="")
        print(f" {each.start:.1f} |")


def cost(work: Path, place: str, sizes: Sequence[int], *options: str) -> Cost:
    """Build two new homes of so many songs each; return the line through their times."""
    few, many = sizes
    short, long = (seconds(work, f"{place}/{size}", *options) for size in sizes)
    song = (long - short) / (many - few)
    return Cost(short - few * song, song)


def seconds(work: Path, folder: str, *options: str) -> float:
    """Build a new home, and return the seconds that inspection and analysis took."""
    home = Path(tempfile.mkdtemp(dir=work))
    (home / WEIGHTS_NAME).symlink_to(work / WEIGHTS_NAME)
    command = [sys.executable, "-m", "earshot", "build", folder, "--home", str(home)]
    command += ["--no-learn", "--json", *options]
    done = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(f"{done['analysed']} of {folder} {' '.join(options)}", file=sys.stderr)
    return float(3600 * done["analysed"] / done["songs_per_hour"])


@contextmanager
def object_store(folder: Path) -> Iterator[None]:
    """Put a folder into an object store on this machine, which is where S3 usually is."""
    import fsspec  # noqa: PLC0415 - of the extra `ray`
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - a development dependency

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "any")
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    store = fsspec.filesystem("s3")
    store.mkdir(BUCKET)
    store.put(f"{folder}/", f"{BUCKET}/", recursive=True)
    yield
    server.stop()


if __name__ == "__main__":
    main()
