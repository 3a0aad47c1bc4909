"""Tempo, key and loudness of sounds that are made to have them."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from encoders.audio import Segments
from encoders.constant_q import LOWEST, N_BINS, ConstantQ
from encoders.descriptors import BY_NETWORK, BY_PROFILES, Describer
from encoders.errors import WeightsError
from encoders.features import TONICS
from encoders.key import KeyByNetwork, key_by_profiles
from encoders.loudness import integrated_loudness
from encoders.models.skey import N_KEYS, SKey
from encoders.tempo import estimate_tempo
from encoders.weights import SKEY_FILE

RATE = 16_000
N_SAMPLES = 48_128  # of a segment of musicnn's
SKEY = Path(__file__).parents[3] / "shared" / "checkpoints" / "skey.pt"
TRIADS = {
    "major": ((0, 4, 7), (5, 9, 12), (7, 11, 14)),
    "minor": ((0, 3, 7), (5, 8, 12), (7, 11, 14)),
}


def cut(sound: NDArray[np.float32], n: int = 8) -> Segments:
    """Cut segments that are spread over a sound."""
    starts = np.linspace(0, len(sound) - N_SAMPLES, n).astype(int)
    pieces = np.stack([sound[start : start + N_SAMPLES] for start in starts])
    return Segments(pieces.astype(np.float32), (starts / RATE).astype(np.float32))


def clicks(bpm: float, seconds: float = 20.0) -> NDArray[np.float32]:
    """Short noises at a tempo, the first of every four the loudest."""
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 1e-3, round(seconds * RATE))
    envelope = np.exp(-np.arange(1600) / 200)
    for beat, time in enumerate(np.arange(0.1, seconds - 0.2, 60 / bpm)):
        start = round(time * RATE)
        sound[start : start + 1600] += (
            (0.8 if beat % 4 == 0 else 0.5) * envelope * rng.normal(size=1600)
        )
    return sound.astype(np.float32)


def cadence(tonic: int, mode: str, seconds: float = 30.0) -> NDArray[np.float32]:
    """The chords I IV V I of a key in even seconds, each tone with overtones."""
    sound = np.zeros(round(seconds * RATE))
    time = np.arange(RATE) / RATE
    one, four, five = TRIADS[mode]
    for second in range(int(seconds)):
        for pitch in (one, four, five, one)[second % 4]:
            frequency = 220.0 * 2 ** ((tonic - 9 + pitch) / 12)
            tone = sum(np.sin(2 * np.pi * n * frequency * time) / n**1.5 for n in (1, 2, 3))
            sound[second * RATE : (second + 1) * RATE] += 0.1 * tone * np.exp(-time)
    return sound.astype(np.float32)


@pytest.mark.parametrize("bpm", [72.0, 100.0, 127.5, 160.0])
def test_the_tempo_of_clicks(bpm: float) -> None:
    tempo = estimate_tempo(torch.from_numpy(cut(clicks(bpm)).waveforms), RATE)
    assert tempo is not None
    octave = round(np.log2(tempo / bpm))
    assert tempo / 2.0**octave == pytest.approx(bpm, rel=0.01)


def test_noise_and_silence_have_no_tempo() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 10 * RATE).astype(np.float32)
    assert estimate_tempo(torch.from_numpy(cut(noise).waveforms), RATE) is None
    assert estimate_tempo(torch.zeros(3, N_SAMPLES), RATE) is None


def test_the_transform_is_loudest_at_a_tone() -> None:
    for number in (0, 30, N_BINS - 1):
        time = np.arange(N_SAMPLES) / RATE
        tone = np.sin(2 * np.pi * LOWEST * 2 ** (number / 12) * time).astype(np.float32)
        spectrum = torch.fft.rfft(torch.from_numpy(tone)[None])
        magnitudes = ConstantQ(N_SAMPLES, RATE, torch.device("cpu"))(spectrum)[0].mean(dim=1)
        assert int(magnitudes.argmax()) == number
    with pytest.raises(ValueError, match="4000 Hz hold no 3322 Hz"):
        ConstantQ(12_000, 4_000, torch.device("cpu"))


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_keys_of_cadences(mode: str) -> None:
    ways = [Describer(torch.device("cpu"))]
    if SKEY.exists():
        ways.append(Describer(torch.device("cpu"), SKEY.parent))
        assert ways[1].method == BY_NETWORK and BY_PROFILES not in ways[1].accepted
    tonic = {"major": 10, "minor": 4}[mode]
    segments = cut(cadence(tonic, mode, 16), 5)
    for describe in ways:
        assert describe(segments, RATE).key == f"{TONICS[tonic]} {mode}", describe.method


def test_the_network_follows_a_transposition() -> None:
    torch.manual_seed(0)
    network = SKey().eval()
    network.batch_norm.running_var.fill_(1e-4)  # of random weights the outputs hardly differ
    low = torch.rand(1, 12, 256).repeat(1, 7, 1)  # alike in all octaves: turning is transposing
    with torch.inference_mode():
        one, other = network(low), network(low.roll(3, dims=1))
        nothing = KeyByNetwork(network)(torch.zeros(2, N_BINS, 128))
    assert one.shape == (1, N_KEYS) and float(one.sum()) == pytest.approx(1)
    assert int(one[0, :12].argmax()) != int(other[0, :12].argmax())
    assert nothing is None, "no key is probable"
    assert key_by_profiles(torch.zeros(2, N_BINS, 128)) is None


def test_loudness_is_that_of_ffmpeg() -> None:
    rng = np.random.default_rng(3)
    sound = cadence(2, "major", 12) + rng.normal(0, 0.01, 12 * RATE).astype(np.float32)
    sound[4 * RATE : 8 * RATE] *= 1e-3  # for the gates
    segments = cut(sound, 4).waveforms
    mine = integrated_loudness(torch.fft.rfft(torch.from_numpy(segments)), N_SAMPLES, RATE)
    theirs = ffmpeg_loudness(segments.reshape(-1))
    assert mine == pytest.approx(theirs + 10 * np.log10(2), abs=0.3)  # from two speakers
    quiet = torch.fft.rfft(torch.full((1, N_SAMPLES), 1e-6))
    assert integrated_loudness(quiet, N_SAMPLES, RATE) is None
    short = torch.fft.rfft(torch.ones(1, 100))
    assert integrated_loudness(short, 100, RATE) is None, "shorter than a block"


def ffmpeg_loudness(waveform: NDArray[np.float32]) -> float:
    graph = av.filter.Graph()
    begin = graph.add_abuffer(format="flt", sample_rate=RATE, layout="mono")
    meter, end = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    begin.link_to(meter)
    meter.link_to(end)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(waveform[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    begin.push(frame)
    begin.push(None)
    measured: dict[str, str] = {}
    try:
        while True:
            measured = end.pull().metadata or measured
    except (av.EOFError, av.BlockingIOError):
        return float(measured["lavfi.r128.I"])


def test_another_file_than_the_published_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"stone": {}}, tmp_path / "skey.pt")
    with pytest.raises(WeightsError, match="is not the published file"):
        Describer(torch.device("cpu"), tmp_path)


@pytest.mark.skipif(not SKEY.exists(), reason="no ../shared/checkpoints/skey.pt")
def test_the_published_weights_are_those_of_the_network(tmp_path: Path) -> None:
    shutil.copy(SKEY, tmp_path)
    assert SKEY_FILE.is_here(tmp_path)
    assert SKEY_FILE.state(tmp_path).keys() == SKey().state_dict().keys()
