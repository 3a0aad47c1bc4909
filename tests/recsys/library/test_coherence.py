"""What is one recording and what another, on waves made for it, and on real music where it is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from encoders.audio import SegmentGrid, read_segments
from recsys.library.coherence import RATE, align, octave_coherence, same_recording

EMOTIFY = Path(__file__).parents[3].parent / "shared" / "audio" / "emotify" / "labels.csv"
SECONDS = 20

Wave = NDArray[np.float32]
BLEEP: Wave = np.sin(2 * np.pi * 1000 * np.arange(SECONDS * RATE) / RATE).astype(np.float32)


def play(seed: int, *, late: float = 0.0, speed: float = 1.0, lead: int = 0) -> Wave:
    """Play notes with overtones over a bass, each up to `late` s off; `lead` is who leads."""
    rng, player, leader = (np.random.default_rng(s) for s in (seed, 99, 1000 * seed + lead))
    wave = np.zeros(int(SECONDS * RATE / speed) + 2 * RATE)
    for number in range(2 * SECONDS):
        start = 0.5 * number / speed + late * player.uniform(-1, 1)
        for voice, low, loud in ((rng, 100, 1.0), (leader, 300, 0.7)):
            pitch = low * 2 ** (voice.integers(0, 24) / 12)
            times = np.arange(RATE) / RATE
            note = sum(np.sin(2 * np.pi * k * pitch * times + k) / k for k in range(1, 6))
            begin = max(0, round(start * RATE))
            wave[begin : begin + RATE] += loud * note * np.exp(-3 * times)
    return wave[: int(SECONDS * RATE / speed)].astype(np.float32)


ORIGINAL = play(1)


def noisy(wave: Wave, decibels: float) -> Wave:
    noise = np.random.default_rng(3).normal(size=len(wave))
    noise *= np.linalg.norm(wave) / np.linalg.norm(noise) * 10 ** (decibels / 20)
    return (wave + noise).astype(np.float32)


def delayed(wave: Wave, samples: float) -> Wave:
    spectrum = np.fft.rfft(wave, 2 * len(wave))
    turn = np.exp(-1j * np.pi * samples / len(wave) * np.arange(len(spectrum)))
    return np.fft.irfft(spectrum * turn)[: len(wave)].astype(np.float32)


def equalised(wave: Wave) -> Wave:
    return signal.lfilter([1.0, -0.4], [1.0], wave).astype(np.float32)


@pytest.mark.parametrize(
    "copy",
    [
        ORIGINAL,
        0.01 * ORIGINAL,
        -ORIGINAL,
        delayed(ORIGINAL, 0.5),
        delayed(ORIGINAL, 777.3),
        noisy(ORIGINAL, -15),
        equalised(ORIGINAL),
        ORIGINAL[3 * RATE + 17 :],
        ORIGINAL[RATE : -2 * RATE],
        noisy(0.5 * delayed(ORIGINAL, 0.4)[2 * RATE + 5 :], -15),
        np.concatenate([np.zeros(RATE // 2, np.float32), ORIGINAL]),
    ],
)
def test_a_copy_is_the_same_recording_both_ways(copy: Wave) -> None:
    assert same_recording(ORIGINAL, copy)
    assert same_recording(copy, ORIGINAL)


def test_noise_between_sparse_notes_does_not_count() -> None:
    sparse = ORIGINAL * (np.arange(len(ORIGINAL)) % RATE < RATE // 5)
    assert same_recording(sparse, noisy(sparse, -25))


def edited(begin: float, end: float, replacement: Wave) -> Wave:
    wave = ORIGINAL.copy()
    part = slice(int(begin * RATE), int(end * RATE))
    wave[part] = replacement[part]
    return wave


@pytest.mark.parametrize(
    "other",
    [
        play(2),
        play(1, late=0.001),
        play(1, late=0.02),
        play(1, speed=1.001),
        play(1, speed=1.05),
        play(1, lead=1),
        edited(8, 11, play(2)),
        edited(8, 11, 0 * ORIGINAL),
        edited(7.9, 8.2, 0 * ORIGINAL),
        edited(8.8, 9.3, BLEEP),
        edited(9.6, 10.3, play(2)),
        edited(18.5, 20, play(2)),
        np.concatenate([ORIGINAL[: 8 * RATE], ORIGINAL[9 * RATE :]]),
        ORIGINAL[11 * RATE :],
        ORIGINAL[: 9 * RATE],
        0 * ORIGINAL,
    ],
)
def test_a_take_a_mix_or_an_edit_is_another_recording(other: Wave) -> None:
    assert not same_recording(ORIGINAL, other)
    assert not same_recording(other, ORIGINAL)


@pytest.mark.parametrize("n", [0, 1, 2, 100, 3 * RATE])
def test_what_is_too_short_to_tell_is_no_copy(n: int) -> None:
    assert not same_recording(ORIGINAL[:n], ORIGINAL[:n])


def test_alignment_is_exact_to_a_fraction_of_a_sample() -> None:
    for samples in (0.0, 0.25, -7.5, 1234.6):
        a, b = align(ORIGINAL, delayed(ORIGINAL, samples) if samples >= 0 else ORIGINAL)
        middle = slice(RATE, -RATE)
        assert np.corrcoef(a[middle], b[middle])[0, 1] > 0.999


def test_coherence_is_the_correlation_of_each_octave() -> None:
    """Naively: filter by masking the spectrum of each windowed block, then correlate."""
    one, other = ORIGINAL[: 4 * RATE], noisy(ORIGINAL, 0)[: 4 * RATE]
    found = octave_coherence(one, other)
    for block in range(2):
        for octave, (low, high) in enumerate(((60, 125), (125, 250), (250, 500), (500, 1000))):
            parts = []
            for wave in (one, other):
                piece = wave[2 * RATE * block : 2 * RATE * (block + 1)] * np.hanning(2 * RATE)
                spectrum = np.fft.rfft(piece)
                frequencies = np.fft.rfftfreq(2 * RATE, 1 / RATE)
                spectrum[(frequencies < low) | (frequencies >= high)] = 0
                parts.append(np.fft.irfft(spectrum))
            wanted = abs(parts[0] @ parts[1]) / np.linalg.norm(parts[0]) / np.linalg.norm(parts[1])
            assert found[block, octave] == pytest.approx(wanted, rel=1e-3)


@pytest.mark.skipif(not EMOTIFY.exists(), reason="needs the music in ../shared/audio/emotify")
def test_no_two_pieces_of_one_artist_are_one_recording() -> None:
    """Remixes of one tune, movements of one sonata, songs of one album."""
    with EMOTIFY.open() as file:
        rows = list(csv.DictReader(file))
    for artist in ("DJ Markitos", "Shane Jackman"):
        paths = [EMOTIFY.parent / row["path"] for row in rows if row["artist"] == artist][:5]
        grid = SegmentGrid(RATE, hop_length=2, n_fft=2, n_frames=RATE // 2)
        waves = [read_segments(path, 30.0, grid, None).waveforms.reshape(-1) for path in paths]
        assert len(waves) >= 2
        for i, one in enumerate(waves):
            assert same_recording(one, noisy(0.5 * one[5000:], -40))
            assert not any(same_recording(one, other) for other in waves[i + 1 :])
