"""Pictures of a library and of its tracks: map, tags over time, segments compared, wheel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes
from numpy.typing import ArrayLike, NDArray

from recsys.durations import clock
from recsys.similarity.explanation import Moment, SegmentComparison
from recsys.tagging.taggram import Taggram
from recsys.track_map.wheel import RINGS, WheelPoint, radius_of, wheel_places

DPI = 150
MOST_SHAPES = 10_000  # in a vector picture; more points are one image in it, or it would be large
_REST = "#c9c9c9"  # of what is in no group
# Okabe and Ito's colours, which differ for colour-blind eyes too, and three more.
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6bb1", "#7f6a00",
    "#444444",
)  # fmt: skip


def draw_map(
    path: Path,
    places: ArrayLike,
    groups: Sequence[tuple[str, NDArray[np.bool_]]],
    title: str,
) -> None:
    """Draw tracks at their places (n, 2), coloured by groups: a name, and which tracks, (n,).

    A track of several groups has the colour of the first. Raises OSError, like the others.
    """
    points = np.asarray(places, np.float32)
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    free = np.ones(len(points), np.bool_)
    as_image = len(points) > MOST_SHAPES
    size = float(np.clip(6000 / max(len(points), 1), 2, 60))
    for (name, members), colour in zip(groups, COLOURS, strict=False):
        shown = members & free
        free &= ~members
        label = f"{name} ({int(shown.sum())})"
        x, y = points[shown].T
        axes.scatter(x, y, s=size, color=colour, label=label, linewidths=0, rasterized=as_image)
    if free.any():
        x, y = points[free].T
        axes.scatter(
            x,
            y,
            s=size / 2,
            color=_REST,
            label="other",
            linewidths=0,
            zorder=0,
            rasterized=as_image,
        )
    axes.set(title=title, aspect="equal", xticks=[], yticks=[])
    axes.invert_yaxis()  # as on the page
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=DPI)


def draw_taggram(path: Path, taggram: Taggram, title: str, highlight: Moment | None = None) -> None:
    """Draw the probabilities of tags over time, and the highlight where one is given."""
    figure = Figure(figsize=(10, 0.35 * len(taggram.tags) + 1.6), layout="constrained")
    axes = figure.subplots()
    starts = np.array([moment.start for moment in taggram.moments])
    ends = np.array([moment.end for moment in taggram.moments])
    for row, values in enumerate(taggram.probabilities):
        axes.broken_barh(
            list(zip(starts, ends - starts, strict=True)),
            (row - 0.45, 0.9),
            facecolors=[(0.0, 0.27, 0.55, float(value)) for value in values],
        )
    if highlight is not None:
        axes.axvspan(
            highlight.start,
            highlight.end,
            color=COLOURS[1],
            alpha=0.35,
            zorder=0,
            label="highlight",
        )
        axes.legend(loc="upper right", frameon=False, bbox_to_anchor=(1, 1.12))
    axes.set_yticks(range(len(taggram.tags)), labels=taggram.tags)
    axes.set_ylim(len(taggram.tags) - 0.5, -0.5)
    axes.set_xlim(0, float(ends.max()))
    axes.xaxis.set_major_formatter(lambda seconds, _: clock(seconds))
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DPI)


def draw_similarity(
    path: Path,
    compared: SegmentComparison,
    names: tuple[str, str],
) -> None:
    """Draw the cosines of segments of two tracks, and mark the closest pair."""
    figure = Figure(figsize=(7.6, 6.4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(compared.cosines, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for set_ticks, listed in zip((axes.set_yticks, axes.set_xticks), compared.moments, strict=True):
        chosen = np.unique(np.linspace(0, len(listed) - 1, min(len(listed), 8)).astype(int))
        set_ticks(chosen, labels=[clock(listed[number].start) for number in chosen])
    row, column = compared.closest
    axes.plot(column, row, marker="o", mfc="none", mec="black", ms=14, mew=2)
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    axes.set_title("Segments compared by their tags; the closest pair is marked", loc="left")
    figure.colorbar(image, label="cosine of the tags' log-odds less the typical ones")
    figure.savefig(path, dpi=DPI)


def draw_wheel(path: Path, points: Sequence[WheelPoint], title: str) -> None:
    """Draw the library on the Camelot wheel: a point for each track's key and beats a minute."""
    figure = Figure(figsize=(8, 8.4), layout="constrained")
    axes = cast(PolarAxes, figure.subplots(subplot_kw={"projection": "polar"}))
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    for minor, colour in ((True, COLOURS[0]), (False, COLOURS[1])):
        shown = [point for point in points if point.minor == minor]
        name = f"{'minor, A' if minor else 'major, B'} ({len(shown)})"
        angles, radii = [p.angle for p in shown], [p.radius for p in shown]
        as_image = len(points) > MOST_SHAPES
        axes.scatter(angles, radii, s=14, color=colour, alpha=0.7, label=name, rasterized=as_image)
    places = wheel_places()
    labels = [f"{place.number}\n{place.minor}\n{place.major}" for place in places]
    axes.set_xticks([place.angle for place in places], labels=labels)
    axes.tick_params(axis="x", pad=14)
    axes.set_rlim(0, 1)
    rings = [str(bpm) for bpm in RINGS]
    rings[-1] += " BPM"
    axes.set_rticks([radius_of(bpm) for bpm in RINGS], labels=rings)
    axes.set_title(title, pad=28)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=DPI)
