"""Whether moods and activities find what people feel in music: ranks against Emotify's emotions.

    python -m benchmarks.moods AUDIO/emotify HOME

AUDIO/emotify has labels.csv with the shares of listeners who felt each of nine emotions in a clip
(Aljanaki, Wiering and Veltkamp 2016); HOME is made by `earshot build AUDIO/emotify --home HOME`.
Which emotion each mood goes with was written before any result was seen. The figure is Spearman's
rank correlation, with intervals of 95 % by bootstrap over artists, beside that of the best of the
tags that the mood is made of: it is chosen by these labels, so that it flatters.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.words import read_labels
from recsys.evaluation.metrics import resamples
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.recommendation.recommender import Recommender
from recsys.tagging.moods import MOODS

EMOTIONS = {
    "for running": "joyful_activation",
    "for working out": "power",
    "for a party": "joyful_activation",
    "for dancing": "joyful_activation",
    "for reading": "calmness",
    "for concentrating": "calmness",
    "for relaxing": "calmness",
    "for falling asleep": "calmness",
    "for meditation": "calmness",
    "for dinner": "tenderness",
    "for a rainy day": "sadness",
}
N_RESAMPLES = 2000


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("audio", type=Path)
    parser.add_argument("home", type=Path)
    args = parser.parse_args()
    with open_home(load_settings(args.home)) as home:
        labels = read_labels(args.audio, home.catalog)
        recommender = Recommender(home)
        tags, table = recommender.tags_of(None), recommender.track_table()
        ids = sorted(labels)
        rows = table.rows(ids)
        artists = [labels[i]["artist"] for i in ids]
        print(f"\n{len(ids)} clips, {len(set(artists))} artists\n")
        print("| mood | emotion | Spearman | best single tag |\n|---|---|---|---|")
        for name, emotion in EMOTIONS.items():
            felt = np.array([float(labels[i][emotion]) for i in ids])
            column = tags.column(name)
            if column is None:
                print(f"| {name} | {emotion} | no tag is known | |")
                continue
            columns = {tag: tags.table().column(tag) for tag in MOODS[name].wanted}
            single = {
                tag: float(spearmanr(values[rows], felt).statistic)
                for tag, values in columns.items()
                if values is not None
            }
            best = max(single, key=lambda tag: single[tag])
            drawn = [
                spearmanr(column[rows][some], felt[some]).statistic
                for some in resamples(artists, N_RESAMPLES, 0)
            ]
            low, high = np.quantile(drawn, [0.025, 0.975])
            value = float(spearmanr(column[rows], felt).statistic)
            print(f"| {name} | {emotion} | {value:.2f} ({low:.2f} to {high:.2f}) ", end="")
            print(f"| {best} {single[best]:.2f} |")


if __name__ == "__main__":
    main()
