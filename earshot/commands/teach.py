"""Make a tag of your own from a handful of examples: it is then a tag like any other, for you.

    earshot teach "for running" --listener ann --fits "blue monday" --fits 17 \\
        --fits-not "gymnopedie"
    earshot teach "for running" --listener ann --playlist running.m3u8
    earshot teach --listener ann --list
    earshot teach "for running" --listener ann --forget
    earshot recommend --listener ann --tag "for running"

Prints how well the tag ranks examples that it was not learned from, and its best other tracks. More
examples can follow; --take-back removes single ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from earshot.arguments import add_json, new_parser, whole_number
from earshot.command import DONE, Command, NotFound
from earshot.query_arguments import find_track
from earshot.terminal import TableConsole, complain, printable
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


@dataclass(frozen=True)
class TeachOptions:
    """The arguments of `earshot teach`; `tag` is empty with --list."""

    tag: str
    listener: str
    fits: tuple[str, ...]
    fits_not: tuple[str, ...]
    take_back: tuple[str, ...]
    playlist: Path | None
    list: bool
    forget: bool
    k: int
    home: Path | None
    json: bool


def parse(arguments: Sequence[str]) -> TeachOptions:
    """Parse the arguments."""
    parser = new_parser(
        "teach",
        "Make a tag of your own from examples.",
        nothing="1 no match, or no index",
        epilog="WHAT is a track's id or search words.",
    )
    parser.add_argument("tag", nargs="?", default="", help="name of the tag")
    parser.add_argument("--listener", metavar="NAME", required=True, help="whose tag it is")
    for name, text in (
        ("fits", "an example of the tag"),
        ("fits-not", "an example of what the tag is not"),
        ("take-back", "remove this example"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], metavar="WHAT", help=text)
    parser.add_argument("--playlist", type=Path, metavar="FILE", help="all its tracks fit")
    parser.add_argument("--list", action="store_true", help="list the tags of this listener")
    parser.add_argument("--forget", action="store_true", help="delete the tag and its examples")
    parser.add_argument(
        "-k",
        type=whole_number(1),
        default=10,
        metavar="N",
        help="tracks to show (default: %(default)s)",
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    if args.list == bool(args.tag):
        parser.error("name a tag, or --list the tags of the listener")
    examples = {name: tuple(getattr(args, name)) for name in ("fits", "fits_not", "take_back")}
    return TeachOptions(**{**vars(args), **examples})


def run(options: TeachOptions) -> int:
    """Do what is asked."""
    with open_home(load_settings(options.home)) as home:
        if options.list:
            show_list(home, options)
        elif options.forget:
            forget(home, options)
        else:
            teach(home, options)
    return DONE


def forget(home: Home, options: TeachOptions) -> None:
    """Delete a tag. Raises NotFound."""
    if not home.catalog.forget_tag(listener_id(home, options.listener), options.tag):
        raise NotFound(f'{options.listener} has no tag "{options.tag}".')
    print(json.dumps({"forgotten": options.tag}) if options.json else f"{options.tag} is deleted.")


def teach(home: Home, options: TeachOptions) -> None:
    """Store the examples, score the tag, and show its best tracks."""
    examples = stored_examples(home, options)
    recommender = Recommender(home)
    score, why = scored(recommender, examples)
    mix = recommender.recommend(
        Query(
            listener=listener_id(home, options.listener),
            seeds=(Seed("tag", options.tag),),
            exclude_played=False,
        ),
        options.k + len(examples.fitting) + len(examples.unfitting),
    )
    given = {*examples.fitting, *examples.unfitting}
    tracks = [r.track for r in mix.recommendations if r.track.id not in given][: options.k]
    if options.json:
        described = as_json(examples, score, why)
        described["finds"] = [{"track_id": t.id, "name": t.name} for t in tracks]
        print(json.dumps(described))
        return
    print(f"{examples.tag}: {len(examples.fitting)} fit, {len(examples.unfitting)} do not.")
    print(in_words(score) if score else why)
    print("Its best tracks beside the examples:")
    for track in tracks:
        print(printable(f"  {track.id}  {track.name}"))


def stored_examples(home: Home, options: TeachOptions) -> TagExamples:
    """Store the examples of the options, and return all of the tag. Raises NotFound."""
    given = read_examples(home, options)
    refuse_existing(home, options.tag)
    if given:
        try:
            listener = home.catalog.listener(options.listener, create=True)
            home.catalog.teach(listener.id, options.tag, given)  # type: ignore[union-attr]
        except ValueError as error:
            raise NotFound(f"This cannot be learned: {error}.") from None
    tags = home.catalog.examples(listener_id(home, options.listener))
    examples = next((e for e in tags if fold(e.tag) == fold(options.tag)), None)
    if examples is None:
        raise NotFound(f'{options.listener} has no tag "{options.tag}": give examples.')
    if not examples.fitting:
        raise NotFound(f"No example fits {examples.tag} yet: give some. The others are stored.")
    return examples


def read_examples(home: Home, options: TeachOptions) -> list[tuple[int, bool | None]]:
    """Return the tracks of the options, and whether they fit. Raises NotFound, PlaylistError."""
    examples: list[tuple[int, bool | None]] = []
    if options.playlist:
        entries = resolve(home.catalog, read_playlist(options.playlist))
        examples += [(entry.track_id, True) for entry in entries if entry.track_id is not None]
        if not examples:
            raise NotFound(f"No track of the library is in {options.playlist}.")
    groups = ((options.fits, True), (options.fits_not, False), (options.take_back, None))
    for queries, fits in groups:
        for query in queries:
            track = find_track(home.catalog, query)
            complain(f'"{query}" is {track.name}.')
            examples.append((track.id, fits))
    return examples


def refuse_existing(home: Home, tag: str) -> None:
    """Raise NotFound for a tag of the taggers or a genre."""
    existing = {fold(name) for name in home.projection.tags}
    existing |= {fold(genre) for label in home.catalog.track_summaries() for genre in label.genres}
    if fold(tag) in existing:
        raise NotFound(f'"{tag}" is a tag already, of the taggers or the files: choose another.')


def listener_id(home: Home, name: str) -> int:
    """Return a listener's id. Raises NotFound."""
    listener = home.catalog.listener(name)
    if listener is None:
        raise NotFound(f'There is no listener "{name}".')
    return listener.id


def scored(
    recommender: Recommender, examples: TagExamples
) -> tuple[Mapping[str, Figure] | None, str]:
    """Return the cross-validated score of a tag, or why there is none."""
    try:
        lesson = lesson_of(examples, recommender.track_table(), recommender.index)
        return honest_score(lesson, STANDS_OUT), ""
    except TooFew as error:
        return None, str(error)


def in_words(score: Mapping[str, Figure]) -> str:
    """Return a tag's score as sentences."""
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
            "That is not clearly better than chance: give more examples, or more similar ones."
        )
    return "\n".join(lines)


def shown(score: Mapping[str, Figure]) -> dict[str, Figure]:
    """Return the figures that are shown."""
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


def show_list(home: Home, options: TeachOptions) -> None:
    """Print a listener's tags with their cross-validated scores."""
    recommender = Recommender(home)
    tags = home.catalog.examples(listener_id(home, options.listener))
    rows = [(examples, *scored(recommender, examples)) for examples in tags]
    if options.json:
        print(json.dumps([as_json(*row) for row in rows]))
        return
    table = Table(box=None, header_style="bold")
    for column in ("tag", "fit", "do not", "ROC-AUC", "95 %"):
        table.add_column(column, justify="left" if column == "tag" else "right")
    for examples, score, _ in rows:
        area = score["roc_auc"] if score else None
        cells = (f"{area.value:.2f}", f"{area.low:.2f} to {area.high:.2f}") if area else ("", "")
        counts = str(len(examples.fitting)), str(len(examples.unfitting))
        table.add_row(printable(examples.tag), *counts, *cells)
    TableConsole().print(table)


COMMAND = Command(parse, run, errors=(PlaylistError, TooFew), refused="cannot be read")
