"""Compose the notes of a song from its artist, style and seed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from recsys.demo.recipes import Artist, Finish, Layer, Style
from recsys.demo.theory import (
    KEYS,
    SCALES,
    Chord,
    Step,
    chord_scale,
    nearest,
    parse_progression,
    parse_steps,
    voice,
)

_VELOCITY = {"X": 1.0, "x": 0.8, "o": 0.45}
_PLAIN = 0.8
_OFF_BEAT = 0.86  # how loud a note off the beat is
_BASS_MARKS = {"R": 0, "T": 1, "F": 2, "S": 3}  # which of the chord's tones
_LAST_CHORD = 2.4  # seconds it rings at least
_TAKES = 3  # recordings of every drum
_SHADES = 5  # steps in which a filter opens,
_DARKEST = 2.5  # from this many octaves below
_MOVES = (-3, -2, -1, 0, 1, 2, 3, 4)  # a tune's steps in the scale,
_MOVE_ODDS = (0.03, 0.14, 0.28, 0.1, 0.26, 0.12, 0.04, 0.03)  # and how likely they are
_FARTHEST = 4  # steps a motif may stray from its first note
_ARCH = (0, 2, 4, 1)  # semitones by which the bars of a tune's phrase lie higher,
_LIFT = 3  # and those by which the B section does
_REACH = 14  # semitones from a tune's centre to its end


class Note(NamedTuple):
    """A note in seconds; a drum's pitch says which of its takes is played."""

    start: float
    seconds: float
    pitch: int
    velocity: float
    shade: float  # the share of its cutoff at which the filter stands


class Event(NamedTuple):
    """A note in beats, before the players bend the time."""

    beat: float
    beats: float
    pitch: int
    velocity: float = _PLAIN
    delay: float = 0.0  # seconds, of a strum
    shade: float = 1.0


class SongBar(NamedTuple):
    """A bar of the form."""

    number: int
    section: str
    chords: tuple[Chord, ...]
    place: int  # in its phrase
    last: bool  # of its phrase
    visit: int  # how many phrases of its section came before
    progress: float  # through the run of phrases of its section, 0 to 1

    def chord(self, share: float) -> Chord:
        """The chord that sounds after a share of the bar."""
        return self.chords[int(share * len(self.chords))]


@dataclass(frozen=True)
class Score:
    """The frame that all players of a song share."""

    bars: tuple[SongBar, ...]
    beats: int
    key: int
    mode: str
    scale: tuple[int, ...]
    groove: int

    def following(self, bar: SongBar) -> Chord:
        """The chord after a bar's last."""
        return self.bars[(bar.number + 1) % len(self.bars)].chords[0]


class SongPart(NamedTuple):
    """A layer and the notes it plays."""

    layer: Layer
    notes: tuple[Note, ...]


class Song(NamedTuple):
    """A composed song, ready to be played."""

    tempo: float  # beats a minute
    key: int  # the keynote's pitch class, 0 is C
    mode: str  # of `recsys.demo.theory.SCALES`
    seconds: float
    parts: tuple[SongPart, ...]
    kicks: tuple[float, ...]  # the times of the kick drum, for what is pumped by it
    finish: Finish


def compose(artist: Artist, style: Style, rng: np.random.Generator) -> Song:
    """Compose a song of an artist; the same generator gives the same song."""
    layers = _band(artist, style)
    finish = artist.finish or style.finish
    swing = artist.swing or style.swing
    beat = 60 / float(rng.uniform(*artist.tempo))
    score = _lay_out(artist, style, ends=not finish.fade, rng=rng)
    parts: dict[str, SongPart] = {}
    events: list[Event] = []
    tune: list[Event] = []
    for (name, layer), own in zip(layers.items(), rng.spawn(len(layers)), strict=True):
        if layer.plays == "harmony":
            events = list(_harmony(score, layer, tune))
        elif layer.plays != "double":
            events = list(_PLAYERS[layer.plays](score, layer, own))
        if layer.plays == "tune":
            tune = events
        parts[name] = SongPart(layer, tuple(_perform(events, beat, swing, style.human, own)))
    seconds = len(score.bars) * score.beats * beat
    if not finish.fade:
        seconds += max(0.5, _LAST_CHORD - score.beats * beat)
    kicks = parts["kick"].notes if "kick" in parts else ()
    times = tuple(note.start for note in kicks)
    return Song(60 / beat, score.key, score.mode, seconds, tuple(parts.values()), times, finish)


def _band(artist: Artist, style: Style) -> dict[str, Layer]:
    """The style's layers, as the artist plays them."""
    layers = {**style.layers, **artist.layers}
    for absent in artist.without:
        del layers[absent]
    for name, sound in artist.sounds.items():
        layers[name] = replace(layers[name], sound=sound)
    return layers


def _lay_out(artist: Artist, style: Style, ends: bool, rng: np.random.Generator) -> Score:
    """Choose key, progression and groove, and lay out the bars of the form."""
    harmonies = artist.harmonies or style.harmonies
    harmony = harmonies[rng.integers(len(harmonies))]
    keys = artist.keys.split()
    key = KEYS[keys[rng.integers(len(keys))]]
    a, b = parse_progression(harmony.a, key), parse_progression(harmony.b, key)
    bars: list[SongBar] = []
    visits: Counter[str] = Counter()
    for section, run in groupby(artist.form or style.form):
        length = len(list(run)) * style.phrase_bars
        chords = b if section in "BC" else a
        for number in range(length):
            place = number % style.phrase_bars
            last = place == style.phrase_bars - 1
            bar = chords[number % len(chords)]
            progress = number / length
            bars.append(SongBar(len(bars), section, bar, place, last, visits[section], progress))
            visits[section] += last
    if ends:
        bars.append(SongBar(len(bars), "Z", a[0][:1], 0, True, 0, 0.0))
    scale = tuple(sorted((key + tone) % 12 for tone in SCALES[harmony.mode]))
    groove = artist.grooves[rng.integers(len(artist.grooves))]
    return Score(tuple(bars), artist.beats or style.beats, key, harmony.mode, scale, groove)


def _playing(score: Score, layer: Layer) -> Iterator[SongBar]:
    for bar in score.bars:
        when = {"every": True, "first": bar.place == 0, "last": bar.last}[layer.when]
        if bar.section in layer.sections and when:
            yield bar


def _stretches(score: Score, layer: Layer) -> Iterator[tuple[SongBar, float]]:
    """The runs of bars a layer plays in: the first bar and the run's length in beats."""
    bars = list(_playing(score, layer))
    for _, run in groupby(enumerate(bars), lambda item: item[1].number - item[0]):
        stretch = [bar for _, bar in run]
        yield stretch[0], float(len(stretch) * score.beats)


def _bars_of(pattern: str) -> list[tuple[Step, ...]]:
    return [parse_steps(bar) for bar in pattern.split("|")]


def _figure(score: Score, layer: Layer, rng: np.random.Generator) -> Iterator[Event]:
    """Chords, arpeggios and bass lines, as the marks of a pattern say."""
    bars = _bars_of(layer.patterns[rng.integers(len(layer.patterns))])
    marks = {step.mark for bar in bars for step in bar}
    finals = [Step(0, 1, "R")] if marks & {*_BASS_MARKS, "O", "A"} else []
    finals += [Step(0, 1, "x")] if any(mark in "xXo0123456789" for mark in marks) else []
    voicing: tuple[int, ...] = ()
    for bar in _playing(score, layer):
        shade = 1.0
        if bar.section in layer.sweep:
            opened = round(bar.progress * _SHADES) / _SHADES
            shade = 2 ** (-_DARKEST * (1 - opened))
        for step in finals if bar.section == "Z" else bars[bar.place % len(bars)]:
            beat = (bar.number + step.start) * score.beats
            beats = step.length * score.beats * layer.gate
            chord = bar.chord(step.start)
            if step.mark in "xXo0123456789":
                voicing = voice(chord, layer.centre, voicing)
            if step.mark in _VELOCITY:
                for i, pitch in enumerate(voicing):
                    delay = layer.strum * i / len(voicing)
                    yield Event(beat, beats, pitch, _VELOCITY[step.mark], delay, shade)
            elif step.mark.isdigit():
                octave, tone = divmod(int(step.mark), len(voicing))
                yield Event(beat, beats, voicing[tone] + 12 * octave, shade=shade)
            else:
                pitch = _bass_pitch(score, step, bar, layer.centre + layer.thumb)
                yield Event(beat, beats, pitch, shade=shade)


def _bass_pitch(score: Score, step: Step, bar: SongBar, centre: int) -> int:
    chord = bar.chord(step.start)
    root = nearest((chord.root,), centre)
    if step.mark == "O":
        return root + 12
    if step.mark == "A":
        target = nearest((score.following(bar).root,), centre)
        return target - 1 if target > root else target + 1
    tones = sorted(tone for tone in chord.tones if tone < 12)
    tones += [7] if len(tones) < 3 else []
    return root + tones[_BASS_MARKS[step.mark] % len(tones)]


class _Motif(NamedTuple):
    steps: tuple[Step, ...]
    contour: tuple[int, ...]  # steps in the scale, from the first note


def _motif(layer: Layer, rng: np.random.Generator) -> _Motif:
    steps = parse_steps(layer.patterns[rng.integers(len(layer.patterns))])
    moves = rng.choice(_MOVES, size=len(steps), p=_MOVE_ODDS)
    contour = [0]
    for move in moves[1:]:
        strays = abs(contour[-1] + move) > _FARTHEST
        contour.append(contour[-1] + int(-move if strays else move))
    return _Motif(steps, tuple(contour))


def _tune(score: Score, layer: Layer, rng: np.random.Generator) -> Iterator[Event]:
    """A melody of two motifs a section, moved to fit each chord, with a cadence now and then."""
    motifs = {section: (_motif(layer, rng), _motif(layer, rng)) for section in "IABCO"}
    pitch = layer.centre
    for bar in _playing(score, layer):
        if bar.section == "Z":
            yield Event(bar.number * score.beats, score.beats, nearest((score.key,), pitch))
            continue
        steps, contour = motifs[bar.section][bar.place % 2]
        cadence = bar.last and bar.visit % 2 == 1
        if cadence:
            steps = tuple(step for step in steps if step.start <= steps[0].start + 0.5)
            steps = (*steps[:-1], steps[-1]._replace(length=0.95 - steps[-1].start))
        target = layer.centre + _ARCH[bar.place % 4] + _LIFT * (bar.section == "B")
        anchor = nearest(bar.chords[0].pitch_classes, target)
        for i, step in enumerate(steps):
            chord = bar.chord(step.start)
            pitch = _on_ladder(score, layer, chord, anchor, contour[i])
            beats = step.length * score.beats
            firm = (step.start * score.beats) % 2 == 0 or beats >= 1
            if firm or (beats >= 0.5 and chord.rubs(pitch)):
                pitch = nearest(chord.stable, pitch)
            if cadence and i == len(steps) - 1:
                pitch = nearest(chord.stable[:2], pitch)
            beat = (bar.number + step.start) * score.beats
            yield Event(beat, beats * layer.gate, pitch, _VELOCITY[step.mark])


def _on_ladder(score: Score, layer: Layer, chord: Chord, start: int, steps: int) -> int:
    """The pitch some steps of the chord's scale away, turned back at the ends of the range."""
    scale = chord_scale(score.scale, chord)
    pitches = range(layer.centre - _REACH, layer.centre + _REACH + 1)
    ladder = [pitch for pitch in pitches if pitch % 12 in scale]
    place = min(range(len(ladder)), key=lambda i: abs(ladder[i] - start)) + steps
    place = abs(place)
    if place >= len(ladder):
        place = 2 * (len(ladder) - 1) - place
    return ladder[place]


def _harmony(score: Score, layer: Layer, tune: list[Event]) -> Iterator[Event]:
    """A second voice about a third below the tune, on the chord where the beat is strong."""
    bars = {bar.number: bar for bar in _playing(score, layer)}
    for event in tune:
        number, share = divmod(event.beat / score.beats, 1)
        if int(number) not in bars:
            continue
        chord = bars[int(number)].chord(share)
        scale = chord_scale(score.scale, chord)
        below = [pitch for pitch in range(event.pitch - 7, event.pitch - 2) if pitch % 12 in scale]
        consonant = [pitch for pitch in below if pitch % 12 in chord.pitch_classes]
        strong = event.beat % 1 == 0
        yield event._replace(pitch=max(consonant if strong and consonant else below))


def _drone(score: Score, layer: Layer, rng: np.random.Generator) -> Iterator[Event]:
    """The keynote and its fifth, held."""
    for bar, beats in _stretches(score, layer):
        for pitch in (nearest((score.key,), layer.centre), nearest((score.key,), layer.centre) + 7):
            yield Event(bar.number * score.beats, beats, pitch)


def _hits(score: Score, layer: Layer, rng: np.random.Generator) -> Iterator[Event]:
    """A drum, on the song's groove."""
    bars = _bars_of(layer.patterns[score.groove % len(layer.patterns)])
    for bar in _playing(score, layer):
        for step in (Step(0, 1, "X"),) if bar.section == "Z" else bars[bar.place % len(bars)]:
            beat = (bar.number + step.start) * score.beats
            yield Event(beat, 0.25, int(rng.integers(_TAKES)), _VELOCITY[step.mark])


def _bed(score: Score, layer: Layer, rng: np.random.Generator) -> Iterator[Event]:
    """One long sound under every stretch."""
    for bar, beats in _stretches(score, layer):
        yield Event(bar.number * score.beats, beats, 0)


Player = Callable[[Score, Layer, np.random.Generator], Iterator[Event]]
_PLAYERS: dict[str, Player] = {
    "figure": _figure,
    "tune": _tune,
    "drone": _drone,
    "hits": _hits,
    "bed": _bed,
}


def _swung(beat: float, swing: tuple[float, float]) -> float:
    """Where a beat falls when the first note of every pair takes more than its half."""
    pair, share = swing
    whole, part = divmod(beat / pair, 1)
    bent = 2 * share * part if part < 0.5 else share + (2 * part - 1) * (1 - share)
    return pair * (whole + bent)


def _perform(
    events: list[Event],
    beat: float,
    swing: tuple[float, float],
    human: float,
    rng: np.random.Generator,
) -> Iterator[Note]:
    """Turn beats into seconds, a little off the grid and never quite equally loud."""
    for event in events:
        start = _swung(event.beat, swing) * beat
        seconds = _swung(event.beat + event.beats, swing) * beat - start
        miss, touch = rng.normal(0, (human, 0.06))
        yield Note(
            max(0.0, start + event.delay + miss),
            round(max(0.03, seconds), 2),
            event.pitch,
            event.velocity * (1 + touch) * (1 if event.beat % 1 == 0 else _OFF_BEAT),
            event.shade,
        )
