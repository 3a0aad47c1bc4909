"""`earshot evaluate listening`: do recommendations predict what people play next?"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from earshot.arguments import names, output_file, whole_number
from earshot.command import DONE
from earshot.commands.evaluation.listening_tables import OURS, print_report, sweep_table
from earshot.commands.evaluation.shared import (
    command_line,
    evaluation,
    evaluation_parser,
    keep,
)
from earshot.commands.evaluation.table_options import add_tables, columns_of
from earshot.terminal import TableConsole, complain
from recsys.evaluation.embeddings import UnknownSystem
from recsys.evaluation.recommenders.comparison import compare_systems, figures
from recsys.evaluation.recommenders.data import ListeningData, of_home, restricted
from recsys.evaluation.recommenders.splits import PROTOCOLS, USER_SEEDS
from recsys.evaluation.recommenders.sweep import sweep as levels_of
from recsys.evaluation.recommenders.systems import all_systems, usable
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings

SWEEPS = ("consistency", "diversity")


@dataclass(frozen=True)
class ListeningOptions:
    """The arguments of `earshot evaluate listening`."""

    home: Path | None
    json: bool
    interactions: Path | None
    items: Path | None
    columns: Columns
    protocol: str
    seeds: int
    user_seeds: tuple[int, ...]
    min_item_listeners: int
    require_content: bool
    systems: tuple[str, ...]
    sweep: str | None
    out: Path | None
    plot: Path | None
    command_line: str


def parse(arguments: Sequence[str]) -> ListeningOptions:
    """Parse the arguments."""
    parser = evaluation_parser("listening", "Do recommendations predict what people play next?")
    add_tables(parser.add_argument_group("tables instead of a home, .parquet or .csv"))
    parser.add_argument("--protocol", choices=PROTOCOLS, default="warm", help="(default: warm)")
    parser.add_argument(
        "--seeds", type=whole_number(1), default=1, metavar="N", help="splits (default: 1)"
    )
    parser.add_argument(
        "--user-seeds",
        type=numbers,
        default=USER_SEEDS,
        metavar="N,…",
        help="tracks known of a new listener, for cold-user (default: "
        f"{','.join(map(str, USER_SEEDS))})",
    )
    parser.add_argument(
        "--min-item-listeners",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="leave out items with fewer listeners (default: 1)",
    )
    parser.add_argument(
        "--require-content", action="store_true", help="leave out items that lack content"
    )
    parser.add_argument("--systems", type=names, default=(), metavar="NAME,…", help="only these")
    parser.add_argument(
        "--sweep", choices=SWEEPS, help="instead: what a control of the mix changes, and costs"
    )
    parser.add_argument(
        "--out",
        type=output_file(".parquet", ".csv"),
        metavar="FILE",
        help="write every listener's figures, .parquet or .csv",
    )
    parser.add_argument(
        "--plot",
        type=output_file(".png", ".svg", ".pdf"),
        metavar="FILE",
        help="draw them, .png, .svg or .pdf",
    )
    args = parser.parse_args(arguments)
    if args.items and not args.interactions:
        parser.error("--items describes the items of --interactions, which is missing")
    if args.sweep and (args.out or args.plot):
        parser.error("--sweep prints a table; --out and --plot belong to the comparison")
    columns = columns_of(args)
    given = {name: value for name, value in vars(args).items() if not name.endswith("_column")}
    del given["content_columns"], given["text_columns"]
    line = command_line("listening", arguments)
    return ListeningOptions(**given, columns=columns, command_line=line)


def numbers(text: str) -> tuple[int, ...]:
    """Parse whole numbers of at least 1, in ascending order.

    >>> numbers("10,1,5")
    (1, 5, 10)
    """
    return tuple(sorted({whole_number(1)(number) for number in names(text) or [text]}))


def run(options: ListeningOptions) -> int:
    """Evaluate recommendations and print the result."""
    if options.interactions:
        data = read_tables(options.interactions, options.items, options.columns)
        return evaluate(options, data, None)
    with open_home(load_settings(options.home)) as home:
        return evaluate(options, of_home(home), home)


def evaluate(options: ListeningOptions, whole: ListeningData, home: Home | None) -> int:
    """Compare the systems on the data, or sweep a control."""
    data = restricted(
        whole,
        min_item_listeners=options.min_item_listeners,
        require_content=options.require_content,
    )
    systems, notes = usable(all_systems(), data.content)
    unknown = [name for name in options.systems if name not in all_systems()]
    if unknown:
        raise UnknownSystem(
            f'There is no system "{unknown[0]}": there are {", ".join(all_systems())}.'
        )
    chosen = {n: s for n, s in systems.items() if n in options.systems or not options.systems}
    notes = (*data.notes, *notes)
    if not chosen:
        raise UnknownSystem(f"None of the systems can be used. {' '.join(notes)}")
    for note in notes:
        complain(note)
    if options.sweep:
        sweep(options.sweep, options, data, chosen, notes)
    else:
        compare(options, data, chosen, notes, home)
    return DONE


def compare(
    options: ListeningOptions,
    data: ListeningData,
    systems: Mapping[str, Any],
    notes: tuple[str, ...],
    home: Home | None,
) -> None:
    """Compare the systems and print, write, draw and store the figures."""
    start = time.perf_counter()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        comparison = compare_systems(
            data.interactions,
            data.content,
            systems,
            options.protocol,
            options.seeds,
            user_seeds=options.user_seeds,
            progress=lambda what: bar.update(task, description=what),
        )
    ours = OURS if OURS in systems else None
    of_history = {name: figures(results, ours) for name, results in comparison.results.items()}
    report = {
        "protocol": options.protocol,
        "seeds": options.seeds,
        "listeners": len(data.listeners),
        "items": len(data.items),
        "pairs": int(data.interactions.counts.nnz),
        **next(iter(of_history.values())),
        "settings": {n: list(map(described, s)) for n, s in comparison.settings.items()},
        **({"cards": comparison.cards} if comparison.cards else {}),
        "notes": list(notes),
        "seconds_of": comparison.seconds,
        "seconds": time.perf_counter() - start,
    }
    if len(of_history) > 1:
        report["by_user_seeds"] = of_history
    if home:
        keep(home, "listening", options.command_line, report)
    if options.out:
        write(options.out, comparison.table(data.listeners.tolist()))
    if options.plot:
        from recsys.evaluation.recommenders.plots import plot  # noqa: PLC0415 - matplotlib, slow to load

        cards = [card for of_system in comparison.cards.values() for card in of_system]
        plot(options.plot, report["systems"], f"{options.protocol}, seeds: {options.seeds}", cards)
    if options.json:
        print(json.dumps(report))
    else:
        print_report(report, of_history)


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
    control: str,
    options: ListeningOptions,
    data: ListeningData,
    systems: Mapping[str, Any],
    notes: tuple[str, ...],
) -> None:
    """Sweep a control of the list with the first of blend, ridge, … that can be used."""
    name = next(name for name in (OURS, "ridge", *systems) if name in systems)
    start = time.perf_counter()
    levels = levels_of(
        data.interactions,
        data.content,
        systems[name],
        control,
        options.protocol,
        options.seeds,
    )
    report = {
        "protocol": options.protocol,
        "system": name,
        "control": control,
        "levels": levels,
        "notes": list(notes),
        "seconds": time.perf_counter() - start,
    }
    if options.json:
        print(json.dumps(report))
        return
    TableConsole().print(sweep_table(report))


COMMAND = evaluation(parse, run)
