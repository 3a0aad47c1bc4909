"""Copies of an index that several processes share."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from index.shared_copy import copy, shared_folder
from index.vector_index import DamagedIndex, VectorIndex

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="each process has its own there")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tmp_path / "tracks.index", seed=0)


def saved(path: Path, seed: int) -> Path:
    vectors = np.random.default_rng(seed).standard_normal((50, 8))
    index = VectorIndex.build(np.arange(50), vectors)
    index.save(path, model="m", projection="p", catalogue_revision=1)
    return path


def load(path: Path, copies: Path | None) -> VectorIndex:
    return VectorIndex.load(path, model=None, projection=None, dim=None, copies=copies)


def contents(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.name not in ("lock", "owner")]


def test_a_second_reader_takes_the_copy_of_the_first(path: Path) -> None:
    with shared_folder() as folder:
        assert folder is not None
        first = load(path, folder)
        assert len(contents(folder)) == 1
        inode = contents(folder)[0].stat().st_ino
        second, own = load(path, folder), load(path, None)
        assert contents(folder)[0].stat().st_ino == inode
        for one in (first, second):
            assert np.array_equal(one.vectors(one.ids), own.vectors(own.ids))
            with pytest.raises(ValueError, match="read-only"):
                one.vectors_at(slice(0, 1))[0, 0] = 0  # type: ignore[arg-type]


def test_a_new_index_replaces_the_copy_and_the_old_one_stays_readable(path: Path) -> None:
    with shared_folder() as folder:
        assert folder is not None
        old = load(path, folder)
        before = old.vectors(old.ids).copy()
        saved(path, seed=1)
        new = load(path, folder)
        assert len(contents(folder)) == 1
        assert not np.array_equal(new.vectors(new.ids), before)
        assert np.array_equal(old.vectors(old.ids), before)


def test_a_damaged_file_makes_no_copy(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with shared_folder() as folder:
        assert folder is not None
        with pytest.raises(DamagedIndex):
            load(path, folder)
        assert contents(folder) == []


def test_without_the_folder_each_has_its_own(path: Path, tmp_path: Path) -> None:
    assert len(load(path, tmp_path / "gone")) == 50


def test_copies_of_other_kinds_stay(path: Path) -> None:
    with shared_folder() as folder:
        assert folder is not None
        load(path, folder)
        for content in (b"one", b"two"):
            file = path.with_name("model")
            file.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            with file.open("rb") as opened:
                copied, found = copy(opened, digest, folder, "listening")
            assert (copied[:], found) == (content, digest)
            assert sorted(one.name[:5] for one in contents(folder)) == ["index", "liste"]
