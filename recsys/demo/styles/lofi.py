"""Lo-fi: slow swung drums, soft chords, dust on the record."""

from recsys.demo.recipes import Album, Artist, Echo, Finish, Harmony, Layer, Style

STYLE = Style(
    genres=("Lo-Fi", "Hip-Hop", "Instrumental"),
    form="IABAO",
    phrase_bars=2,
    harmonies=(
        Harmony("major", "Imaj9 vi9", "ii9 V13"),
        Harmony("minor", "i9 iv9", "bVImaj9 v7"),
        Harmony("dorian", "i9 IV13", "bVImaj9 bVII13"),
        Harmony("major", "IVmaj9 iii7", "ii9 Imaj9"),
    ),
    layers={
        "kick": Layer(
            "hits",
            "dusty kick",
            ("x......x..x.....", "x.x.......xx....", "x.....x...x..x.."),
            "AB",
            level=3,
            room=0.04,
        ),
        "snare": Layer(
            "hits",
            "dusty snare",
            ("....x.......x...", "....x.......x..o"),
            "AB",
            level=-1,
            room=0.12,
        ),
        "hat": Layer(
            "hits",
            "dusty hat",
            ("x.x.x.x.x.x.x.x.", "x.o.x.oox.o.x.o."),
            "IABO",
            level=-8,
            pan=0.2,
            room=0.03,
        ),
        "bass": Layer(
            "figure",
            "sub bass",
            ("R-----..R-..R-A-", "R---..R-....F-A-"),
            "AB",
            centre=38,
            level=3,
            room=0.0,
        ),
        "keys": Layer(
            "figure",
            "electric piano",
            ("x-----x---......", "x---------x-x---", "..x-----x-------"),
            centre=60,
            level=0,
            room=0.25,
            width=0.6,
            strum=0.03,
        ),
        "tune": Layer(
            "tune",
            "vibraphone",
            ("..x-x-x-x---....", "x---..x-x-x-....", "....x-x-x-----.."),
            "ABO",
            centre=72,
            level=-3,
            pan=-0.2,
            room=0.35,
            echo=Echo(0.75, 0.35, 0.25),
        ),
        "dust": Layer("bed", "crackle", sections="IABO", level=-8),
    },
    finish=Finish(reverb=1.1, damping=0.7, loudness=-16, top=5200, warmth=3, wow=14, fade=2.5),
    swing=(0.5, 0.58),
    human=0.012,
)


ARTISTS = (
    Artist(
        "Sleepy Transit",
        "lo-fi",
        (76, 84),
        "Eb Ab F",
        (
            Album("Last Bus, Front Seat", 2019, "m4a", ("Night Bus N17", "Ticket Stub")),
            Album("Window Fog", 2020, "mp3", ("Window Fog",)),
        ),
        genre="Chillhop",
    ),
    Artist(
        "Uncle Tofu",
        "lo-fi",
        (84, 90),
        "G C D",
        (Album("Soft Serve", 2021, "m4a", ("Miso Morning", "Chopstick Shuffle", "Silken")),),
        sounds={"tune": "jazz guitar", "keys": "reed piano"},
        form="IABBAO",
    ),
    Artist(
        "Rainy Balcony",
        "lo-fi",
        (70, 76),
        "Db F# Ab",
        (Album("Plants I Forgot to Water", 2020, "opus", ("Fern, Sorry", "Drip Tray")),),
        sounds={"keys": "upright piano", "tune": "kalimba", "dust": "rain"},
    ),
)
