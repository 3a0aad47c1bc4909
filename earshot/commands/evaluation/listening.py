"""`evaluate.py listening`: do recommendations find what people went on to hear?"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from earshot.commands.evaluation.content import OUT_SUFFIXES, PLOT_SUFFIXES, check_output
from earshot.commands.evaluation.shared import Parents, bounds, keep, names, opened, say
from earshot.terminal import table_console
from recsys.evaluation.embeddings import UnknownSystem
from recsys.evaluation.recommenders.data import ListeningData, of_home, restricted
from recsys.evaluation.recommenders.splits import PROTOCOLS, USER_SEEDS
from recsys.home.home import Home

OURS = "blend"
SHOWN = ("P@10", "R@20", "nDCG@100", "MAP", "AUC")
LISTS = ("coverage", "gini", "novelty", "intra-list similarity", "artist repetition")
SLICED = ("warm R@20", "tail R@20", "cold R@20")
SWEEPS = ("consistency", "diversity")


def add_to(commands: Any, parents: Parents) -> None:
    """Add the command to those of the script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "listening", parents=parents[:1], help="do recommendations find what people heard next?"
    )
    tables = parser.add_argument_group("tables instead of a home, .parquet or .csv")
    tables.add_argument("--interactions", type=Path, metavar="FILE", help="who listened to what")
    tables.add_argument("--items", type=Path, metavar="FILE", help="what the items are")
    for option, default in (("user", "user"), ("item", "item")):
        tables.add_argument(
            f"--{option}-column", default=default, metavar="NAME", help=f"(default: {default})"
        )
    tables.add_argument("--count-column", metavar="NAME", help='(default: "count", or 1 each)')
    tables.add_argument("--time-column", metavar="NAME", help="Unix seconds or ISO dates")
    tables.add_argument("--artist-column", metavar="NAME", help='(default: "artist" if there)')
    tables.add_argument(
        "--content-columns",
        type=names,
        metavar="NAME,…",
        help="numbers (default, if no texts are named: all numeric ones but ids and counts)",
    )
    tables.add_argument(
        "--text-columns",
        type=names,
        metavar="NAME,…",
        help="lists such as rock|live:3 (default, if no numbers are named: genres)",
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, default="warm", help="(default: warm)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="splits (default: 1)")
    parser.add_argument(
        "--user-seeds",
        default=",".join(map(str, USER_SEEDS)),
        metavar="N,…",
        help="tracks told of a new listener, for cold-user (default: 1,5,10)",
    )
    parser.add_argument(
        "--min-item-listeners", type=int, default=1, metavar="N", help="leave out rarer items"
    )
    parser.add_argument(
        "--require-content", action="store_true", help="leave out items that lack content"
    )
    parser.add_argument("--systems", type=names, default=[], metavar="NAME,…", help="only these")
    parser.add_argument(
        "--sweep", choices=SWEEPS, help="instead: what a control of the list does, and costs"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write every listener's figures, .parquet or .csv"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them, .png, .svg or .pdf")
    parser.set_defaults(run=run, check=lambda args: check(parser, args))


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Check what argparse cannot, before anything is computed."""
    try:
        args.user_seeds = tuple(sorted({int(n) for n in names(args.user_seeds)}))
    except ValueError:
        args.user_seeds = ()
    if not args.user_seeds or min(args.seeds, args.min_item_listeners, args.user_seeds[0]) < 1:
        parser.error(
            "--seeds, --min-item-listeners and --user-seeds take whole numbers of at least 1"
        )
    if args.items and not args.interactions:
        parser.error("--items describes the items of --interactions, which is missing")
    if args.sweep and (args.out or args.plot):
        parser.error("--sweep prints a table; --out and --plot belong to the comparison")
    check_output(parser, "--out", args.out, OUT_SUFFIXES)
    check_output(parser, "--plot", args.plot, PLOT_SUFFIXES)


def run(args: argparse.Namespace) -> int:
    """Evaluate recommendations and print the result."""
    if args.interactions:
        return evaluate(args, from_tables(args), None)
    with opened(args) as home:
        return evaluate(args, of_home(home), home)


def from_tables(args: argparse.Namespace) -> ListeningData:
    """Read the tables that the arguments name."""
    from recsys.evaluation.recommenders.tables import Columns, read_tables  # noqa: PLC0415 - scikit-learn, slow to load

    named = args.content_columns, args.text_columns
    columns = Columns(
        args.user_column,
        args.item_column,
        args.count_column,
        args.time_column,
        args.artist_column,
        *(None if of_kind is None else tuple(of_kind) for of_kind in named),
    )
    return read_tables(args.interactions, args.items, columns)


def evaluate(args: argparse.Namespace, whole: ListeningData, home: Home | None) -> int:
    """Compare the systems on the data, or sweep a control."""
    from recsys.evaluation.recommenders.systems import all_systems, usable  # noqa: PLC0415 - implicit, slow

    data = restricted(
        whole, min_item_listeners=args.min_item_listeners, require_content=args.require_content
    )
    systems, notes = usable(all_systems(), data.content)
    unknown = [name for name in args.systems if name not in all_systems()]
    if unknown:
        raise UnknownSystem(
            f'There is no system "{unknown[0]}": there are {", ".join(all_systems())}.'
        )
    chosen = {n: s for n, s in systems.items() if n in args.systems or not args.systems}
    notes = (*data.notes, *notes)
    if not chosen:
        raise UnknownSystem(f"None of the systems can be used. {' '.join(notes)}")
    for note in notes:
        say(note)
    if args.sweep:
        return sweep(args, data, chosen, notes)
    return compare(args, data, chosen, notes, home)


def compare(
    args: argparse.Namespace,
    data: ListeningData,
    systems: Mapping[str, Any],
    notes: tuple[str, ...],
    home: Home | None,
) -> int:
    """Compare the systems and print, write, draw and keep what was asked for."""
    from recsys.evaluation.recommenders.comparison import compare_systems, figures  # noqa: PLC0415 - implicit, slow

    start = time.perf_counter()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        comparison = compare_systems(
            data.interactions,
            data.content,
            systems,
            args.protocol,
            args.seeds,
            user_seeds=args.user_seeds,
            progress=lambda what: bar.update(task, description=what),
        )
    ours = OURS if OURS in systems else None
    of_history = {name: figures(found, ours) for name, found in comparison.results.items()}
    report = {
        "protocol": args.protocol,
        "seeds": args.seeds,
        "listeners": len(data.listeners),
        "items": len(data.items),
        "pairs": int(data.interactions.counts.nnz),
        **next(iter(of_history.values())),
        "settings": {n: list(map(described, s)) for n, s in comparison.settings.items()},
        "notes": list(notes),
        "seconds_of": comparison.seconds,
        "seconds": time.perf_counter() - start,
    }
    if len(of_history) > 1:
        report["by_user_seeds"] = of_history
    if home:
        keep(args, home, "listening", report)
    if args.out:
        write(args.out, comparison.table(data.listeners.tolist()))
    if args.plot:
        from recsys.evaluation.recommenders.plots import plot  # noqa: PLC0415 - matplotlib, slow to load

        plot(args.plot, report["systems"], f"{args.protocol}, seeds: {args.seeds}")
    if args.json:
        print(json.dumps(report))
    else:
        print_report(report, of_history)
    return 0


def described(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON can hold them."""
    plain = (str, int, float, type(None))
    return {n: value if isinstance(value, plain) else str(value) for n, value in settings.items()}


def write(path: Path, table: Any) -> None:
    """Write a row for each system, seed and listener."""
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)


def sweep(
    args: argparse.Namespace,
    data: ListeningData,
    systems: Mapping[str, Any],
    notes: tuple[str, ...],
) -> int:
    """Sweep a control of the list with the first of blend, ridge, … that can be used."""
    from recsys.evaluation.recommenders.sweep import sweep as levels_of  # noqa: PLC0415 - implicit, slow

    name = next(name for name in (OURS, "ridge", *systems) if name in systems)
    start = time.perf_counter()
    levels = levels_of(
        data.interactions, data.content, systems[name], args.sweep, args.protocol, args.seeds
    )
    report = {
        "protocol": args.protocol,
        "system": name,
        "control": args.sweep,
        "levels": levels,
        "notes": list(notes),
        "seconds": time.perf_counter() - start,
    }
    if args.json:
        print(json.dumps(report))
        return 0
    table_console().print(sweep_table(report))
    return 0


def sweep_table(report: Mapping[str, Any]) -> Table:
    """What each level of a control does to each measure, and how that differs from the first."""
    columns = ["", report["control"], "mean", "95 %", "change", "95 %"]
    title = f"{report['system']}, {report['protocol']}"
    table = Table(*columns, title=title, box=None, padding=(0, 1, 0, 0))
    for measure in [name for name in report["levels"][0] if name != "level"]:
        for number, level in enumerate(report["levels"]):
            value = level[measure]
            row = [f"{value['mean']:.3f}", bounds(value["ci"])]
            row += [f"{value['diff']:+.3f}", bounds(value["diff_ci"], "+.3f")]
            table.add_row(measure if number == 0 else "", f"{level['level']:.1f}", *row)
        table.add_section()
    return table


def print_report(report: Mapping[str, Any], of_history: Mapping[str, Any]) -> None:
    """Print the result for people."""
    console = table_console()
    size = f"{report['listeners']} listeners, {report['items']} items, {report['pairs']} pairs"
    console.print(f"{report['protocol']}, seeds: {report['seeds']}, {size}", soft_wrap=True)
    for history, found in of_history.items():
        told = f", tracks told of each: {history}" if history else ""
        console.print(accuracy_table(found, f"Found again{told}"))
        console.print(lists_table(found["systems"], f"Lists of 20{told}"))
    seconds = ", ".join(f"{name} {s:.0f} s" for name, s in report["seconds_of"].items())
    console.print(f"{report['seconds']:.0f} s: {seconds}", soft_wrap=True)


def accuracy_table(found: Mapping[str, Any], title: str) -> Table:
    """Each system's accuracy, and what ours has more."""
    paired = found["paired"]
    columns = ["", "system", "mean", "95 %"] + [f"{OURS} - it", "95 %"] * bool(paired)
    table = Table(*columns, title=title, box=None, padding=(0, 1, 0, 0))
    for metric in SHOWN:
        for number, (name, metrics) in enumerate(found["systems"].items()):
            value = metrics[metric]
            row = [f"{value['mean']:.3f}", bounds(value["ci"])]
            if name in paired:
                against = paired[name][metric]
                row += [f"{against['diff']:+.3f}", bounds(against["ci"], "+.3f")]
            table.add_row(metric if number == 0 else "", name, *row)
        table.add_section()
    return table


def lists_table(systems: Mapping[str, Any], title: str) -> Table:
    """What each system's lists are besides their hits, and R@20 of each slice of tracks."""
    measures = [m for m in (*LISTS, *SLICED) if any(m in metrics for metrics in systems.values())]
    table = Table("system", *measures, title=title, box=None, padding=(0, 1, 0, 0))
    for name, metrics in systems.items():
        table.add_row(name, *(f"{metrics[m]['mean']:.3f}" for m in measures))
    return table
