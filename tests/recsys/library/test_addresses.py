from __future__ import annotations

from pathlib import Path

import pytest

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo
from recsys.catalog import Catalog
from recsys.library.addresses import AddressError, fetch, find_objects, names_in, write_bytes
from recsys.library.identification import identify
from recsys.library.scanning import LibraryError, folders_of, scan
from recsys.library.written_tags import TaggedInfo, WrittenTags

fsspec = pytest.importorskip("fsspec", reason="needs the extra `ray`: pip install 'earshot[ray]'")


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """An address in a store that lives as long as this process."""
    return Path(f"memory://{tmp_path.name}")


def put(path: Path, content: bytes = b"x") -> Path:
    write_bytes(path, content)
    return path


def test_what_lies_below_an_address_is_found(bucket: Path) -> None:
    one = put(bucket / "music" / "a b" / "ü #1?.flac", b"abc")
    put(bucket / "other" / "two.flac")
    (found,) = find_objects(bucket / "music")
    assert (found.path, found.size) == (one, 3)
    assert found.mtime_ns > 1e18
    assert [entry.path for entry in find_objects(one)] == [one]


def test_names_that_no_path_can_have_are_left_out(bucket: Path) -> None:
    fsspec.filesystem("memory").pipe_file(f"/{bucket.name}/music//two.flac", b"x")
    put(bucket / "music" / "one.flac")
    assert [entry.path.name for entry in find_objects(bucket / "music")] == ["one.flac"]


def test_an_empty_address_and_unknown_stores_are_said(bucket: Path) -> None:
    with pytest.raises(AddressError, match=r"memory://\S+ is empty, or is not there"):
        list(find_objects(bucket))
    with pytest.raises(AddressError, match=r"nonesuch://bucket cannot be used: .*nonesuch"):
        list(find_objects(Path("nonesuch://bucket")))
    with pytest.raises(LibraryError, match=r"nonesuch://bucket cannot be used"):
        scan([Path("nonesuch://bucket")])


def test_fetching(bucket: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.flac"
    fetch(put(bucket / "one.flac", b"abc"), copy)
    assert copy.read_bytes() == b"abc"
    with pytest.raises(FileUnavailable, match=r"memory://\S+/two.flac cannot be read: it is not"):
        fetch(bucket / "two.flac", copy)
    with pytest.raises(FileUnavailable, match=r"nonesuch://bucket/two.flac cannot be used"):
        fetch(Path("nonesuch://bucket/two.flac"), copy)


def test_names_in_a_folder(bucket: Path, tmp_path: Path) -> None:
    for folder in (bucket, tmp_path / "folder"):
        assert names_in(folder) == []
        put(folder / "b" / "c")
        put(folder / "a")
        assert names_in(folder) == ["a", "b"]


def test_a_scan_of_an_address(bucket: Path) -> None:
    music = bucket / "music"
    paths = [put(music / name) for name in ("a.flac", "b/c.mp3")]
    for name in (".d.flac", ".hidden/e.flac", "f.jpg", "g.cue"):
        put(music / name)
    scanned = scan([music])
    assert [file.path for file in scanned.files] == paths
    assert scanned.left_out.hidden == 2
    assert scanned.left_out.by_suffix == {".jpg": 1, ".cue": 1}
    assert scanned.covers(music / "z.flac")
    assert not scanned.covers(bucket / "other" / "z.flac")
    assert folders_of([music], [], paths) == (music,)


def info(digest: str, title: str) -> TaggedInfo:
    written = WrittenTags({"title": [title], "artist": ["Ann"]})
    return TaggedInfo(3.0, 44100, 2, "flac", digest.ljust(32, "0"), written=written)


def test_tags_come_with_the_inspection_and_moves_are_seen(bucket: Path, tmp_path: Path) -> None:
    found: dict[str, AudioInfo | AudioError] = {
        "one": info("1", "First"),
        "two": info("2", "Second"),
        "three": AudioError("It is not readable as audio."),
        "four": FileUnavailable("It cannot be read."),
    }
    for name in found:
        put(bucket / "music" / f"{name}.flac")
    put(bucket / "other" / "five.flac")

    def inspect(paths):  # type: ignore[no-untyped-def]
        return ((path, found.get(path.stem, info("1", "First"))) for path in paths)

    with Catalog(tmp_path / "home") as catalog:
        summary = identify(catalog, scan([bucket / "music"]), inspect)
        assert (summary.new, summary.failed, len(summary.unavailable)) == (2, 1, 1)
        rows = {track.path.stem: track for track in catalog.available_tracks()}
        assert (rows["one"].title, rows["one"].artist) == ("First", "Ann")
        assert (rows["three"].status, rows["three"].title) == ("failed", "three")
        # Another folder, with audio of the first: that one is where it was.
        assert identify(catalog, scan([bucket / "other"]), inspect).new == 1
        fsspec.filesystem("memory").mv(
            f"/{bucket.name}/music/one.flac", f"/{bucket.name}/music/six.flac"
        )
        assert identify(catalog, scan([bucket / "music"]), inspect).moved == 1
        (moved,) = [t for t in catalog.available_tracks() if t.path.stem == "six"]
        assert moved.id == rows["one"].id
