"""Train a tagger on labelled music, from random weights, and say how good it is.

    python scripts/train_tagger.py labels.csv --by genre --out runs/genres
    python scripts/train_tagger.py ~/clips-by-mood --architecture musicnn --out runs/moods
    python scripts/train_tagger.py --home ~/.earshot --by genres --tags 20 --out runs/library
    python scripts/train_tagger.py ~/mtat --dataset mtat --architecture short-chunk --out runs/mtat
    torchrun --nproc-per-node 4 scripts/train_tagger.py ~/msd --dataset msd --out runs/msd

Writes weights (NAME.safetensors) and their model card (NAME.md, NAME.json) into the folder --out;
`build_index.py --tagger RUN/NAME.safetensors` makes them a home's tagger. A stopped training goes
on with --resume.

Exit status: 0 done, 1 nothing to train on, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from rich.console import Console
from rich.progress import Progress
from torch import distributed
from training.sources import read_corpus

from encoders.architectures import ARCHITECTURES
from encoders.trained import Prior, is_name, save_trained
from encoders.training.audio_cache import AudioCache, CacheFull
from encoders.training.augmentation import Augmentation
from encoders.training.card import Training, card
from encoders.training.clips import Clip, Corpus, CorpusError, groups, targets
from encoders.training.datasets import DATASETS
from encoders.training.loop import (
    PRECISIONS,
    SCHEDULES,
    CheckpointError,
    Epoch,
    Material,
    Outcome,
    Recipe,
    Trainer,
    rank,
)
from recsys.catalog import CatalogError
from recsys.labels import LabelsError
from recsys.settings import SettingsError
from recsys.tag_figures import best_thresholds, tag_auc, tag_figures
from recsys.tagging import score_tags
from recsys.threads import n_cores

NOTHING, USAGE, STOPPED = 1, 2, 130
CHECKPOINT = "checkpoint.pt"
AUGMENT = "gain=6,noise=20,spec=1,mixup=0.3"
N_PRIOR = 2000  # training clips that the means of the outputs are taken of, at most
GIGABYTE = 10**9


class NotInstalled(Exception):
    """An extra is not installed; the message says how to get it."""


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    recipe = Recipe()
    parser = argparse.ArgumentParser(description="Train a tagger on labelled music.")
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        help="a CSV with a column path, a folder whose folders are tags, a data set's root; "
        "default: the home's library",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder to write to")
    parser.add_argument("--name", help="of the tagger (default: the name of RUN)")
    parser.add_argument("--dataset", choices=DATASETS, help="what the source is the root of")
    parser.add_argument("--home", type=Path, help="whose library, where no source is named")
    parser.add_argument("--by", default="genre", help="column of tags, a|b (default: %(default)s)")
    parser.add_argument("--tags", type=int, metavar="N", help="the N commonest (default: all)")
    parser.add_argument(
        "--architecture", choices=ARCHITECTURES, default="small", help="(default: %(default)s)"
    )
    for name, text in (
        ("epochs", "at most"),
        ("crops", "segments of each clip an epoch"),
        ("batch", "segments learned from at once"),
        ("rate", "step at the beginning"),
        ("decay", "of weights"),
        ("patience", "epochs without a better one, then it ends"),
        ("seed", "of weights, parts and chance"),
    ):
        value = getattr(recipe, name)
        parser.add_argument(
            f"--{name}", type=type(value), default=value, help=f"{text} (default: {value})"
        )
    parser.add_argument("--segments", type=int, help="of a clip where it is judged (default: all)")
    parser.add_argument("--schedule", choices=SCHEDULES, default=recipe.schedule)
    parser.add_argument("--precision", choices=PRECISIONS, help="(default: the device's best)")
    parser.add_argument(
        "--augment",
        default=AUGMENT,
        metavar="WHAT=HOW_FAR,…",
        help="of pitch, time, gain, noise, spec, mixup, or none (default: %(default)s)",
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that read segments")
    parser.add_argument("--cache", type=Path, help="folder of decoded audio")
    parser.add_argument(
        "--cache-limit", type=float, default=50.0, metavar="GB", help="(default: %(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from RUN's checkpoint")
    parser.add_argument("--tensorboard", action="store_true", help="log into RUN/tensorboard")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    args.name = args.name or args.out.name
    if not is_name(args.name):
        parser.error(f"--name takes letters, digits, dots and underscores, not {args.name}")
    if args.dataset and args.source is None:
        parser.error("--dataset needs its root")
    try:
        args.recipe = recipe_of(args)
    except ValueError as error:
        parser.error(str(error))
    return args


def recipe_of(args: argparse.Namespace) -> Recipe:
    """Return the recipe of the arguments. Raises ValueError."""
    chosen = {f.name: getattr(args, f.name) for f in fields(Recipe) if hasattr(args, f.name)}
    if chosen["precision"] is None:
        has_bfloat16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        on_gpu = "bfloat16" if has_bfloat16 else "float16"
        chosen["precision"] = on_gpu if torch.cuda.is_available() else "float32"
    return Recipe(**chosen, augmentation=augmentation_of(args.augment))


def augmentation_of(text: str) -> Augmentation:
    """Read WHAT=HOW_FAR,… Raises ValueError."""
    if text == "none":
        return Augmentation()
    known = [f.name for f in fields(Augmentation)]
    chosen: dict[str, Any] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if name not in known:
            raise ValueError(f"--augment takes {', '.join(known)}, not {name}")
        chosen[name] = int(number) if name == "spec" else float(number)
    return Augmentation(**chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            if "WORLD_SIZE" in os.environ:  # torchrun says so
                distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
                stack.callback(distributed.destroy_process_group)
            return run(args)
    except (LabelsError, SettingsError) as error:
        say(str(error))
        return USAGE
    except (CacheFull, CatalogError, CheckpointError, CorpusError, NotInstalled) as error:
        say(str(error))
    except OSError as error:
        say(f"{error.filename or args.out} cannot be written: {error.strerror}.")
    except KeyboardInterrupt:
        say("Stopped. The epochs that were done are kept: go on with --resume.")
        return STOPPED
    return NOTHING


def run(args: argparse.Namespace) -> int:
    """Train, test, write, and say so."""
    begin = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / CHECKPOINT
    if checkpoint.exists() and not args.resume:
        raise CorpusError(
            f"{args.out} holds a training: go on with --resume, or name another folder."
        )
    corpus = read_corpus(args)
    corpus, places, lost = decoded(corpus, args)
    for sentence in lost:
        say(sentence)
    train, valid, test = (
        Material(
            [places[clip.path] for clip in clips], torch.from_numpy(targets(clips, corpus.tags))
        )
        for clips in (corpus.train, corpus.valid, corpus.test)
    )
    torch.manual_seed(args.seed)
    architecture = ARCHITECTURES[args.architecture]
    model = architecture.build(len(corpus.tags))
    trainer = Trainer(model, architecture.front, args.recipe, device=device(), workers=args.workers)
    if args.resume and checkpoint.exists():
        trainer.restore(checkpoint)
    with logging(args) as report:
        outcome = trainer.train(train, valid, tag_auc, checkpoint=checkpoint, report=report)
    judged = {name: trainer.judged(part)[0] for name, part in (("valid", valid), ("test", test))}
    if rank() != 0:
        return 0
    seconds = time.monotonic() - begin
    prior = trainer.prior(train.places[:: -(-len(train.places) // N_PRIOR)])
    figures = finish(
        args, corpus, trainer, outcome, judged=judged, prior=prior, lost=len(lost), seconds=seconds
    )
    if args.json:
        print(json.dumps(figures))
    else:
        print_figures(figures, args)
    return 0


def decoded(corpus: Corpus, args: argparse.Namespace) -> tuple[Corpus, dict[Path, Path], list[str]]:
    """Decode the clips; return those that could be, where their audio is, and what went wrong.

    One of several processes decodes, the others find it done.
    """
    folder = args.cache or platformdirs.user_cache_path("earshot") / "training"
    rate = ARCHITECTURES[args.architecture].front.sample_rate
    cache = AudioCache(folder, rate, int(args.cache_limit * GIGABYTE))
    paths = [clip.path for clips in (corpus.train, corpus.valid, corpus.test) for clip in clips]
    if rank() != 0:
        distributed.barrier()
    with Progress(console=Console(stderr=True), transient=True, disable=rank() != 0) as bar:
        task = bar.add_task("Decoding", total=None)
        places, errors = cache.add(
            paths, n_cores(), lambda done, total: bar.update(task, completed=done, total=total)
        )
    if rank() == 0 and distributed.is_initialized():
        distributed.barrier()

    def kept(clips: Sequence[Clip]) -> tuple[Clip, ...]:
        return tuple(clip for clip in clips if clip.path in places)

    parts = kept(corpus.train), kept(corpus.valid), kept(corpus.test)
    whole = Corpus(corpus.name, corpus.tags, *parts, corpus.parted)
    return whole, places, [str(error) for error in errors]


def finish(
    args: argparse.Namespace,
    corpus: Corpus,
    trainer: Trainer,
    outcome: Outcome,
    *,
    judged: dict[str, np.ndarray],
    prior: Prior,
    lost: int,
    seconds: float,
) -> dict[str, Any]:
    """Measure on the test clips, write weights and cards, return the figures."""
    thresholds = best_thresholds(targets(corpus.valid, corpus.tags), judged["valid"])
    truth = targets(corpus.test, corpus.tags)
    measured = tag_figures(
        truth, judged["test"], groups(corpus.test), thresholds, exclusive=corpus.exclusive
    )
    by_tag = {tag.casefold(): column > 0 for tag, column in zip(corpus.tags, truth.T, strict=True)}
    rows = [
        {
            "tag": score.tag,
            "roc_auc": score.roc_auc,
            "average_precision": score.average_precision,
            "clips": score.n_positive,
        }
        for score in score_tags(judged["test"], corpus.tags, by_tag)
    ]
    weights = args.out / f"{args.name}.safetensors"
    digest = save_trained(weights, args.architecture, corpus.tags, outcome.state, prior)
    training = Training(
        name=args.name,
        architecture=args.architecture,
        n_parameters=sum(p.numel() for p in trainer.model.parameters()),
        corpus=corpus,
        recipe=args.recipe,
        best=outcome.best,
        n_epochs=len(outcome.history),
        seconds=seconds,
        device=device_name(),
        figures=measured,
        per_tag=rows,
        lost=lost,
        sha256=digest,
    )
    weights.with_suffix(".md").write_text(card(training), encoding="utf-8")
    figures = {
        "weights": str(weights),
        "sha256": digest,
        "parameters": training.n_parameters,
        "tags": list(corpus.tags),
        "clips": {part: len(corpus.part(part)) for part in ("train", "valid", "test")},
        "epochs": training.n_epochs,
        "best_epoch": outcome.best.number,
        "valid_roc_auc": outcome.best.score,
        "seconds": round(seconds, 1),
        "test": {name: figure._asdict() for name, figure in measured.items()},
        "per_tag": rows,
    }
    history = [epoch._asdict() for epoch in outcome.history]
    text = json.dumps({**figures, "history": history}, indent=2)
    weights.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return figures


def print_figures(figures: dict[str, Any], args: argparse.Namespace) -> None:
    """Print the outcome for people."""
    clips = figures["clips"]
    print(
        f"{args.architecture}, {figures['parameters']:,} parameters, {len(figures['tags'])} tags; "
        f"{clips['train']} clips to learn from, {clips['valid']} to validate on, {clips['test']} "
        f"to test on; epoch {figures['best_epoch']} of {figures['epochs']} in "
        f"{figures['seconds']:.0f} s."
    )
    for name, figure in figures["test"].items():
        ends = f"95 % {figure['low']:.3f} to {figure['high']:.3f}"
        print(f"{name:18} {figure['value']:.3f}  ({ends}; chance {figure['chance']:.3f})")
    print(f"Written: {figures['weights']}, its model card beside it.")
    print(f"To listen with it: build_index.py FOLDER --tagger {figures['weights']}")


@contextmanager
def logging(args: argparse.Namespace) -> Iterator[Callable[[Epoch], None]]:
    """Give what says how an epoch went, to people and with --tensorboard to its files."""
    writer = None
    if args.tensorboard and rank() == 0:
        writer = tensorboard(args.out / "tensorboard")
    begin = time.monotonic()

    def report(epoch: Epoch) -> None:
        if rank() != 0:
            return
        say(
            f"epoch {epoch.number}: loss {epoch.loss:.4f}, validation {epoch.valid_loss:.4f}, "
            f"ROC-AUC {epoch.score:.4f}, {time.monotonic() - begin:.0f} s"
        )
        if writer:
            values = epoch._asdict()
            for name in ("loss", "valid_loss", "score", "rate"):
                writer.add_scalar(name, values[name], epoch.number)
            writer.flush()

    try:
        yield report
    finally:
        if writer:
            writer.close()


def tensorboard(folder: Path) -> Any:
    """Open a log for TensorBoard. Raises NotInstalled."""
    try:
        # Only who asks for it needs it, and it is an extra.
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError:
        raise NotInstalled(
            "TensorBoard is not installed; add it with: pip install 'earshot[training]'"
        ) from None
    return SummaryWriter(str(folder))


def device() -> str:
    """Name the device of this process: one GPU each."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"


def device_name() -> str:
    """Name the device in words, for the card."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    n = distributed.get_world_size() if distributed.is_initialized() else 1
    return name if n == 1 else f"{n} x {name}"


def say(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(sentence.encode("utf-8", "replace").decode(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
