"""Guess tags from the names of a file and of the folders between it and its library's folder."""

from __future__ import annotations

import re
from pathlib import Path

from recsys.catalog import Tags
from recsys.catalog.base import clean_text

_NUMBERED = re.compile(r"(?:(\d{1,2})-)?(\d{1,3})(?:\s*[-.)]+\s*|(?<=\d\d)\s+)(?=\S)")
_WITHIN = re.compile(  # "Artist - Album - 01 - Title", or without the album
    r"(?P<artist>(?:(?! - ).)+)(?: - (?P<album>(?:(?! - ).)+))?"
    r" - (?P<number>\d{1,3})\.? - (?P<title>.+)"
)
_ONLY_NUMBER = re.compile(r"(?:track|titel|piste|pista|audio ?track)\W*(\d{1,3})", re.IGNORECASE)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "i": 1, "ii": 2, "iii": 3, "iv": 4}
_DISC = re.compile(
    r"[\[(]?(?:cd|disc|disk|disque|dvd|lp|bonus cd|bonus disc)\s*[-_.#]*\s*"
    r"(?:(\d{1,2})|(one|two|three|four|iv|i{1,3}))\b.*",
    re.IGNORECASE,
)
_USERS = (Path("/home"), Path("/Users"), Path("/media"), Path("/run/media"), Path("/mnt"))
_SIDE = re.compile(
    r"[\[(]?(?:side\s*[-_.]?\s*[a-d1-4]|bonus(?: cd| disc| disk| tracks)?)[\])]?", re.IGNORECASE
)
# Names of folders that say where files lie, not whose they are.
_PLACES = frozenset(
    name.strip()
    for name in """
    music|my music|musik|musique|música|musica|audio|sound|sounds|songs|tracks|files|media|library
    mp3|mp3s|flac|flacs|aac|ogg|opus|wav|lossless|lossy|download|downloads|torrents|complete
    incoming|desktop|documents|home|users|public|shared|share|temp|tmp|new|old|misc
    miscellaneous|other|others|various|various artists|va|compilation|compilations|sampler
    samplers|soundtrack|soundtracks|ost|single|singles|album|albums|ep|eps|live|bootlegs|mixes
    mixtapes|playlist|playlists|podcasts|unsorted|unknown|unknown artist|unknown album
    untitled|to sort|sort|itunes|itunes media|amazon music|spotify|youtube|soundcloud|bandcamp
    new folder|neuer ordner|nouveau dossier|nueva carpeta|nuova cartella|nova pasta|новая папка
    scans|artwork|rips|vinyl rip|web|unbekannt|unbekannter interpret|artiste inconnu
    backup|archive|artists|genres|classical|jazz|rock|pop|a-z|0-9|#
    """.replace("\n", "|").split("|")
)


def guess_tags(path: Path, root: Path | None) -> Tags:
    """Return the tags in the names of a file and its folders: `artist/album/01 - title.flac`.

    Folders count below `root`, the library's folder, alone; none do where it is None. What is
    found is named in `guessed`.

    >>> root = Path("/music")
    >>> guess_tags(root / "Nina Simone/Pastel Blues/10 - Sinnerman.mp3", root).title
    'Sinnerman'
    >>> guess_tags(root / "Nina Simone - Sinnerman.mp3", root).artist
    'Nina Simone'
    >>> guess_tags(root / "Pastel Blues/CD1/10 - Sinnerman.mp3", root).artist
    ''
    """
    stem = path.stem.replace("_", " ").strip()
    folders = [folder for folder in path.parents if root and root in folder.parents]
    disc = None
    while folders and (found := _disc(folders[0].name)) is not None:
        disc = disc or found or None
        folders.pop(0)
    album = _named(folders[0]) if folders else ""
    artist = _named(folders[1]) if album and len(folders) > 1 else ""
    numbered = _NUMBERED.match(stem)
    title = stem[numbered.end() :] if numbered else stem
    number = int(numbered[2]) if numbered else _track(stem)
    within = _WITHIN.fullmatch(title)
    before, dash, rest = title.partition(" - ")
    if within and not numbered:
        artist, album, title = within["artist"], within["album"] or album, within["title"]
        number = int(within["number"])
    elif dash and before.strip() and rest.strip():
        artist, title = before.strip(), rest.strip()
    tags = {
        "title": clean_text(title),
        "artist": clean_text(artist),
        "album": clean_text(album) or None,
        "track_number": number,
        "disc_number": disc,
    }
    found_tags = {name: value for name, value in tags.items() if value}
    return Tags(**found_tags, guessed=tuple(found_tags))  # type: ignore[arg-type]


def _track(stem: str) -> int | None:
    """Return the number of a file whose name is nothing else, as in "Track 01"."""
    match = _ONLY_NUMBER.fullmatch(stem)
    return int(match[1]) if match else None


def _disc(folder: str) -> int | None:
    """Return the number of a disc's folder, 0 for a side's, None for another folder."""
    if _SIDE.fullmatch(folder.strip()):
        return 0
    match = _DISC.fullmatch(folder.strip())
    if match is None:
        return None
    return int(match[1]) if match[1] else _WORDS[match[2].lower()]


def _named(folder: Path) -> str:
    """Return the name of a folder, nothing where it names a place, a user, a year or a letter."""
    name = folder.name.replace("_", " ").strip()
    is_place = name.casefold() in _PLACES or len(name) == 1 or re.fullmatch(r"\d{4}s?", name)
    return "" if is_place or folder.parent in _USERS else name
