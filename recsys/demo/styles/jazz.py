"""Jazz: a walking bass, a ride cymbal, rich chords and a solo."""

from recsys.demo.recipes import Album, Artist, Finish, Harmony, Layer, Style

STYLE = Style(
    genres=("Jazz",),
    form="AABA",
    phrase_bars=4,
    harmonies=(
        Harmony("major", "Imaj9 vi9 ii9 V13", "iii7 VI7b9 ii9 V13"),
        Harmony("dorian", "i9 IV13 i9 IV13", "bVImaj9 bVII13 i9 V7b9"),
        Harmony("major", "ii9 V13 Imaj9 VI7b9", "IVmaj9 bVII13 Imaj9 VI7b9"),
        Harmony("minor", "i9 iiø/V7b9 i9 VI7b9/V7b9", "iv9 bVII13 bIIImaj9 V7b9"),
    ),
    layers={
        "ride": Layer("hits", "ride", ("x.xox.xo", "x.x.x.xo"), "ABO", level=-9, pan=0.3, room=0.1),
        "pedal": Layer("hits", "hat", ("..x...x.",), "ABO", level=-10, pan=-0.1, room=0.05),
        "brush": Layer("hits", "brush", ("..x...x.", "..x..ox."), "ABO", level=-7, room=0.15),
        "kick": Layer("hits", "soft kick", ("o...o...",), "AB", level=-4, room=0.05),
        "bass": Layer(
            "figure",
            "double bass",
            ("R-T-F-A-|R-F-T-A-", "R-F-O-A-|R-T-F-A-", "R-T-F-S-|O-S-F-A-"),
            centre=40,
            level=4,
            room=0.08,
        ),
        "comp": Layer(
            "figure",
            "piano",
            (".x...x-.|...x-.x.", "x-.x....|.x-...x.", "...x..x-|x-..x..."),
            centre=58,
            level=-4,
            pan=-0.3,
            room=0.2,
            strum=0.01,
        ),
        "solo": Layer(
            "tune",
            "vibraphone",
            ("xxxx.xxx", "x-xx-xxx", ".xxxx-x-", "x-.xxxx-"),
            centre=71,
            level=-1,
            pan=0.15,
            room=0.3,
        ),
    },
    finish=Finish(reverb=0.9, damping=0.6, loudness=-18),
    swing=(1.0, 0.64),
    human=0.01,
)


ARTISTS = (
    Artist(
        "Paloma Quist Trio",
        "jazz",
        (132, 148),
        "F Bb Eb",
        (
            Album(
                "Late Set at the Heliotrope",
                1996,
                "mp3",
                ("Heliotrope", "Two Umbrellas", "Second Cup"),
                identified=True,
            ),
        ),
        genre="Swing",
    ),
    Artist(
        "The Umber Street Three",
        "jazz",
        (150, 166),
        "C F G",
        (
            Album(
                "Corner of Umber and Main",
                1988,
                "mp3",
                ("Umber Street Strut", "Greasy Spoon Serenade"),
            ),
            Album("Live at Nobody's", 1991, "opus", ("Rent Due Friday",)),
        ),
        genre="Hard Bop",
        sounds={"solo": "tenor sax"},
        harmonies=(
            Harmony("mixolydian", "I13 IV9 I13 V13/IV9", "IV9 I13 V13 I13/V13"),
            Harmony("dorian", "i9 IV13 i9 IV13", "bVImaj9 bVII13 i9 V7b9"),
        ),
    ),
    Artist(
        "Nico Valladão",
        "jazz",
        (128, 138),
        "D A E",
        (Album("Sombra e Sal", 2001, "m4a", ("Sombra e Sal", "Maré de Abril")),),
        genre="Bossa Nova",
        sounds={"solo": "flute"},
        without=("pedal", "brush"),
        swing=(1.0, 0.5),
        layers={
            "bass": Layer(
                "figure", "double bass", ("R--FF--R|R--FF--A",), centre=40, level=2, room=0.06
            ),
            "comp": Layer(
                "figure",
                "nylon guitar",
                ("x.x..x..|.x.x..x.", "x..x..x.|x..x.x.x"),
                centre=59,
                level=1,
                pan=-0.2,
                room=0.15,
                strum=0.012,
            ),
            "rim": Layer("hits", "rim", ("x..x..x...x..x..",), "ABO", level=-15, pan=0.2),
        },
    ),
)
