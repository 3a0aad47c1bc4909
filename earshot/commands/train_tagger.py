"""Train a tagger on labelled music or on the outputs of other taggers, and measure it.

    earshot train-tagger labels.csv --by genre --out runs/genres
    earshot train-tagger ~/clips-by-mood --architecture musicnn --out runs/moods
    earshot train-tagger --home ~/.earshot --by genres --tags 20 --out runs/library
    earshot train-tagger ~/mtat --dataset mtat --architecture short-chunk --out runs/mtat
    earshot train-tagger ~/Music --teach-from MSD_musicnn,MTT_musicnn --out runs/quick
    torchrun --nproc-per-node 4 -m earshot train-tagger ~/msd --dataset msd --out runs/msd

Writes weights (NAME.safetensors) and their model card (NAME.md, NAME.json) into the folder --out;
`earshot build --tagger RUN/NAME.safetensors` makes them a home's tagger. A stopped training is
continued with --resume.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import platformdirs
import torch
from rich.console import Console
from rich.progress import Progress
from torch import distributed

from earshot.command import DONE, Command
from earshot.commands.tagger_training.options import TaggerOptions, parse
from earshot.commands.tagger_training.plans import (
    Plan,
    first_of_all,
    from_labels,
    from_teachers,
    load_teachers,
)
from earshot.commands.tagger_training.reports import Result, finish, logging, print_figures
from earshot.commands.tagger_training.sources import read_corpus
from earshot.terminal import complain
from encoders.architectures import ARCHITECTURES
from encoders.training.audio_cache import AudioCache, CacheFull
from encoders.training.clips import Clip, Corpus, CorpusError
from encoders.training.distillation import DistillationError
from encoders.training.loop import CheckpointError, Trainer, rank
from recsys.evaluation.labels import LabelsError
from recsys.threads import n_cores

CHECKPOINT = "checkpoint.pt"
N_PRIOR = 2000  # training clips that the means of the outputs are taken of, at most
GIGABYTE = 10**9


def run(options: TaggerOptions) -> int:
    """Train, in one process or, started by torchrun, in several."""
    with ExitStack() as stack:
        if "WORLD_SIZE" in os.environ:  # torchrun says so
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
            stack.callback(distributed.destroy_process_group)
        train(options)
    return DONE


def train(options: TaggerOptions) -> None:
    """Train, test, write, and print the figures."""
    begin = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / CHECKPOINT
    if checkpoint.exists() and not options.resume:
        raise CorpusError(
            f"{options.out} holds a training: continue it with --resume, or name another folder."
        )
    folder = options.cache or platformdirs.user_cache_path("earshot") / "training"
    teachers = load_teachers(options, folder)
    corpus = read_corpus(options, teachers.tags if teachers else ())
    corpus, places, errors = decoded(corpus, options, folder)
    for sentence in errors:
        complain(sentence)
    plan = from_labels(corpus, places)
    if teachers:
        with bar("Computing the teachers' outputs") as progress:
            plan = from_teachers(corpus, places, teachers, options, progress)
    trainer = new_trainer(options, plan)
    untrained = embedded(trainer, plan)
    if options.resume and checkpoint.exists():
        trainer.restore(checkpoint)
    with logging(options) as report:
        outcome = trainer.train(
            plan.train, plan.valid, plan.metric, checkpoint=checkpoint, report=report
        )
    predictions = trainer.validate(plan.valid)[0], trainer.validate(plan.test)[0]
    if rank() != 0:
        return
    learned = [places[clip.path] for clip in corpus.train]
    prior = trainer.prior(learned[:: -(-len(learned) // N_PRIOR)])
    trained = embedded(trainer, plan)
    result = Result(
        outcome,
        n_parameters=sum(p.numel() for p in trainer.model.parameters()),
        predictions=predictions,
        embeddings=(untrained, trained - prior.penultimate) if teachers else None,
        prior=prior,
        n_undecodable=len(errors),
        seconds=time.monotonic() - begin,
    )
    figures = finish(options, plan, result)
    if options.json:
        print(json.dumps(figures))
    else:
        print_figures(figures, options)


def new_trainer(options: TaggerOptions, plan: Plan) -> Trainer:
    """Return the trainer of a model with random weights."""
    torch.manual_seed(options.recipe.seed)
    architecture = ARCHITECTURES[options.architecture]
    return Trainer(
        architecture.build(len(plan.corpus.tags)),
        architecture.front,
        options.recipe,
        criterion=plan.criterion,
        device=device(),
        workers=options.workers,
    )


def embedded(trainer: Trainer, plan: Plan) -> np.ndarray:
    """Return the test clips' embeddings where they are compared: float32 (n_clips, n_units)."""
    if plan.aims is None or rank() != 0:
        return np.zeros((0, 0), np.float32)
    outputs = trainer.predict(plan.test.paths)
    return torch.stack([clip.penultimate.mean(dim=0) for clip in outputs]).numpy()


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress; in one of several processes."""
    with Progress(console=Console(stderr=True), transient=True, disable=rank() != 0) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def decoded(
    corpus: Corpus, options: TaggerOptions, folder: Path
) -> tuple[Corpus, dict[Path, Path], list[str]]:
    """Decode the clips; return those that could be, where their audio is, and the errors."""
    rate = ARCHITECTURES[options.architecture].front.sample_rate
    cache = AudioCache(folder, rate, int(options.cache_limit * GIGABYTE))
    paths = [clip.path for clips in (corpus.train, corpus.valid, corpus.test) for clip in clips]
    with first_of_all(), bar("Decoding") as progress:
        places, errors = cache.add(paths, n_cores(), progress)

    def cached(clips: Sequence[Clip]) -> tuple[Clip, ...]:
        return tuple(clip for clip in clips if clip.path in places)

    parts = cached(corpus.train), cached(corpus.valid), cached(corpus.test)
    whole = Corpus(corpus.name, corpus.tags, *parts, corpus.split)
    return whole, places, [str(error) for error in errors]


def device() -> str:
    """Name the device of this process: one GPU each."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"


COMMAND = Command(
    parse,
    run,
    errors=(CacheFull, CheckpointError, CorpusError, DistillationError),
    usage_errors=(LabelsError,),
    refused="cannot be written",
    stopped="Stopped. The epochs that were done are kept: continue with --resume.",
)
