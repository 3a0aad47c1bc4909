"""Implicit ALS on a Spark cluster, by MLlib, with the settings and the result of `Als`.

Spark's `pyspark.ml.recommendation.ALS` takes w as ratings and the same α, but weighs λ by a row's
number of entries n ("ALS-WR": Zhou et al., AAIM 2008; `computeFactors` of Spark's ALS.scala):

    listener u:  (XᵀX + α Σ w_ui x_i x_iᵀ + n_u ρ I) y_u = Σ (1 + α w_ui) x_i

where `Als` has λ in place of n_u ρ, and likewise for tracks. Only the product of the penalties of
both sides counts, as (s x)·(y / s) = x·y, so that

    ρ = λ √(n_listeners n_tracks) / n_pairs

gives rows of mean length the penalties of `Als`: a listener has n_pairs / n_listeners entries in
the mean, a track n_pairs / n_tracks. Longer rows are still shrunk more than by `Als`, shorter ones
less. MLlib's factors are brought to the lengths at which the penalties of both sides are equal, as
at a minimum of `Als`: Σ |x|² = Σ |y|². An exact solution of both sides with λ itself follows, here
and not on the cluster. docs/decisions/listening-at-size.md says what that gains.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet
from scipy import sparse

from index.arrays import Float32Array
from recsys.interactions import Content, n_listeners
from recsys.models.als import Als, AlsModel, Factorise, weighted
from recsys.models.als_solver import solve
from recsys.models.protocol import NotFitted

PAIRS_PER_FILE = 1 << 22
PAIRS_PER_BLOCK = 4_000_000  # of MLlib's division of listeners and tracks
SWEEPS = 1
_COLUMNS = ("listener", "track", "weight")
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


@contextmanager
def on_spark(master: str, folder: Path, n_sweeps: int = SWEEPS) -> Iterator[Factorise]:
    """Give what fits `Als` on a cluster, in place of `Als.fit`; the session ends with the context.

    master    its URL: "spark://host:7077", "yarn", "local[*]"; what else Spark is to know,
              as an executor's memory, stands in its own spark-defaults.conf (SPARK_CONF_DIR)
    folder    where pairs and factors are put meanwhile, which the executors see by the same path
    n_sweeps  exact solutions of both sides that follow MLlib's

    Raises NotFitted where there is no such cluster or no Java, and for whatever fails on the
    cluster; ModuleNotFoundError without pyspark.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # noqa: PLC0415 - of an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    errors = (PySparkException, Py4JError)
    with _explained(master, errors):
        session = _session(master)
    try:

        def factorise(
            als: Als, counts: sparse.csr_matrix, content: Content | None, seed: int
        ) -> AlsModel:
            with _explained(master, errors):
                return _fit(session, folder, als, counts, seed, n_sweeps)

        yield factorise
    finally:
        session.stop()


@contextmanager
def _explained(master: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Say what Spark says in a sentence."""
    try:
        yield
    except errors as error:
        if "JAVA_GATEWAY_EXITED" in str(error):
            raise NotFitted(
                "Spark cannot be started: it needs Java 17 or later (Debian: apt-get install "
                "openjdk-17-jre-headless), or its settings are wrong. Listens are kept."
            ) from error
        first = str(getattr(error, "java_exception", None) or error).strip().partition("\n")[0]
        raise NotFitted(
            f"Spark at {master} cannot fit the listening model: {first.rstrip('.')}. Listens are "
            "kept: run the command again, or without the setting `spark`."
        ) from error


def _session(master: str) -> Any:
    """Start or join a session."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    logging.getLogger("py4j").setLevel(logging.ERROR)
    builder = SparkSession.builder.appName("Earshot").master(master)
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _fit(
    session: Any, folder: Path, als: Als, counts: sparse.csr_matrix, seed: int, n_sweeps: int
) -> AlsModel:
    """Factorise on the cluster, then solve both sides with λ as it is."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="spark-") as name:
        inside = Path(name)
        inside.chmod(0o777)  # executors may be another user's
        confidence = weighted(counts, als.weighting)
        _write_pairs(inside / "pairs", confidence)
        # Without it what an iteration rests on grows with each, until the driver's stack is full.
        session.sparkContext.setCheckpointDir((inside / "checkpoints").as_uri())
        items = _factors(session, inside, als, counts, seed)
    confidence.data = np.float32(1) + np.float32(als.alpha) * confidence.data
    transposed = sparse.csr_matrix(confidence.T)
    listeners = solve(confidence, items, None, als.regularization)[0]
    for _ in range(n_sweeps):
        items = solve(transposed, listeners, None, als.regularization)[0]
        listeners = solve(confidence, items, None, als.regularization)[0]
    return AlsModel(als, items, listeners)


def _write_pairs(folder: Path, weights: sparse.csr_matrix) -> None:
    """Write (listener, track, weight) in files of about `PAIRS_PER_FILE` rows."""
    folder.mkdir()
    starts = weights.indptr
    first, number = 0, 0
    while first < weights.shape[0]:
        last = int(np.searchsorted(starts, starts[first] + PAIRS_PER_FILE, "right")) - 1
        last = max(last, first + 1)
        inside = slice(starts[first], starts[last])
        lengths = np.diff(starts[first : last + 1])
        columns = (
            np.repeat(np.arange(first, last, dtype=np.int32), lengths),
            weights.indices[inside].astype(np.int32),
            weights.data[inside],
        )
        table = pa.table(dict(zip(_COLUMNS, columns, strict=True)))
        parquet.write_table(table, folder / f"{number:06}.parquet")
        first, number = last, number + 1


def _factors(
    session: Any, folder: Path, als: Als, counts: sparse.csr_matrix, seed: int
) -> Float32Array:
    """Return MLlib's factors of the tracks, 0 without listens: (n_tracks, f)."""
    from pyspark.ml.recommendation import ALS  # noqa: PLC0415

    n_tracks = counts.shape[1]
    n_blocks = max(session.sparkContext.defaultParallelism, -(-counts.nnz // PAIRS_PER_BLOCK))
    listener, track, weight = _COLUMNS
    estimator = ALS(
        rank=als.factors,
        maxIter=als.iterations,
        regParam=penalty(als, counts),
        alpha=als.alpha,
        implicitPrefs=True,
        numUserBlocks=n_blocks,
        numItemBlocks=n_blocks,
        userCol=listener,
        itemCol=track,
        ratingCol=weight,
        seed=seed,
    )
    fitted = estimator.fit(session.read.parquet((folder / "pairs").as_uri()))
    fitted.itemFactors.write.parquet((folder / "factors").as_uri())
    squares = "sum(aggregate(features, 0D, (total, value) -> total + value * value))"
    lengths = [
        side.selectExpr(squares).collect()[0][0]
        for side in (fitted.userFactors, fitted.itemFactors)
    ]
    scale = np.float32((lengths[0] / lengths[1]) ** 0.25) if all(lengths) else np.float32(1)
    factors = np.zeros((n_tracks, als.factors), np.float32)
    for path in sorted((folder / "factors").glob("*.parquet")):
        table = parquet.read_table(path)
        values = table["features"].combine_chunks().flatten().to_numpy()
        factors[table["id"].to_numpy()] = scale * values.reshape(-1, als.factors)
    return factors


def penalty(als: Als, counts: sparse.csr_matrix) -> float:
    """Return ρ, MLlib's `regParam`; see the module."""
    n_rows = np.count_nonzero(np.diff(counts.indptr))
    n_columns = np.count_nonzero(n_listeners(counts))
    return float(als.regularization * np.sqrt(n_rows * n_columns) / max(counts.nnz, 1))
