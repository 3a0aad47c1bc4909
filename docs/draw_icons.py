"""Draw the icons of the web app anew, as webui/static/icon.svg has them.

uv run python docs/draw_icons.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

STATIC = Path(__file__).parents[1] / "webui" / "static"
GROUND, BARS = "#5b3fd0", "#ffffff"
LINES = ((7, 14, 18), (13, 9, 23), (19, 12, 20), (25, 14, 18))  # x, from, to, of 32
FINE = 4  # times as large as it is kept


def icon(size: int, *, corner: float = 7, scale: float = 1.0) -> Image.Image:
    """Draw the icon; `corner` is its radius of 32, `scale` how much of it the bars take."""
    unit = size * FINE / 32
    drawn = Image.new("RGBA", (size * FINE, size * FINE))
    pen = ImageDraw.Draw(drawn)
    pen.rounded_rectangle((0, 0, size * FINE - 1, size * FINE - 1), corner * unit, GROUND)

    def place(at: float) -> float:
        return (16 + (at - 16) * scale) * unit

    half = 1.5 * scale * unit
    for x, top, bottom in LINES:
        box = (place(x) - half, place(top) - half, place(x) + half, place(bottom) + half)
        pen.rounded_rectangle(box, half, BARS)
    return drawn.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    """Write all sizes: rounded ones, and whole squares for systems that cut them to shape."""
    icon(192).save(STATIC / "icon-192.png", optimize=True)
    icon(512).save(STATIC / "icon-512.png", optimize=True)
    icon(512, corner=0, scale=0.8).save(STATIC / "icon-maskable.png", optimize=True)
    icon(180, corner=0).save(STATIC / "icon-apple.png", optimize=True)


if __name__ == "__main__":
    main()
