"""`earshot evaluate regression`: do features predict numeric ratings?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from earshot.arguments import names
from earshot.command import DONE
from earshot.commands.evaluation.shared import (
    add_labels,
    add_mfcc,
    compute_mfccs,
    evaluation,
    evaluation_parser,
    labels_of,
)
from earshot.terminal import TableConsole
from index.arrays import Float64Array
from recsys.catalog import CatalogError
from recsys.catalog.track_features import read_features
from recsys.evaluation import regression
from recsys.evaluation.embeddings import MFCC
from recsys.evaluation.labels import LabelsError, artist_groups
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings


@dataclass(frozen=True)
class RegressionOptions:
    """The arguments of `earshot evaluate regression`."""

    home: Path | None
    json: bool
    labels: Path
    columns: tuple[str, ...]
    mfcc: bool


def parse(arguments: Sequence[str]) -> RegressionOptions:
    """Parse the arguments."""
    parser = evaluation_parser("regression", "Do features predict numeric ratings?")
    add_labels(parser, required=True)
    parser.add_argument(
        "--columns", type=names, required=True, metavar="NAME,…", help="of numbers, such as power"
    )
    add_mfcc(parser)
    return RegressionOptions(**vars(parser.parse_args(arguments)))


def run(options: RegressionOptions) -> int:
    """Compare layers and MFCCs, and print the result."""
    with open_home(load_settings(options.home)) as home:
        labels = labels_of(home, options.labels)
        numbers = numbers_of(labels, options.columns)
        if options.mfcc:
            compute_mfccs(home, labels.index.tolist())
        features = features_of(home, labels.index.tolist())
    artists = artist_groups(labels)
    if len(set(artists)) < 2 * regression.N_FOLDS:
        raise LabelsError(f"{len(set(artists))} artists are too few: {2 * regression.N_FOLDS}.")
    rows = {
        name: regression.fits(numbers, regression.predict(x, numbers, artists), artists.tolist())
        for name, x in features.items()
    }
    figures = {
        name: {c: fit._asdict() for c, fit in zip(options.columns, fits, strict=True)}
        for name, fits in rows.items()
    }
    if options.json:
        print(json.dumps({"tracks": len(labels), "features": figures}))
        return DONE
    table = Table("features", *options.columns, "mean", box=None)
    for name, fits in rows.items():
        cells = [f"{fit.r2:.2f} ({fit.low:.2f} to {fit.high:.2f})" for fit in fits]
        table.add_row(name, *cells, f"{np.mean([fit.r2 for fit in fits]):.3f}")
    TableConsole().print(table)
    return DONE


def numbers_of(labels: pd.DataFrame, columns: Sequence[str]) -> Float64Array:
    """Return the columns as numbers: (n_tracks, n_columns). Raises LabelsError."""
    for column in columns:
        if column not in labels.columns:
            raise LabelsError(f'There is no column "{column}"; got {", ".join(labels.columns)}.')
    try:
        numbers = labels[list(columns)].to_numpy().astype(np.float64)
    except ValueError as error:
        raise LabelsError(f"The columns are not all of numbers: {error}.") from None
    if not np.isfinite(numbers).all():
        raise LabelsError("The columns are not all of numbers.")
    return numbers


def features_of(home: Home, ids: list[int]) -> dict[str, Float64Array]:
    """Return what is to be compared: each (n_tracks, n). Raises CatalogError."""
    features = dict(read_features(home.catalog, home.projection.extractors, ids))
    if len(features) < len(ids):
        raise CatalogError("Some tracks lack features: run `earshot build` again.")
    layers = {
        name: np.stack([regression.layer(features[track_id], name) for track_id in ids])
        for name in regression.LAYERS
    }
    arrays: dict[str, NDArray[np.floating]] = {}
    for key in home.catalog.extractors():
        rows = dict(read_features(home.catalog, [key], ids)) if key.startswith(MFCC) else {}
        if len(rows) == len(ids):
            arrays["mfcc"] = np.stack([rows[track_id][0].pooled for track_id in ids])
    arrays |= {
        "tags": layers["tags"],
        "penultimate": layers["penultimate"],
        "pooled": layers["pooled"],
        "all layers": np.concatenate(list(layers.values()), axis=1),
    }
    return {name: values.astype(np.float64) for name, values in arrays.items()}


COMMAND = evaluation(parse, run)
