"""Small labelled clips: hums and hisses, two artists each time."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from encoders.training.clips import Clip

RATE = 16_000


def make_clips(folder: Path, n_artists: int = 6, each: int = 4, seconds: float = 3.5) -> list[Clip]:
    """Write the clips as WAV: of every artist half hum, in a low voice, and half hiss."""
    clips = []
    for number in range(n_artists * each):
        kind = "hum" if number % 2 else "hiss"
        path = folder / kind / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, waveform(kind, number, seconds))
        clips.append(Clip(path, (kind,), f"artist {number // each}"))
    return clips


def waveform(kind: str, seed: int, seconds: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.arange(int(RATE * seconds)) / RATE
    hum = np.sin(2 * np.pi * rng.uniform(100, 300) * times)
    return 0.2 * (hum if kind == "hum" else rng.standard_normal(len(times)))


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((32767 * samples.clip(-1, 1)).astype("<i2").tobytes())
    return path
