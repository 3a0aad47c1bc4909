"""Teach the home's embedding from the library's own labels, if that measurably helps.

    python scripts/train_head.py
    python scripts/train_head.py --labels labels.csv --loss multi-similarity --json
    python scripts/train_head.py --remove

A head is trained on what is labelled alike and compared with the default projection on artists it
never saw. It is adopted only if artist P@5 rises beyond its paired interval and genre P@10 does not
fall beyond its own; the library is then indexed anew from what is stored, without decoding.

Exit status: 0 done, adopted or not; 1 nothing to learn from, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from evaluation.shared import NOTHING, STOPPED, USAGE, labels_of, opened, parents, say
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from encoders.features import TrackFeatures
from encoders.projection import Head, Projection, ProjectionError
from index.vector_index import DamagedIndex, StaleIndex
from recsys.adoption import TooFewArtists, Verdict, cross_fit, fit
from recsys.adoption import Labels as Judged
from recsys.alike import DEFAULT_WEIGHTS, LISTENERS, SEGMENTS, label_members
from recsys.build import HEAD_NAME, PROJECTION_NAME, read_features, reproject
from recsys.catalog import CatalogError
from recsys.home import Home, NotIndexed
from recsys.labels import LabelsError, split_labels
from recsys.settings import SettingsError

SEGMENTS_KEPT = 8  # of a track, spread over it, that a head learns from
LOSSES = ("triplet", "multi-similarity", "ntxent", "proxy-anchor")
_BLOCK = 500  # tracks whose features are in memory at once

_Vectors = NDArray[np.float32]


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        parents=[parents().every],
        description="Teach the home's embedding from the library's labels, if that helps.",
        epilog="Exit status: 0 done, adopted or not; 1 nothing to learn from, 2 usage.",
    )
    parser.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    parser.add_argument("--loss", choices=LOSSES, default=LOSSES[0], help="(default: %(default)s)")
    parser.add_argument(
        "--alike",
        type=weights,
        default=dict(DEFAULT_WEIGHTS),
        metavar="WHAT=WEIGHT,…",
        help="what counts as alike, and how much: label columns, segments (of one track), "
        "listeners (default: " + ",".join(f"{k}={v:g}" for k, v in DEFAULT_WEIGHTS.items()) + ")",
    )
    parser.add_argument("--splits", type=int, default=5, help="folds of artists (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of folds and training (default: 0)")
    parser.add_argument("--remove", action="store_true", help="go back to the default projection")
    args = parser.parse_args(arguments)
    if args.splits < 2 or args.seed < 0:
        parser.error("--splits takes a number of at least 2, --seed of at least 0")
    return args
