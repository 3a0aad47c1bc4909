"""Draw what a home's taggers respond to.

    earshot plot kernels --tagger MSD_musicnn --out kernels.png

Draws first-layer kernels, and the tags whose tracks activate each most. Nothing is decoded: the
kernels' mean activations are among the features that a home stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earshot.arguments import new_parser, whole_number
from earshot.command import DONE, Command, NotFound
from earshot.commands.plotting.shared import add_out
from encoders.bundles import BUNDLES
from encoders.models.musicnn import Musicnn
from encoders.models.musicnn_won import WonMusicnn
from index.arrays import Float32Array
from recsys.catalog import Catalog
from recsys.catalog.track_features import read_features
from recsys.evaluation.kernels import choose_kernels, draw_kernels, kernel_scores
from recsys.home.files import WEIGHTS_NAME
from recsys.home.settings import load_settings

WITH_KERNELS = [name for name in BUNDLES if name.endswith("musicnn")]
MIN_TRACKS = 10  # below that, averages over a tag's tracks mean nothing


@dataclass(frozen=True)
class KernelsOptions:
    """The arguments of `earshot plot kernels`."""

    home: Path | None
    tagger: str
    kernels: int
    out: Path


def parse(arguments: Sequence[str]) -> KernelsOptions:
    """Parse the arguments."""
    parser = new_parser(
        "plot kernels", "Draw what a home's taggers respond to.", nothing="1 nothing to draw"
    )
    parser.add_argument(
        "--tagger", default="MSD_musicnn", choices=WITH_KERNELS, help="whose (default: %(default)s)"
    )
    parser.add_argument(
        "--kernels",
        type=whole_number(1),
        default=12,
        metavar="N",
        help="how many (default: %(default)s)",
    )
    add_out(parser)
    return KernelsOptions(**vars(parser.parse_args(arguments)))


def run(options: KernelsOptions) -> int:
    """Score the kernels on the home's tracks and draw the most selective ones."""
    settings = load_settings(options.home)
    bundle = BUNDLES[options.tagger]
    model = bundle.load(settings.home / WEIGHTS_NAME)
    if not isinstance(model, Musicnn | WonMusicnn):
        raise TypeError(f"{options.tagger} has no kernels of its own to draw")
    kernels, signs = kernels_of(model)
    with Catalog(settings.home, settings.database) as catalog:
        key = next((k for k in catalog.extractors() if k.rsplit("-", 2)[0] == options.tagger), None)
        ids = catalog.ready_ids(key) if key else []
        if key is None or len(ids) < MIN_TRACKS:
            raise NotFound(
                f"The home {settings.home} has features of {options.tagger} for {len(ids)} tracks, "
                f"and a picture needs {MIN_TRACKS}: run `earshot build --tagger {options.tagger}` "
                "first."
            )
        tracks = [features for _, (features,) in read_features(catalog, [key], ids)]
    means = np.stack([features.pooled[: len(kernels)].astype(np.float32) for features in tracks])
    tags = np.stack([features.tags.astype(np.float32).mean(axis=0) for features in tracks])
    chosen = choose_kernels(kernel_scores(means * signs, tags), bundle.tags, options.kernels)
    draw_kernels(options.out, chosen, kernels, f"{options.tagger}, on {len(tracks)} tracks")
    for kernel, top, score in chosen:
        print(f"{kernel:4}  {score:+.2f}  {', '.join(top)}")
    return DONE


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


COMMAND = Command(parse, run, refused="cannot be written")
