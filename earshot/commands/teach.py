"""Teach a tag of your own by a handful of examples: it is then a tag like any other, for you.

    python scripts/teach_tag.py "for running" --listener ann --fits "blue monday" --fits 17 \\
        --fits-not "gymnopedie"
    python scripts/teach_tag.py "for running" --listener ann --playlist running.m3u8
    python scripts/teach_tag.py --listener ann --list
    python scripts/teach_tag.py "for running" --listener ann --forget
    python scripts/recommend.py --listener ann --tag "for running"

Says how well the tag finds examples that it was not learned from, and what else it finds. More
examples can follow; --take-back removes single ones.

Exit status: 0 done, 1 nothing found or nothing indexed, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from earshot.query_arguments import NotFound, complain, find, status_of, track_name
from earshot.terminal import printable, table_console
from recsys.catalog import TagExamples
from recsys.catalog.search import fold
from recsys.evaluation.tag_metrics import Figure
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings
from recsys.playlists import PlaylistError, read_playlist, resolve
from recsys.recommendation.filters import STANDS_OUT
from recsys.recommendation.query import Query, Seed
from recsys.recommendation.recommender import Recommender
from recsys.tagging.few_shot import TooFew, honest_score, lesson_of


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="Teach a tag of your own by examples.",
        epilog="WHAT is a track's id or search words.",
    )
    parser.add_argument("tag", nargs="?", help="what you call it")
    parser.add_argument("--listener", metavar="NAME", required=True, help="whose tag it is")
    for name, text in (
        ("fits", "an example"),
        ("fits-not", "an example of what does not fit"),
        ("take-back", "an example no more"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], metavar="WHAT", help=text)
    parser.add_argument("--playlist", type=Path, metavar="FILE", help="all of whose tracks fit")
    parser.add_argument("--list", action="store_true", help="what this listener has taught")
    parser.add_argument("--forget", action="store_true", help="delete the tag and its examples")
    parser.add_argument("-k", type=int, default=10, help="tracks to show (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    if args.list == bool(args.tag):
        parser.error("name a tag, or --list what was taught")
    if args.k < 1:
        parser.error("-k takes a number of at least 1")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    return status_of(run, args, PlaylistError, TooFew, refused="cannot be read")


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    with open_home(load_settings(args.home)) as home:
        if args.list:
            return show_list(home, args)
        if args.forget:
            listener = known_listener(home, args.listener)
            if not home.catalog.forget_tag(listener, args.tag):
                raise NotFound(f'{args.listener} has taught no tag "{args.tag}".')
            print(json.dumps({"forgotten": args.tag}) if args.json else f"{args.tag} is forgotten.")
            return 0
        return teach(home, args)


def teach(home: Home, args: argparse.Namespace) -> int:
    """Keep the examples, score the tag, and show what it finds."""
    said = read_examples(home, args)
    refuse_known(home, args.tag)
    if said:
        try:
            listener = home.catalog.listener(args.listener, create=True)
            home.catalog.teach(listener.id, args.tag, said)  # type: ignore[union-attr]
        except ValueError as error:
            raise NotFound(f"This cannot be taught: {error}.") from None
    listener_id = known_listener(home, args.listener)
    taught = home.catalog.examples(listener_id)
    examples = next((e for e in taught if fold(e.tag) == fold(args.tag)), None)
    if examples is None:
        raise NotFound(f'{args.listener} has taught no tag "{args.tag}": give examples.')
    if not examples.fitting:
        raise NotFound(f"No example fits {examples.tag} yet: give some; what was said is kept.")
    recommender = Recommender(home)
    score, why = judged(recommender, examples)
    found = recommender.recommend(
        Query(listener=listener_id, seeds=(Seed("tag", args.tag),), exclude_played=False),
        args.k + len(examples.fitting) + len(examples.unfitting),
    )
    known = {*examples.fitting, *examples.unfitting}
    tracks = [r.track for r in found.recommendations if r.track.id not in known][: args.k]
    if args.json:
        described = as_json(examples, score, why)
        described["finds"] = [{"track_id": t.id, "name": track_name(t)} for t in tracks]
        print(json.dumps(described))
        return 0
    print(f"{examples.tag}: {len(examples.fitting)} fit, {len(examples.unfitting)} do not.")
    print(in_words(score) if score else why)
    print("It finds, beside the examples:")
    for track in tracks:
        print(printable(f"  {track.id}  {track_name(track)}"))
    return 0


def read_examples(home: Home, args: argparse.Namespace) -> list[tuple[int, bool | None]]:
    """Find the tracks of the arguments. Raises NotFound, PlaylistError."""
    said: list[tuple[int, bool | None]] = []
    if args.playlist:
        entries = resolve(home.catalog, read_playlist(args.playlist))
        said += [(entry.track_id, True) for entry in entries if entry.track_id is not None]
        if not said:
            raise NotFound(f"No track of the library is in {args.playlist}.")
    for words, fits in ((args.fits, True), (args.fits_not, False), (args.take_back, None)):
        for what in words:
            track = find(home.catalog, what)
            complain(f'"{what}" is {track_name(track)}.')
            said.append((track.id, fits))
    return said


def refuse_known(home: Home, tag: str) -> None:
    """Raise NotFound for a tag that has a meaning already."""
    known = {fold(name) for name in home.projection.tags}
    known |= {fold(genre) for label in home.catalog.track_summaries() for genre in label.genres}
    if fold(tag) in known:
        raise NotFound(f'"{tag}" is a tag already, of the taggers or the files: choose another.')


def known_listener(home: Home, name: str) -> int:
    """Return a listener's id. Raises NotFound."""
    found = home.catalog.listener(name)
    if found is None:
        raise NotFound(f'There is no listener "{name}".')
    return found.id


def judged(
    recommender: Recommender, examples: TagExamples
) -> tuple[Mapping[str, Figure] | None, str]:
    """Return the honest score of a tag, or why there is none."""
    try:
        lesson = lesson_of(examples, recommender.shelf(), recommender.index)
        return honest_score(lesson, STANDS_OUT), ""
    except TooFew as error:
        return None, str(error)


def in_words(score: Mapping[str, Figure]) -> str:
    """Say how good a tag is."""
    lines = [
        "On examples it was not learned from, by other artists than those it was learned from:",
        *(
            f"  {name:18} {figure.value:.2f}  (95 % {figure.low:.2f} to {figure.high:.2f}, "
            f"chance {figure.chance:.2f})"
            for name, figure in shown(score).items()
        ),
    ]
    if score["roc_auc"].low <= 0.5:
        lines.append(
            "That is not surely better than chance: give more examples, or ones of one kind."
        )
    return "\n".join(lines)


def shown(score: Mapping[str, Figure]) -> dict[str, Figure]:
    """Return the figures that a person is told."""
    return {n: score[n] for n in ("roc_auc", "average_precision", "precision", "recall")}


def as_json(examples: TagExamples, score: Mapping[str, Figure] | None, why: str) -> dict[str, Any]:
    """Return a tag in the form --json prints."""
    return {
        "tag": examples.tag,
        "fits": list(examples.fitting),
        "fits_not": list(examples.unfitting),
        "score": {name: f._asdict() for name, f in shown(score).items()} if score else None,
        "sentence": why,
    }


def show_list(home: Home, args: argparse.Namespace) -> int:
    """Print what a listener has taught, with the honest scores."""
    recommender = Recommender(home)
    taught = home.catalog.examples(known_listener(home, args.listener))
    rows = [(e, *judged(recommender, e)) for e in taught]
    if args.json:
        print(json.dumps([as_json(*row) for row in rows]))
        return 0
    table = Table(box=None, header_style="bold")
    for column in ("tag", "fit", "do not", "ROC-AUC", "95 %"):
        table.add_column(column, justify="left" if column == "tag" else "right")
    for examples, score, _ in rows:
        area = score["roc_auc"] if score else None
        cells = (f"{area.value:.2f}", f"{area.low:.2f} to {area.high:.2f}") if area else ("", "")
        counts = str(len(examples.fitting)), str(len(examples.unfitting))
        table.add_row(printable(examples.tag), *counts, *cells)
    table_console().print(table)
    return 0
