"""Read listening data from tables of interactions and of items, with any column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfTransformer

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.labels import SEPARATOR
from recsys.evaluation.recommenders.data import ListeningData, TablesError
from recsys.interactions import Content, Interactions

TEXT_DIM = 256  # dimensions that a text column is reduced to
NUMBERS_LENGTH = 0.5  # root mean square of all numbers together, against 1 of a text column
TEXT_BY_DEFAULT = "genres"  # not tags: listeners may have given them
NO_CONTENT = ("n_", "num_", "count")  # prefixes of numeric columns that are not content

_Block = tuple[NDArray[np.floating[Any]], BoolArray]  # vectors, and which are known


@dataclass(frozen=True)
class Columns:
    """The names of the columns.

    count   None: "count" where there is one, otherwise each row counts one
    artist  None: "artist" where there is one; album likewise
    content, text  both None: as `chosen` does
    """

    user: str = "user"
    item: str = "item"
    count: str | None = None
    time: str | None = None
    artist: str | None = None
    content: tuple[str, ...] | None = None
    text: tuple[str, ...] | None = None
    album: str | None = None


def read_tables(interactions: Path, items: Path | None, columns: Columns) -> ListeningData:
    """Read tables (.parquet or .csv) of (user, item[, count][, time]) and of items.

    Rows of one user and item are added up. Items are those with interactions, described or not.

    Raises TablesError.
    """
    pairs, notes = _interactions(interactions, columns)
    names = np.sort(pairs["item"].unique())
    described = pd.DataFrame(index=names)
    if items:
        table = _items(items, columns)
        described = table.reindex(names)
        n_unknown = int((~described.index.isin(table.index)).sum())
        if n_unknown == len(names):
            raise TablesError(f"None of the items of {interactions} is in {items}.")
        if n_unknown:
            notes.append(f"{n_unknown} of {len(names)} items are not in {items.name}.")
    numbers, texts = chosen(described, columns)
    vectors, complete = content_vectors(described, numbers, texts)
    has_content = np.asarray(vectors.any(axis=1), bool)
    used = ", ".join((*numbers, *texts)) or "nothing"
    artists = _artists(described, columns)
    return ListeningData(
        _interactions_of(pairs, pd.Index(names)),
        Content(vectors, has_content, artists, _albums(described, columns, artists)),
        np.unique(pairs["user"]).astype(object),
        names.astype(object),
        complete,
        (*notes, f"Content: {used}."),
    )


def chosen(items: pd.DataFrame, columns: Columns) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns of numbers and of texts that are the content.

    Where neither is named: all columns of numbers or vectors but ids and counts (`NO_CONTENT`), and
    `TEXT_BY_DEFAULT`.
    """
    if columns.content is not None or columns.text is not None:
        return columns.content or (), columns.text or ()
    numbers = [
        str(name)
        for name in items.columns
        if (pd.api.types.is_numeric_dtype(items[name]) or _holds_vectors(items[name]))
        and not str(name).lower().startswith(NO_CONTENT)
        and not str(name).lower().endswith("id")
        and name not in (columns.artist, "artist", columns.album, "album")
    ]
    texts = (TEXT_BY_DEFAULT,) if TEXT_BY_DEFAULT in items.columns else ()
    return tuple(numbers), texts


def content_vectors(
    items: pd.DataFrame, numbers: Sequence[str], texts: Sequence[str]
) -> tuple[Float32Array, BoolArray]:
    """Return vectors of items (n_items, dim), and which of them are complete (n_items,).

    Numbers are standardised, an unknown one is 0, and their length is NUMBERS_LENGTH together. A
    column of vectors (somebody's embeddings) is centred and scaled as a whole, to a length of 1.
    A text column is a list such as `rock|live:3` (a weight after a colon): TF-IDF, rows of length
    1, and where it has more than TEXT_DIM terms the truncated SVD of that (latent semantic
    analysis; Deerwester et al. 1990). Listens are not used. Lengths are root mean squares.
    """
    single = [name for name in numbers if not _holds_vectors(items[name])]
    blocks = [_single_numbers(items, single)] if single else []
    blocks += [_whole_vectors(items[name]) for name in numbers if name not in single]
    blocks += [_text_vectors(items[name]) for name in texts]
    if not blocks:
        return np.zeros((len(items), 1), np.float32), np.zeros(len(items), bool)
    vectors = np.hstack([block for block, _ in blocks]).astype(np.float32)
    complete = np.asarray(np.stack([known for _, known in blocks]).all(axis=0), bool)
    return vectors, complete


def _single_numbers(items: pd.DataFrame, names: Sequence[str]) -> _Block:
    """Standardise columns of numbers."""
    values = np.column_stack([_numbers(items[name]) for name in names])
    known = np.isfinite(values)
    n = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - np.where(known, values, 0).sum(axis=0) / n, 0)
    spread = np.sqrt((centred**2).sum(axis=0) / n)
    scale = NUMBERS_LENGTH / np.sqrt(len(names))
    complete = np.asarray(known.all(axis=1), bool)
    return scale * centred / np.where(spread > 0, spread, 1), complete


def _holds_vectors(column: pd.Series) -> bool:
    """Return whether a column is of vectors, judged by its first values."""
    return column.dtype == object and any(isinstance(v, list | np.ndarray) for v in column.head(99))


def _whole_vectors(column: pd.Series) -> _Block:
    """Centre and scale a column of vectors."""
    known = column.notna().to_numpy()
    try:
        values = np.array([np.asarray(vector, np.float64) for vector in column[known]])
    except (ValueError, TypeError) as error:
        raise TablesError(f'The column "{column.name}" must hold vectors of one length.') from error
    if values.ndim != 2 or not np.isfinite(values).all():
        raise TablesError(f'The column "{column.name}" must hold vectors of finite numbers.')
    vectors = np.zeros((len(column), values.shape[1]))
    vectors[known] = values - values.mean(axis=0)
    length = np.sqrt((vectors[known] ** 2).sum(axis=1).mean())
    return vectors / (length if length > 0 else 1), known


def _text_vectors(column: pd.Series) -> _Block:
    """Turn a column of lists of terms into TF-IDF vectors, reduced where there are many terms."""
    terms = [_terms(text) for text in column.fillna("").astype(str)]
    known = np.array([bool(item_terms) for item_terms in terms], bool)
    if not known.any():
        raise TablesError(f'The column "{column.name}" of the items is empty.')
    tfidf = TfidfTransformer(sublinear_tf=True).fit_transform(
        DictVectorizer(dtype=np.float32).fit_transform(terms)
    )
    if tfidf.shape[1] <= TEXT_DIM or tfidf.shape[0] <= TEXT_DIM:
        return tfidf.toarray(), known
    return TruncatedSVD(TEXT_DIM, random_state=0).fit_transform(tfidf), known


def _terms(text: str) -> dict[str, float]:
    """Split `rock|live:3` into terms and weights; the weight is 1 where none follows a colon."""
    terms: dict[str, float] = {}
    for part in text.split(SEPARATOR):
        name, colon, weight = part.rpartition(":")
        if not (colon and weight.strip().isdecimal() and int(weight) > 0):
            name, weight = part, "1"
        if name.strip():
            terms[name.strip().lower()] = float(weight)
    return terms


def _read(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """Read a table that must have these columns. Raises TablesError."""
    if path.suffix not in (".parquet", ".csv"):
        raise TablesError(f"The table {path} must be a .parquet or .csv file.")
    try:
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TablesError(f"The table {path} cannot be read: {reason}.") from error
    for name in needed:
        if name not in table.columns:
            there = ", ".join(map(str, table.columns))
            raise TablesError(f'The table {path} has no column "{name}"; it has {there}.')
    return table


def _interactions(path: Path, columns: Columns) -> tuple[pd.DataFrame, list[str]]:
    """Read a row for each user and item: user, item, count, time where known; and notes."""
    needed = [columns.user, columns.item]
    needed += [name for name in (columns.count, columns.time) if name]
    table = _read(path, needed)
    names = {columns.user: "user", columns.item: "item"}
    pairs = table[list(names)].rename(columns=names)
    if pairs.isna().any(axis=None):
        raise TablesError(f"The table {path} has rows without a user or an item.")
    if pairs.empty:
        raise TablesError(f"The table {path} has no rows.")
    count = columns.count or ("count" if "count" in table.columns else None)
    pairs["count"] = _numbers(table[count]) if count else 1.0
    if not ((pairs["count"] > 0) & np.isfinite(pairs["count"])).all():
        raise TablesError(f'The column "{count}" of {path} must hold numbers above 0.')
    if columns.time:
        pairs["time"] = _times(table[columns.time], path)
    added = {"count": "sum"} | ({"time": "max"} if columns.time else {})
    joined = pairs.groupby(["user", "item"], as_index=False, sort=True).agg(added)
    n_repeated = len(pairs) - len(joined)
    notes = [f"{n_repeated} rows repeat a user and an item: added up."] if n_repeated else []
    return joined, notes


def _times(column: pd.Series, path: Path) -> Int64Array:
    """Return Unix seconds of a column of numbers or of dates."""
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64)
    else:
        dates = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
        values = np.where(dates.isna(), np.nan, dates.astype("datetime64[s, UTC]").astype("int64"))
    if not np.isfinite(values).all():
        raise TablesError(f'The column "{column.name}" of {path} has values that are no time.')
    return values.astype(np.int64)


def _items(path: Path, columns: Columns) -> pd.DataFrame:
    """Read a row for each item, indexed by it."""
    needed = [columns.item, *(columns.content or ()), *(columns.text or ())]
    needed += [name for name in (columns.artist, columns.album) if name]
    table = _read(path, needed)
    repeated = table[columns.item][table[columns.item].duplicated()]
    if len(repeated):
        raise TablesError(f'The table {path} has the item "{repeated.iloc[0]}" more than once.')
    return table.set_index(columns.item)


def _numbers(column: pd.Series) -> Float64Array:
    """Return the values of a column of numbers, NaN where it is empty."""
    try:
        return pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise TablesError(f'The column "{column.name}" must hold numbers: {error}.') from error


def _artists(items: pd.DataFrame, columns: Columns) -> Int64Array:
    """Return a number of each item's artist, -1 where it is unknown."""
    return _factorized(items, columns.artist or "artist")


def _albums(items: pd.DataFrame, columns: Columns, artists: Int64Array) -> Int64Array:
    """Return a number of each item's album, by its name and artist, -1 where it is unknown."""
    names = _factorized(items, columns.album or "album")
    joined = names * (artists.max(initial=-1) + 2) + artists + 1
    return np.where(names >= 0, joined, -1).astype(np.int64)


def _factorized(items: pd.DataFrame, name: str) -> Int64Array:
    """Return a number of each text of a column, -1 where it is empty or there is no such column."""
    if name not in items.columns:
        return np.full(len(items), -1, np.int64)
    texts = items[name].astype(object).where(items[name].notna(), "").astype(str).str.strip()
    return pd.factorize(texts.where(texts != ""))[0].astype(np.int64)


def _interactions_of(pairs: pd.DataFrame, items: pd.Index) -> Interactions:
    """Number users and items in ascending order and make the matrix."""
    users, row = np.unique(pairs["user"], return_inverse=True)
    column = items.get_indexer(pd.Index(pairs["item"]))
    order = np.lexsort((column, row))
    counts = sparse.csr_matrix(
        (pairs["count"].to_numpy(np.float32)[order], (row[order], column[order])),
        shape=(len(users), len(items)),
    )
    times = pairs["time"].to_numpy(np.int64)[order] if "time" in pairs.columns else None
    return Interactions(np.arange(len(users)), np.arange(len(items)), counts, times)
