"""Tables of `earshot evaluate listening` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from earshot.commands.evaluation.shared import bounds
from earshot.terminal import TableConsole

OURS = "blend"
SHOWN = ("P@10", "R@20", "nDCG@100", "MAP", "AUC")
LISTS = ("coverage", "gini", "novelty", "intra-list similarity", "artist repetition")
SLICED = ("warm R@20", "tail R@20", "cold R@20")


def sweep_table(report: Mapping[str, Any]) -> Table:
    """Return each measure at each level of a control, and its change from the first level."""
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
    console = TableConsole()
    size = f"{report['listeners']} listeners, {report['items']} items, {report['pairs']} pairs"
    console.print(f"{report['protocol']}, seeds: {report['seeds']}, {size}", soft_wrap=True)
    for history, results in of_history.items():
        known = f", tracks known of each: {history}" if history else ""
        console.print(accuracy_table(results, f"Held-out plays{known}"))
        console.print(lists_table(results["systems"], f"Lists of 20{known}"))
    seconds = ", ".join(f"{name} {s:.0f} s" for name, s in report["seconds_of"].items())
    console.print(f"{report['seconds']:.0f} s: {seconds}", soft_wrap=True)


def accuracy_table(results: Mapping[str, Any], title: str) -> Table:
    """Return each system's accuracy, and the difference of ours from it."""
    paired = results["paired"]
    columns = ["", "system", "mean", "95 %"] + [f"{OURS} - it", "95 %"] * bool(paired)
    table = Table(*columns, title=title, box=None, padding=(0, 1, 0, 0))
    for metric in SHOWN:
        for number, (name, metrics) in enumerate(results["systems"].items()):
            value = metrics[metric]
            row = [f"{value['mean']:.3f}", bounds(value["ci"])]
            if name in paired:
                against = paired[name][metric]
                row += [f"{against['diff']:+.3f}", bounds(against["ci"], "+.3f")]
            table.add_row(metric if number == 0 else "", name, *row)
        table.add_section()
    return table


def lists_table(systems: Mapping[str, Any], title: str) -> Table:
    """Return measures of each system's lists beside accuracy, and R@20 by slice of tracks."""
    measures = [m for m in (*LISTS, *SLICED) if any(m in metrics for metrics in systems.values())]
    table = Table("system", *measures, title=title, box=None, padding=(0, 1, 0, 0))
    for name, metrics in systems.items():
        table.add_row(name, *(f"{metrics[m]['mean']:.3f}" for m in measures))
    return table
