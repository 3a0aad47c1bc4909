"""Plots of a retrieval evaluation: precision by list length, confusion of labels, and hubs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from index.arrays import Float64Array, Int64Array
from recsys.evaluation.labels import LabelColumn
from recsys.evaluation.metrics import attainable_precision
from recsys.evaluation.retrieval import HUB_K, Retrieval

MAX_LABELS = 20  # rows of the confusion matrix; the rest is one
OTHERS = "others"
MAX_POINTS = 10  # of a curve that have an interval


def plot(
    path: Path,
    retrievals: Mapping[str, Retrieval],
    degrees: Mapping[str, Int64Array],
    labels: pd.DataFrame,
    by: str,
) -> None:
    """Draw the systems; the confusion matrix is that of the first.

    `degrees` are in-degrees (n_tracks,), see `recsys.evaluation.retrieval.hub_degrees`.

    Raises OSError where the file cannot be written, ValueError for an unknown kind of file.
    """
    figure = Figure(figsize=(18, 7), layout="constrained")
    precision, confusions, hubs = figure.subplots(1, 3, width_ratios=[1, 1.15, 1])
    colours = {name: f"C{number % 10}" for number, name in enumerate(retrievals)}
    _plot_precision(precision, retrievals, colours, by)
    first = next(iter(retrievals))
    names, matrix = confusion(retrievals[first], labels, by)
    _plot_confusion(confusions, names, matrix, first, by)
    _plot_hubs(hubs, degrees, colours)
    figure.legend(*precision.get_legend_handles_labels(), loc="outside lower center", ncols=7)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as boxes
        figure.savefig(path, dpi=110)


def confusion(
    retrieval: Retrieval, labels: pd.DataFrame, by: str
) -> tuple[list[str], Float64Array]:
    """Return the shares of labels among the neighbours of each label's queries: rows sum to 1.

    The labels with the most queries come first, and a last row and column are for all others where
    there are more. Tracks of several labels count once for each pair; neighbours without a label
    are not counted.
    """
    column = LabelColumn(labels, by)
    queries = pd.Series(retrieval.label).value_counts()
    order = sorted(queries.index, key=lambda name: (-queries[name], name))
    shown = order if len(order) <= MAX_LABELS else order[: MAX_LABELS - 1]
    number = {name: i for i, name in enumerate(shown)}
    rest = any(name not in number for name in column.names)
    size = len(shown) + rest
    labels_of_row: dict[int, list[int]] = {}
    for row, name in zip(column.rows.tolist(), column.names, strict=True):
        labels_of_row.setdefault(row, []).append(number.get(name, len(shown)))
    counts = np.zeros((size, size))
    for query, name in zip(retrieval.query, retrieval.label, strict=True):
        for neighbour in retrieval.neighbours[query].tolist():
            for label in labels_of_row.get(neighbour, []):
                counts[number.get(name, len(shown)), label] += 1
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shown + [OTHERS] * rest, shares


def _plot_precision(
    axes: Axes, retrievals: Mapping[str, Retrieval], colours: Mapping[str, str], by: str
) -> None:
    for number, (name, retrieval) in enumerate(retrievals.items()):
        means, bounds = retrieval.precision_curve()
        ks = np.arange(1, len(means) + 1)
        step = -(-len(ks) // MAX_POINTS)
        shown = ks[::-step] - 1  # the longest list among them
        reach = np.abs(np.array(bounds).T - means)[:, shown]
        aside = 0.08 * step * (number - (len(retrievals) - 1) / 2)  # so that the bars stay apart
        axes.plot(ks, means, color=colours[name], label=name)
        axes.errorbar(
            ks[shown] + aside, means[shown], reach, color=colours[name], fmt="o", markersize=4
        )
    relevant = next(iter(retrievals.values())).n_relevant
    ceiling = [float(attainable_precision(relevant, k).mean()) for k in ks.tolist()]
    axes.plot(ks, ceiling, color="black", linestyle=":", label="attainable")
    axes.set(
        title=f"Precision by {by}, mean over queries, 95 % intervals",
        xlabel="K, length of the list",
        ylabel="P@K",
        ylim=(0, 1.02),
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def _plot_confusion(
    axes: Axes, names: list[str], matrix: Float64Array, system: str, by: str
) -> None:
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    shown = [name if len(name) <= 24 else f"{name[:23]}…" for name in names]
    size = "medium" if len(names) <= 8 else "x-small"
    plain: dict[str, Any] = {"fontsize": size, "parse_math": False}  # an artist's $ is no formula
    axes.set_xticks(range(len(names)), shown, rotation=40, ha="right", **plain)
    axes.set_yticks(range(len(names)), shown, **plain)
    axes.set(
        title=f"{system}: labels of the neighbours",
        xlabel=f"{by} of the neighbours",
        ylabel=f"{by} of the query",
    )
    if len(names) <= 12:
        for (row, column), share in np.ndenumerate(matrix):
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour)
    axes.figure.colorbar(image, ax=axes, shrink=0.7, label="share of the neighbours")


def _plot_hubs(axes: Axes, degrees: Mapping[str, Int64Array], colours: Mapping[str, str]) -> None:
    for name, counts in degrees.items():
        at_least = np.cumsum(np.bincount(counts)[::-1])[::-1] / len(counts)
        axes.step(np.arange(len(at_least)), at_least, where="post", color=colours[name])
        axes.plot(len(at_least) - 1, at_least[-1], color=colours[name], marker="o")
    axes.set(
        title="In-degrees (dots: the largest)",
        xlabel=f"lists of {HUB_K} nearest that a track is in",
        ylabel="share of tracks that are in at least as many",
        yscale="log",
    )
    axes.grid(alpha=0.3)
