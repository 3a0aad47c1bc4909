"""Homes that an earlier version analysed in bfloat16: they go on as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import Commands
from numpy.typing import NDArray
from sounds import tune, write

from encoders.bundles import DEFAULT_MODELS
from encoders.features import TrackFeatures
from encoders.projection import Projection
from encoders.tagger import Tagger
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.home.files import INDEX_NAME, PROJECTION_NAME

OLD_KEYS = tuple(f"{model}-bfloat16-20" for model in DEFAULT_MODELS)


@pytest.fixture
def library(music: Path) -> Path:
    for number in range(5):
        write(music / f"song {number}.flac", tune(number), title=f"Song {number}")
    return music


@pytest.fixture
def old_home(earshot: Commands, library: Path) -> Path:
    """A home as an earlier version built it: under the old keys, everything rounded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalog, "extractors", lambda _: list(OLD_KEYS))
        exact = Tagger.features
        patch.setattr(Tagger, "features", lambda *args: rounded(exact(*args)))
        assert earshot.build_json(library)["analysed"] == 5
    return earshot.home


def rounded(features: TrackFeatures) -> TrackFeatures:
    def bfloat16(values: NDArray[np.float16]) -> NDArray[np.float16]:
        return torch.from_numpy(values).bfloat16().half().numpy()

    return replace(
        features,
        tags=bfloat16(features.tags),
        penultimate=bfloat16(features.penultimate),
        pooled=bfloat16(features.pooled),
    )


def stored(home: Path) -> tuple[list[str], tuple[str, ...], str, dict[int, NDArray[np.float32]]]:
    """Return the keys of features, of the projection and of the index, and the embeddings."""
    with Catalog(home) as catalog:
        keys = catalog.extractors()
    index = VectorIndex.load(home / INDEX_NAME, model=None, projection=None, dim=None)
    assert index.manifest is not None
    vectors = {track_id: index.vectors([track_id])[0] for track_id in index.ids.tolist()}
    return keys, Projection.load(home / PROJECTION_NAME).extractors, index.manifest.model, vectors


def test_nothing_is_analysed_again_and_one_sentence_says_so(
    earshot: Commands, library: Path, old_home: Path
) -> None:
    before = {path.name: path.read_bytes() for path in old_home.glob("*.*")}
    result = earshot.build(library)
    assert result.status == 0
    assert result.err.count("analysed in bfloat16 by an earlier version") == 1
    done = earshot.build_json(library)
    assert (done["unchanged"], done["analysed"]) == (5, 0)
    for name in (INDEX_NAME, PROJECTION_NAME):
        assert (old_home / name).read_bytes() == before[name]


def test_a_new_track_joins_the_old_ones(earshot: Commands, library: Path, old_home: Path) -> None:
    before = stored(old_home)
    assert before[:3] == (sorted(OLD_KEYS), OLD_KEYS, "+".join(OLD_KEYS))
    copied = write(library / "song 2, again.flac", tune(2) * 0.999, title="Song 2, again")
    assert earshot.build_json(library)["analysed"] == 1
    after = stored(old_home)
    assert after[:3] == before[:3]
    assert len(after[3]) == 6
    assert all(np.array_equal(after[3][i], vector) for i, vector in before[3].items())
    # The same music in float32 and in bfloat16 is one sound.
    (new,) = set(after[3]) - set(before[3])
    assert max(float(after[3][new] @ vector) for vector in before[3].values()) > 0.999
    (nearest,) = earshot.neighbours(library / "song 2.flac", "-k", "1")
    assert nearest["path"] == str(copied)


def test_files_from_outside_are_compared(
    earshot: Commands, library: Path, old_home: Path, tmp_path: Path
) -> None:
    outside = write(tmp_path / "outside.flac", tune(3))
    (same,) = earshot.neighbours(outside, "-k", "1")
    assert same["title"] == "Song 3"
    assert same["similarity"] > 0.999


def test_a_new_home_has_the_new_keys(earshot: Commands, library: Path) -> None:
    result = earshot.build(library)
    assert "bfloat16" not in result.err
    keys = tuple(f"{model}-float32-20" for model in DEFAULT_MODELS)
    assert stored(earshot.home)[:3] == (sorted(keys), keys, "+".join(keys))
