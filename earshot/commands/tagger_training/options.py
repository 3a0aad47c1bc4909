"""The arguments of `earshot train-tagger`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from earshot.arguments import add_json, names, new_parser, whole_number
from encoders.architectures import ARCHITECTURES
from encoders.trained_bundles import is_name
from encoders.training.augmentation import Augmentation
from encoders.training.datasets import DATASETS
from encoders.training.loop import PRECISIONS, SCHEDULES, Recipe

# Defaults where a tagger is trained on labels, and where it is taught by other taggers.
LABELLED = {"architecture": "small", "augment": "gain=6,noise=20,spec=1,mixup=0.3", "crops": 1}
TAUGHT = {"architecture": "mobile", "augment": "none", "crops": 20}


@dataclass(frozen=True)
class TaggerOptions:
    """The arguments of `earshot train-tagger`.

    teachers     names of taggers, as `earshot build --tagger` takes them; empty: trained on labels
    by           column of labels; empty with teachers
    cache_limit  GB
    """

    source: Path | None
    out: Path
    name: str
    dataset: str | None
    home: Path | None
    teachers: str
    by: str
    tags: int | None
    architecture: str
    recipe: Recipe
    workers: int
    cache: Path | None
    cache_limit: float
    resume: bool
    tensorboard: bool
    json: bool


def parse(arguments: Sequence[str]) -> TaggerOptions:
    """Parse the arguments."""
    parser = new_parser(
        "train-tagger", "Train a tagger on labelled music.", nothing="1 nothing to train on"
    )
    _add_material(parser)
    _add_recipe(parser)
    _add_run(parser)
    args = parser.parse_args(arguments)
    name = args.name or args.out.name
    if not is_name(name):
        parser.error(f"--name takes letters, digits, dots and underscores, not {name}")
    if args.dataset and args.source is None:
        parser.error("--dataset needs its root")
    if args.teachers and (args.by or args.tags):
        parser.error("--teach-from needs no labels: leave out --by and --tags")
    defaults = TAUGHT if args.teachers else LABELLED
    given = {**vars(args), "name": name}
    given |= {name: value for name, value in defaults.items() if given[name] is None}
    given["by"] = args.by or ("" if args.teachers else "genre")
    try:
        given["recipe"] = recipe_of(given)
    except ValueError as error:
        parser.error(str(error))
    return TaggerOptions(**{f.name: given[f.name] for f in fields(TaggerOptions)})


def _add_material(parser: argparse.ArgumentParser) -> None:
    """Add what is trained on which audio."""
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        metavar="SOURCE",
        help="a CSV with a column path, a folder whose subfolders are tags, or the root of a "
        "--dataset (default: the home's library)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder to write to")
    parser.add_argument("--name", help="name of the tagger (default: that of RUN)")
    parser.add_argument("--dataset", choices=DATASETS, help="the data set that SOURCE is")
    parser.add_argument(
        "--teach-from",
        dest="teachers",
        default="",
        metavar="NAME,…",
        help="learn the outputs of these taggers of `earshot build` instead of labels",
    )
    parser.add_argument(
        "--by", metavar="COLUMN", help="column of tags, separated by | (default: genre)"
    )
    parser.add_argument(
        "--tags",
        type=whole_number(1),
        metavar="N",
        help="only the N most common tags (default: all)",
    )
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        help="of the network (default: small; mobile with --teach-from)",
    )
    parser.add_argument(
        "--crops",
        type=int,
        metavar="N",
        help="segments of each clip an epoch (default: 1); with --teach-from the same ones in each "
        "epoch, every second one mixed with another clip (default: 20)",
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add the options of Recipe."""
    recipe = Recipe()
    for name, metavar, text in (
        ("epochs", "N", "most epochs of training"),
        ("batch", "N", "segments in a batch"),
        ("rate", "X", "learning rate at the beginning"),
        ("decay", "X", "weight decay"),
        ("patience", "N", "stop after N epochs without a better one"),
        ("seed", "N", "seed of weights, splits and batches"),
    ):
        value = getattr(recipe, name)
        parser.add_argument(
            f"--{name}",
            type=type(value),
            default=value,
            metavar=metavar,
            help=f"{text} (default: {value})",
        )
    parser.add_argument(
        "--segments",
        type=int,
        metavar="N",
        help="segments of each clip in validation and test (default: all)",
    )
    parser.add_argument(
        "--schedule",
        choices=SCHEDULES,
        default=recipe.schedule,
        help="of the learning rate (default: %(default)s)",
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the forward pass (default: the device's best)"
    )
    parser.add_argument(
        "--augment",
        metavar="WHAT=HOW_FAR,…",
        help="of pitch, time, gain, noise, spec, mixup, or none "
        f"(default: {LABELLED['augment']}; {TAUGHT['augment']} with --teach-from)",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Add how the training is run."""
    parser.add_argument(
        "--workers",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="processes that read segments (default: none but this one)",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="of decoded audio (default: the user's cache)"
    )
    parser.add_argument(
        "--cache-limit",
        type=float,
        default=50.0,
        metavar="GB",
        help="size of the cache (default: %(default)s)",
    )
    parser.add_argument("--resume", action="store_true", help="continue from RUN's checkpoint")
    parser.add_argument("--tensorboard", action="store_true", help="log into RUN/tensorboard")
    add_json(parser)


def recipe_of(given: Mapping[str, Any]) -> Recipe:
    """Return the recipe of the arguments. Raises ValueError."""
    chosen = {f.name: given[f.name] for f in fields(Recipe) if f.name in given}
    if chosen["precision"] is None:
        has_bfloat16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        on_gpu = "bfloat16" if has_bfloat16 else "float16"
        chosen["precision"] = on_gpu if torch.cuda.is_available() else "float32"
    augmentation = augmentation_of(given["augment"])
    chosen["teachers"] = names(given["teachers"])
    if chosen["teachers"] and (augmentation.pitch or augmentation.time or augmentation.mixup):
        raise ValueError(
            "--augment takes gain, noise and spec with --teach-from: the teachers' outputs are "
            "not known for segments that the others change"
        )
    return Recipe(**chosen, augmentation=augmentation)


def augmentation_of(text: str) -> Augmentation:
    """Parse WHAT=HOW_FAR,… Raises ValueError."""
    if text == "none":
        return Augmentation()
    kinds = [f.name for f in fields(Augmentation)]
    chosen: dict[str, Any] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if name not in kinds:
            raise ValueError(f"--augment takes {', '.join(kinds)}, not {name}")
        chosen[name] = int(number) if name == "spec" else float(number)
    return Augmentation(**chosen)
