"""Tables as people have them: what is decided for the file, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from reading import ANN, Result, written

from recsys.catalog import Listen, Opinion, PlayCount, Recording
from recsys.listens.choice import FormatChoice
from recsys.listens.columns import parse_columns
from recsys.listens.repeated import added_up
from recsys.listens.sources import FormatError

START = 1_700_000_000  # 2023-11-14 22:13:20 UTC
MS = START * 1000


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


# Times are found by content


@pytest.mark.parametrize(
    "header",
    [
        "Artist;Album;AlbumId;Track;Date#ann",
        "artistName;albumName;x;trackName;endTime",
        "Artist Name;Album;x;Track Name;ts",
        "artist;album;x;track;Played At (UTC)",
        "artist;album;x;track;played_at_ms",
        "ARTIST ;Album;x;Song Title; TimeStamp ",
        "artist;album;x;track;when",
        "Künstler;Album;x;Titel;Gehört am",
        "Artiste;Album;x;Titre;Horodatage",
        "performer;release;x;title;moment_of_play",
    ],
)
@pytest.mark.parametrize(
    "time",
    [str(START), str(MS), "2023-11-14T22:13:20Z", "2023-11-14 22:13:20", "14 Nov 2023 22:13:20"],
)
def test_times_are_found_whatever_the_column_is_called(
    tmp_path: Path, header: str, time: str
) -> None:
    rows = [f"Ada;Colours;7;Blue;{time}"] * 2 + [f"Ada;Colours;7;Red;{time}"]
    result = Result(written(tmp_path / "t.csv", "\n".join([header, *rows])))
    assert result.times == [START] * 3
    assert result.names == [("Ada", "Blue")] * 2 + [("Ada", "Red")]
    assert "not used: " in result.said or "AlbumId" in header


def test_the_user_in_a_header_is_the_listener(tmp_path: Path) -> None:
    text = f'Artist;Album;AlbumId;Track;Date#some_user\n"Ada";"Colours";"";"Blue";"{MS}"\n'
    (listen,) = Result(written(tmp_path / "t.csv", text), FormatChoice()).listens
    assert listen == Listen("some_user", Recording("Ada", "Blue", "Colours"), START)


def test_a_date_and_a_time_of_day_in_two_columns_are_one_time(tmp_path: Path) -> None:
    text = "Artist,Title,Date,Time\nAda,Blue,2023-11-14,22:13:20\nAda,Red,2023-11-14,10:14 PM\n"
    result = Result(written(tmp_path / "t.csv", text))
    assert result.times == [START, START + 40]


def test_repeated_rows_of_one_file_are_added_up(tmp_path: Path) -> None:
    text = "artist,title,plays\nAda,Blue,3\nAda,Red,1\nAda,Blue,4\n"
    assert Result(written(tmp_path / "t.csv", text)).counts == [
        PlayCount("ann", Recording("Ada", "Blue"), 7),
        PlayCount("ann", Recording("Ada", "Red"), 1),
    ]
    bare = "artist,title\n" + "Ada,Blue\n" * 5
    result = Result(written(tmp_path / "u.csv", bare))
    assert [count.plays for count in result.counts] == [5]
    assert "each row counts as one play" in result.said


def test_many_counts_are_added_up_in_a_temporary_file() -> None:
    songs = [Recording("Ada", f"Song {i}", duration=i / 7 or None) for i in range(50)]
    events = [PlayCount("ann", song, 2, i) for i in range(3) for song in songs]
    totals = list(added_up(events, in_memory=7))
    assert totals == [PlayCount("ann", song, 6, 2) for song in songs]
    assert totals == list(added_up(events))


def test_a_count_keeps_the_time_of_the_last_play(tmp_path: Path) -> None:
    text = f"artist,title,play count,last played\nAda,Blue,3,{START}\nAda,Red,2,\n"
    assert [one.last_at for one in Result(written(tmp_path / "t.csv", text)).counts] == [START, 0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("artist,title,Hits\nAda,Blue,12\nAda,Red,3\n", "--columns count=Hits"),
        (
            "artist,title,noted,seen\n" + f"Ada,Blue,{START},{START + 9}\n",
            "several columns of times, 'noted' and 'seen'.*--columns time=noted",
        ),
        (
            "artist,title,date\nAda,Blue,yesterday\nAda,Red,today\n",
            "'date' holds no times.*'yesterday'",
        ),
        (
            "Ada,Colours,Blue,x,14 Nov 2023 22:13\n",
            "without a header.*--columns artist,title,album,-,time",
        ),
        (f"Blue\t{START}\tAda\n", "without a header.*--columns artist,time,title"),
        ("artist,title,count\nAda,Blue,1\n", "no column of listeners"),
    ],
)
def test_in_doubt_a_table_is_refused_with_the_command_that_would_be_right(
    tmp_path: Path, text: str, sentence: str
) -> None:
    choice = FormatChoice() if "listeners" in sentence else ANN
    with pytest.raises(FormatError, match=sentence):
        Result(written(tmp_path / "t.csv", text), choice)


def test_what_was_refused_is_read_as_the_sentence_says(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "artist,title,Hits\nAda,Blue,12\nAda,Blue,3\n")
    count = FormatChoice(listener="ann", columns=parse_columns("count=Hits"))
    assert [one.plays for one in Result(path, count).counts] == [15]
    rows = FormatChoice(listener="ann", columns=parse_columns("artist=artist,title=title"))
    assert [one.plays for one in Result(path, rows).counts] == [2]


def test_unused_columns_are_named(tmp_path: Path) -> None:
    text = f"platform,artist,title,ts,country,empty\nlinux,Ada,Blue,{START},NO,\n"
    assert "Columns not used: platform, country." in Result(written(tmp_path / "t.csv", text)).said


@pytest.mark.parametrize("name", ["loved.csv", "ann_lovedtracks.tsv"])
def test_a_table_of_loved_tracks_holds_likes(tmp_path: Path, name: str) -> None:
    text = f"artist,title,date\nAda,Blue,{START}\n"
    result = Result(written(tmp_path / name, text))
    assert result.all == [Opinion("ann", Recording("Ada", "Blue"), "like", START)]


# Day and month


def dated(*dates: str) -> str:
    return "artist,title,time\n" + "".join(f"Ada,Blue,{one}\n" for one in dates)


@pytest.mark.parametrize(
    ("dates", "wanted"),
    [
        (["11/14/2023 22:13", "01/02/2024 10:00"], [at(2023, 11, 14, 22, 13), at(2024, 1, 2, 10)]),
        (["01/02/2024 10:00", "14/11/2023 22:13"], [at(2024, 2, 1, 10), at(2023, 11, 14, 22, 13)]),
        (["1/2/2024 1:02 AM", "1/13/2024 1:02 PM"], [at(2024, 1, 2, 1, 2), at(2024, 1, 13, 13, 2)]),
        (["02.01.2024 10:00", "03.01.2024"], [at(2024, 1, 2, 10), at(2024, 1, 3)]),
        (["2024/1/2 10:00", "2024/12/3 10:00:05"], [at(2024, 1, 2, 10), at(2024, 12, 3, 10, 0, 5)]),
        (["13-01-2024", "01-02-2024"], [at(2024, 1, 13), at(2024, 2, 1)]),
        (["01/31/24", "02/01/24"], [at(2024, 1, 31), at(2024, 2, 1)]),
        (  # only in one order do they rise
            ["01/11/2023", "02/11/2023", "03/11/2023", "01/12/2023"],
            [at(2023, 11, 1), at(2023, 11, 2), at(2023, 11, 3), at(2023, 12, 1)],
        ),
        (["20231114", "20231115"], [at(2023, 11, 14), at(2023, 11, 15)]),
        (['"Nov 14, 2023, 10:13:20 PM"'], [START]),
        (['"Tue, 14 Nov 2023 23:13:20 +0100"'], [START]),
        (["14/11/2023 23:13:20 +01:00"], [START]),
        (["14. Nov. 2023 22:13"], [START - 20]),
        (["14 novembre 2023 22:13"], [START - 20]),
    ],
)
def test_day_and_month_are_decided_for_the_file(
    tmp_path: Path, dates: list[str], wanted: list[int]
) -> None:
    result = Result(written(tmp_path / "t.csv", dated(*dates)))
    assert (result.times, result.bad) == (wanted, [])


def test_a_late_row_decides_for_the_whole_file(tmp_path: Path) -> None:
    dates = [f"{1 + i % 12:02}/{1 + i // 12 % 12:02}/2023 10:00" for i in range(5000)]
    result = Result(written(tmp_path / "t.csv", dated(*dates, "05/13/2023 10:00")))
    assert len(result.times) == 5001
    assert result.times[1] == at(2023, 2, 1, 10)
    result = Result(written(tmp_path / "t.csv", dated(*dates, "13/05/2023 10:00")))
    assert result.times[1] == at(2023, 1, 2, 10)


@pytest.mark.parametrize(
    ("dates", "readings"),
    [
        (["01/02/2023", "05/02/2023", "03/02/2023"], "--dates dmy or --dates mdy"),
        (["13/01/2023", "01/14/2023"], "contradict one another"),
        (["01/02/03"], "--dates dmy or --dates mdy or --dates ymd"),
    ],
)
def test_dates_that_nothing_decides_are_refused(
    tmp_path: Path, dates: list[str], readings: str
) -> None:
    path = written(tmp_path / "t.csv", dated(*dates))
    with pytest.raises(FormatError, match=rf"t.csv is ambiguous: .*{readings}"):
        Result(path)
    chosen = Result(path, FormatChoice(listener="ann", dates="mdy"))
    assert chosen.times or chosen.bad


def test_a_chosen_order_names_the_rows_that_contradict_it(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", dated("13/01/2023", "01/14/2023"))
    result = Result(path, FormatChoice(listener="ann", dates="dmy"))
    assert result.times == [at(2023, 1, 13)]
    assert [bad.line for bad in result.bad] == [3]


def test_a_row_of_nonsense_decides_nothing(tmp_path: Path) -> None:
    result = Result(written(tmp_path / "t.csv", dated("05/13/2023", "99/99/2023", "06/01/2023")))
    assert result.times == [at(2023, 5, 13), at(2023, 6, 1)]
    assert [bad.line for bad in result.bad] == [3]


# Numbers


def test_day_numbers_of_a_spreadsheet(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "artist,title,date\nAda,Blue,45244.5\nAda,Red,45245\n")
    result = Result(path)
    assert result.times == [at(2023, 11, 14, 12), at(2023, 11, 15)]
    assert "day numbers of a spreadsheet" in result.said
    comma = written(tmp_path / "u.csv", "artist;title;date\nAda;Blue;45244,5\nAda;Red;45245\n")
    assert Result(comma).times == result.times


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        (["1.234", "12"], [1234, 12]),
        (["3,0", "1.234,0"], [3, 1234]),
        (["3.0", "1234.0"], [3, 1234]),
        (["1 234", "7"], [1234, 7]),
        (["1'234", "7"], [1234, 7]),
        (["1.234.567", "1.000"], [1234567, 1000]),
    ],
)
def test_marks_of_numbers_are_decided_for_the_file(
    tmp_path: Path, counts: list[str], wanted: list[int]
) -> None:
    rows = [f"Ada;Song {i};{count}\n" for i, count in enumerate(counts)]
    path = written(tmp_path / "t.csv", "artist;title;plays\n" + "".join(rows))
    assert [one.plays for one in Result(path).counts] == wanted


def test_marks_that_contradict_are_refused(tmp_path: Path) -> None:
    text = "artist;title;plays;duration\nAda;Blue;1,0;200.5\n"
    path = written(tmp_path / "t.csv", text)
    with pytest.raises(FormatError, match=r"decimal mark.*--decimal \. or --decimal ,"):
        Result(path)
    (count,) = Result(path, FormatChoice(listener="ann", decimal=",")).counts
    assert count.plays == 1


@pytest.mark.parametrize(
    ("header", "lengths", "wanted"),
    [
        ("duration", ["215.320", "198.000"], [215.32, 198.0]),
        ("duration", ["215,320", "198,5"], [215.32, 198.5]),
        ("duration_ms", ["215.320", "198.000"], [215.32, 198.0]),
        ("length", ["3:35", "1:02:03"], [215.0, 3723.0]),
    ],
)
def test_lengths_have_a_likely_mark(
    tmp_path: Path, header: str, lengths: list[str], wanted: list[float]
) -> None:
    rows = [f"Ada;Song {i};1;{length}\n" for i, length in enumerate(lengths)]
    path = written(tmp_path / "t.csv", f"artist;title;plays;{header}\n" + "".join(rows))
    assert [one.recording.duration for one in Result(path).counts] == pytest.approx(wanted)


# Delimiters and quotation marks


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n", ""])
def test_the_line_of_the_separator_is_no_header(tmp_path: Path, first: str) -> None:
    path = written(tmp_path / "t.csv", f"{first}artist;title;time\nAda, B;Blue, or not;{START}\n")
    assert Result(path).names == [("Ada, B", "Blue, or not")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_titles_full_of_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    others = " ".join({",", ";", "|"} - {delimiter})
    text = f"artist,title,time\nAda,One {others},{START}\nAda,Two,{START}\n".replace(",", delimiter)
    title = f"One {others}".replace(",", delimiter)
    if delimiter in title:
        text = text.replace(title, f'"{title}"')
    assert Result(written(tmp_path / "t.csv", text)).names[1] == ("Ada", "Two")


@pytest.mark.parametrize(
    ("cell", "title"),
    [
        ('"Heroes"', "Heroes"),
        ('"Heroes" (live)', '"Heroes" (live)'),
        ('"Heroes', '"Heroes'),
        ('12" mix', '12" mix'),
        ('"""Heroes"""', '"Heroes"'),
        ('""Heroes""', '""Heroes""'),
        ('Say "Yes"', 'Say "Yes"'),
        ('"', '"'),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quotation_marks_of_titles(tmp_path: Path, cell: str, title: str, delimiter: str) -> None:
    rows = [f"Ada,{cell},{START}", f"Bix,Red,{START}", f'Cleo,"Dusk",{START}']
    text = "\n".join(["artist,title,time", *rows]).replace(",", delimiter)
    result = Result(written(tmp_path / "t.csv", text))
    assert result.bad == []
    assert [name for _, name in result.names] == [title, "Red", "Dusk"]


def test_quoted_cells_go_over_lines(tmp_path: Path) -> None:
    text = f'artist,title,time\nAda,"Two\nlines",{START}\nBix,Red,{START}\n'
    assert Result(written(tmp_path / "t.csv", text)).names == [
        ("Ada", "Two\nlines"),
        ("Bix", "Red"),
    ]


def test_lines_of_another_system_and_lines_above_the_header(tmp_path: Path) -> None:
    text = f"My scrobbles\r\rartist,title,time\rAda,Blue,{START}\rAda,Red,{START}\r"
    assert Result(written(tmp_path / "t.csv", text)).names == [("Ada", "Blue"), ("Ada", "Red")]


# Encodings


@pytest.mark.parametrize(
    ("encoding", "rows"),
    [
        ("utf-8", ["Björk,Jóga"]),
        ("utf-8-sig", ["Björk,Jóga"]),
        ("utf-16", ["Björk,Jóga"]),
        ("utf-16-le", ["Björk,Jóga"]),
        ("utf-16-be", ["Björk,Jóga"]),
        ("utf-32", ["Björk,Jóga"]),
        ("cp1252", ["Björk,Jóga", "Guns N’ Roses,Sweet Child O’ Mine", "Beyoncé,Halo"]),
        ("cp1252", ["Sigur Rós,Ágætis byrjun"]),
        ("cp1251", ["Кино,Группа крови", "Аквариум,Город золотой"]),
        ("koi8_r", ["Земфира,Хочешь?", "Кино,Группа крови"]),
        ("cp932", ["宇多田ヒカル,桜流し", "米津玄師,パプリカ"]),
        ("euc_jp", ["宇多田ヒカル,桜流し", "米津玄師,パプリカ"]),
        ("gb18030", ["周杰伦,七里香", "王菲,红豆"]),
        ("cp949", ["아이유,좋은 날", "방탄소년단,봄날"]),
        ("cp1250", ["Łona,Błąd", "Zdzisława Sośnicka,Żegnaj lato"]),
    ],
)
def test_encodings_are_decided_for_the_file(tmp_path: Path, encoding: str, rows: list[str]) -> None:
    ascii_rows = [f"Nobody,Song {i},{START}" for i in range(3000)]  # past the first block
    text = "\n".join(["artist,title,time", *ascii_rows, *(f"{row},{START}" for row in rows)])
    path = written(tmp_path / "t.csv", text.encode(encoding))
    result = Result(path)
    assert result.names[-len(rows) :] == [tuple(row.split(",")) for row in rows]
    assert ("was read as" in result.said) == (not encoding.startswith("utf-8"))
    chosen = FormatChoice(listener="ann", encoding=encoding)
    assert Result(path, chosen).names == result.names


def test_a_broken_line_of_utf_8_is_named(tmp_path: Path) -> None:
    lines = [f"Björk,Jóga,{START}".encode()] * 3 + [b"Bj\xf6rk,J,1700000000"]
    result = Result(written(tmp_path / "t.csv", b"artist,title,time\n" + b"\n".join(lines)))
    assert (len(result.listens), [bad.line for bad in result.bad]) == (3, [5])


# Other tables


def test_parquet_by_content_too(tmp_path: Path) -> None:
    when = pd.to_datetime(["2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"])
    frame = pd.DataFrame(
        {"artist": ["Ada", "Ada"], "title": ["Blue", "Blue"], "heard": when, "n": [1, 2]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    result = Result(tmp_path / "t.parquet")
    assert result.times == [START, START]
    assert "Columns not used: n." in result.said


def test_exporters_without_a_header(tmp_path: Path) -> None:
    scraped = f"{START}\tBlue\tAda\tColours\t\t\t\n{START + 9}\tRed\tAda\t\t\t\t\n"
    result = Result(written(tmp_path / "exported.tsv", scraped))
    assert result.listens == [
        Listen("ann", Recording("Ada", "Blue", "Colours"), START),
        Listen("ann", Recording("Ada", "Red"), START + 9),
    ]


def test_track_numbers_are_read(tmp_path: Path) -> None:
    text = f"artist,title,track number,time\nAda,Blue,3/12,{START}\n"
    (listen,) = Result(written(tmp_path / "t.csv", text)).listens
    assert listen.recording.track_number == 3


@pytest.mark.parametrize(
    ("name", "cell", "seconds"),
    [
        ("Duration (ms)", "200000", 200.0),
        ("length [ms]", "200000", 200.0),
        ("Track Duration (milliseconds)", "200000", 200.0),
        ("Duration (s)", "200", 200.0),
        ("Duration (min)", "3:20", 200.0),
    ],
)
def test_lengths_have_the_unit_in_brackets(
    tmp_path: Path, name: str, cell: str, seconds: float
) -> None:
    path = written(tmp_path / "t.csv", f"artist,title,plays,{name}\nAda,Blue,3,{cell}\n")
    assert [count.recording.duration for count in Result(path).counts] == [seconds]


@pytest.mark.parametrize(
    ("header", "played", "broken_off", "short_song"),
    [
        ("Listening Time", "201", "3", "25"),  # Deezer
        ("stream_duration_ms", "201000", "3000", "25000"),  # Tidal
        ("Consumption Duration (seconds)", "201", "3", "25"),  # Amazon
        ("ms_played", "201000", "3000", "25000"),  # Spotify's as a table
    ],
)
def test_what_was_hardly_played_is_a_skip(
    tmp_path: Path, header: str, played: str, broken_off: str, short_song: str
) -> None:
    path = written(
        tmp_path / "t.csv",
        f"artist,title,date,duration,{header}\n"
        f"Ada,Blue,2023-11-14 22:13:20,205,{played}\n"
        f"Ada,Red,2023-11-14 22:17:20,205,{broken_off}\n"
        f"Ada,Grey,2023-11-14 22:18:20,26,{short_song}\n"
        "Ada,Green,2023-11-14 22:19:20,205,\n",
    )
    result = Result(path)
    assert [listen.recording.title for listen in result.listens] == ["Blue", "Grey", "Green"]
    assert [(o.recording.title, o.kind) for o in result.opinions] == [("Red", "skip")]


def test_rows_without_plays_are_counted(tmp_path: Path) -> None:
    counts = written(tmp_path / "c.csv", "artist,title,plays\nAda,Blue,3\nAda,Red,0\nAda,Grey,\n")
    result = Result(counts)
    assert [count.plays for count in result.counts] == [3]
    assert not result.bad
    assert result.notes.left_out == {"tracks without plays": 2}
    podcasts = written(
        tmp_path / "p.csv",
        "artist,title,date,media_type\n"
        "Ada,Radio Song,2023-11-14,song\n"
        "Al,Talk,2023-11-14,PODCAST\n",
    )
    result = Result(podcasts)
    assert [listen.recording.title for listen in result.listens] == ["Radio Song"]
    assert result.notes.left_out == {"podcasts, audiobooks and videos": 1}


def test_thumbs_are_likes_and_dislikes(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "Artist,Song,Thumb\nAda,Blue,Up\nAda,Red,Down\n")
    kinds = [(opinion.recording.title, opinion.kind) for opinion in Result(path).opinions]
    assert kinds == [("Blue", "like"), ("Red", "dislike")]
