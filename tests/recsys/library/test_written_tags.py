"""Tags are read by content, whatever the suffix, the container and the encoding."""

from __future__ import annotations

import io
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path

import mutagen
import pytest
from audio_files import make_audio
from av_files import written
from mutagen import id3

from encoders.audio import inspect as demuxed
from encoders.errors import AudioError
from recsys.catalog import Catalog, Tags
from recsys.library.file_tags import TagReader, read_tags, split_genres
from recsys.library.identification import ScanOptions, ScanSummary, identify
from recsys.library.scanning import scan
from recsys.library.tag_encoding import decide, decode, looks_latin

WANTED = {
    "title": "Sinnerman",
    "artist": "Nina Simone",
    "album": "Pastel Blues",
    "track": "10",
    "date": "1965",
    "genre": "Jazz; Soul",
    "album_artist": "Band",
    "ISRC": "USPR36507810",
}
CONTAINERS = {  # by suffix: FFmpeg's name, encoder, its sample format, fields that it can hold
    ".wav": ("wav", "pcm_s16le", "s16", {"title", "artist", "album", "track", "year"}),
    ".mkv": ("matroska", "aac", "fltp", {"title", "artist", "album", "year", "album_artist"}),
    ".webm": ("webm", "libopus", "flt", {"title", "artist", "album", "year", "isrc"}),
    ".caf": ("caf", "pcm_s16le", "s16", {"title", "artist", "album", "track", "album_artist"}),
    ".flv": ("flv", "aac", "fltp", {"title", "artist", "album", "year"}),
    ".mov": ("mov", "aac", "fltp", {"title", "artist", "album", "year"}),
    ".au": ("au", "pcm_s16be", "s16", {"title", "artist", "album", "track"}),
    ".avi": ("avi", "libmp3lame", "s16p", {"title", "artist", "album", "track"}),
}


def read(path: Path) -> Tags:
    """Read tags as a build does."""
    return TagReader().read(path, demuxed(path).container_tags)


@pytest.mark.parametrize("suffix", sorted(CONTAINERS))
def test_containers_that_mutagen_does_not_know(tmp_path: Path, suffix: str) -> None:
    tags = read(written(tmp_path / f"x{suffix}", WANTED, CONTAINERS[suffix][:3]))
    have = CONTAINERS[suffix][3]
    assert (tags.title, tags.artist, tags.album) == ("Sinnerman", "Nina Simone", "Pastel Blues")
    assert tags.genres == ("Jazz", "Soul")
    assert "track" not in have or tags.track_number == 10
    assert "year" not in have or tags.year == 1965
    assert "album_artist" not in have or tags.album_artist == "Band"
    assert "isrc" not in have or tags.isrc == "USPR36507810"
    assert tags.guessed == ()


def test_aiff_chunks(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "x.aiff")
    content = bytearray(path.read_bytes())
    for name, text in ((b"NAME", b"Sinnerman"), (b"AUTH", b"Nina Simone ")):
        content += name + struct.pack(">I", len(text)) + text + b"\0" * (len(text) % 2)
    content[4:8] = struct.pack(">I", len(content) - 8)
    path.write_bytes(content)
    tags = read(path)
    assert (tags.title, tags.artist) == ("Sinnerman", "Nina Simone")


def test_matroska_tags_with_levels(tmp_path: Path) -> None:
    levels = {"ALBUM/TITLE": "Pastel Blues", "ALBUM/ARTIST": "Band", "TRACK/ARTIST": "Nina"}
    tags = TagReader().read(make_audio(tmp_path / "x.mkv"), {**levels, "TRACK/TITLE": "Sinnerman"})
    assert (tags.title, tags.album, tags.album_artist) == ("Sinnerman", "Pastel Blues", "Band")
    assert tags.artist == "Nina"


@pytest.mark.parametrize("lie", [".mp3", ".flac", ".m4a", ".wav", ".ogg", ".wma", ".wv", ".mpc"])
@pytest.mark.parametrize("truth", [".mp3", ".flac", ".m4a", ".ogg", ".opus", ".wma", ".wv"])
def test_a_suffix_that_lies(tmp_path: Path, truth: str, lie: str) -> None:
    path = make_audio(tmp_path / f"x{truth}")
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    keys = ("Title", "Author") if truth == ".wma" else ("title", "artist")
    for key, text in zip(keys, ("Sinnerman", "Nina Simone"), strict=True):
        file[key] = [text]
    file.save()
    lying = path.rename(tmp_path / f"lie{lie}")
    assert (read_tags(lying).title, read_tags(lying).artist) == ("Sinnerman", "Nina Simone")


def test_a_flac_behind_id3_called_mp3(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "x.flac")
    file = mutagen.File(path)
    file["title"] = "Sinnerman"
    file.save()
    front = io.BytesIO()
    tags = id3.ID3()
    tags.add(id3.TIT2(text="Another"))
    tags.save(front)
    lying = tmp_path / "x.mp3"
    lying.write_bytes(front.getvalue() + path.read_bytes())
    assert read_tags(lying).title == "Sinnerman"


def test_values_separated_by_nul(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "x.flac")
    file = mutagen.File(path)
    file["artist"], file["genre"] = ["Nina Simone\0Hal Mooney"], ["Jazz\0Soul\0"]
    file.save()
    tags = read_tags(path)
    assert (tags.artist, tags.artists) == ("Nina Simone, Hal Mooney", ("Nina Simone", "Hal Mooney"))
    assert tags.genres == ("Jazz", "Soul")


def test_the_artists_of_a_credit_are_a_list(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "x.mp3")
    tags = id3.ID3()
    tags.add(id3.TPE1(text="Nina Simone feat. Hal Mooney"))
    tags.add(id3.TXXX(desc="ARTISTS", text=["Nina Simone", "Hal Mooney"]))
    tags.save(path)
    read = read_tags(path)
    assert read.artist == "Nina Simone feat. Hal Mooney"
    assert read.artists == ("Nina Simone", "Hal Mooney")


@pytest.mark.parametrize(
    ("separators", "wanted"),
    [
        (None, ("Rock", "Pop", "Soul", "R&B")),
        (";", ("Rock", "Pop/Soul, R&B")),
        ("", ("Rock; Pop/Soul, R&B",)),
        ("&", ("Rock; Pop/Soul, R", "B")),
    ],
)
def test_separators_of_genres(separators: str | None, wanted: tuple[str, ...]) -> None:
    text = ["Rock; Pop/Soul, R&B"]
    assert (split_genres(text) if separators is None else split_genres(text, separators)) == wanted


# Encodings

WORDS = {
    "cp1251": ["Кино", "Группа крови", "Звезда по имени Солнце", "Виктор Цой"],
    "koi8_r": ["Аквариум", "Рок-н-ролл мёртв", "Электрический пёс"],
    "cp932": ["宇多田ヒカル", "桜流し", "椎名林檎", "丸の内サディスティック"],
    "gb18030": ["周杰伦", "七里香", "邓丽君", "月亮代表我的心"],
    "big5": ["周杰倫", "七里香", "鄧麗君", "月亮代表我的心"],
    "cp949": ["소녀시대", "다시 만난 세계", "아이유", "좋은 날"],
    "cp1253": ["Μίκης Θεοδωράκης", "Ζορμπάς", "Χάρις Αλεξίου"],
}
WESTERN = ["Beyoncé", "Sigur Rós", "Ágætis byrjun", "Björk", "École", "Motörhead", "Naïve"]


@pytest.mark.parametrize("codec", WORDS)
def test_an_encoding_is_guessed_for_a_library_beside_western_names(codec: str) -> None:
    files = [[word.encode(codec)] for word in WORDS[codec]]
    files += [[word.encode("cp1252")] for word in WESTERN]
    encodings = decide(files)
    read = [decode(values[0], encodings.of(values)) for values in files]
    assert read == WORDS[codec] + WESTERN


def test_western_names_alone_stay_western() -> None:
    for words in (WESTERN, ["Voilà"], ["Þú"], ["naïve", "À la carte"], ["“Heroes”", "Don’t"]):
        files = [[word.encode("cp1252")] for word in words]
        encodings = decide(files)
        assert [decode(values[0], encodings.of(values)) for values in files] == words


def test_words_in_latin_letters() -> None:
    assert all(looks_latin([word.encode("cp1252")]) for word in WESTERN)
    assert not any(looks_latin([w.encode(codec)]) for codec, words in WORDS.items() for w in words)


def id3v1(path: Path, title: bytes, artist: bytes) -> Path:
    """Give an MP3 an ID3v1 tag alone."""
    make_audio(path)
    id3.ID3(path).delete(path)
    fields = struct.pack("3s30s30s30s4s30sB", b"TAG", title, artist, b"", b"", b"", 255)
    path.write_bytes(path.read_bytes() + fields)
    return path


def latin1(path: Path, title: bytes, artist: bytes) -> Path:
    """Give an MP3 ID3v2 frames that say Latin-1, whatever they are."""
    make_audio(path)
    tags = id3.ID3()
    for frame, text in ((id3.TIT2, title), (id3.TPE1, artist)):
        tags.add(frame(encoding=0, text=[text.decode("latin-1")]))
    tags.save(path, v1=0)
    return path


def info(path: Path, title: bytes, artist: bytes) -> Path:
    """Give a WAV a RIFF INFO list."""
    make_audio(path)
    chunks = b"INFO"
    for name, text in ((b"INAM", title), (b"IART", artist)):
        ended = text + b"\0" * (1 + (len(text) + 1) % 2)
        chunks += name + struct.pack("<I", len(ended)) + ended
    content = bytearray(path.read_bytes()) + b"LIST" + struct.pack("<I", len(chunks)) + chunks
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    return path


def inspect(paths: Iterable[Path]) -> Iterable[tuple[Path, object]]:
    for path in paths:
        try:
            yield path, demuxed(path)
        except AudioError as error:
            yield path, error


def built(catalog: Catalog, folder: Path, **options: object) -> ScanSummary:
    return identify(catalog, scan([folder]), inspect, options=ScanOptions(**options))  # type: ignore[arg-type]


def names(catalog: Catalog) -> list[tuple[str, str]]:
    return [(track.artist, track.title) for track in catalog.available_tracks()]


@pytest.mark.parametrize("codec", ["cp1251", "cp932", "gb18030"])
def test_undeclared_tags_are_read_by_the_library(
    catalog: Catalog, tmp_path: Path, codec: str
) -> None:
    words = WORDS[codec]
    makers = (id3v1, latin1, info, latin1)
    for number, (word, make) in enumerate(zip(words, makers, strict=True)):
        path = tmp_path / f"{number}.{'wav' if make is info else 'mp3'}"
        make(path, word.encode(codec), words[0].encode(codec))
    latin1(tmp_path / "4.mp3", "Ágætis byrjun".encode("cp1252"), "Sigur Rós".encode("cp1252"))
    latin1(tmp_path / "5.mp3", "Grüße".encode(), "Die Ärzte".encode())  # UTF-8 that says Latin-1
    summary = built(catalog, tmp_path)
    wanted = [(words[0], word) for word in words]
    assert names(catalog) == [*wanted, ("Sigur Rós", "Ágætis byrjun"), ("Die Ärzte", "Grüße")]
    name = {"cp1251": "Windows-1251", "cp932": "Shift-JIS", "gb18030": "GB 18030"}[codec]
    assert summary.remarks == (
        f"The tags of 4 files do not say their encoding, and were read as {name}. If names look "
        "wrong, set tag_encoding in the home's earshot.toml and run `earshot build --again "
        "--reread-tags`.",
    )
    assert built(catalog, tmp_path).remarks == ()  # said once


def test_a_file_that_comes_later_decides_with_the_others(catalog: Catalog, tmp_path: Path) -> None:
    id3v1(tmp_path / "0.mp3", "Группа крови".encode("koi8_r"), "Кино".encode("koi8_r"))
    built(catalog, tmp_path)
    for number, word in enumerate(["Звезда по имени Солнце", "Пачка сигарет", "Спокойная ночь"]):
        path = tmp_path / f"{number + 1}.mp3"
        id3v1(path, word.encode("koi8_r")[:30], "Виктор Цой".encode("koi8_r"))
    built(catalog, tmp_path)
    assert names(catalog)[:2] == [
        ("Кино", "Группа крови"),
        ("Виктор Цой", "Звезда по имени Солнце"),
    ]
    assert {track.tag_encoding for track in catalog.available_tracks()} == {"koi8_r"}


def test_the_encoding_can_be_set(catalog: Catalog, tmp_path: Path) -> None:
    id3v1(tmp_path / "0.mp3", "Žižka".encode("cp1250"), "Leoš Janáček".encode("cp1250"))
    built(catalog, tmp_path)
    assert names(catalog) != [("Leoš Janáček", "Žižka")]
    summary = built(catalog, tmp_path, encoding="cp1250", reread_tags=True)
    assert (summary.retagged, summary.remarks) == (1, ())
    assert names(catalog) == [("Leoš Janáček", "Žižka")]


def test_a_character_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    title = "丸の内サディスティック、もう一度".encode("cp932")
    assert len(title[:29]) == 29
    reader = TagReader(encodings=decide([[w.encode("cp932")] for w in WORDS["cp932"]]))
    path = id3v1(tmp_path / "x.mp3", title[:29], b"")
    assert reader.read(path).title == "丸の内サディスティック、もう"


# Read again


def test_tags_are_read_again_without_analysing(catalog: Catalog, tmp_path: Path) -> None:
    path = latin1(tmp_path / "a.mp3", b"One", b"Ann")
    make_audio(tmp_path / "b.mp3", pitch=500)
    built(catalog, tmp_path)
    before = path.stat()
    content = path.read_bytes().replace(b"One", b"Two")
    path.write_bytes(content)
    shutil.os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as some editors do
    assert built(catalog, tmp_path) == ScanSummary(unchanged=2)
    revision = catalog.revision
    assert built(catalog, tmp_path, reread_tags=True) == ScanSummary(unchanged=2, retagged=1)
    assert names(catalog)[0] == ("Ann", "Two")
    assert catalog.revision == revision  # nothing to index anew
    assert built(catalog, tmp_path, reread_tags=True) == ScanSummary(unchanged=2)


def test_a_file_that_is_away_keeps_its_tags(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latin1(tmp_path / "a.mp3", b"One", b"Ann")
    built(catalog, tmp_path)

    def away(self: Path, *_: object, **__: object) -> object:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", away)
        assert built(catalog, tmp_path, reread_tags=True).retagged == 0
    assert names(catalog) == [("Ann", "One")]
