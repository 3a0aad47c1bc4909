"""Data classes of the demo library's styles, artists and albums."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Role = Literal["figure", "tune", "harmony", "double", "drone", "hits", "bed"]
Format = Literal["mp3", "flac", "opus", "m4a", "wav"]


class Echo(NamedTuple):
    """A tape echo: its period in beats, how much of each repeat returns, and its level."""

    beats: float
    feedback: float
    level: float


class Harmony(NamedTuple):
    """A mode, and the progressions of the sections A and B in it."""

    mode: str
    a: str
    b: str


@dataclass(frozen=True)
class Layer:
    """One player: what it plays, in which sections, and its place in the mix.

    A figure's marks: `x` the whole chord (`X` loud, `o` soft), a digit the chord's tones
    upward, and in the bass `R` root, `T` third, `F` fifth, `S` seventh, `O` octave, `A`
    a step to the next root. A tune takes only the rhythm from its patterns. `|` parts the bars.
    A harmony follows the tune before it, a double repeats the layer before it.
    """

    plays: Role
    sound: str
    patterns: tuple[str, ...] = ("x",)
    sections: str = "IABCOZ"  # intro, A, B, break, outro, last chord
    when: Literal["every", "first", "last"] = "every"  # which bars of a phrase
    centre: int = 60  # the MIDI pitch it plays around
    thumb: int = 0  # semitones from there to its bass notes
    gate: float = 0.95  # how much of a note's length sounds
    strum: float = 0.0  # seconds from a chord's lowest note to its highest
    sweep: str = ""  # sections in which its filter opens
    level: float = 0.0  # dB
    pan: float = 0.0  # -1 left, 1 right
    width: float = 0.0  # of its chorus, 0 to 1
    room: float = 0.15  # reverberation, 0 to 1
    pump: float = 0.0  # how far the kick drum pushes it down, 0 to 1
    drive: float = 0.0  # distortion, dB
    echo: Echo | None = None


@dataclass(frozen=True)
class Finish:
    """The last treatment of a mix."""

    reverb: float = 1.2  # seconds to fall by 60 dB
    damping: float = 0.5  # how much faster the reverberation's treble falls, 0 to 1
    loudness: float = -16.0  # RMS, dBFS
    top: float = 0.0  # nothing above this many Hz; 0 is no limit
    warmth: float = 0.0  # saturation, dB
    wow: float = 0.0  # tape wow, cents
    fade: float = 0.0  # seconds; 0 ends on a chord


@dataclass(frozen=True, eq=False)
class Style:
    """What the artists of a style have in common."""

    genres: tuple[str, ...]
    form: str  # one letter a phrase
    phrase_bars: int
    harmonies: tuple[Harmony, ...]
    layers: Mapping[str, Layer]
    finish: Finish = Finish()
    beats: int = 4  # of a bar
    swing: tuple[float, float] = (1.0, 0.5)  # beats of a pair of notes, the first one's share
    human: float = 0.006  # seconds by which the players miss the beat


@dataclass(frozen=True)
class Album:
    """An album, all in one file format; `identified` files carry recording ids."""

    title: str
    year: int
    format: Format
    tracks: tuple[str, ...]
    cover: bool = True
    identified: bool = False


@dataclass(frozen=True, eq=False)
class Artist:
    """An invented artist: a style, and all in which it differs from it."""

    name: str
    style: str
    tempo: tuple[float, float]
    keys: str
    albums: tuple[Album, ...]
    genre: str = ""  # one of its own
    sounds: Mapping[str, str] = field(default_factory=dict)  # by layer
    without: tuple[str, ...] = ()  # names of layers
    layers: Mapping[str, Layer] = field(default_factory=dict)  # in the place of the style's
    grooves: tuple[int, ...] = (0, 1)  # which of the drum patterns
    harmonies: tuple[Harmony, ...] = ()
    form: str = ""
    beats: int = 0
    swing: tuple[float, float] | None = None
    finish: Finish | None = None
