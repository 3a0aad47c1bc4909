"""Pictures of a library and of its tracks: map, tags over time, segments compared, wheel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes
from numpy.typing import ArrayLike, NDArray

from index.arrays import Float32Array
from recsys.durations import clock
from recsys.musical_key import KEYS, camelot
from recsys.similarity.explanation import Moment
from recsys.tagging.taggram import Taggram

DPI = 150
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
    size = float(np.clip(6000 / max(len(points), 1), 2, 60))
    for (name, members), colour in zip(groups, COLOURS, strict=False):
        shown = members & free
        free &= ~members
        label = f"{name} ({int(shown.sum())})"
        axes.scatter(
            points[shown, 0], points[shown, 1], s=size, color=colour, label=label, linewidths=0
        )
    if free.any():
        x, y = points[free].T
        axes.scatter(x, y, s=size / 2, color=_REST, label="other", linewidths=0, zorder=0)
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
    cosines: Float32Array,
    moments: tuple[Sequence[Moment], Sequence[Moment]],
    names: tuple[str, str],
    closest: tuple[Moment, Moment],
) -> None:
    """Draw the cosines of segments of two tracks (n_one, n_other), and mark the closest pair."""
    figure = Figure(figsize=(7.6, 6.4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(cosines, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for set_ticks, listed in ((axes.set_yticks, moments[0]), (axes.set_xticks, moments[1])):
        chosen = np.unique(np.linspace(0, len(listed) - 1, min(len(listed), 8)).astype(int))
        set_ticks(chosen, labels=[clock(listed[number].start) for number in chosen])
    place = [
        next(n for n, moment in enumerate(listed) if moment.start == one.start)
        for listed, one in zip(moments, closest, strict=True)
    ]
    axes.plot(place[1], place[0], marker="o", mfc="none", mec="black", ms=14, mew=2)
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    axes.set_title("Segments compared by their tags; the closest pair is marked", loc="left")
    figure.colorbar(image, label="cosine of the tags' log-odds less the typical ones")
    figure.savefig(path, dpi=DPI)


def draw_wheel(path: Path, tracks: Sequence[tuple[str, float]], title: str) -> None:
    """Draw the library on the Camelot wheel: a point for each track's key and beats a minute."""
    figure = Figure(figsize=(8, 8.4), layout="constrained")
    axes = cast(PolarAxes, figure.subplots(subplot_kw={"projection": "polar"}))
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    rng = np.random.default_rng(0)  # spreads points of one key
    for minor in (False, True):
        colour = COLOURS[0] if minor else COLOURS[1]
        angles, radii = [], []
        for key, tempo in tracks:
            if key.endswith("minor") == minor:
                angles.append(_angle(key) + float(rng.uniform(-0.09, 0.09)))
                radii.append(tempo)
        side = -0.11 if minor else 0.11
        name = f"{'minor, A' if minor else 'major, B'} ({len(angles)})"
        axes.scatter(np.array(angles) + side, radii, s=14, color=colour, alpha=0.7, label=name)
    labels = [f"{n + 1}\n{_named(n + 1, 'A')}\n{_named(n + 1, 'B')}" for n in range(12)]
    axes.set_xticks([2 * np.pi * n / 12 for n in range(12)], labels=labels)
    axes.tick_params(axis="x", pad=14)
    axes.set_rlim(40, 220)
    axes.set_rticks([60, 90, 120, 150, 180], labels=["60", "90", "120", "150", "180 BPM"])
    axes.set_title(title, pad=28)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=DPI)


def _angle(key: str) -> float:
    return float(2 * np.pi * (int(camelot(key)[:-1]) - 1) / 12)


def _named(place: int, side: str) -> str:
    key = next(key for key in KEYS if camelot(key) == f"{place}{side}")
    return key.replace(" minor", "m").replace(" major", "")
