"""What the columns of a table hold: named by hand, found by their usual names, or by content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from recsys.listens import times
from recsys.listens.sources import FormatError, Source

# What a column may hold, and the names it goes by elsewhere, in lower case without anything but
# letters and digits; the first that is there is taken.
COLUMNS: Mapping[str, Sequence[str]] = {
    "user": ("user", "userid", "username", "listener", "listenername", "userhash", "benutzer"),
    "item": ("item", "itemid", "trackid", "songid", "song", "spotifytrackuri", "trackuri"),
    "artist": (
        *("artist", "artistname", "artists", "artistnames", "trackartist", "performer", "band"),
        *("interpret", "künstler", "artiste", "artista", "mastermetadataalbumartistname"),
    ),
    "title": (
        *("title", "trackname", "tracktitle", "songname", "songtitle", "name", "titel", "titre"),
        *("título", "titolo", "canción", "mastermetadatatrackname"),
    ),
    "album": ("album", "albumname", "albumtitle", "release", "releasename", "releasetitle"),
    "mbid": ("recordingmbid", "mbid", "trackmbid", "musicbrainztrackid", "musicbrainzrecordingid"),
    "isrc": ("isrc",),
    "track_number": ("tracknumber", "trackno", "tracknum", "trackposition"),
    "duration": (
        *("duration", "length", "seconds", "trackduration", "tracklength", "durationseconds"),
        *("durations", "dauer", "durée", "duración"),
    ),
    "duration_ms": ("durationms", "lengthms", "trackdurationms", "durationmilliseconds"),
    "played": (
        *("listeningtime", "listenedseconds", "secondsplayed", "playedseconds"),
        *("consumptionduration", "consumptiondurationseconds", "playduration"),
    ),
    "played_ms": (
        *("msplayed", "playedms", "streamdurationms", "playdurationms", "listeningtimems"),
        *("playdurationmilliseconds", "consumptiondurationms"),
    ),
    "count": (
        *("count", "plays", "playcount", "listencount", "listens", "scrobbles", "playbacks"),
        *("timesplayed", "weight", "anzahl", "wiedergaben", "écoutes", "lectures", "ascolti"),
        *("playedtimes", "reproducciones", "reproduções"),
    ),
    "time": (
        *("uts", "timestamp", "ts", "listenedat", "playedat", "scrobbledat", "scrobbletime"),
        *("endtime", "lastplayed", "lastplayedat", "dateplayed", "playdate", "playedon"),
        *("timeplayed", "datetime", "dateandtime", "time", "date", "utctime", "timestampms"),
        *("unixtime", "unixtimestamp", "epoch", "datum", "zeit", "fecha", "data", "heure"),
    ),
    "clock": ("time", "timeofday", "clock", "uhrzeit", "zeit", "heure", "hora", "ora", "tijd"),
    "medium": ("mediatype", "mediakind", "objecttype", "contenttype", "itemtype"),
    "kind": ("kind", "feedback", "thumb", "thumbs"),
}
_NAMING = frozenset({"item", "artist", "title", "mbid", "isrc"})
# Times of other things than plays, and numbers of other things than plays, by parts of names.
_OTHER_TIMES = re.compile("added|releas|birth|creat|modif|updat|import|export|start|first|year|id$")
_OTHER_NUMBERS = re.compile(
    "year|jahr|année|año|anno|rat(?:e|ing)|bpm|tempo|id$|number|disc|disk|track|position|rank|size"
    "|rate|popularity|energy|duration|length|ms$|^#?$|index|skip|key|mode|loud|score|price|row|no$"
)
_MILLISECONDS = re.compile(r"[(\[]\s*(?:ms|msecs?|milli-?seconds?)\s*[)\]]", re.IGNORECASE)
_SURE, _LIKELY = 0.8, 0.5  # shares of a column's cells


def plain_name(name: str) -> str:
    """Return a column's name in lower case, with nothing but letters and digits.

    >>> plain_name("Played_At "), plain_name("Künstler")
    ('playedat', 'künstler')
    """
    name = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in name if letter.isalnum())


def spellings(name: str) -> list[str]:
    """Return a name as it is, without what is in brackets, and without what follows a "#".

    A unit of milliseconds stays.

    >>> spellings("Date#ann"), spellings("Played (UTC)"), spellings("Duration (ms)")
    (['dateann', 'date'], ['playedutc', 'played'], ['durationms'])
    """
    bare = re.sub(r"[(\[{<][^)\]}>]*[)\]}>]", "", name)
    if _MILLISECONDS.search(name):  # what is in brackets is a unit
        return [plain_name(bare) + "ms"]
    return list(dict.fromkeys(plain_name(text) for text in (name, bare, bare.partition("#")[0])))


def named_roles(header: Sequence[str]) -> dict[str, int]:
    """Return the place of the column of each role that has one of its usual names."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        for spelling in spellings(name):
            places.setdefault(spelling, place)
    roles = {}
    for role, usual in COLUMNS.items():
        found = next((name for name in usual if name in places), None)
        if found and role != "clock":
            roles[role] = places[found]
    if "title" not in roles and "track" in places:
        # "track" is a title beside an artist, an identifier alone
        roles.setdefault("title" if "artist" in roles else "item", places["track"])
    if "track_number" not in roles and places.get("track") not in (None, *roles.values()):
        roles["track_number"] = places["track"]
    if "title" not in roles and "artist" in roles and "song" in places:
        roles["title"] = places["song"]
        if roles.get("item") == places["song"]:
            del roles["item"]
    return roles


def chosen_roles(
    header: Sequence[str], chosen: Mapping[str, str], roles: dict[str, int], source: Source
) -> dict[str, int]:
    """Return the roles with those that a person names. Raises FormatError for no such column."""
    for role, column in chosen.items():
        places = [n for n, name in enumerate(header) if name.strip() == column.strip()] or [
            n for n, name in enumerate(header) if plain_name(column) in spellings(name)
        ]
        if not places:
            raise FormatError(
                f"{source.name} has no column {column!r}; its columns are {', '.join(header)}."
            )
        roles = {r: place for r, place in roles.items() if place != places[0] or r in chosen}
        roles[role] = places[0]
    return roles


def names_tracks(roles: Iterable[str]) -> bool:
    """Say whether the roles suffice to know what was played."""
    return not _NAMING.isdisjoint(roles)


def time_column(
    header: Sequence[str], sample: Sequence[Sequence[object]], taken: Iterable[int], source: Source
) -> int | None:
    """Return the place of the column of times: one of the usual names that holds some, else any.

    None where there is none. Raises FormatError where it could be one of several.
    """
    places = {
        spelling: n for n, name in reversed([*enumerate(header)]) for spelling in spellings(name)
    }
    for name in COLUMNS["time"]:
        if name in places and _share(sample, places[name], _is_readable_time) >= _LIKELY:
            return places[name]
    free = set(range(len(header))) - set(taken)
    found = [
        n
        for n in sorted(free)
        if not _OTHER_TIMES.search(plain_name(header[n]))
        and _share(sample, n, lambda cell: times.looks_like_time(str(cell))) >= _SURE
    ]
    if len(found) > 1:
        names = " and ".join(repr(header[n]) for n in found)
        raise FormatError(
            f"{source.name} has several columns of times, {names}: say which one is of the plays, "
            f"as in --columns time={header[found[0]]}."
        )
    return found[0] if found else None


def clock_column(
    header: Sequence[str], sample: Sequence[Sequence[object]], time: int
) -> int | None:
    """Return the place of a column of times of day beside one of mere dates, None for none."""
    if _share(sample, time, lambda cell: ":" not in str(cell) and not _is_number(cell)) < _SURE:
        return None
    usual = set(COLUMNS["clock"])
    for n, name in enumerate(header):
        is_named = n != time and not usual.isdisjoint(spellings(name))
        if is_named and _share(sample, n, _is_clock) >= _SURE:
            return n
    return None


def _is_clock(cell: object) -> bool:
    return times.clock_seconds(str(cell)) is not None


def unknown_numbers(
    header: Sequence[str], sample: Sequence[Sequence[object]], taken: Iterable[int]
) -> list[str]:
    """Return the names of the columns that may be counts of plays under an unusual name."""
    free = set(range(len(header))) - set(taken)
    return [
        header[n]
        for n in sorted(free)
        if not _OTHER_NUMBERS.search(plain_name(header[n]))
        and _share(sample, n, lambda cell: str(cell).strip().isdigit()) >= _SURE
    ]


def unused(
    header: Sequence[str], sample: Sequence[Sequence[object]], taken: Iterable[int]
) -> list[str]:
    """Return the names of the columns that hold something and have no role."""
    free = set(range(len(header))) - set(taken)
    return [header[n] for n in sorted(free) if _share(sample, n, lambda _: True) > 0]


def _share(sample: Sequence[Sequence[object]], place: int, test: object) -> float:
    """Return of how many of a column's cells that are not empty something is true; 0 for none."""
    cells = [row[place] for row in sample if len(row) > place]
    cells = [cell for cell in cells if cell is not None and str(cell).strip() not in ("", "nan")]
    if not cells:
        return 0.0
    return sum(bool(test(cell)) for cell in cells) / len(cells)  # type: ignore[operator]


def _is_number(cell: object) -> bool:
    return times.is_number(str(cell))


def _is_readable_time(cell: object) -> bool:
    """Say whether a cell of a column that is called after times is one."""
    text = str(cell).strip()
    if times.is_number(text):
        return times.is_compact(text) or float(text.replace(",", ".")) > 20_000
    if times.possible_orders(text):
        return True
    try:
        return times.TimeFormat().seconds(cell) > 0
    except (times.NoTime, OverflowError):
        return False


def parse_columns(text: str) -> dict[str, str] | list[str]:
    """Read "role=column,…" or, for a file without a header, "role,role,…" with "-" for none.

    Raises ValueError for an unknown role.
    """
    parts = [part.strip() for part in text.split(",")]
    pairs = [part.partition("=") for part in parts]
    for role, _, _ in pairs:
        if role not in COLUMNS and role != "-":
            raise ValueError(
                f"--columns knows no {role!r}; it takes {', '.join(COLUMNS)}, "
                "as role=COLUMN or in the file's order"
            )
    if all(equals for _, equals, _ in pairs):
        return {role: column for role, _, column in pairs}
    if any(equals for _, equals, _ in pairs):
        raise ValueError("--columns takes role=COLUMN for all columns, or roles alone")
    return parts


def usual_order(cells: Sequence[str]) -> list[str] | None:
    """Return the roles of a table without a header that two exporters of Last.fm write.

    None for a first row that is none of such a file.
    """
    if len(cells) == 4 and times.looks_like_time(cells[3]):
        return ["artist", "album", "title", "time"]
    if len(cells) >= 4 and times.looks_like_time(cells[0]) and times.is_number(cells[0]):
        return (["time", "title", "artist", "album", "mbid"] + ["-"] * len(cells))[: len(cells)]
    return None
