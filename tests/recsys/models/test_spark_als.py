"""Factors of Spark's MLlib, by a real session with two workers, beside implicit's."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from small_library import Library, Song, towards

from recsys.catalog import Catalog
from recsys.home.files import LISTENING_NAME
from recsys.home.settings import Settings
from recsys.models.als import Als, Factorise
from recsys.models.hybrid import HybridModel
from recsys.models.protocol import NotFitted
from recsys.models.spark_als import on_spark
from recsys.training.listening_model import refit

MASTER = "local[2]"


# A fit of some hundred pairs is done before Java's second compiler has paid for itself.
CONFIGURATION = """
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.codegen.wholeStage false
spark.sql.shuffle.partitions 2
"""


@pytest.fixture(scope="module", autouse=True)
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    java = shutil.which("java") or os.environ.get("JAVA_HOME")
    missing = None if java else "Java (apt-get install openjdk-17-jre-headless)"
    if importlib.util.find_spec("pyspark") is None:
        missing = "pyspark (pip install 'earshot[spark]')"
    if missing and os.environ.get("EARSHOT_REQUIRE_SPARK"):
        pytest.fail(f"There is no {missing}, and EARSHOT_REQUIRE_SPARK asks for it.")
    if missing:
        pytest.skip(f"There is no {missing}.")
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(CONFIGURATION)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SPARK_CONF_DIR", str(folder))
        yield


@pytest.fixture
def factorise(tmp_path: Path) -> Iterator[Factorise]:
    with on_spark(MASTER, tmp_path) as factorise:
        yield factorise


def blocks(n_listeners: int, n_tracks: int, n_blocks: int) -> sparse.csr_matrix:
    """Everybody plays all tracks of one block once; a listener and a track at the end play none."""
    counts = np.kron(np.eye(n_blocks), np.ones((n_listeners, n_tracks)))
    return sparse.csr_matrix(np.pad(counts, (0, 1)).astype(np.float32))


@pytest.mark.parametrize("sweeps", [0, 1])
def test_factors_of_blocks_are_those_of_the_closed_form(tmp_path: Path, sweeps: int) -> None:
    """A block's score s minimises c n m (1 - s)² + 2 λ s √(n m), also with MLlib's penalties."""
    n, m, n_blocks = 30, 12, 3
    als = Als(n_blocks, regularization=20.0, alpha=4.0, iterations=10)
    with on_spark(MASTER, tmp_path, sweeps) as factorise:
        fitted = factorise(als, blocks(n, m, n_blocks), None, 0)
    items, listeners = fitted.item_factors, fitted.user_factors
    wanted = 1 - als.regularization / ((1 + als.alpha) * np.sqrt(n * m))
    scores = np.pad(np.kron(np.eye(n_blocks), np.full((n, m), wanted)), (0, 1))
    np.testing.assert_allclose(listeners @ items.T, scores, atol=2e-3)
    assert not items[-1].any()
    assert list(tmp_path.iterdir()) == []


def test_listeners_are_recommended_what_implicit_recommends(factorise: Factorise) -> None:
    rng = np.random.default_rng(0)
    tastes = rng.standard_normal((150, 4)) @ rng.standard_normal((4, 200))
    tastes += rng.permutation(np.linspace(-1.5, 1.5, 200))  # some tracks are played by more
    counts = sparse.csr_matrix(np.maximum(np.round(tastes * 2 - 4), 0).astype(np.float32))
    counts = counts[np.diff(counts.indptr) > 0]
    als = Als(4, regularization=3.0, alpha=3.0)
    ours, theirs = als.fit(counts, None, 0), factorise(als, counts, None, 0)
    one, two = ours.scores(counts), theirs.scores(counts)
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one, two, strict=True)]) > 0.99
    played = counts.toarray() > 0
    lists = [np.argsort(np.where(played, -np.inf, scores))[:, -20:] for scores in (one, two)]
    same = [len(np.intersect1d(a, b)) / 20 for a, b in zip(*lists, strict=True)]
    assert np.mean(same) > 0.95


def test_a_home_learns_on_the_cluster_that_its_settings_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Catalog(home) as catalog:
        songs = [Song(towards(90 * (n > 4) + 5 * n), f"Artist {n // 2}") for n in range(10)]
        library = Library(catalog, songs)
        for n in range(3):
            library.listen(f"low {n}", 1, 2 + n)
            library.listen(f"high {n}", 6, 7 + n)
        report = refit(replace(library.home, settings=Settings(home, spark=MASTER)))
        assert report
        assert (report.device, report.pairs) == ("Spark", 12)
        counts = catalog.interactions().counts
    scores = HybridModel.load(home / LISTENING_NAME).scores(counts)
    assert scores[0, :5].min() > scores[0, 5:].max()
    assert not list(home.glob("spark-*"))


def test_what_spark_cannot_do_is_a_sentence(tmp_path: Path) -> None:
    refused = pytest.raises(NotFitted, match=r"Spark at spark:/no cannot fit .* Listens are kept")
    with refused, on_spark("spark:/no", tmp_path):
        pass
    code = f"from recsys.models.spark_als import on_spark; on_spark('local', {str(tmp_path)!r})"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}.__enter__()"],
        env={**os.environ, "JAVA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NotFitted: Spark cannot be started: it needs Java 17 or later" in result.stderr
