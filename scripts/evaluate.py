"""Evaluate what a home finds: against labels, and against what people hear.

    python scripts/evaluate.py content --by genre --exclude-same artist -k 1,5,10
    python scripts/evaluate.py content --labels labels.csv --by artist -k 5 --min-group 2 --json
    python scripts/evaluate.py tags --labels labels.csv --by tags
    python scripts/evaluate.py triplets judgements.csv

Exit status: 0 done, 1 nothing to evaluate, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from encoders.errors import AudioError
from encoders.projection import Projection, ProjectionError
from index.vector_index import DamagedIndex, StaleIndex, VectorIndex
from recsys.baselines import HOME, MFCC, Systems, UnknownSystem, listen
from recsys.build import INDEX_NAME, PROJECTION_NAME
from recsys.catalog import Catalog, CatalogError
from recsys.catalog.base import shown
from recsys.evaluate import Retrieval, evaluate_retrieval, hub_report
from recsys.labels import LabelsError, catalogue_labels, read_labels
from recsys.settings import SettingsError, load_settings
from recsys.triplets import Triplets, odd_ones, read_triplets, summarise

NOTHING, USAGE, STOPPED = 1, 2, 130
OUT_SUFFIXES, PLOT_SUFFIXES = (".parquet", ".csv"), (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Home:
    """An opened home; `projection` is None where there is none that can be read."""

    catalog: Catalog
    index: VectorIndex
    projection: Projection | None


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Evaluate what a home finds.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--home", type=Path, help="where catalogue and index are kept")
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    choice = argparse.ArgumentParser(add_help=False)
    choice.add_argument(
        "--systems",
        default="",
        metavar="NAME,…",
        help="what to compare the home with: random, mfcc, logits, penultimate, projection "
        "(default: all whose features the home keeps)",
    )
    choice.add_argument(
        "--mfcc", action="store_true", help="compute the MFCCs that tracks lack, and keep them"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    content = commands.add_parser(
        "content", parents=[shared, choice], help="does what sounds alike share a label?"
    )
    content.set_defaults(run=evaluate_content)
    content.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    content.add_argument("--by", required=True, metavar="COLUMN", help="what a hit must share")
    content.add_argument("-k", default="10", metavar="K,K,…", help="list lengths (default: 10)")
    content.add_argument(
        "--exclude-same",
        action="append",
        default=[],
        metavar="COLUMN",
        help="results must differ in this; may be given more than once",
    )
    content.add_argument("--min-group", type=int, default=1, metavar="N", help="smallest label")
    content.add_argument(
        "--out", type=Path, metavar="FILE", help="write every query's figures, .parquet or .csv"
    )
    content.add_argument("--plot", type=Path, metavar="FILE", help="draw them, .png, .svg or .pdf")
    tags = commands.add_parser("tags", parents=[shared], help="are the taggers' tags right?")
    tags.set_defaults(run=evaluate_tags)
    tags.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    tags.add_argument(
        "--by",
        metavar="COLUMN",
        help="column of tags such as rock|guitar (default: columns named as tags, of 0 and 1)",
    )
    triplets = commands.add_parser(
        "triplets", parents=[shared, choice], help="which of three is the odd one out?"
    )
    triplets.set_defaults(run=evaluate_triplets)
    triplets.add_argument("file", type=Path, help="CSV of a,b,c,votes_a,votes_b,votes_c")
    args = parser.parse_args(arguments)
    if args.command == "content":
        check_content(parser, args)
    if args.command == "tags" and not (args.labels or args.by):
        parser.error("tags needs --labels, --by or both")
    if args.command != "tags":
        args.systems = [name.strip() for name in args.systems.split(",") if name.strip()]
    return args


def check_content(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Check what argparse cannot, before anything is computed."""
    try:
        args.ks = sorted({int(k) for k in args.k.split(",")})
    except ValueError:
        args.ks = [0]
    if args.ks[0] < 1 or args.min_group < 1:
        parser.error("-k and --min-group take whole numbers of at least 1")
    for option, path, known in (
        ("--out", args.out, OUT_SUFFIXES),
        ("--plot", args.plot, PLOT_SUFFIXES),
    ):
        if path and path.suffix not in known:
            parser.error(f"{option} takes a file that ends in {' or '.join(known)}, got {path}")
        if path and not path.absolute().parent.is_dir():
            parser.error(f"{option}: there is no folder {path.absolute().parent}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    try:
        settings = load_settings(args.home)
        index = VectorIndex.load(settings.home / INDEX_NAME, model=None, projection=None, dim=None)
        try:
            projection = Projection.load(settings.home / PROJECTION_NAME)
        except ProjectionError:
            projection = None
        with Catalog(settings.home, settings.database) as catalog:
            status: int = args.run(args, Home(catalog, index, projection))
            return status
    except (LabelsError, SettingsError, UnknownSystem) as error:
        say(str(error))
        return USAGE
    except OSError as error:
        say(f"{error.filename or 'The output'} cannot be written: {error.strerror}.")
        return USAGE
    except (AudioError, CatalogError, DamagedIndex, StaleIndex) as error:
        say(str(error))
        return NOTHING
    except KeyboardInterrupt:
        say("Stopped.")
        return STOPPED


def say(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(sentence.encode("utf-8", "replace").decode(), file=sys.stderr)


def labels_of(args: argparse.Namespace, home: Home) -> pd.DataFrame:
    """Return the labels of the indexed tracks."""
    catalog = home.catalog
    labels = read_labels(args.labels, catalog) if args.labels else catalogue_labels(catalog)
    return labels[labels.index.isin(home.index.ids)]


def choose_systems(
    args: argparse.Namespace, home: Home, ids: Sequence[int]
) -> tuple[Systems, list[str], list[int]]:
    """Return the systems, the names of those to compare, and the tracks that all of them know."""
    if args.mfcc:
        compute_mfccs(home, ids)
    systems = Systems(home.catalog, home.index, home.projection)
    names = systems.choose(args.systems, ids)
    if args.mfcc:
        if not systems.complete([MFCC], ids):
            raise AudioError("Not one of the tracks could be analysed for its MFCCs.")
        names = list(dict.fromkeys(names + systems.choose([MFCC], ids)))
    known = systems.complete(names, ids)
    if len(known) < len(ids):
        say(f"{len(ids) - len(known)} tracks lack features of a system and are left out of all.")
    return systems, names, known


def compute_mfccs(home: Home, ids: Sequence[int]) -> None:
    """Compute the MFCCs that tracks lack, from as much of a track as the taggers heard."""
    from encoders.mfcc import MfccExtractor  # noqa: PLC0415 - torch, which nothing else here needs

    budget = str(home.index.manifest.model if home.index.manifest else "").rsplit("-", 1)[-1]
    n_cores = len(psutil.Process().cpu_affinity()) if psutil.LINUX else psutil.cpu_count()
    n_segments = int(budget) if budget.isdecimal() else None
    extractor = MfccExtractor(n_segments=n_segments, workers=n_cores)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("MFCCs", total=None)
        errors = listen(
            home.catalog,
            extractor,
            ids,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    for error in errors:
        say(str(error))


def evaluate_content(args: argparse.Namespace, home: Home) -> int:
    """Evaluate retrieval by content and print the result."""
    labels = labels_of(args, home)
    systems, names, ids = choose_systems(args, home, labels.index.tolist())
    labels = labels.loc[ids]
    vectors, retrievals = {}, {}
    for name in names:
        vectors[name] = systems.vectors(name, ids)
        retrievals[name] = evaluate_retrieval(
            vectors[name],
            labels,
            args.by,
            args.ks,
            exclude_same=args.exclude_same,
            min_group=args.min_group,
        )
    figures: dict[str, Any] = {"systems": {}, "paired": {}, "hubs": {}}
    for name, retrieval in retrievals.items():
        intervals = retrieval.intervals()
        summary = retrieval.summary()
        figures["systems"][name] = {m: {**summary[m], **intervals[m]} for m in summary}
        figures["hubs"][name] = hub_report(vectors[name])
        if name != HOME:
            figures["paired"][name] = retrieval.compare(retrievals[HOME])
    if args.out:
        write_queries(args.out, retrievals, labels, home.catalog)
    if args.plot:
        from recsys.plots import plot  # noqa: PLC0415 - matplotlib, which is slow to load

        plot(args.plot, retrievals, vectors, labels, args.by)
    if args.json:
        print(json.dumps(figures))
    else:
        print_content(figures, args)
    return 0


def write_queries(
    path: Path, retrievals: Mapping[str, Retrieval], labels: pd.DataFrame, catalog: Catalog
) -> None:
    """Write a row for each system and query: the track, its labels, its metrics, its results."""
    paths = {track.id: shown(track.path) for track in catalog.tracks(labels.index)}
    ids = labels.index.to_numpy()
    tables = []
    for name, retrieval in retrievals.items():
        queries = labels.iloc[retrieval.rows]
        best = [ids[row[row >= 0]] for row in retrieval.neighbours]
        table = pd.DataFrame(
            {
                "system": name,
                "track_id": queries.index,
                "path": [paths[track_id] for track_id in queries.index],
                **{column: queries[column].to_numpy() for column in ("artist", "album")},
                "n_relevant": retrieval.n_relevant,
                **retrieval.per_query,
                "neighbours": ["|".join(map(str, row.tolist())) for row in best],
            }
        )
        tables.append(table)
    joined = pd.concat(tables, ignore_index=True)
    if path.suffix == ".csv":
        joined.to_csv(path, index=False)
    else:
        joined.to_parquet(path, index=False)


def print_content(figures: Mapping[str, Any], args: argparse.Namespace) -> None:
    """Print the result for people."""
    title = f"Retrieval by {args.by}"
    if args.exclude_same:
        title += f", results of the same {' or '.join(args.exclude_same)} left out"
    systems, paired = figures["systems"], figures["paired"]
    columns = ["", "system", "macro", "95 %", "micro", "95 %", "queries"]
    columns += ["micro - home", "95 %", "p"] if paired else []
    table = Table(*columns, title=title, box=None, padding=(0, 1, 0, 0))
    for metric, home in systems[HOME].items():
        for name, metrics in systems.items():
            value = metrics[metric]
            row = [f"{value['macro']:.3f}", bounds(value["ci_macro"])]
            row += [f"{value['micro']:.3f}", bounds(value["ci"]), str(value["n"])]
            if name in paired:
                against = paired[name][metric]["micro"]
                row += [f"{against['diff']:+.3f}", bounds(against["ci"], "+.3f")]
                row += [chance(against["p"])]
            table.add_row(metric if name == HOME else "", name, *row)
        if "ceiling" in home:
            macro, micro = (f"{home['ceiling'][mean]:.3f}" for mean in ("macro", "micro"))
            table.add_row("", "attainable", macro, "", micro)
        table.add_section()
    console = Console(markup=False, highlight=False)
    console.print(table)
    for system, hubs in figures["hubs"].items():
        console.print(
            f"{system}: largest in-degree {hubs['max_in_degree']}, "
            f"skewness {hubs['skewness']:.2f}, in nobody's ten {hubs['orphans']:.1%}",
            soft_wrap=True,
        )


def bounds(ci: Sequence[float], form: str = ".3f") -> str:
    """Write an interval."""
    return f"{ci[0]:{form}} … {ci[1]:{form}}"


def chance(p: float) -> str:
    """Write a p-value."""
    return "<.001" if p < 0.001 else f"{p:.3f}"


def evaluate_tags(args: argparse.Namespace, home: Home) -> int:
    """Compare the taggers' tags with labels and print the result."""
    from recsys import tagging  # noqa: PLC0415 - scikit-learn, which is slow to load

    if home.projection is None:
        say("The home has no projection, which names its tags: run build_index.py again.")
        return NOTHING
    extractors, tags = home.projection.extractors, home.projection.tags
    labels = labels_of(args, home)
    if args.by in labels.columns:
        labels = labels[labels[args.by] != ""]
    ids, probabilities = tagging.tag_probabilities(home.catalog, extractors, labels.index.tolist())
    labels = labels.loc[ids]
    truth = (
        tagging.truth_of_column(labels, args.by)
        if args.by
        else tagging.truth_of_columns(labels, tags)
    )
    figures: dict[str, Any] = {}
    begin = 0
    for extractor, columns in zip(extractors, probabilities, strict=True):
        names = tags[begin : begin + columns.shape[1]]
        begin += len(names)
        scores = tagging.score_tags(columns, names, truth)
        if scores:
            rows = [score._asdict() for score in scores]
            figures[extractor] = {**tagging.mean_scores(scores), "tags": rows}
    if not figures:
        raise LabelsError("No tag of the taggers has tracks with and without it in the labels.")
    if args.json:
        print(json.dumps({"taggers": figures}))
    else:
        print_tags(figures)
    return 0


def print_tags(taggers: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the scores of tags for people."""
    console = Console(markup=False, highlight=False)
    for name, figures in taggers.items():
        head = ("tag", "ROC-AUC", "average precision", "chance", "tracks with it")
        table = Table(*head, title=name, box=None)
        for score in sorted(figures["tags"], key=lambda score: -score["roc_auc"]):
            share = score["n_positive"] / score["n"]
            values = score["roc_auc"], score["average_precision"], share
            table.add_row(score["tag"], *[f"{v:.3f}" for v in values], str(score["n_positive"]))
        table.add_section()
        means = figures["roc_auc"], figures["average_precision"], figures["chance_ap"]
        table.add_row(f"mean of {figures['n_tags']}", *[f"{mean:.3f}" for mean in means])
        console.print(table)


def evaluate_triplets(args: argparse.Namespace, home: Home) -> int:
    """Compare odd ones out with people's and print the result."""
    triplets = read_triplets(args.file, home.catalog, home.index.ids)
    ids = np.unique(triplets.ids).tolist()
    systems, names, known = choose_systems(args, home, ids)
    triplets = triplets.among(known)
    row = {track_id: number for number, track_id in enumerate(known)}
    odd = {name: odd_ones(triplets, row, systems.vectors(name, known)) for name in names}
    figures = {
        "systems": {name: summarise(triplets, chosen) for name, chosen in odd.items()},
        "paired": {
            name: summarise(triplets, chosen, odd[HOME])
            for name, chosen in odd.items()
            if name != HOME
        },
        "triplets": {"used": len(triplets.ids), "left_out": triplets.n_left_out},
    }
    if args.json:
        print(json.dumps(figures))
    else:
        print_triplets(figures, triplets)
    return 0


def print_triplets(figures: Mapping[str, Any], triplets: Triplets) -> None:
    """Print the agreement for people."""
    columns = ["", "system", "agreement", "95 %", "triplets", "- home", "95 %", "p"]
    table = Table(*columns, title="Odd one out of three, as people say", box=None)
    for measure, home in figures["systems"][HOME].items():
        for name, measures in figures["systems"].items():
            value = measures[measure]
            row = [f"{value['mean']:.3f}", bounds(value["ci"]), str(value["n"])]
            if name != HOME:
                against = figures["paired"][name][measure]
                row += [f"{against['diff']:+.3f}", bounds(against["ci"], "+.3f")]
                row += [chance(against["p"])]
            table.add_row(measure if name == HOME else "", name, *row)
        table.add_row("", "chance", f"{home['chance']:.3f}")
        table.add_row("", "attainable", f"{home['ceiling']:.3f}")
        table.add_section()
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(f"{len(triplets.ids)} triplets used, {triplets.n_left_out} left out.")


if __name__ == "__main__":
    sys.exit(main())
