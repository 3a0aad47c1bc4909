"""Music theory for composing: scales, chord symbols, voice leading and step patterns.

A chord symbol is a Roman numeral counted on the major scale (so the minor key's sixth degree is
written `bVI`), in capitals for a major third and in small letters for a minor one, and a suffix.
A progression is chord symbols by bar, with `/` between two chords that share a bar. A pattern is
one bar as evenly spaced marks: `-` holds the mark before it and `.` rests.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}

_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = {name: pitch_class for pitch_class, name in enumerate(_NAMES)}

_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}

_SUFFIXES = {
    "": (0, 4, 7),
    "5": (0, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "9": (0, 4, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "add9": (0, 4, 7, 14),
    "11": (0, 4, 7, 10, 14, 17),
    "13": (0, 4, 7, 10, 21),
    "7b9": (0, 4, 7, 10, 13),
    "o": (0, 4, 6),
    "ø": (0, 4, 6, 10),
}

_SYMBOL = re.compile(r"(b|#)?([iv]+|[IV]+)(.*)")


@dataclass(frozen=True)
class Chord:
    """A chord: the pitch class of its root, and its tones in semitones above the root."""

    root: int
    tones: tuple[int, ...]

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The tones' pitch classes (0 is C), root first."""
        return tuple((self.root + tone) % 12 for tone in self.tones)

    @property
    def stable(self) -> tuple[int, ...]:
        """The pitch classes a tune can rest on: those not a semitone above another one."""
        return tuple(tone for tone in self.pitch_classes if not self.rubs(tone))

    def rubs(self, pitch: int) -> bool:
        """Whether a pitch lies a semitone above a tone of the chord."""
        return (pitch - 1) % 12 in self.pitch_classes


def parse_chord(symbol: str, key: int) -> Chord:
    """The chord that a symbol names in a key (0 is C).

    >>> parse_chord("ii7", 0)
    Chord(root=2, tones=(0, 3, 7, 10))
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None or match[2].upper() not in _DEGREES or match[3] not in _SUFFIXES:
        raise ValueError(f"no such chord: {symbol!r}")
    accidental = {"b": -1, "#": 1}.get(match[1], 0)
    tones = _SUFFIXES[match[3]]
    if match[2].islower():
        tones = tuple(3 if tone == 4 else tone for tone in tones)
    return Chord((key + _DEGREES[match[2].upper()] + accidental) % 12, tones)


def parse_progression(text: str, key: int) -> list[tuple[Chord, ...]]:
    """The chords of each bar of a progression such as `"ii9 V13/V7b9 Imaj9"`."""
    return [tuple(parse_chord(symbol, key) for symbol in bar.split("/")) for bar in text.split()]


def nearest(pitch_classes: Sequence[int], target: float) -> int:
    """The MIDI pitch nearest to `target` that has one of the pitch classes."""
    candidates = [
        pitch_class + 12 * round((target - pitch_class) / 12) for pitch_class in pitch_classes
    ]
    return min(candidates, key=lambda pitch: (abs(pitch - target), pitch))


def chord_scale(scale: Sequence[int], chord: Chord) -> tuple[int, ...]:
    """The pitch classes to play over a chord: the scale, bent where the chord leaves it.

    A major third, sixth, seventh or ninth takes the place of the tone below, all else of the one
    above.
    """
    bent = set(scale)
    for tone, pitch_class in zip(chord.tones, chord.pitch_classes, strict=True):
        if pitch_class not in bent:
            below, above = (pitch_class - 1) % 12, (pitch_class + 1) % 12
            bent.discard(below if tone in (4, 9, 11, 14) and below in bent else above)
            bent.add(pitch_class)
    return tuple(sorted(bent))


@lru_cache(maxsize=4096)
def voice(chord: Chord, centre: int, previous: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The chord's MIDI pitches around `centre`, upward, moving little from the previous ones.

    Of a chord of five tones or more the root is left to the bass.
    """
    classes = chord.pitch_classes
    if len(classes) > 4:
        classes = classes[1:]
    ordered = sorted(set(classes))
    voicings = []
    for turn in range(len(ordered)):
        pitches: list[int] = []
        for pitch_class in ordered[turn:] + ordered[:turn]:
            floor = pitches[-1] if pitches else centre - 12
            pitches.append(floor + 1 + (pitch_class - floor - 1) % 12)
        shift = 12 * round((centre - sum(pitches) / len(pitches)) / 12)
        voicings.append(tuple(pitch + shift for pitch in pitches))

    def movement(pitches: tuple[int, ...]) -> float:
        wander = abs(sum(pitches) / len(pitches) - centre)
        steps = sum(min(abs(pitch - old) for old in previous) for pitch in pitches if previous)
        return steps + 0.5 * wander

    return min(voicings, key=movement)


class Step(NamedTuple):
    """One mark of a pattern; `start` and `length` are shares of the bar."""

    start: float
    length: float
    mark: str


@lru_cache(maxsize=4096)
def parse_steps(bar: str) -> tuple[Step, ...]:
    """The marks of one bar's pattern; spaces are for the eye.

    >>> parse_steps("x-.o")
    (Step(start=0.0, length=0.5, mark='x'), Step(start=0.75, length=0.25, mark='o'))
    """
    marks = bar.replace(" ", "")
    steps: list[Step] = []
    for place, mark in enumerate(marks):
        if mark == "-" and steps:
            steps[-1] = steps[-1]._replace(length=steps[-1].length + 1 / len(marks))
        elif mark not in ".-":
            steps.append(Step(place / len(marks), 1 / len(marks), mark))
    return tuple(steps)
