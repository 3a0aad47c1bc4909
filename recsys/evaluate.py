"""Offline evaluation of content similarity: leave-one-out retrieval with known labels.

Every labelled track is a query once; the others are ranked by the cosine of their embeddings
(equal ones by id), and a result is a hit if it has the query's label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.catalog import Catalog
from recsys.metrics import in_degrees, macro_mean, precision_at_k

HUB_K = 10  # neighbours of the graph whose in-degrees are reported
_BLOCK = 1024  # queries ranked at once


class LabelsError(ValueError):
    """The labels cannot be used; the message says which file or column and why."""


@dataclass(frozen=True)
class Retrieval:
    """One system's result for one label column.

    per_query  P@K of each query by K: (n_queries,)
    queries    the label of each query
    artists    the artist of each query: queries of one artist are not independent
    """

    per_query: dict[int, NDArray[np.float64]]
    queries: NDArray[np.object_]
    artists: NDArray[np.object_]

    def summary(self) -> dict[str, dict[str, float | int]]:
        """P@K averaged over labels (macro) and over queries (micro)."""
        return {
            f"P@{k}": {
                "macro": macro_mean(values, self.queries),
                "micro": float(values.mean()),
                "n": len(values),
            }
            for k, values in self.per_query.items()
        }


def read_labels(path: Path, catalog: Catalog) -> pd.DataFrame:
    """Read a CSV of labels and join it to the living tracks of the catalogue.

    Its column `path` is relative to the CSV's folder. Returns its columns indexed by track id.
    Raises LabelsError.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise LabelsError(f"The labels {path} cannot be read: {error}.") from error
    if "path" not in table.columns:
        raise LabelsError(f'The labels {path} have no column "path".')
    ids = {track.path: track.id for track in catalog.living()}
    files = [path.parent / name for name in table["path"]]
    table.index = pd.Index([ids.get(file.parent.resolve() / file.name, -1) for file in files])
    joined = table[table.index >= 0]
    if joined.empty:
        raise LabelsError(f"None of the files that {path} names is in the catalogue.")
    return joined[~joined.index.duplicated()].sort_index()


def catalogue_labels(catalog: Catalog) -> pd.DataFrame:
    """Return what the files' tags say: artist, album and first genre, indexed by track id."""
    rows = {
        track.id: {
            "artist": track.artist,
            "album": track.album or "",
            "genre": track.genres[0] if track.genres else "",
        }
        for track in catalog.living()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["artist", "album", "genre"])


def evaluate_retrieval(
    vectors: NDArray[np.float32],
    labels: pd.DataFrame,
    by: str,
    ks: Sequence[int],
    *,
    exclude_same: str | None = None,
    min_group: int = 1,
) -> Retrieval:
    """Rank every track for every labelled query and compute P@K.

    vectors       unit vectors float32 (n_tracks, dim), one a row of `labels`
    exclude_same  column whose equal values are left out of a query's results (artist filter)
    min_group     queries of smaller label groups are left out (they remain candidates)

    Raises LabelsError for an unknown column or where no query is left.
    """
    for column in (by, *([exclude_same] if exclude_same else [])):
        if column not in labels.columns:
            raise LabelsError(f'There is no column "{column}"; got {", ".join(labels.columns)}.')
    values = labels[by].to_numpy(dtype=object)
    groups = labels[by].map(labels[by].value_counts()).to_numpy()
    queries = np.flatnonzero((values != "") & (groups >= min_group))
    if len(queries) == 0:
        raise LabelsError(f'No track has a label in "{by}" that {min_group} tracks share.')
    forbidden = labels[exclude_same].to_numpy(dtype=object) if exclude_same else None
    rows = rank(vectors, queries, max(ks), forbidden)
    hits = (values[rows] == values[queries][:, None]) & (rows >= 0)
    artists = labels["artist"] if "artist" in labels.columns else labels[by]
    return Retrieval(
        per_query={k: precision_at_k(hits[:, :k]) for k in ks},
        queries=values[queries],
        artists=artists.to_numpy(dtype=object)[queries],
    )


def hub_report(vectors: NDArray[np.float32]) -> dict[str, float | int]:
    """Describe who is whose neighbour: in-degrees in the graph of all ten-nearest neighbours.

    `skewness` of the in-degrees is the usual measure of hubness (Radovanovic et al. 2010);
    `orphans` is the share of tracks that are in nobody's list.
    """
    degrees = in_degrees(rank(vectors, np.arange(len(vectors)), HUB_K, None), len(vectors))
    spread = float(degrees.std())
    skewness = float(((degrees - degrees.mean()) ** 3).mean() / spread**3) if spread else 0.0
    return {
        "max_in_degree": int(degrees.max()),
        "skewness": skewness,
        "orphans": float((degrees == 0).mean()),
    }


def rank(
    vectors: NDArray[np.float32],
    queries: NDArray[np.int64],
    k: int,
    forbidden: NDArray[np.object_] | None,
) -> NDArray[np.int64]:
    """Return the rows of the `k` nearest of each query row, -1 behind a list that is shorter.

    Left out are the query and, where given, the rows whose `forbidden` value is the query's
    (empty values forbid nothing).
    """
    best = np.full((len(queries), k), -1, np.int64)
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        scores = vectors[block] @ vectors.T
        scores[np.arange(len(block)), block] = -np.inf
        if forbidden is not None:
            same = (forbidden[block][:, None] == forbidden[None, :]) & (forbidden[None, :] != "")
            scores[same] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(scores, order, axis=1) > -np.inf
        best[start : start + len(block), : order.shape[1]] = np.where(found, order, -1)
    return best
