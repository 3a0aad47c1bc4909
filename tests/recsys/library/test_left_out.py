"""What a build does not read is counted and said; what passes is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import mutagen
import numpy as np
import pytest
from audio_files import inspect, make_audio
from av_files import written

from encoders.audio import SegmentGrid, read_segments
from encoders.audio import inspect as demuxed
from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo, TrackFeatures
from recsys.catalog import Catalog
from recsys.library.identification import ScanOptions, ScanSummary, identify
from recsys.library.scanning import scan


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_every_file_is_counted(tmp_path: Path) -> None:
    read = ["a.mp3", "b.MPG", "c.flv", "d.m4r", "e.mpga", "f.weba", "g.ra"]
    touch(*(tmp_path / name for name in read))
    touch(*(tmp_path / name for name in ("cover.jpg", "x/Cover.JPG", "notes", "a.mid", "b.aax")))
    touch(tmp_path / "._a.mp3", tmp_path / ".DS_Store", tmp_path / "list.m3u8")
    (tmp_path / "gone.mp3").symlink_to("nowhere.mp3")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    scanned = scan([tmp_path])
    left_out = scanned.left_out
    assert [file.path.name for file in scanned.files] == read
    counts = {".jpg": 3, "": 1, ".mid": 1, ".aax": 1, ".m3u8": 1}
    assert left_out.by_suffix == counts
    assert (left_out.hidden, left_out.broken_links, left_out.total) == (1, 1, 9)
    assert left_out.sentences() == (
        "Not read, as Earshot cannot decode their formats: 1 .aax, 1 .mid.",
        "1 link to audio files leads nowhere.",
    )
    assert scan([tmp_path / "x"]).left_out.sentences() == ()


# What passes


class Disk:
    """Inspects files, those in `away` in vain."""

    def __init__(self) -> None:
        self.away: set[str] = set()

    def __call__(self, paths: Iterable[Path]) -> Iterator[tuple[Path, AudioInfo | AudioError]]:
        for path, audio in inspect(paths):
            is_away = path.name in self.away
            sentence = f"{path} cannot be read: Input/output error."
            yield path, FileUnavailable(sentence) if is_away else audio


def test_what_cannot_be_read_for_a_moment_is_tried_again_unasked(
    catalog: Catalog, tmp_path: Path
) -> None:
    disk = Disk()
    make_audio(tmp_path / "one.mp3", 300)
    two = make_audio(tmp_path / "two.mp3", 400)
    (tmp_path / "damaged.mp3").write_bytes(b"")
    disk.away = {"two.mp3"}
    summary = identify(catalog, scan([tmp_path]), disk)
    sentences = (f"{two} cannot be read: Input/output error.",)
    assert summary == ScanSummary(new=1, failed=1, unavailable=sentences)
    assert [track.path.name for track in catalog.failures()] == ["damaged.mp3"]
    disk.away = set()
    assert identify(catalog, scan([tmp_path]), disk) == ScanSummary(new=1, unchanged=2)


def test_a_known_track_stays_as_it_is_while_its_file_cannot_be_read(
    catalog: Catalog, tmp_path: Path
) -> None:
    disk = Disk()
    path = make_audio(tmp_path / "one.mp3")
    identify(catalog, scan([tmp_path]), disk)
    heard = TrackFeatures(*(np.zeros(shape, np.float16) for shape in ((1,), (1, 9), (1, 9), (4,))))
    catalog.store_features("model", [(1, heard)])
    before = list(catalog.available_tracks())
    path.touch()
    disk.away = {"one.mp3"}
    for options in (ScanOptions(), ScanOptions(retry_failed=True)):
        summary = identify(catalog, scan([tmp_path]), disk, options=options)
        assert (len(summary.unavailable), summary.changed, summary.failed) == (1, 0, 0)
        assert list(catalog.available_tracks()) == before
    disk.away = set()
    assert identify(catalog, scan([tmp_path]), disk) == ScanSummary(changed=1)
    assert catalog.ready_ids("model") == [1]


def test_tags_that_cannot_be_read_are_not_replaced_by_guesses(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_audio(tmp_path / "one.flac")
    file = mutagen.File(path)
    file["title"] = "Sinnerman"
    file.save()
    identify(catalog, scan([tmp_path]), inspect)
    path.touch()

    def stale(*_: object, **__: object) -> object:
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", stale)
        summary = identify(catalog, scan([tmp_path]), inspect)
    assert summary.unavailable == (f"{path} cannot be read: Stale file handle.",)
    [track] = catalog.available_tracks()
    assert track.title == "Sinnerman"


READ = {  # further suffixes, with FFmpeg's name of the container, encoder and sample format
    ".mpg": ("mpeg", "mp2", "s16"),
    ".flv": ("flv", "aac", "fltp"),
    ".m4r": ("ipod", "aac", "fltp"),
    ".mpga": ("mp3", "libmp3lame", "s16p"),
    ".weba": ("webm", "libopus", "flt"),
    ".vob": ("vob", "mp2", "s16"),
    ".m2ts": ("mpegts", "aac", "fltp"),
    ".3g2": ("3g2", "aac", "fltp"),
    ".rm": ("rm", "ac3", "fltp"),
    ".eac3": ("eac3", "eac3", "fltp"),
    ".nut": ("nut", "pcm_s16le", "s16"),
    ".bwf": ("wav", "pcm_s16le", "s16"),
    ".snd": ("au", "pcm_s16be", "s16"),
    ".voc": ("voc", "pcm_s16le", "s16"),
}


@pytest.mark.parametrize("suffix", READ)
def test_further_suffixes_are_read(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"x{suffix}", {}, READ[suffix])
    [file] = scan([tmp_path]).files
    info = demuxed(file.path)
    assert info.duration == pytest.approx(0.2, abs=0.1)
    grid = SegmentGrid(16_000, 256, 512, 187)
    assert np.abs(read_segments(path, info.duration, grid).waveforms).max() > 0.1
