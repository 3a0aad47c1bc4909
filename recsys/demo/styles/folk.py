"""Folk: a picked guitar under a tune."""

from recsys.demo.recipes import Album, Artist, Finish, Harmony, Layer, Style

STYLE = Style(
    genres=("Folk", "Acoustic"),
    form="IAABBA",
    phrase_bars=2,
    harmonies=(
        Harmony("major", "I V/IV I V", "vi IV I V"),
        Harmony("mixolydian", "I bVII IV I", "IV I bVII I"),
        Harmony("dorian", "i bVII i IV", "bIII bVII i IV"),
        Harmony("major", "I IVadd9 vi V", "IV V Iadd9 vi"),
    ),
    layers={
        "guitar": Layer(
            "figure",
            "steel guitar",
            ("R.1.F.2.R.1.F.3.", "R.2.F312R.2.F132", "R.12F.31R.12F.31"),
            centre=60,
            thumb=-14,
            level=2,
            pan=-0.15,
            room=0.15,
            gate=1.8,
        ),
        "tune": Layer(
            "tune",
            "flute",
            ("x---x-x-x---x---", "x-x-x---x-x-x---", "x--xx-x-x-------"),
            "ABZ",
            centre=74,
            level=-3,
            pan=0.25,
            room=0.3,
        ),
        "bass": Layer(
            "figure",
            "double bass",
            ("R---....F---....", "R---..R-F---..A-"),
            "ABZ",
            centre=40,
            level=-1,
            room=0.05,
        ),
        "shaker": Layer("hits", "shaker", ("x.o.x.o.x.o.x.o.",), "B", level=-12, pan=0.3),
    },
    finish=Finish(reverb=0.8, damping=0.6, loudness=-18),
    human=0.009,
)


ARTISTS = (
    Artist(
        "Wren Hollowell",
        "folk",
        (92, 104),
        "G D C",
        (
            Album(
                "Kitchen Window Songs",
                2010,
                "opus",
                ("Kitchen Window", "Marigold Lane", "Letter Never Folded"),
            ),
        ),
        genre="Singer-Songwriter",
        without=("shaker",),
    ),
    Artist(
        "The Bramble Letters",
        "folk",
        (108, 118),
        "D A E",
        (
            Album(
                "Reels for a Leaking Roof", 2013, "m4a", ("The Leaking Roof", "Miller's Left Boot")
            ),
            Album("Thistle in the Hay", 2015, "mp3", ("Thistle in the Hay",)),
        ),
        genre="Celtic",
        sounds={"tune": "fiddle"},
        layers={
            "mandolin": Layer(
                "figure",
                "mandolin",
                ("..x...x...x...x.", "..xo..xo..xo..xo"),
                "AB",
                centre=67,
                level=-4,
                pan=0.35,
                room=0.12,
                strum=0.015,
            ),
            "stomp": Layer("hits", "stomp", ("x.......x.......",), "BZ", level=-4, room=0.1),
        },
        form="IAABBAB",
        harmonies=(
            Harmony("mixolydian", "I bVII IV I", "IV I bVII I"),
            Harmony("dorian", "i bVII i IV", "bIII bVII i IV"),
        ),
    ),
    Artist(
        "Old Ferry Road",
        "folk",
        (112, 124),
        "C F A",
        (Album("Crossings", 1994, "opus", ("Last Boat Waltz", "Rope and Lantern")),),
        genre="Waltz",
        beats=3,
        form="IAABBAABB",
        sounds={"tune": "accordion"},
        layers={
            "guitar": Layer(
                "figure",
                "twelve strings",
                ("R...1.2.3.2.", "R.1.23F.1.23"),
                centre=60,
                thumb=-14,
                level=2,
                pan=-0.15,
                room=0.15,
                gate=1.8,
            ),
            "bass": Layer(
                "figure", "double bass", ("R-----F-----",), "ABZ", centre=40, level=-3, room=0.05
            ),
        },
    ),
)
