"""Pictures of what a home's taggers have learned.

    python scripts/plot.py kernels --tagger MSD_musicnn --out kernels.png

Draws first-layer kernels, over the tags of the home's tracks that excite them most. Nothing is
decoded: the kernels' mean activations are part of the features that a home keeps.

Exit status: 0 done, 1 nothing to draw, 2 usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoders.bundles import BUNDLES
from encoders.errors import WeightsError
from encoders.models.musicnn import Musicnn
from encoders.models.musicnn_won import WonMusicnn
from index.arrays import Float32Array
from recsys.catalog import Catalog, CatalogError
from recsys.catalog.track_features import read_features
from recsys.evaluation.kernels import choose_kernels, draw_kernels, kernel_scores
from recsys.home.files import WEIGHTS_NAME
from recsys.home.settings import SettingsError, load_settings

NOTHING, USAGE = 1, 2
SUFFIXES = (".png", ".svg", ".pdf")
WITH_KERNELS = [name for name in BUNDLES if name.endswith("musicnn")]
MIN_TRACKS = 10  # below that, averages over a tag's tracks mean nothing


class NothingToDraw(Exception):
    """The home lacks what a picture is made of; the message says what to do."""


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Draw what a home's taggers have learned.")
    commands = parser.add_subparsers(dest="command", required=True)
    kernels = commands.add_parser("kernels", help="first-layer kernels with their top tags")
    kernels.add_argument("--home", type=Path, help="where catalogue and index are kept")
    kernels.add_argument(
        "--tagger", default="MSD_musicnn", choices=WITH_KERNELS, help="default: %(default)s"
    )
    kernels.add_argument("--kernels", type=int, default=12, metavar="N", help="default: 12")
    kernels.add_argument("--out", type=Path, required=True, metavar="FILE", help="the picture")
    args = parser.parse_args(arguments)
    if args.kernels < 1:
        parser.error("--kernels takes a number of at least 1")
    if args.out.suffix not in SUFFIXES:
        parser.error(f"--out takes a file that ends in {' or '.join(SUFFIXES)}, got {args.out}")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    try:
        run(args)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return USAGE
    except (CatalogError, WeightsError, NothingToDraw) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{args.out} cannot be written: {error.strerror}.", file=sys.stderr)
    else:
        return 0
    return NOTHING


def run(args: argparse.Namespace) -> None:
    """Score the kernels on the home's tracks and draw those that stand for something."""
    settings = load_settings(args.home)
    bundle = BUNDLES[args.tagger]
    model = bundle.load(settings.home / WEIGHTS_NAME)
    if not isinstance(model, Musicnn | WonMusicnn):
        raise TypeError(f"{args.tagger} has no kernels of its own to draw")
    kernels, signs = kernels_of(model)
    with Catalog(settings.home, settings.database) as catalog:
        key = next((k for k in catalog.extractors() if k.rsplit("-", 2)[0] == args.tagger), None)
        ids = catalog.ready_ids(key) if key else []
        if key is None or len(ids) < MIN_TRACKS:
            raise NothingToDraw(
                f"The home {settings.home} keeps features of {args.tagger} for {len(ids)} tracks; "
                f"a picture needs {MIN_TRACKS}: run build_index.py --tagger {args.tagger} first."
            )
        heard = [features for _, (features,) in read_features(catalog, [key], ids)]
    means = np.stack([features.pooled[: len(kernels)].astype(np.float32) for features in heard])
    tags = np.stack([features.tags.astype(np.float32).mean(axis=0) for features in heard])
    chosen = choose_kernels(kernel_scores(means * signs, tags), bundle.tags, args.kernels)
    draw_kernels(args.out, chosen, kernels, f"{args.tagger}, on {len(heard)} tracks")
    for kernel, top, score in chosen:
        print(f"{kernel:4}  {score:+.2f}  {', '.join(top)}")


def kernels_of(
    model: Musicnn | WonMusicnn,
) -> tuple[list[Float32Array], Float32Array]:
    """Return the timbral kernels (n_mels, n_frames) in the order of the pools, and their signs.

    The sign is that of the batch norm's scale: a channel with a negative one falls as its kernel is
    excited.
    """
    kernels: list[Float32Array] = []
    signs = []
    for block in model.timbral:
        weights = block.conv.weight[:, 0].numpy()  # type: ignore[union-attr,index]
        if isinstance(model, Musicnn):  # whose kernels are (frames, mels)
            weights = weights.transpose(0, 2, 1)
        kernels.extend(weights)
        signs.append(np.sign(block.bn.weight.numpy()))  # type: ignore[union-attr,operator]
    return kernels, np.concatenate(signs).astype(np.float32)
