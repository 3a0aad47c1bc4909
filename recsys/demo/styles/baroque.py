"""Baroque: a harpsichord, strings, and progressions by fifths."""

from recsys.demo.recipes import Album, Artist, Finish, Harmony, Layer, Style

STYLE = Style(
    genres=("Baroque", "Classical"),
    form="AABBA",
    phrase_bars=2,
    harmonies=(
        Harmony("minor", "i/iv bVII/bIII bVI/iio V/i", "bIII/bVII i/V bVI/iv V"),
        Harmony("major", "I/V vi/iii IV/I IV/V", "vi/ii V/I IV/ii V"),
        Harmony("minor", "i/V i/bVII bIII/bVII i/V", "iv/bVII bIII/bVI iio/V i"),
    ),
    layers={
        "keys": Layer(
            "figure",
            "harpsichord",
            ("0213021302130213", "0123210101232101", "0.2.1.3.0.2.1.3."),
            centre=64,
            level=-1,
            pan=0.15,
            room=0.3,
            gate=1.1,
        ),
        "left hand": Layer(
            "figure",
            "harpsichord",
            ("R.O.F.O.R.O.F.A.", "R---T---F---A---"),
            centre=48,
            level=-3,
            pan=0.1,
            room=0.25,
        ),
        "bass": Layer(
            "figure",
            "cello",
            ("R-O-F-O-R-O-F-A-", "R---T---F---A---"),
            centre=45,
            level=-3,
            pan=-0.1,
            room=0.35,
        ),
        "tune": Layer(
            "tune",
            "violins",
            ("x-xxx-x-x-xxx-x-", "x---x-xxx---x-x-", "xxxxx-x-xxxxx-x-"),
            centre=74,
            level=-1,
            pan=-0.35,
            room=0.45,
        ),
        "second": Layer("harmony", "violins", sections="AB", level=-5, pan=0.4, room=0.45),
    },
    finish=Finish(reverb=1.9, damping=0.5, loudness=-18.5),
    human=0.008,
)


ARTISTS = (
    Artist(
        "Teodora Brentani",
        "baroque",
        (88, 100),
        "D G A",
        (
            Album(
                "Suite for a Winter Keyboard",
                2003,
                "m4a",
                ("Toccata in the Cold", "Courante of the Sparrows", "Gigue with Lost Gloves"),
            ),
        ),
        genre="Harpsichord",
        sounds={"tune": "clear harpsichord"},
        without=("bass", "second"),
        finish=Finish(reverb=1.5, loudness=-20),
    ),
    Artist(
        "Collegium Ombroso",
        "baroque",
        (84, 96),
        "G C F",
        (
            Album("Concerti da Giardino", 1998, "flac", ("La Fontana: Andante",), identified=True),
            Album("Il Labirinto", 2001, "mp3", ("Il Giardino: Allegro", "Il Labirinto: Presto")),
        ),
        genre="Concerto",
        without=("left hand",),
        layers={
            "violas": Layer(
                "figure",
                "violins",
                ("x-x-x-x-x-x-x-x-", "x---x-x-x---x-x-"),
                centre=60,
                level=-6,
                pan=0.2,
                room=0.4,
                gate=0.7,
            ),
        },
    ),
    Artist(
        "Ensemble Quattro Lune",
        "baroque",
        (92, 104),
        "F D Bb",
        (Album("Danze della Luna", 2006, "opus", ("Prima Luna", "Danza del Gufo")),),
        genre="Dance Suite",
        sounds={"tune": "recorder", "second": "oboe", "keys": "harpsichord", "left hand": "lute"},
        beats=3,
        form="AABBAAB",
    ),
)
