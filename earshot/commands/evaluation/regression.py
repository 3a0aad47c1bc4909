"""`evaluate.py regression`: how well do features foretell numbers that people gave?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from earshot.commands.evaluation.shared import Parents, compute_mfccs, labels_of, names, opened
from earshot.terminal import table_console
from index.arrays import Float64Array
from recsys.catalog import CatalogError
from recsys.catalog.track_features import read_features
from recsys.evaluation.embeddings import MFCC
from recsys.evaluation.labels import LabelsError, artist_groups
from recsys.home.home import Home


def add_to(commands: Any, parents: Parents) -> None:
    """Add the command to those of the script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "regression", parents=parents[:1], help="do features foretell numbers people gave?"
    )
    parser.add_argument("--labels", type=Path, required=True, help="CSV with a column path")
    parser.add_argument(
        "--columns", type=names, required=True, metavar="NAME,…", help="of numbers, such as power"
    )
    parser.add_argument(
        "--mfcc", action="store_true", help="compute the MFCCs that tracks lack, and keep them"
    )
    parser.set_defaults(run=run, check=lambda args: None)


def run(args: argparse.Namespace) -> int:
    """Compare layers and MFCCs, and print the result."""
    from recsys.evaluation import regression  # noqa: PLC0415 - scikit-learn, which is slow to load

    with opened(args) as home:
        labels = labels_of(args, home)
        numbers = numbers_of(labels, args.columns)
        if args.mfcc:
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
        name: {c: fit._asdict() for c, fit in zip(args.columns, found, strict=True)}
        for name, found in rows.items()
    }
    if args.json:
        print(json.dumps({"tracks": len(labels), "features": figures}))
        return 0
    table = Table("features", *args.columns, "mean", box=None)
    for name, found in rows.items():
        cells = [f"{fit.r2:.2f} ({fit.low:.2f} to {fit.high:.2f})" for fit in found]
        table.add_row(name, *cells, f"{np.mean([fit.r2 for fit in found]):.3f}")
    table_console().print(table)
    return 0


def numbers_of(labels: pd.DataFrame, columns: list[str]) -> Float64Array:
    """Return the columns as numbers: (n_tracks, n_columns). Raises LabelsError."""
    for column in columns:
        if column not in labels.columns:
            raise LabelsError(f'There is no column "{column}"; got {", ".join(labels.columns)}.')
    try:
        numbers = labels[columns].to_numpy().astype(np.float64)
    except ValueError as error:
        raise LabelsError(f"The columns are not all of numbers: {error}.") from None
    if not np.isfinite(numbers).all():
        raise LabelsError("The columns are not all of numbers.")
    return numbers


def features_of(home: Home, ids: list[int]) -> dict[str, Float64Array]:
    """Return what is to be compared: each (n_tracks, n). Raises CatalogError."""
    from recsys.evaluation.regression import LAYERS, layer  # noqa: PLC0415 - scikit-learn, slow to load

    heard = dict(read_features(home.catalog, home.projection.extractors, ids))
    if len(heard) < len(ids):
        raise CatalogError("Some tracks lack features: run build_index.py again.")
    layers = {name: np.stack([layer(heard[track_id], name) for track_id in ids]) for name in LAYERS}
    found: dict[str, NDArray[np.floating]] = {}
    for key in home.catalog.extractors():
        rows = dict(read_features(home.catalog, [key], ids)) if key.startswith(MFCC) else {}
        if len(rows) == len(ids):
            found["mfcc"] = np.stack([rows[track_id][0].pooled for track_id in ids])
    found |= {
        "tags": layers["tags"],
        "penultimate": layers["penultimate"],
        "pooled": layers["pooled"],
        "all layers": np.concatenate(list(layers.values()), axis=1),
    }
    return {name: values.astype(np.float64) for name, values in found.items()}
