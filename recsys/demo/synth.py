"""The demo library's instruments, built on NumPy alone.

A pitched note is a sum of harmonics whose levels change over time. `additive` plays any such
table of levels, so a plucked string, a filter that closes, a vowel and an organ's drawbars are all
the same thing: a table. Frequency modulation and drums are computed directly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from index.arrays import Float32Array, Float64Array

SAMPLE_RATE = 44_100
Signal = Float32Array

_FRAMES_PER_SECOND = 50
_HIGHEST = 15_000.0  # Hz; no harmonic is played above it
_MOST_HARMONICS = 160
_BLOCK, _SAMPLES = 64, 1 << 16  # wave tables, and samples, that are made at once
_FEW = 10  # harmonics that are summed one by one, not read from a table


class Instrument(Protocol):
    """Anything that can play a note."""

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """A note held for `seconds`, with its release after that; `shade` 1 is brightest."""
        ...


class Formant(NamedTuple):
    """A resonance that stays where it is, whatever note is played."""

    hz: float
    width: float  # octaves
    gain: float


def samples(seconds: float) -> int:
    """The number of samples of a duration, at least one."""
    return max(1, round(seconds * SAMPLE_RATE))


def timeline(n: int) -> Float64Array:
    """The times of n samples in seconds."""
    return np.arange(n) / SAMPLE_RATE


def additive(cycles: Float64Array, levels: Float64Array, scatter: bool) -> Signal:
    """Play harmonics of given levels, `(frames, harmonics)`, along a phase counted in cycles.

    `scatter` gives the harmonics unequal phases, which takes the buzz out of a voice.
    """
    frames, harmonics = levels.shape
    shifts = 2.4 * scatter * np.arange(harmonics) ** 2
    position = np.linspace(0, frames - 1.001, cycles.size, dtype=np.float32)
    if harmonics <= _FEW:
        frame = position.astype(np.int64)
        part = position - frame
        angle = (2 * np.pi * (cycles % 1)).astype(np.float32)
        signal = np.zeros(cycles.size, dtype=np.float32)
        for k, (level, shift) in enumerate(zip(levels.T.astype(np.float32), shifts, strict=True)):
            faded = level[frame] + part * (level[frame + 1] - level[frame])
            signal += faded * np.sin((k + 1) * angle + np.float32(shift))
        return signal
    size = 1 << int(np.ceil(np.log2(max(2048, 24 * harmonics))))
    tables = np.empty((frames, size), np.float32)
    for start in range(0, frames, _BLOCK):  # in all, they would take most of a rendering's memory
        block = levels[start : start + _BLOCK]
        spectra = np.zeros((len(block), size // 2 + 1), dtype=np.complex64)
        spectra[:, 1 : harmonics + 1] = block * (-0.5j * size * np.exp(1j * shifts))
        tables[start : start + _BLOCK] = np.fft.irfft(spectra, axis=1)
    table = tables.ravel()
    played = np.empty(cycles.size, np.float32)
    for start in range(0, cycles.size, _SAMPLES):
        at = slice(start, start + _SAMPLES)
        frame = position[at].astype(np.int64)
        place = (cycles[at] * size).astype(np.int64) & (size - 1)
        place += frame * size
        piece = table[place]
        piece += (position[at] - frame) * (table[place + size] - piece)
        played[at] = piece
    return played


def envelope(n: int, attack: float, release: float) -> Signal:
    """A rise and a fall, in seconds, with rounded corners, around a level of 1."""
    shape = np.ones(n, dtype=np.float32)
    rise = min(samples(attack), n)
    fall = min(samples(release), n)
    shape[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    shape[n - fall :] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    return shape


def band_noise(n: int, low: float, high: float, rng: np.random.Generator) -> Signal:
    """Noise between two frequencies, of an RMS of 1, rolled off by 12 dB an octave outside."""
    padded = 1 << (n - 1).bit_length()
    hz = np.fft.rfftfreq(padded, 1 / SAMPLE_RATE) + 1.0
    shape = 1 / ((1 + (low / hz) ** 4) * (1 + (hz / high) ** 4)) ** 0.5
    white = rng.standard_normal(padded, dtype=np.float32)
    noise: Signal = np.fft.irfft(np.fft.rfft(white) * shape.astype(np.float32))[:n].astype(
        np.float32
    )
    noise /= np.sqrt(np.mean(noise**2)) + np.float32(1e-9)
    return noise


def _harmonics(hz: float) -> Float64Array:
    return np.arange(1, max(2, min(_MOST_HARMONICS, int(_HIGHEST / hz))), dtype=np.float64)


def _frame_times(seconds: float) -> Float64Array:
    return np.linspace(0, seconds, 2 + int(seconds * _FRAMES_PER_SECOND))[:, None]


def _resonances(hz: Float64Array, formants: Sequence[Formant], floor: float) -> Float64Array:
    gains = np.full_like(hz, floor)
    for formant in formants:
        gains += formant.gain * np.exp(-((np.log2(hz / formant.hz) / formant.width) ** 2))
    return gains


@dataclass(frozen=True)
class Pluck:
    """A string that is plucked or struck: its high partials die first."""

    ring: float = 1.2  # seconds until the A below middle C has faded to 1/e
    tilt: float = 1.2  # how steeply the partials fall at the start
    damp: float = 1.0  # how much faster the high partials die
    pick: float = 0.2  # where it is plucked, as a share of its length
    courses: int = 1  # strings to a note
    knock: float = 0.0  # the noise of the pick
    body: tuple[Formant, ...] = ()
    release: float = 0.12

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """See Instrument."""
        length = seconds + self.release
        k = _harmonics(hz)
        levels = np.abs(np.sin(np.pi * k * self.pick)) / k**self.tilt
        levels = levels * _resonances(k * hz, self.body, 1.0)
        speed = (hz / 220) ** 0.4 / self.ring * (1 + self.damp * (k * hz / 1500) ** 1.3)
        faded = levels * np.exp(-np.minimum(_frame_times(length) * speed, 60))
        t = timeline(samples(length))
        signal = additive(hz * t, faded, scatter=False)
        for course in range(1, self.courses):
            detune = 1 + 0.0012 * course
            signal = signal + additive(hz * detune * t + 0.3 * course, faded, scatter=False)
        if self.knock:
            click = min(samples(0.02), signal.size)
            fade = np.exp(-np.linspace(0, 6, click, dtype=np.float32))
            strength = self.knock * float(np.abs(signal).max())
            signal[:click] += strength * fade * band_noise(click, 900, 5000, rng)
        return signal * envelope(signal.size, 0.001, self.release)


@dataclass(frozen=True)
class PowerChord:
    """A string, its fifth and its octave, struck together and never quite in tune."""

    string: Pluck
    slack: float = 0.05  # semitones

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """See Instrument; the note is the root."""
        strings = [
            self.string.note(hz * 2 ** ((interval + detune) / 12), seconds, rng, shade)
            for interval, detune in zip((0, 7, 12), rng.normal(0, self.slack, 3), strict=True)
        ]
        chord: Signal = np.sum(strings, axis=0)
        return chord


@dataclass(frozen=True)
class Tone:
    """A sustained sound: bowed, blown, sung or an oscillator behind a low-pass filter."""

    tilt: float = 1.0  # a saw falls by 1
    even: float = 1.0  # the level of the even harmonics; 0 is hollow
    pulse: float = 0.0  # a pulse wave of this width instead
    drawbars: tuple[float, ...] = ()  # the harmonics' levels instead
    formants: tuple[Formant, ...] = ()
    struck: float = 18_000.0  # the filter's cutoff in Hz at the start of a note,
    held: float = 18_000.0  # where it settles,
    glide: float = 0.15  # and the seconds to get there
    resonance: float = 0.0
    attack: float = 0.01
    decay: float = 0.0  # seconds to fall to 1/e; 0 holds
    release: float = 0.08
    vibrato: tuple[float, float] = (5.2, 0.0)  # Hz, cents
    unison: int = 1
    detune: float = 9.0  # cents between the voices
    breath: float = 0.0

    def _levels(self, hz: float, length: float, shade: float) -> Float64Array:
        k = _harmonics(hz)
        if self.drawbars:
            k = k[: len(self.drawbars)]
            levels = np.array(self.drawbars[: k.size])
        elif self.pulse:
            levels = np.abs(np.sin(np.pi * k * self.pulse)) / k
        else:
            levels = np.where(k % 2 == 0, self.even, 1.0) / k**self.tilt
        levels = levels * _resonances(k * hz, self.formants, 0.08 if self.formants else 1.0)
        t = _frame_times(length)
        cutoff = shade * (self.held + (self.struck - self.held) * np.exp(-t / self.glide))
        ratio = k * hz / cutoff
        peak = self.resonance * np.exp(-((np.log2(ratio) / 0.25) ** 2))
        swept: Float64Array = levels * (1 / np.sqrt(1 + ratio**4) + peak)
        return swept

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """See Instrument."""
        length = seconds + self.release
        levels = self._levels(hz, length, shade)
        t = timeline(samples(length))
        rate, cents = self.vibrato
        depth = 2 ** (cents / 1200) - 1
        cycles = hz * (t + depth * (1 - np.cos(2 * np.pi * rate * t)) / (2 * np.pi * rate))
        scatter = bool(self.formants) or self.unison > 1
        signal = np.zeros(t.size, dtype=np.float32)
        for voice in range(self.unison):
            detune = 2 ** (self.detune * (voice - (self.unison - 1) / 2) / 1200)
            signal += additive(cycles * detune + 0.37 * voice, levels, scatter)
        if self.breath:
            air = band_noise(t.size, max(600.0, hz), 6000, rng)
            signal += self.breath * float(np.abs(signal).mean()) * air
        if self.decay:
            signal *= np.exp(-t / self.decay).astype(np.float32)
        return signal * envelope(t.size, self.attack, self.release)


@dataclass(frozen=True)
class Modulated:
    """Frequency modulation: electric pianos, bells and mallets."""

    ratio: float = 1.0  # the modulator's frequency in those of the note
    index: float = 1.5  # how bright it starts
    index_fall: float = 0.4  # seconds in which it mellows
    ring: float = 1.5
    tine: tuple[float, float, float] = (14.0, 0.0, 0.08)  # a second partial: ratio, level, seconds
    tremolo: tuple[float, float] = (5.0, 0.0)  # Hz, depth
    attack: float = 0.002
    release: float = 0.15

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """See Instrument."""
        t = timeline(samples(seconds + self.release)).astype(np.float32)
        angle = np.float32(2 * np.pi * hz) * t
        mellow = np.exp(-t / np.float32(self.index_fall))
        bright = np.float32(self.index * min(1.0, 2000 / hz)) * (0.15 + 0.85 * mellow)
        signal = np.sin(angle + bright * np.sin(np.float32(self.ratio) * angle))
        ratio, level, fall = self.tine
        if level and hz * ratio < _HIGHEST:
            signal += level * np.sin(np.float32(ratio) * angle) * np.exp(-t / np.float32(fall))
        signal *= np.exp(-t * np.float32((hz / 440) ** 0.4 / self.ring))
        rate, depth = self.tremolo
        signal *= 1 - np.float32(depth) * (0.5 - 0.5 * np.cos(np.float32(2 * np.pi * rate) * t))
        shaped: Signal = signal * envelope(t.size, self.attack, self.release)
        return shaped


@dataclass(frozen=True)
class Drum:
    """A falling tone and a band of noise, each with its own decay."""

    tone: tuple[float, float, float] = (180.0, 55.0, 0.03)  # from Hz, to Hz, in seconds
    tone_decay: float = 0.0
    noise: tuple[float, float] = (200.0, 8000.0)  # Hz
    noise_level: float = 0.0
    noise_decay: float = 0.1
    claps: int = 1  # bursts of the noise
    metal: float = 0.0  # the level of a cymbal's partials
    attack: float = 0.0008

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """See Instrument; a drum keeps its own pitch and length."""
        length = 5 * max(self.tone_decay, self.noise_decay if self.noise_level else 0.0)
        t = timeline(samples(min(length, 2.5)))
        signal = np.zeros(t.size)
        if self.tone_decay:
            start, end, fall = self.tone
            cycles = end * t + (start - end) * fall * (1 - np.exp(-t / fall))
            signal += np.sin(2 * np.pi * cycles) * np.exp(-t / self.tone_decay)
        if self.noise_level:
            low, high = self.noise
            noise = band_noise(t.size, low, high, rng).astype(np.float64)
            for partial in (2.0, 2.83, 3.46, 4.31, 5.17) if self.metal else ():
                noise += self.metal * np.sign(np.sin(2 * np.pi * low * 0.41 * partial * t))
            fade = np.zeros(t.size)
            for burst in range(self.claps):
                since = t - 0.011 * burst
                decay = self.noise_decay if burst == self.claps - 1 else 0.004
                fade += (since >= 0) * np.exp(-np.maximum(since, 0) / decay)
            signal += 0.3 * self.noise_level * noise * fade
        return (signal * envelope(t.size, self.attack, 0.25 * length)).astype(np.float32)


@dataclass(frozen=True)
class Bed:
    """A sound that lies under a whole section: wind, rain, crackle, a riser."""

    noise: tuple[float, float] = (200.0, 1200.0)
    swell: float = 0.0  # Hz of its coming and going
    crackles: float = 0.0  # a second
    riser: bool = False

    def note(self, hz: float, seconds: float, rng: np.random.Generator, shade: float) -> Signal:
        """See Instrument; a bed has no pitch."""
        n = samples(seconds)
        t = np.linspace(0, seconds, n, dtype=np.float32)
        low, high = self.noise
        if self.riser:
            rise = (t / np.float32(seconds)) ** 2
            noise = band_noise(n, low, 2 * low, rng) * (1 - rise) + band_noise(
                n, high / 2, high, rng
            )
            return (noise * rise * envelope(n, 0.01, 0.02)).astype(np.float32)
        signal = band_noise(n, low, high, rng)
        if self.swell:
            signal *= 0.55 + 0.45 * np.sin(np.float32(2 * np.pi * self.swell) * t)
        if self.crackles:
            clicks = np.zeros(n, dtype=np.float32)
            places = rng.integers(0, n, round(self.crackles * seconds))
            clicks[places] = rng.exponential(1.0, places.size)
            crisp = np.convolve(clicks, np.array([1, -0.7, 0.3, -0.1], dtype=np.float32))[:n]
            signal = 0.35 * signal + 14 * crisp
        return (signal * envelope(n, 0.4, 0.4)).astype(np.float32)
