"""Render a composed song to its waveform: instruments, effects, mix."""

import zlib

import numpy as np

from recsys.demo.compose import Song, SongPart
from recsys.demo.effects import (
    band,
    chorus,
    decibels,
    distort,
    echoes,
    limited,
    pumped,
    reverberation,
    wow,
)
from recsys.demo.instruments import INSTRUMENTS
from recsys.demo.recipes import Layer
from recsys.demo.synth import SAMPLE_RATE, Signal, envelope, samples

_PITCHED_LEVEL = -22.0  # dBFS: the RMS at which a pitched part meets the mix,
_DRUM_LEVEL = -7.0  # and the peak of a drum's
_ECHO_ROOM = 0.3  # how much of the echoes reverberates
_LAST_FADE = 0.35  # seconds


def play(song: Song) -> Signal:
    """The waveform of a song, `(2, n)` at 44.1 kHz, its peaks below full scale."""
    n = samples(song.seconds)
    beat = 60 / song.tempo
    mix = np.zeros((2, n), dtype=np.float32)
    send = np.zeros(n, dtype=np.float32)
    for part in song.parts:
        signal = _level(_notes(part, n), part.layer)
        layer = part.layer
        if layer.pump:
            signal *= pumped(n, song.kicks, layer.pump)
        if layer.room:
            send += np.float32(layer.room) * signal
        if layer.echo:
            repeats = echoes(signal, layer.echo, beat)
            send += np.float32(_ECHO_ROOM) * repeats
            signal += repeats
        _place(mix, signal, layer)
    finish = song.finish
    mix += reverberation(send, finish.reverb, finish.damping)
    if finish.wow:
        mix = wow(mix, finish.wow)
    if finish.top:
        mix = np.stack([band(side, 25.0, finish.top) for side in mix])
    mix = limited(mix, finish.loudness, finish.warmth)
    return mix * envelope(n, 0.005, finish.fade or _LAST_FADE)


def _notes(part: SongPart, n: int) -> Signal:
    """A part as its instrument plays it; equal notes are computed once."""
    layer = part.layer
    instrument = INSTRUMENTS[layer.sound]
    signal = np.zeros(n, dtype=np.float32)
    played: dict[tuple[float, int, float], Signal] = {}
    for note in part.notes:
        key = (note.seconds, note.pitch, note.shade)
        if key not in played:
            rng = np.random.default_rng([zlib.crc32(layer.sound.encode()), note.pitch])
            hz = 440 * 2 ** ((note.pitch - 69) / 12)
            played[key] = instrument.note(hz, note.seconds, rng, note.shade)
        start = round(note.start * SAMPLE_RATE)
        sound = played[key][: max(0, n - start)]
        signal[start : start + sound.size] += np.float32(note.velocity) * sound
    return distort(signal, layer.drive) if layer.drive else signal


def _level(signal: Signal, layer: Layer) -> Signal:
    """Bring a part to its level: drums by their peak, all else by its RMS where it sounds."""
    loudest = float(np.abs(signal).max())
    if layer.plays == "hits":
        return signal * np.float32(decibels(_DRUM_LEVEL + layer.level) / loudest)
    sounding = signal[np.abs(signal) > 0.01 * loudest]
    rms = float(np.sqrt(np.mean(sounding**2)))
    return signal * np.float32(decibels(_PITCHED_LEVEL + layer.level) / rms)


def _place(mix: Signal, signal: Signal, layer: Layer) -> None:
    """Add a part to the mix, at its place between left and right."""
    angle = (layer.pan + 1) * np.pi / 4
    left, right = chorus(signal, layer.width) if layer.width else (signal, signal)
    mix[0] += np.float32(np.sqrt(2) * np.cos(angle)) * left
    mix[1] += np.float32(np.sqrt(2) * np.sin(angle)) * right
