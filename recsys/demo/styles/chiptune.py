"""Chiptune: pulse waves, a triangle for the bass, noise for the drums."""

from recsys.demo.recipes import Album, Artist, Echo, Finish, Harmony, Layer, Style

STYLE = Style(
    genres=("Chiptune", "Game Music"),
    form="IAABBAB",
    phrase_bars=2,
    harmonies=(
        Harmony("major", "I V vi IV", "IV V iii vi"),
        Harmony("minor", "i bVII bVI V", "bVI bVII i i"),
        Harmony("mixolydian", "I bVII IV I", "bVI bVII I V"),
        Harmony("dorian", "i IV bVII i", "bIII bVII IV V"),
    ),
    layers={
        "kick": Layer(
            "hits", "chip kick", ("x...x...x...x.x.", "x.....x.x..x...."), "AB", level=-1, room=0.0
        ),
        "snare": Layer("hits", "chip snare", ("....x.......x...",), "AB", level=-6, room=0.0),
        "hat": Layer(
            "hits",
            "chip hat",
            ("x.o.x.o.x.o.x.o.", "xooxooxoxooxooxo"),
            level=-8,
            sections="IAB",
            room=0.0,
        ),
        "fill": Layer(
            "hits", "chip snare", ("........xoxoxxxx",), "AB", when="last", level=-8, room=0.0
        ),
        "bass": Layer(
            "figure",
            "triangle",
            ("R.O.R.O.R.O.R.O.", "R.R.O.R.R.F.O.A.", "R..R..O.R..R.FO."),
            centre=43,
            level=2,
            room=0.0,
        ),
        "arpeggio": Layer(
            "figure",
            "pulse 1/8",
            ("01230123012301230123012301230123", "0.1.2.1.0.1.2.3.", "0120120120120120"),
            "IABC",
            centre=67,
            level=-5,
            pan=-0.35,
            room=0.0,
        ),
        "lead": Layer(
            "tune",
            "pulse 1/4",
            ("x-xx-xx-x-x-x---", "x--x--x-x-x-x-x-", "x-x-x--xx-x-x---", "x---x-x-xxx-x---"),
            "ABZ",
            centre=76,
            level=-2,
            room=0.0,
            echo=Echo(0.75, 0.3, 0.3),
        ),
        "second": Layer("harmony", "pulse 1/2", sections="B", level=-6, pan=0.35, room=0.0),
    },
    finish=Finish(reverb=0.3, loudness=-14),
    human=0.0,
)


ARTISTS = (
    Artist(
        "Cartridge Badger",
        "chiptune",
        (146, 156),
        "C G D",
        (
            Album(
                "Blow Gently on the Contacts",
                2008,
                "wav",
                ("Title Screen Sunrise", "Extra Life for Breakfast"),
            ),
            Album("Pantry Boss", 2009, "mp3", ("Boss Fight in the Pantry",)),
        ),
        harmonies=(
            Harmony("major", "I V vi IV", "IV V iii vi"),
            Harmony("mixolydian", "I bVII IV I", "bVI bVII I V"),
        ),
    ),
    Artist(
        "Eight-Bit Heron",
        "chiptune",
        (128, 138),
        "A E B",
        (
            Album("Marsh Level", 2011, "mp3", ("Reed Bed Run", "Heron's Descent"), cover=False),
            Album("Password Screens", 2012, "m4a", ("Password Screen",), cover=False),
        ),
        genre="8-bit",
        sounds={"lead": "pulse 1/2", "arpeggio": "pulse pluck", "second": "pulse 1/8"},
        harmonies=(
            Harmony("minor", "i bVII bVI V", "bVI bVII i i"),
            Harmony("dorian", "i IV bVII i", "bIII bVII IV V"),
        ),
    ),
    Artist(
        "Captain Underflow",
        "chiptune",
        (164, 176),
        "F Bb Eb",
        (Album("Minus One Lives", 2015, "opus", ("Negative Score", "Sprite Flicker")),),
        sounds={"lead": "pulse 1/8", "arpeggio": "pulse 1/4"},
        form="IAABBABB",
    ),
)
