"""Train a tagger on labelled music or on what other taggers say, and say how good it is.

    python scripts/train_tagger.py labels.csv --by genre --out runs/genres
    python scripts/train_tagger.py ~/clips-by-mood --architecture musicnn --out runs/moods
    python scripts/train_tagger.py --home ~/.earshot --by genres --tags 20 --out runs/library
    python scripts/train_tagger.py ~/mtat --dataset mtat --architecture short-chunk --out runs/mtat
    python scripts/train_tagger.py ~/Music --teach-from MSD_musicnn,MTT_musicnn --out runs/quick
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

from earshot.commands.tagger_training.plans import (
    Plan,
    first_of_all,
    from_labels,
    from_teachers,
    load_teachers,
)
from earshot.commands.tagger_training.reports import (
    NotInstalled,
    Result,
    finish,
    logging,
    print_figures,
    say,
)
from earshot.commands.tagger_training.sources import read_corpus
from encoders.architectures import ARCHITECTURES
from encoders.errors import WeightsError
from encoders.trained_bundles import is_name
from encoders.training.audio_cache import AudioCache, CacheFull
from encoders.training.augmentation import Augmentation
from encoders.training.clips import Clip, Corpus, CorpusError
from encoders.training.datasets import DATASETS
from encoders.training.distillation import TeachingError
from encoders.training.loop import PRECISIONS, SCHEDULES, CheckpointError, Recipe, Trainer, rank
from recsys.catalog import CatalogError
from recsys.evaluation.labels import LabelsError
from recsys.home.settings import SettingsError
from recsys.threads import n_cores

NOTHING, USAGE, STOPPED = 1, 2, 130
CHECKPOINT = "checkpoint.pt"
# What is not named on the command line: where labels are learned, and where taggers teach.
LABELLED = {"architecture": "small", "augment": "gain=6,noise=20,spec=1,mixup=0.3", "crops": 1}
TAUGHT = {"architecture": "mobile", "augment": "none", "crops": 20}
N_PRIOR = 2000  # training clips that the means of the outputs are taken of, at most
GIGABYTE = 10**9


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
    parser.add_argument(
        "--teach-from",
        dest="teachers",
        default="",
        metavar="NAME,…",
        help="learn what these taggers of build_index.py say, instead of labels",
    )
    parser.add_argument("--by", help="column of tags, a|b (default: genre)")
    parser.add_argument("--tags", type=int, metavar="N", help="the N commonest (default: all)")
    parser.add_argument(
        "--architecture", choices=ARCHITECTURES, help="(default: small; mobile with --teach-from)"
    )
    parser.add_argument(
        "--crops",
        type=int,
        help="segments of each clip an epoch (default: 1); with --teach-from the same in each, "
        "every second one mixed with another clip (default: 20)",
    )
    for name, text in (
        ("epochs", "at most"),
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
        metavar="WHAT=HOW_FAR,…",
        help="of pitch, time, gain, noise, spec, mixup, or none "
        f"(default: {LABELLED['augment']}; {TAUGHT['augment']} with --teach-from)",
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
    if args.teachers and (args.by or args.tags):
        parser.error("--teach-from needs no labels: leave out --by and --tags")
    for name, value in (TAUGHT if args.teachers else LABELLED).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.by = args.by or ("" if args.teachers else "genre")
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
    augmentation = augmentation_of(args.augment)
    chosen["teachers"] = tuple(name.strip() for name in args.teachers.split(",") if name.strip())
    if args.teachers and (augmentation.pitch or augmentation.time or augmentation.mixup):
        raise ValueError(
            "--augment takes gain, noise and spec with --teach-from: what the others "
            "make of a segment the teachers have not heard"
        )
    return Recipe(**chosen, augmentation=augmentation)


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
    except (
        *(CacheFull, CatalogError, CheckpointError, CorpusError),
        *(NotInstalled, TeachingError, WeightsError),
    ) as error:
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
    folder = args.cache or platformdirs.user_cache_path("earshot") / "training"
    teachers = load_teachers(args, folder)
    corpus = read_corpus(args, teachers.tags if teachers else ())
    corpus, places, lost = decoded(corpus, args, folder)
    for sentence in lost:
        say(sentence)
    plan = from_labels(corpus, places)
    if teachers:
        with bar("Asking the teachers") as progress:
            plan = from_teachers(corpus, places, teachers, args, progress)
    trainer = new_trainer(args, plan)
    untrained = embedded(trainer, plan)
    if args.resume and checkpoint.exists():
        trainer.restore(checkpoint)
    with logging(args) as report:
        outcome = trainer.train(
            plan.train, plan.valid, plan.judge, checkpoint=checkpoint, report=report
        )
    judged = trainer.judged(plan.valid)[0], trainer.judged(plan.test)[0]
    if rank() != 0:
        return 0
    learned = [places[clip.path] for clip in corpus.train]
    prior = trainer.prior(learned[:: -(-len(learned) // N_PRIOR)])
    trained = embedded(trainer, plan)
    result = Result(
        outcome,
        n_parameters=sum(p.numel() for p in trainer.model.parameters()),
        judged=judged,
        embeddings=(untrained, trained - prior.penultimate) if teachers else None,
        prior=prior,
        lost=len(lost),
        seconds=time.monotonic() - begin,
    )
    figures = finish(args, plan, result)
    if args.json:
        print(json.dumps(figures))
    else:
        print_figures(figures, args)
    return 0


def new_trainer(args: argparse.Namespace, plan: Plan) -> Trainer:
    """Return what trains a model of random weights."""
    torch.manual_seed(args.seed)
    architecture = ARCHITECTURES[args.architecture]
    return Trainer(
        architecture.build(len(plan.corpus.tags)),
        architecture.front,
        args.recipe,
        criterion=plan.criterion,
        device=device(),
        workers=args.workers,
    )


def embedded(trainer: Trainer, plan: Plan) -> np.ndarray:
    """Return the test clips' embeddings where they are compared: float32 (n_clips, n_units)."""
    if plan.aims is None or rank() != 0:
        return np.zeros((0, 0), np.float32)
    heard = trainer.listen(plan.test.places)
    return torch.stack([clip.penultimate.mean(dim=0) for clip in heard]).numpy()


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far something is, where one of several processes does it."""
    with Progress(console=Console(stderr=True), transient=True, disable=rank() != 0) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def decoded(
    corpus: Corpus, args: argparse.Namespace, folder: Path
) -> tuple[Corpus, dict[Path, Path], list[str]]:
    """Decode the clips; return those that could be, where their audio is, and what went wrong."""
    rate = ARCHITECTURES[args.architecture].front.sample_rate
    cache = AudioCache(folder, rate, int(args.cache_limit * GIGABYTE))
    paths = [clip.path for clips in (corpus.train, corpus.valid, corpus.test) for clip in clips]
    with first_of_all(), bar("Decoding") as progress:
        places, errors = cache.add(paths, n_cores(), progress)

    def kept(clips: Sequence[Clip]) -> tuple[Clip, ...]:
        return tuple(clip for clip in clips if clip.path in places)

    parts = kept(corpus.train), kept(corpus.valid), kept(corpus.test)
    whole = Corpus(corpus.name, corpus.tags, *parts, corpus.parted)
    return whole, places, [str(error) for error in errors]


def device() -> str:
    """Name the device of this process: one GPU each."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
