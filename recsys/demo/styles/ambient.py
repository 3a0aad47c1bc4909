"""Ambient: held chords, bells and wind, and no drums."""

from recsys.demo.recipes import Album, Artist, Echo, Finish, Harmony, Layer, Style

STYLE = Style(
    genres=("Ambient", "Electronic"),
    form="IABO",
    phrase_bars=2,
    harmonies=(
        Harmony("lydian", "Imaj9 II", "vi9 Imaj9"),
        Harmony("dorian", "i9 IVadd9", "bVIImaj7 i9"),
        Harmony("major", "Imaj9 IVmaj9", "vi11 IVadd9"),
        Harmony("minor", "iadd9 bVImaj7", "bIIImaj7 bVIIadd9"),
    ),
    layers={
        "drone": Layer("drone", "dark drone", centre=41, level=-2, room=0.3, width=0.5),
        "pad": Layer("figure", "warm pad", ("x",), centre=60, level=0, room=0.6, width=0.9),
        "bells": Layer(
            "figure",
            "glass",
            ("..1...4.|....3...|.0....5.|...2....", "1.....3.|..4....."),
            "ABO",
            centre=74,
            level=-5,
            pan=0.3,
            room=0.9,
            echo=Echo(1.5, 0.6, 0.5),
        ),
        "voice": Layer(
            "tune",
            "low flute",
            ("x-----x-", "..x---x-", "x---x---"),
            "ABZ",
            centre=69,
            level=-3,
            pan=-0.2,
            room=0.9,
            echo=Echo(2, 0.4, 0.3),
        ),
        "air": Layer("bed", "wind", sections="IABO", level=-14, width=1.0),
    },
    finish=Finish(reverb=4.5, damping=0.35, loudness=-21, fade=5.0),
    human=0.02,
)


ARTISTS = (
    Artist(
        "Moth Cartography",
        "ambient",
        (56, 62),
        "D F C",
        (
            Album("Maps of Slow Weather", 2014, "flac", ("Low Tide, High Cloud", "Contour Lines")),
            Album("Dusk Survey", 2017, "opus", ("The Long Blue Hour",)),
        ),
        genre="Drone",
    ),
    Artist(
        "Aune Vesterdal",
        "ambient",
        (58, 66),
        "E A G",
        (
            Album(
                "Psalms for Empty Harbours",
                2009,
                "m4a",
                ("Harbour Psalm", "Salt and Candle", "Where the Ferries Sleep"),
                identified=True,
            ),
        ),
        genre="Choral",
        sounds={"pad": "choir oo", "voice": "choir ah", "bells": "harp", "air": "waves"},
    ),
    Artist(
        "The Slow Observatory",
        "ambient",
        (50, 57),
        "Bb Eb C",
        (Album("Perihelion Notes", 2018, "opus", ("First Light", "Counting Comets")),),
        genre="Space",
        sounds={"pad": "sine pad", "bells": "bell", "voice": "sine lead", "air": "hiss"},
    ),
)
