"""Plots of a comparison of recommenders: accuracy, coverage and novelty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHOWN = ("R@20", "nDCG@100")


def plot(
    path: Path,
    systems: Mapping[str, Mapping[str, Any]],
    title: str,
    cards: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Draw each system's accuracy with intervals, and accuracy against coverage and novelty.

    systems  metrics by system, as `comparison.figures` gives them
    cards    of rankers, whose chances are drawn against what was played

    Raises OSError where the file cannot be written, ValueError for an unknown kind of file.
    """
    reliabilities = [card["reliability"] for card in cards if "reliability" in card]
    n_axes = 5 if reliabilities else 4
    figure = Figure(figsize=(4 * n_axes, 6), layout="constrained")
    figure.suptitle(title)
    first, second, coverage, novelty, *more = figure.subplots(1, n_axes)
    bars = first, second
    for axes in more:
        _plot_reliability(axes, reliabilities)
    for axes, metric in zip(bars, SHOWN, strict=True):
        _plot_means(axes, systems, metric)
    _plot_trade(coverage, systems, "coverage", "candidates in some list")
    _plot_trade(novelty, systems, "novelty", "mean self-information of a list, bits")
    figure.savefig(path, dpi=110)


def plot_reliability(path: Path, reliabilities: Sequence[Sequence[Mapping[str, float]]]) -> None:
    """Draw the reliability of rankers alone, as their cards have it. Raises as `plot` does."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    _plot_reliability(figure.subplots(), reliabilities)
    figure.savefig(path, dpi=110)


def _plot_reliability(axes: Axes, reliabilities: Sequence[Sequence[Mapping[str, float]]]) -> None:
    """Draw the share of candidates that were played against the chance that a ranker gave them."""
    for bins in reliabilities:
        axes.loglog([b["predicted"] for b in bins], [b["played"] for b in bins], "o-", ms=4)
    low, high = axes.get_xlim()
    axes.loglog([low, high], [low, high], color="grey", lw=1)
    axes.set(title="reliability of the ranker", xlabel="predicted chance", ylabel="played")
    axes.grid(alpha=0.3)


def _plot_means(axes: Axes, systems: Mapping[str, Mapping[str, Any]], metric: str) -> None:
    means = np.array([metrics[metric]["mean"] for metrics in systems.values()])
    bounds = np.array([metrics[metric]["ci"] for metrics in systems.values()])
    places = np.arange(len(systems))[::-1]
    for place, mean, (low, high), colour in zip(
        places, means, bounds, _colours(systems).values(), strict=True
    ):
        reach = [[max(mean - low, 0)], [max(high - mean, 0)]]
        axes.errorbar([mean], [place], xerr=reach, fmt="o", color=colour, capsize=3)
    axes.set_yticks(places, list(systems))
    axes.set(title=f"{metric}, 95 % intervals", xlim=(0, None))
    axes.grid(alpha=0.3)


def _plot_trade(
    axes: Axes, systems: Mapping[str, Mapping[str, Any]], metric: str, label: str
) -> None:
    for (name, metrics), colour in zip(systems.items(), _colours(systems).values(), strict=True):
        point = metrics[metric]["mean"], metrics[SHOWN[0]]["mean"]
        axes.plot(*point, "o", color=colour)
        axes.annotate(name, point, xytext=(4, 4), textcoords="offset points", fontsize="small")
    axes.set(title=f"{SHOWN[0]} and {metric}", xlabel=label, ylabel=SHOWN[0])
    axes.grid(alpha=0.3)


def _colours(systems: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: f"C{number % 10}" for number, name in enumerate(systems)}
