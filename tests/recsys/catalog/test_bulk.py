"""Many rows at once: what is stored is what one by one would store, in both databases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_catalog import MODEL, heard, seen
from sqlalchemy import create_engine, text

from encoders.errors import AudioError
from encoders.features import TrackFeatures
from recsys.catalog import BuildRunning, Catalog, ScannedFile, Tags, bulk

TEXT = 'tab\t, line\n, back\\slash, \\N, "quotes", ’, \x01, 夜に, 🎵'


def strange(number: int) -> ScannedFile:
    tags = Tags(
        title=f"{number} {TEXT}",
        artist="" if number % 2 else TEXT,
        genres=("a'b", TEXT) if number % 3 else (),
        year=None if number % 4 else 1999,
        bpm=None if number % 5 else 0.1,
        compilation=(None, True, False)[number % 3],
    )
    file = seen(f"{number}.flac", tags=tags)
    path = Path(f"/music/{number} \udcff\\n\t.flac")
    if number % 7 == 3:
        return file._replace(path=path, audio=AudioError("cannot be decoded."))
    return file._replace(path=path)


def features_of(number: int) -> TrackFeatures:
    return heard(number / 64, segments=1 + number % 3)


@pytest.mark.parametrize("n", [1, bulk.LEAST - 1, bulk.LEAST, 40])
def test_rows_come_back_as_they_were(catalog: Catalog, n: int) -> None:
    files = [strange(number) for number in range(1, n + 1)]
    catalog.record_files(files)
    tracks = catalog.tracks(range(1, n + 1))
    for file, track in zip(files, tracks, strict=True):
        assert {name: getattr(track, name) for name in vars(file.tags)} == vars(file.tags)
        assert (track.path, track.size, track.begin) == (file.path, file.size, 0.0)
        assert track.status == ("failed" if isinstance(file.audio, AudioError) else "pending")
    catalog.store_features(MODEL, [(i, features_of(i)) for i in range(1, n + 1)])
    stored = dict(catalog.iter_features(MODEL, range(1, n + 1)))
    for number, found in stored.items():
        assert np.array_equal(found.tags, features_of(number).tags)
        assert np.array_equal(found.pooled, features_of(number).pooled)
    assert len(stored) == n and catalog.search("夜に", 100)


def test_a_batch_that_fails_leaves_nothing(catalog: Catalog) -> None:
    files = [strange(number) for number in range(1, 21)]
    with pytest.raises(Exception, match="cannot be used"):
        catalog.record_files([*files, files[0]])  # one path twice
    assert catalog.counts() == type(catalog.counts())(0, 0, 0, 0)
    catalog.record_files(files)
    assert len(catalog.tracks(range(1, 30))) == 20


HOLDER = """
import sys
from pathlib import Path
from recsys.catalog import Catalog
with Catalog(Path(sys.argv[1]), sys.argv[2]) as catalog, catalog.build_lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_processes_with_homes_of_their_own_build_one_at_a_time(
    catalog: Catalog, tmp_path: Path, database: str
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "other"), database]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BuildRunning, match="from another home"), catalog.build_lock():
            pass
        holder.kill()  # the database ends its session, and with it the lock
    for _ in range(100):
        try:
            with catalog.build_lock():
                return
        except BuildRunning:
            pass
    pytest.fail("a killed build holds the database")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_build_whose_database_was_started_again_goes_on_unless_another_has_begun(
    catalog: Catalog, tmp_path: Path, database: str
) -> None:
    def end_sessions_with_the_lock() -> None:
        engine = create_engine(database)
        with engine.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            )
        engine.dispose()

    with Catalog(tmp_path / "other", database) as other, catalog.build_lock():
        end_sessions_with_the_lock()
        catalog.record_files([strange(1)])  # takes it again
        with pytest.raises(BuildRunning, match="from another home"), other.build_lock():
            pass
        end_sessions_with_the_lock()
        with other.build_lock():
            with pytest.raises(BuildRunning, match="from another home"):
                catalog.record_files([strange(2)])
            other.record_files([strange(3)])
    assert [track.title for track in catalog.available_tracks()] == [
        strange(1).tags.title,
        strange(3).tags.title,
    ]
