from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encoders.features import Descriptors, TrackFeatures
from recsys.library.shards import ShardRow, Shards

NAMES = ("one-float32-20", "other-float32-20")
pytest.importorskip("fsspec", reason="needs the extra `ray`: pip install 'earshot[ray]'")


def features(seed: int) -> TrackFeatures:
    rng = np.random.default_rng(seed)
    n = 1 + seed % 4
    return TrackFeatures(
        np.arange(n, dtype=np.float32),
        rng.random((n, 5)).astype(np.float16),
        rng.random((n, 7)).astype(np.float16),
        rng.random(6).astype(np.float16),
        2.5,
    )


def row(number: int) -> ShardRow:
    described = Descriptors("way", 120.5 if number % 2 else None, "C minor", -9.25)
    return ShardRow(f"{number:032x}", (features(number), features(100 + number)), described)


@pytest.fixture(params=["here", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder, and an address."""
    return tmp_path / "shards" if request.param == "here" else Path(f"memory://{tmp_path.name}")


@pytest.fixture
def shards(place: Path) -> Shards:
    return Shards(place, NAMES, "way")


def assert_equal(some: list[ShardRow] | None, others: list[ShardRow]) -> None:
    assert some is not None
    assert [row.audio_hash for row in some] == [row.audio_hash for row in others]
    for one, other in zip(some, others, strict=True):
        assert one.descriptors == other.descriptors
        for a, b in zip(one.features, other.features, strict=True):
            for field, values in vars(b).items():
                np.testing.assert_array_equal(getattr(a, field), values)
                assert np.asarray(getattr(a, field)).dtype == np.asarray(values).dtype


def test_rows_come_back_as_they_were(shards: Shards) -> None:
    rows = [row(number) for number in (3, 1, 2)]
    shard = shards.write(rows)
    assert_equal(shards.read(shard), [row(1), row(2), row(3)])


def test_equal_audio_equal_shard(shards: Shards) -> None:
    assert shards.write([row(1), row(2)]) == shards.write([row(2), row(1)])
    assert len(shards.holding([row(1).audio_hash])) == 1


def test_what_is_held_is_found(shards: Shards) -> None:
    assert shards.holding(["0" * 32]) == {}
    first, second = shards.write([row(1), row(2)]), shards.write([row(3)])
    wanted = [row(number).audio_hash for number in (2, 3, 4)]
    assert shards.holding(wanted) == {first: {wanted[0]}, second: {wanted[1]}}
    assert shards.holding([row(4).audio_hash]) == {}


def test_other_taggers_and_ways_have_shards_of_their_own(place: Path, shards: Shards) -> None:
    shards.write([row(1)])
    for other in (Shards(place, NAMES[::-1], "way"), Shards(place, NAMES, "other way")):
        assert other.holding([row(1).audio_hash]) == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_shard_cut_short_is_none(tmp_path: Path, share: float) -> None:
    shards = Shards(tmp_path, NAMES, "way")
    shard = shards.write([row(1), row(2)])
    path = shards.folder / shard
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert shards.read(shard) is None
    assert shards.holding([row(1).audio_hash]) == {}
    shards.write([row(1), row(2)])
    assert_equal(shards.read(shard), [row(1), row(2)])


def test_altered_bytes_are_never_taken_for_features(tmp_path: Path) -> None:
    """Each byte of a shard, by turns: it is refused, or says the same."""
    shards = Shards(tmp_path, NAMES, "way")
    shard = shards.write([row(1)])
    path = shards.folder / shard
    data = path.read_bytes()
    n_refused = 0
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        found = shards.read(shard)
        n_refused += found is None
        if found is not None:
            assert_equal(found, [row(1)])
    assert n_refused > len(data) / 7 / 2
