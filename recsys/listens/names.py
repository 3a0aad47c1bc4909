"""Names made comparable: what two services write differently of one recording, and what not.

Guests, remasters and editions are left out of a title: they do not change what was played. Whatever
does change it (live, remix, acoustic, demo, part 2 ...) stays.
"""

from __future__ import annotations

import re

from recsys.catalog.search import fold

_GUESTS = re.compile(r"(?:^|[\s(\[])(?:feat|ft|featuring)(?:\.|\s)\s*[^()\[\]]*$", re.IGNORECASE)
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_AFTER_DASH = re.compile(r"\s+[-–—]\s+([^-–—]+)$")
# In brackets, or behind a dash, these say nothing of what is heard.
_NOISE = re.compile(
    r"""(?:feat|ft|featuring|with)\b.*
    | (?:(?:19|20)\d\d\s+)?(?:digital(?:ly)?\s+)?re-?master(?:ed|ing)?(?:\s+version)?
      (?:\s+(?:in\s+)?(?:19|20)\d\d)?(?:\s+version)?
    | (?:the\s+)?(?:album|original|lp)\s+(?:version|mix|recording)
    | explicit(?:\s+(?:version|lyrics))? | bonus(?:\s+track)? | official(?:\s+\w+){0,2}
    | (?:super\s+)?(?:deluxe|expanded|anniversary)(?:\s+(?:edition|version))?
    """,
    re.IGNORECASE | re.VERBOSE,
)
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
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}


def artist_name(text: str) -> str:
    """Return an artist's name without guests, articles and conjunctions.

    >>> artist_name("The Beatles feat. Billy Preston")
    'beatles'
    >>> artist_name("Simon & Garfunkel") == artist_name("Simon and Garfunkel")
    True
    """
    words = _words(_GUESTS.sub("", text) or text)
    kept = [word for word in words if word not in ("and", "the")]
    return " ".join(kept or words)


def track_title(text: str) -> str:
    """Return a title without guests and remarks on its edition.

    >>> track_title("Heroes (2017 Remaster) [feat. Someone]")
    'heroes'
    >>> track_title("Heroes - Live at Earls Court")
    'heroes live at earls court'
    """
    kept = _BRACKETS.sub(_without_noise, text)
    while (tail := _AFTER_DASH.search(kept)) and _NOISE.fullmatch(tail[1].strip()):
        kept = kept[: tail.start()]
    kept = _GUESTS.sub("", kept)
    return " ".join(_words(kept if kept.strip() else text))


def album_title(text: str) -> str:
    """Return an album's title without remarks on its edition."""
    return track_title(text)


def marks(title: str) -> frozenset[str]:
    """Return the words of a comparable title that tell pieces apart where names are alike.

    Words for versions, numbers, single letters: keys, parts, volumes.

    >>> sorted(marks("suite part ii live"))
    ['2', 'live']
    """
    words = (_ROMAN.get(word, word) for word in title.split())
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
    return fold(text).split() or text.casefold().split()
