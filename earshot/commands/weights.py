"""Fetch pretrained taggers' weights into a home, once, checked by their digests.

    python scripts/get_weights.py --list
    python scripts/get_weights.py jamendo_musicnn msd_fcn
    python scripts/get_weights.py --all --from ~/Downloads/sota-music-tagging-models
    python scripts/get_weights.py mtat_sample --trust-first-download

Nothing else fetches weights, and nothing is fetched that is there already. A stopped download goes
on where it stopped. --from takes local files: NAME.pth, or a copy of the collection's folders.

Exit status: 0 all are there, 1 something is not, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from earshot.terminal import table_console
from encoders.bundles import BUNDLES, Bundle
from encoders.errors import WeightsError
from encoders.fetch import fetch
from encoders.weights import COLLECTION, CollectionFile
from recsys.home.files import WEIGHTS_NAME
from recsys.home.settings import SettingsError, load_settings

MISSING, USAGE, STOPPED = 1, 2, 130
FETCHED = {n: b.weights for n, b in BUNDLES.items() if isinstance(b.weights, CollectionFile)}


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Fetch pretrained taggers' weights into a home.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FETCHED)}")
    parser.add_argument("--home", type=Path, help="where catalogue, index and weights are kept")
    parser.add_argument("--list", action="store_true", help="show what there is")
    parser.add_argument("--all", action="store_true", help="every file whose digest is known")
    parser.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="local files")
    parser.add_argument(
        "--mirror", default=COLLECTION, metavar="URL", help="another address of the collection"
    )
    parser.add_argument(
        "--trust-first-download",
        action="store_true",
        help="take a file whose digest nobody knows, and record its digest for ever after",
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    args = parser.parse_args(arguments)
    if strange := [name for name in args.names if name not in FETCHED]:
        parser.error(f"wanted names of {', '.join(FETCHED)}; got {', '.join(strange)}")
    if not (args.names or args.all or args.list):
        parser.error("name what to fetch, or --all, or --list")
    if args.folder and not args.folder.is_dir():
        parser.error(f"--from: there is no folder {args.folder}")
    if args.all:
        known = [name for name, weights in FETCHED.items() if weights.sha256]
        args.names = list(dict.fromkeys([*args.names, *known]))
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    try:
        folder = load_settings(args.home).home / WEIGHTS_NAME
        n_missing = sum(not get(BUNDLES[name], folder, args) for name in args.names)
        if args.list:
            show(folder, as_json=args.json)
    except SettingsError as error:
        say(str(error))
        return USAGE
    except KeyboardInterrupt:
        say("Stopped. What was fetched is kept; run the command again to go on.")
        return STOPPED
    return MISSING if n_missing else 0


def get(bundle: Bundle, folder: Path, args: argparse.Namespace) -> bool:
    """Bring one file into the folder of weights; say whether it is there now."""
    weights = bundle.weights
    if not isinstance(weights, CollectionFile):
        raise TypeError(f"{bundle.name} is not fetched")
    if weights.is_here(folder):
        say(f"{weights.name} is there.")
        return True
    try:
        expected = weights.expected_sha256(folder)
        if expected is None and not args.trust_first_download:
            raise WeightsError(
                f"No digest of {weights.name} is known: what comes could be anything. To take it "
                "all the same, and to record its digest: --trust-first-download"
            )
        if args.folder:
            digest = copy(weights, args.folder, folder, expected)
        else:
            address = f"{args.mirror.rstrip('/')}/{weights.revision}/{weights.place}"
            digest = download(weights.name, address, weights.path(folder), expected)
        if expected is None:
            trust(bundle, weights, folder, digest)
    except WeightsError as error:
        say(str(error))
        return False
    say(f"{weights.name} is there now, sha256 {digest}.")
    return True


def download(name: str, address: str, path: Path, expected: str | None) -> str:
    """Fetch one file with a bar on a terminal; return its digest. Raises WeightsError."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        return fetch(
            address,
            path,
            expected,
            lambda done, total: bar.update(task, completed=done, total=total),
        )


def copy(weights: CollectionFile, source: Path, folder: Path, expected: str | None) -> str:
    """Copy a local file; return its digest. Raises WeightsError."""
    places = [f"{weights.name}.pth", weights.place, weights.place.removeprefix("models/")]
    found = next((source / place for place in places if (source / place).is_file()), None)
    if found is None:
        raise WeightsError(f"There is no {' and no '.join(places)} in {source}.")
    path = weights.path(folder)
    part = path.with_name(path.name + ".part")
    try:
        content = found.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if expected is not None and digest != expected:
            raise WeightsError(
                f"{found} is not the published file (sha256 {digest}, expected {expected})."
            )
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise WeightsError(f"{found} cannot be copied to {path}: {error.strerror}.") from error
    return digest


def trust(bundle: Bundle, weights: CollectionFile, folder: Path, digest: str) -> None:
    """Record the digest of a first download that is what it should be. Raises WeightsError."""
    record = weights.record(folder)
    try:
        record.write_text(f"{digest}\n", encoding="ascii")
    except OSError as error:
        raise WeightsError(f"{record} cannot be written: {error.strerror}.") from error
    try:
        bundle.load(folder)
    except WeightsError:
        record.unlink()
        weights.path(folder).unlink()
        raise


def show(folder: Path, *, as_json: bool) -> None:
    """Print what weights there are, and which of them are here."""
    rows: list[dict[str, Any]] = [
        {
            "name": bundle.name,
            "bytes": bundle.weights.size,
            "sha256": bundle.weights.expected_sha256(folder),
            "tags": bundle.tags,
            "from": bundle.weights.origin,
            "here": bundle.weights.is_here(folder),
        }
        for bundle in BUNDLES.values()
    ]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("name", "MB", "sha256", "tags", "here", "from", box=None, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "?",
            row["sha256"][:12] if row["sha256"] else "unknown",
            f"{len(row['tags'])}: {', '.join(row['tags'][:3])}, …",
            "yes" if row["here"] else "no",
            row["from"].removeprefix("https://raw.githubusercontent.com/"),
        )
    table_console().print(table)


def say(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(sentence.encode("utf-8", "replace").decode(), file=sys.stderr)
