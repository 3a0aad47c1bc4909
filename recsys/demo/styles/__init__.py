"""The demo library's styles and artists as tables, one style and its artists in each module."""

from collections.abc import Mapping

from recsys.demo.recipes import Artist, Style
from recsys.demo.styles import ambient, baroque, chiptune, dub, folk, house, jazz, lofi, metal

STYLES: Mapping[str, Style] = {
    "ambient": ambient.STYLE,
    "house": house.STYLE,
    "chiptune": chiptune.STYLE,
    "baroque": baroque.STYLE,
    "jazz": jazz.STYLE,
    "folk": folk.STYLE,
    "metal": metal.STYLE,
    "dub": dub.STYLE,
    "lo-fi": lofi.STYLE,
}

ARTISTS: tuple[Artist, ...] = (
    *ambient.ARTISTS,
    *house.ARTISTS,
    *chiptune.ARTISTS,
    *baroque.ARTISTS,
    *jazz.ARTISTS,
    *folk.ARTISTS,
    *metal.ARTISTS,
    *dub.ARTISTS,
    *lofi.ARTISTS,
)
