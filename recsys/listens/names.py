"""Names made comparable: what two services write differently of one recording, and what not.

Guests, remasters and editions are left out of a title: they do not change what was played. Whatever
does change it (live, remix, acoustic, demo, part 2 ...) stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from recsys.catalog.search import fold

_FEAT = r"(?:feat|ft|featuring)(?:\.|\s)"
_GUESTS = re.compile(rf"(?:^|[\s(\[]){_FEAT}\s*([^()\[\]]*)$", re.IGNORECASE)
_GUESTS_IN_TITLE = re.compile(
    rf"(?:[\s(\[])(?:{_FEAT}|(?<=[(\[])with\s)\s*([^()\[\]]*)", re.IGNORECASE
)
# What YouTube appends to an artist's name, for the artist's channel.
CHANNEL = re.compile(r"\s+[-–]\s+(?:Topic|Thema|Tema|Sujet|Argomento|Onderwerp)$|(?<=\w)VEVO$")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_AFTER_DASH = re.compile(r"\s+[-–—/|]\s+((?:(?!\s[-–—/|]\s).)+)$")
_YEAR = r"(?:19|20)\d\d"
_BARE_YEAR = re.compile(_YEAR)
_REMASTER = rf"""
    (?:{_YEAR}\s+)?(?:\d\d\s?-?\s?bit\s+)?(?:digital(?:ly)?\s+)?(?:stereo\s+)?re-?master(?:ed|ing)?
    (?:\s+(?:version|edition|album\s+version))?
    (?:\s+(?:in\s+|from\s+)?{_YEAR})?(?:\s+(?:version|digital\s+remaster))?(?:\s+stereo)?
"""
# In brackets, or behind a dash, these say nothing of what is played.
_NOISE = re.compile(
    rf"""(?:feat|ft|featuring|with|w/)\b.*
    | {_REMASTER}
    | (?:the\s+)?(?:album|original|lp|single|7"?|stereo|standard|full|main|studio)\s+
      (?:album\s+|single\s+)?(?:version|mix|recording)
    | stereo | (?:{_YEAR}\s+)?stereo\s+(?:mix|version)
    | (?:explicit|clean)(?:\s+(?:version|lyrics|album\s+version))?
    | (?:{_YEAR}\s+)?(?:bonus|hidden)(?:\s+track)?(?:\s+version)?
    | official(?:\s+\w+){{0,3}} | (?:lyrics?|music)\s+video | lyrics | audio | visuali[sz]er
    | hd | hq | 4k
    | (?:super\s+)?
      (?:deluxe|expanded|anniversary|special|limited|collector.?s|japanese|us|uk|digital)
      (?:\s+(?:edition|version|deluxe|release))+
    | deluxe | expanded | (?:the\s+)?\d+(?:st|nd|rd|th)\s+anniversary(?:\s+\w+){{0,2}}
    | (?:music\s+)?from\s+(?:the\s+)?["'“‘].*
    | (?:music\s+)?from\s.*\b(?:soundtrack|motion\s+picture|film|movie|series)\b.*
    | (?:original\s+)?(?:motion\s+picture\s+)?soundtrack(?:\s+version)? | ost
    """,
    re.IGNORECASE | re.VERBOSE,
)
_IS_REMASTER = re.compile(_REMASTER, re.IGNORECASE | re.VERBOSE)
_VERSION_WORDS = """
live unplugged acoustic remix remixed rmx mix edit demo instrumental karaoke cover session sessions
mono dub vip extended reprise orchestral piano acapella cappella version take rehearsal bootleg
mashup medley interlude intro outro radio club alternate alternative major minor sharp flat
"""
_VERSION = frozenset(_VERSION_WORDS.split())
_LIVE = re.compile(
    r"""\blive\s+(?:(?:at|in|from|on)\b|@) | [(\[]live\b | [-–—:]\s*live\b
    | \bunplugged\b | \bin\sconcert\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ROMAN = {
    name: str(number)
    for number, name in enumerate(
        [
            "i",
            "ii",
            "iii",
            "iv",
            "v",
            "vi",
            "vii",
            "viii",
            "ix",
            "x",
            "xi",
            "xii",
            "xiii",
            "xiv",
            "xv",
            "xvi",
            "xvii",
            "xviii",
            "xix",
            "xx",
        ],
        start=1,
    )
}
_SPELT = {
    name: str(number)
    for number, name in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        start=1,
    )
}
_COUNTED = {  # words before a number, and what they are written like
    "pt": "part", "pts": "part", "parts": "part", "part": "part", "vol": "volume",
    "volume": "volume", "no": "no", "nr": "no", "num": "no", "number": "no", "nos": "no",
    "ch": "chapter", "chapter": "chapter", "act": "act", "mvt": "movement", "movement": "movement",
    "op": "op", "opus": "op", "bk": "book", "book": "book",
}  # fmt: skip
_SAME_WORDS = {"n": "and", "und": "and", "et": "and", "versus": "vs", "thru": "through"}
_SIGNS = str.maketrans(
    {"＆": "&", "&": " and ", "+": " + ", "№": " no ", "…": " ", "$": "s", "⁄": "/", "×": " x "}
)
_NUMBER_SIGN = re.compile(r"(?:#|\bN[º°]\.?|\bNo\.)\s*(?=\d)", re.IGNORECASE)
_LETTER_LIKE = re.compile(r"(?<=\w)!(?=\w)")
_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.\s?){2,}(?:[^\W\d_](?![^\W_]))?")
_BETWEEN_ARTISTS = re.compile(
    r"\s*[,;/&+•]\s*|\s+(?:and|und|et|y|e|con|x|×|vs\.?|with|mit|avec|presents|pres\.)\s+",
    re.IGNORECASE,
)
_GENERIC_WORDS = """
intro introduction outro interlude interludio untitled unknown track hidden bonus skit
prelude preludio postlude overture ouverture theme main finale final epilogue prologue opening
ending end credits segue reprise instrumental silence blank pregap piste titre titel titulo brano
allegro allegretto andante andantino adagio adagietto largo larghetto lento presto prestissimo
vivace moderato grave rondo scherzo menuetto menuet minuet minuetto trio aria
recitativo recitative chorus
chorale kyrie gloria credo sanctus agnus dei benedictus fugue fuga toccata gigue sarabande courante
allemande bourree gavotte gavotta passepied air sonata sonatina etude study variation variations
con moto brio quasi fuoco spirito animato agitato comodo tempo molto assai ma non troppo
e poco piu meno cantabile espressivo maestoso vivo sostenuto mosso
in a an the of and part volume no movement act chapter scene side disc cd op
c d f g b h major minor dur moll sharp flat
"""
_LAST_TRACK = 20  # up to which a bare number is rather that of a track than its title
_GENERIC = frozenset(_GENERIC_WORDS.split())
_CATALOGUED = re.compile(
    r"\b(?:op|bwv|kv|k|hob|rv|woo|hwv|deutsch|sz|wv)\s\d|\b(?:symphony|concerto|sonata|quartet|suite)"
    r"\b.*\bno\s\d"
)


class Credit(NamedTuple):
    """Who plays a recording, comparable.

    name    all of it but the guests
    parts   the single artists of it, in their order
    guests  those who are named behind "feat.", in the artist's name or in the title
    """

    name: str
    parts: tuple[str, ...]
    guests: frozenset[str]


def credit(artist: str, title: str = "", artists: Sequence[str] = ()) -> Credit:
    """Return who plays a recording, by what is shown and, where known, by the single artists.

    >>> credit("Ada & Bix feat. Cleo", "Blue")
    Credit(name='ada bix', parts=('ada', 'bix'), guests=frozenset({'cleo'}))
    """
    guests = {
        artist_name(part)
        for text in (*(m[1] for m in _GUESTS.finditer(artist)), *_guest_texts(title))
        for part in _BETWEEN_ARTISTS.split(text)
    }
    if len(artists) > 1:
        parts = [artist_name(part) for part in artists]
    else:
        bare = _GUESTS.sub("", artist).strip() or artist
        parts = [artist_name(part) for part in _BETWEEN_ARTISTS.split(bare) if part]
    known = tuple(dict.fromkeys(filter(None, parts)))
    return Credit(artist_name(artist), known, frozenset(guests - {""}))


def _guest_texts(title: str) -> list[str]:
    return [found[1] for found in _GUESTS_IN_TITLE.finditer(title)]


def artist_name(text: str) -> str:
    """Return an artist's name without guests, articles and conjunctions.

    >>> artist_name("The Beatles feat. Billy Preston")
    'beatles'
    >>> artist_name("Simon & Garfunkel") == artist_name("Simon and Garfunkel")
    True
    >>> artist_name("R.E.M."), artist_name("A$AP Rocky")
    ('rem', 'asap rocky')
    >>> artist_name("Adele - Topic"), artist_name("AdeleVEVO")
    ('adele', 'adele')
    """
    text = CHANNEL.sub("", text)
    words = _words(_GUESTS.sub("", text) or text)
    kept = [word for word in words if word not in ("and", "n", "the")]
    return " ".join(kept or words)


def track_title(text: str) -> str:
    """Return a title without guests and remarks on its edition.

    >>> track_title("Heroes (2017 Remaster) [feat. Someone]")
    'heroes'
    >>> track_title("Heroes - Live at Earls Court")
    'heroes live at earls court'
    >>> track_title("Suite, Pt. II - 2011 - Remaster")
    'suite part 2'
    """
    kept = _BRACKETS.sub(_without_noise, text)
    was_remaster = _IS_REMASTER.search(text) is not None
    while tail := _AFTER_DASH.search(kept):
        ending = tail[1].strip()
        if not (_NOISE.fullmatch(ending) or (was_remaster and _BARE_YEAR.fullmatch(ending))):
            break
        kept = kept[: tail.start()]
    kept = _GUESTS.sub("", kept)
    return " ".join(_numbered(_words(kept if kept.strip() else text)))


def album_title(text: str) -> str:
    """Return an album's title without remarks on its edition."""
    return track_title(text)


def squeezed(name: str) -> str:
    """Return a comparable name without blanks: "blink 182" and "blink182" are one."""
    return name.replace(" ", "")


def is_generic(title: str) -> bool:
    """Say whether a comparable title is one that many recordings of an artist may have.

    >>> [is_generic(track_title(t)) for t in ("Intro", "Track 01", "I. Allegro", "Blue Intro")]
    [True, True, True, False]
    """
    words = [_ROMAN.get(word, word) for word in title.split()]
    letters = [word for word in words if not word.isdigit()]
    if not letters:
        return len(words) == 1 and int(words[0]) <= _LAST_TRACK
    return all(word in _GENERIC for word in letters)


def is_catalogued(title: str) -> bool:
    """Say whether a comparable title is of a work that many performers record.

    >>> is_catalogued(track_title("Sonata in A, K. 331: III. Rondo")), is_catalogued("blue")
    (True, False)
    """
    return _CATALOGUED.search(title) is not None


def marks(title: str) -> frozenset[str]:
    """Return the words of a comparable title that tell pieces apart where names are alike.

    Words for versions, numbers, single letters: keys, parts, volumes.

    >>> sorted(marks("suite part ii live"))
    ['2', 'live']
    """
    words = (_ROMAN.get(word, word) if len(word) > 1 else word for word in title.split())
    return frozenset(word for word in words if word in _VERSION or word.isdigit() or len(word) == 1)


def is_live(*texts: str) -> bool:
    """Say whether a title or an album is of a concert.

    >>> is_live("Live at the Apollo"), is_live("Live and Let Die"), is_live("Song (Live)")
    (True, False, True)
    """
    return any(_LIVE.search(text) for text in texts)


def _without_noise(bracket: re.Match[str]) -> str:
    inside = (bracket[1] or bracket[2] or "").strip()
    return " " if _NOISE.fullmatch(inside) else f" {inside} "


def _words(text: str) -> list[str]:
    """Return the words of a text; of one that is all punctuation, itself."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "." in text:
        text = _INITIALS.sub(lambda found: re.sub(r"[.\s]", "", found[0]) + " ", text)
    if "!" in text:
        text = _LETTER_LIKE.sub("i", text)  # P!nk
    signs = _NUMBER_SIGN.sub(" no ", text).translate(_SIGNS)
    return fold(signs).split() or text.casefold().split()


def _numbered(words: list[str]) -> list[str]:
    """Return words with numbers as digits and one spelling of what stands before them."""
    plain: list[str] = []
    for place, word in enumerate(words):
        before = plain[-1] if plain else ""
        if before in _COUNTED.values() and (number := _ROMAN.get(word) or _SPELT.get(word)):
            plain.append(number)
        elif len(word) > 1 and place > 0 and word in _ROMAN:
            plain.append(_ROMAN[word])
        elif word in _COUNTED and _is_counted(words[place + 1 : place + 2]):
            plain.append(_COUNTED[word])
        elif split := re.fullmatch(r"(pt|part|vol|no)(\d+)", word):
            plain += [_COUNTED[split[1]], split[2]]
        else:
            plain.append(_SAME_WORDS.get(word, word) if 0 < place < len(words) - 1 else word)
    return [str(int(word)) if word.isdigit() and len(word) < 4 else word for word in plain]


def _is_counted(following: list[str]) -> bool:
    return bool(following) and (
        following[0].isdigit() or following[0] in _ROMAN or following[0] in _SPELT
    )
