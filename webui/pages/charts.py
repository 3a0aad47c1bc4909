"""Figures of evaluations as bars with intervals, each a row of a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recsys.home.evaluation_reports import Kind
from recsys.popularity.measure import OURS

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """One system's figure.

    ours        whether it is what the home serves
    low, high   its 95 % interval, None where there is none
    n           how many queries, listeners or triplets it is a mean of; "" where it is none
    difference  what ours is more, or it is more than ours; `between` is its 95 % interval
    """

    name: str
    value: float
    ours: bool = False
    low: float | None = None
    high: float | None = None
    n: int | str = ""
    difference: str = ""
    between: str = ""


@dataclass(frozen=True)
class Chart:
    """One metric of several systems.

    meaning  what it says, in a sentence
    marks    values that lines stand at, by name: what is attainable, what chance reaches
    versus   the heading of the differences, "" for none
    """

    metric: str
    meaning: str
    bars: tuple[Bar, ...]
    marks: tuple[tuple[str, float], ...] = ()
    versus: str = ""

    @property
    def domain(self) -> tuple[float, float]:
        """The values at the ends of the axis; 0 is always on it."""
        values = [0.0, *(value for _, value in self.marks)]
        for bar in self.bars:
            values += [v for v in (bar.value, bar.low, bar.high) if v is not None]
        low, high = min(values), max(values)
        return low, high if high > low else low + 1.0

    def at(self, value: float) -> float:
        """Return where a value lies on the axis, from 0 to 100."""
        low, high = self.domain
        return round(100 * (value - low) / (high - low), 2)


# What a metric says, by how its name begins. In a list of K places at most K hits fit.
_MEANINGS = (
    ("P@", "Of the first K places, the share that are hits."),
    ("R@", "Of all that there is to find, the share within the first K places."),
    (
        "nDCG@",
        "Hits within the first K places count more the higher they stand; 1 is a perfect order.",
    ),
    ("MAP", "The precision at the place of every hit, averaged: the whole ranking counts."),
    ("R-precision", "Of as many first places as there are hits to find, the share that are hits."),
    ("AUC", "How often what was played later is ranked above what was not; .5 is chance."),
    ("warm R@", "R@K of those tracks alone that many had played before."),
    ("tail R@", "R@K of those tracks alone that few had played before."),
    ("cold R@", "R@K of those tracks alone that nobody had played before."),
    ("coverage", "The share of tracks that are in at least one list of 20."),
    ("gini", "How unevenly the tracks are recommended: 0 evenly, near 1 only a few tracks."),
    ("novelty", "How little played the listed tracks are, in bits: higher is less played."),
    ("intra-list", "The mean cosine between the tracks of a list: more is more alike."),
    ("artist rep", "The share of a list's tracks whose artist is higher up in it already."),
    ("ROC-AUC", "How often a track with the tag is given it more than one without; .5 is chance."),
    ("average precision", "The precision at the place of every track with the tag, averaged."),
    ("majority", "The share of triplets where the odd one out is that of most people."),
    ("votes", "The share of people who chose the same odd one out, averaged over triplets."),
    ("rank correlation", "How far the order agrees with how many play a track; 1 is perfect."),
    ("max_in_degree", "In how many lists the most exposed track is."),
    ("skewness", "How lopsided exposure is: 0 is even, far above it there are hubs."),
    ("orphans", "The share of tracks that are in no list."),
)
LISTENING = (
    *("P@10", "R@20", "nDCG@100", "MAP", "AUC", "warm R@20", "tail R@20", "cold R@20"),
    *("coverage", "gini", "novelty", "intra-list similarity", "artist repetition"),
)


def meaning(metric: str) -> str:
    """Say what a metric says.

    >>> meaning("P@10")
    'Of the first 10 places, the share that are hits.'
    """
    for begin, words in _MEANINGS:
        if metric.startswith(begin):
            return words.replace("K", metric.rpartition("@")[2]) if "@" in begin else words
    return ""


def charts(kind: Kind, figures: Figures) -> list[Chart]:
    """Return the charts of a report. Raises LookupError or TypeError for another form."""
    if kind == "content":
        return list(_content(figures))
    if kind == "triplets":
        return list(_triplets(figures))
    if kind == "tags":
        return list(_tags(figures["taggers"]))
    if kind == "popularity":
        return list(_popularity(figures))
    if kind == "listening":
        by_length = figures.get("by_user_seeds") or {"": figures}
        return [chart for n_given, part in by_length.items() for chart in _listening(n_given, part)]
    return list(_exposure(figures["hubs"]))


def _content(figures: Figures) -> Iterator[Chart]:
    """Macro means: every label counts the same."""
    home = figures["systems"]["home"]
    for metric, of_home in home.items():
        bars = []
        for name, metrics in figures["systems"].items():
            value = metrics[metric]
            paired = figures["paired"].get(name, {}).get(metric, {}).get("macro")
            low, high = value["ci_macro"]
            bars.append(
                Bar(
                    name,
                    value["macro"],
                    name == "home",
                    low,
                    high,
                    value["n"],
                    *_difference(paired),
                )
            )
        ceiling = of_home.get("ceiling")
        marks = (("attainable", ceiling["macro"]),) if ceiling else ()
        yield Chart(metric, meaning(metric), tuple(bars), marks, "more than home")


def _triplets(figures: Figures) -> Iterator[Chart]:
    for measure, of_home in figures["systems"]["home"].items():
        bars = []
        for name, measures in figures["systems"].items():
            value = measures[measure]
            paired = figures["paired"].get(name, {}).get(measure)
            low, high = value["ci"]
            bars.append(
                Bar(
                    name,
                    value["mean"],
                    name == "home",
                    low,
                    high,
                    value["n"],
                    *_difference(paired),
                )
            )
        marks = (("chance", of_home["chance"]), ("attainable", of_home["ceiling"]))
        yield Chart(measure, meaning(measure), tuple(bars), marks, "more than home")


def _tags(taggers: Figures) -> Iterator[Chart]:
    for name, scores in taggers.items():
        tags = sorted(scores["tags"], key=lambda tag: -tag["roc_auc"])
        for metric, key, chance in (
            ("ROC-AUC", "roc_auc", 0.5),
            ("average precision", "average_precision", scores["chance_ap"]),
        ):
            mean = Bar(f"mean of {scores['n_tags']}", scores[key], ours=True)
            bars = (mean, *(Bar(tag["tag"], tag[key], n=tag["n_positive"]) for tag in tags))
            yield Chart(f"{name}: {metric}", meaning(metric), bars, (("chance", chance),))


def _listening(n_given: str, figures: Figures) -> Iterator[Chart]:
    systems = figures["systems"]
    newest = list(systems.values())[-1]
    prefix = f"{n_given} tracks given: " if n_given else ""
    for metric in [name for name in LISTENING if name in newest]:
        bars = []
        for name, metrics in systems.items():
            value = metrics.get(metric, {"mean": math.nan})
            if not math.isnan(value["mean"]):
                low, high = value.get("ci", (None, None))
                paired = figures.get("paired", {}).get(name, {}).get(metric)
                ours = name == "blend"
                bars.append(
                    Bar(
                        name,
                        value["mean"],
                        ours,
                        low,
                        high,
                        value.get("n", ""),
                        *_difference(paired),
                    )
                )
        if bars:
            versus = "blend is more by" if any(bar.difference for bar in bars) else ""
            yield Chart(prefix + metric, meaning(metric), tuple(bars), (), versus)


def _popularity(figures: Figures) -> Iterator[Chart]:
    for metric, key in (("rank correlation", "spearman"), (f"nDCG@{figures['k']}", "ndcg")):
        bars = tuple(
            Bar(name, one["value"], name == OURS, one["low"], one["high"])
            for name, one in figures[key].items()
        )
        chance = figures[key][OURS]["chance"]
        yield Chart(metric, meaning(metric), bars, (("chance", chance),))


def _exposure(hubs: Figures) -> Iterator[Chart]:
    names = {"home": "home", "uncorrected": "without correction for hubs"}
    for metric in ("max_in_degree", "skewness", "orphans", "gini"):
        bars = tuple(
            Bar(names.get(name, name), measures[metric], name == "home")
            for name, measures in hubs.items()
        )
        title = {"max_in_degree": "largest in-degree", "gini": "Gini index"}.get(metric, metric)
        yield Chart(title, meaning(metric), bars)


def _difference(paired: Figures | None) -> tuple[str, str]:
    """Write a difference and its interval."""
    if not paired:
        return "", ""
    low, high = paired["ci"]
    return signed(paired["diff"]), f"{signed(low)} to {signed(high)}"


def signed(value: float) -> str:
    """Write a difference.

    >>> signed(0.0123), signed(-0.5), signed(-0.0001)
    ('+.012', '−.500', '.000')
    """
    text = plain(abs(value))
    if not round(value, 3):
        return text
    return f"−{text}" if value < 0 else f"+{text}"


def plain(value: float) -> str:
    """Write a figure.

    >>> plain(0.6604), plain(18), plain(2.25), plain(-0.2)
    ('.660', '18', '2.250', '−.200')
    """
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:.3f}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
