"""The vectors of the systems a home is compared with, against plain arithmetic."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from encoders.errors import AudioError
from encoders.features import AudioInfo, AudioSpan, TrackFeatures
from encoders.projection import PRIOR_WEIGHT, WEIGHTS
from index.vector_index import VectorIndex
from recsys.catalog import BuildRunning, Catalog, CatalogError, ScannedFile, Tags
from recsys.catalog.track_features import Features
from recsys.evaluation import embeddings
from recsys.evaluation.embeddings import Systems, UnknownSystem, extract_missing
from recsys.home.files import INDEX_NAME

NAMES = ("A-float32-2", "B-float32-2")
IDS = [1, 2, 3, 4, 5]


def track_features(seed: int, segments: int = 2) -> TrackFeatures:
    rng = np.random.default_rng(seed)
    return TrackFeatures(
        np.arange(segments, dtype=np.float32),
        rng.random((segments, 3)).astype(np.float16),
        rng.random((segments, 4)).astype(np.float16),
        rng.random(6).astype(np.float16),
    )


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Five tracks; the last two have the same audio."""
    scanned_files = [
        ScannedFile(
            None,
            tmp_path / f"{i}.mp3",
            1,
            1,
            AudioInfo(9.0, 44_100, 2, "mp3", f"{min(i, 4):032x}"),
            Tags(title=str(i)),
        )
        for i in IDS
    ]
    with Catalog(tmp_path / "home") as catalog:
        catalog.record_files(scanned_files)
        for number, name in enumerate(NAMES):
            catalog.store_features(name, [(i, track_features(10 * number + i)) for i in IDS[:4]])
        yield catalog


@pytest.fixture
def index(catalog: Catalog) -> VectorIndex:
    vectors = np.random.default_rng(0).standard_normal((5, 7))
    path = catalog.home / INDEX_NAME
    VectorIndex.build(IDS, vectors).save(
        path, model="+".join(NAMES), projection="p", catalogue_revision=catalog.revision
    )
    return VectorIndex.load(path, model=None, projection=None, dim=None)


class CountingExtractor:
    """Gives features by the number in a file name, errors for broken files; lists its calls."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.given: list[tuple[str, float]] = []

    @property
    def names(self) -> tuple[str, ...]:
        return ("mfcc20-float32-2",)

    def extract(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, Features | AudioError], None, None]:
        for track in tracks:
            path = track.path
            self.given.append((path.name, track.duration))
            if path.name in self.broken:
                yield track, AudioError(f"{path} is broken.")
            else:
                yield track, (track_features(int(path.stem)),)


def test_systems_are_named_by_the_stored_features(catalog: Catalog, index: VectorIndex) -> None:
    systems = Systems(catalog, index)
    default = ["home", "logits", "penultimate:A", "penultimate:B", "random"]
    assert systems.choose([], IDS) == default
    others = [name for name in systems.sources if name not in default]
    hubs = ["hubs:nicdm", "hubs:csls", "hubs:mutual-proximity"]
    assert sorted(others) == sorted(["tagger:A", "tagger:B", *hubs])
    assert systems.choose(["tagger"], IDS) == ["home", "tagger:A", "tagger:B"]
    assert systems.choose(["hubs"], IDS) == ["home", *hubs]
    assert systems.choose(["penultimate"], IDS) == ["home", "penultimate:A", "penultimate:B"]
    assert systems.choose(["random", "penultimate:B"], IDS) == ["home", "penultimate:B", "random"]
    with pytest.raises(UnknownSystem, match=r'no system "mfcc".*--mfcc'):
        systems.choose(["mfcc"], IDS)
    catalog.store_features("A-bfloat16-2", [(1, track_features(1))])
    more = Systems(catalog, index)
    assert "penultimate:A-bfloat16-2" in more.sources
    assert "penultimate:A" not in more.sources
    assert "penultimate:A-bfloat16-2" not in more.choose([], IDS)  # one track has it
    assert more.complete(["home", "penultimate:A-bfloat16-2"], IDS) == [1]
    assert more.complete(["nonsense"], IDS) == []


def test_vectors(catalog: Catalog, index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_BLOCK", 2)
    systems = Systems(catalog, index)
    ids = [1, 2, 4, 5]
    assert systems.vectors("home", ids) == pytest.approx(index.vectors(ids))
    ours = [[track_features(10 * n + min(i, 4)) for n in range(2)] for i in ids]
    means = np.stack([t[1].penultimate.astype(float).mean(axis=0) for t in ours])
    assert systems.vectors("penultimate:B", ids) == pytest.approx(unit(means), abs=1e-5)
    logits = [
        np.concatenate([np.log(m.tags.astype(float) / (1 - m.tags.astype(float))) for m in t], 1)
        for t in ours
    ]
    expected = unit(np.stack([rows.mean(axis=0) for rows in logits]))
    assert systems.vectors("logits", ids) == pytest.approx(expected, abs=2e-3)


def test_a_tagger_alone_is_the_default_projection_centred_on_the_tracks(
    catalog: Catalog, index: VectorIndex
) -> None:
    ids = [1, 2, 4, 5]
    tracks = [track_features(10 + min(i, 4)) for i in ids]  # of B
    layers = [t.penultimate.astype(float) for t in tracks]
    means = np.stack([layer.mean(axis=0) for layer in layers])
    deviations = np.sqrt([layer.std(axis=0, ddof=1) for layer in layers])
    own = len(ids) / (len(ids) + PRIOR_WEIGHT)
    centre = own * np.sqrt(means).mean(axis=0) + (1 - own) * np.sqrt(means.mean(axis=0))
    views = [np.sqrt(means) - centre, deviations - own * deviations.mean(axis=0)]
    shares = np.sqrt(WEIGHTS)
    expected = np.concatenate([s * unit(v) for s, v in zip(shares, views, strict=False)], axis=1)
    got = Systems(catalog, index).vectors("tagger:B", ids)  # too few tracks to whiten
    assert got == pytest.approx(unit(expected), abs=1e-4)


def test_random_is_the_same_for_a_track_whoever_else_is_there(
    catalog: Catalog, index: VectorIndex
) -> None:
    systems = Systems(catalog, index)
    everyone, some = systems.vectors("random", IDS), systems.vectors("random", [2, 5])
    assert (everyone[[1, 4]] == some).all()
    assert np.abs(everyone @ everyone.T - np.eye(5)).max() < 0.6
    assert np.linalg.norm(everyone, axis=1) == pytest.approx(np.ones(5), abs=1e-6)


def test_mfccs_are_extracted_once_and_standardised(catalog: Catalog, index: VectorIndex) -> None:
    extractor, steps = CountingExtractor(), []
    assert extract_missing(catalog, extractor, IDS, lambda *step: steps.append(step)) == []
    assert extractor.given == [(f"{i}.mp3", 9.0) for i in IDS[:4]]  # copies are analysed once
    assert steps == [(i, 4) for i in range(1, 5)]
    again = CountingExtractor()
    assert extract_missing(catalog, again, IDS) == []
    assert again.given == []
    systems = Systems(catalog, index)
    rows = np.stack([track_features(min(i, 4)).pooled.astype(float) for i in IDS])
    expected = unit((rows - rows.mean(axis=0)) / rows.std(axis=0))
    assert systems.vectors("mfcc", IDS) == pytest.approx(expected, abs=1e-3)


def test_a_broken_file_stays_in_the_library(catalog: Catalog, index: VectorIndex) -> None:
    errors = extract_missing(catalog, CountingExtractor("2.mp3"), IDS)
    assert [str(error) for error in errors] == [f"{catalog.home.parent / '2.mp3'} is broken."]
    assert catalog.counts().ready == 5
    assert catalog.failures() == []
    systems = Systems(catalog, index)
    assert "mfcc" not in systems.choose([], IDS)
    assert systems.complete(["home", "mfcc"], IDS) == [1, 3, 4, 5]


def test_nothing_is_written_beside_a_build(catalog: Catalog) -> None:
    with catalog.build_lock(), pytest.raises(BuildRunning), Catalog(catalog.home) as other:
        extract_missing(other, CountingExtractor(), IDS)


def test_damaged_features_are_named(
    catalog: Catalog, index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.catalog.features.unpack", lambda *_: None)
    with pytest.raises(CatalogError, match=r"logits .* `earshot build"):
        Systems(catalog, index).vectors("logits", IDS)
