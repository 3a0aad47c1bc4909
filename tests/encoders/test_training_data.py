"""What a tagger is trained on: parts, cached audio, segments, augmentation."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from clip_files import RATE, make_clips, write_wav

from encoders.audio import inspect, read_segments
from encoders.frontends import segment_grid
from encoders.melspec import MelConfig
from encoders.training.audio_cache import AudioCache, CacheFull, floats, read
from encoders.training.augmentation import Augmentation, mix, shift, stretch
from encoders.training.clips import (
    Clip,
    Corpus,
    CorpusError,
    corpus,
    groups,
    most_common,
    split_by_artist,
    targets,
)
from encoders.training.segments import RandomSegments, all_segments


def test_parts_share_no_artist_and_have_their_share_of_every_tag() -> None:
    rng = np.random.default_rng(0)
    clips = [
        Clip(Path(f"{number}"), (f"tag {number % 4}",), f"artist {int(rng.integers(60))}")
        for number in range(400)
    ]
    parts = split_by_artist(clips, seed=3)
    assert sorted(clip.path for part in parts for clip in part) == sorted(c.path for c in clips)
    artists = [set(groups(part)) for part in parts]
    assert not (artists[0] & artists[1] or artists[0] & artists[2] or artists[1] & artists[2])
    for part, share in zip(parts, (0.6, 0.15, 0.25), strict=True):
        tags = Counter(clip.tags[0] for clip in part)
        assert all(abs(tags[f"tag {n}"] - 100 * share) <= 6 for n in range(4))
    assert parts == split_by_artist(clips, seed=3)
    assert parts != split_by_artist(clips, seed=4)


def test_a_few_artists_are_parted_and_two_are_not() -> None:
    clips = [Clip(Path(f"{n}"), ("a",), f"artist {min(n // 8, 2)}") for n in range(20)]
    assert all(split_by_artist(clips, seed=0))
    with pytest.raises(CorpusError, match="of 2 artists"):
        split_by_artist(clips[:12], seed=0)


def test_a_corpus_keeps_the_tags_asked_for() -> None:
    clips = [Clip(Path("1"), ("a", "b")), Clip(Path("2"), ("b", "b")), Clip(Path("3"), ("c",))]
    assert most_common(clips) == ("b", "a", "c")
    made = corpus("x", [clips, clips[:1], clips[1:]], ("b", "a"), "by hand")
    assert [clip.path.name for clip in made.train] == ["1", "2"]
    assert [clip.tags for clip in made.test] == [("b",)]
    assert not made.exclusive
    assert targets(made.train, made.tags).tolist() == [[1, 1], [1, 0]]
    with pytest.raises(CorpusError, match="no clips to validate on"):
        Corpus("x", ("a", "b"), made.train, (), made.test, "by hand")


def test_audio_is_decoded_once_and_anew_when_it_changes(tmp_path: Path) -> None:
    clips = make_clips(tmp_path, 2, 1)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"not audio")
    cache = AudioCache(tmp_path / "cache", RATE, 10**7)
    paths = [clip.path for clip in clips]
    places, errors = cache.add([*paths, broken, tmp_path / "none.wav"], workers=2)
    assert sorted(places) == sorted(paths)
    assert sorted("broken" in str(error) for error in errors) == [False, True]
    whole = inspect(paths[0]).duration
    expected = read_segments(paths[0], whole, segment_grid(MelConfig()), None).waveforms[0][256:]
    np.testing.assert_allclose(floats(read(places[paths[0]]))[: len(expected)], expected, atol=2e-5)
    assert len(read(places[paths[0]])) == RATE * whole
    before = {path: place.stat().st_mtime_ns for path, place in places.items()}
    again, _ = cache.add(paths)
    assert {path: place.stat().st_mtime_ns for path, place in again.items()} == before
    os.utime(paths[0], ns=(1, 1))
    changed, _ = cache.add(paths)
    assert changed[paths[0]] != places[paths[0]]
    assert changed[paths[1]] == places[paths[1]]


def test_the_cache_has_a_limit(tmp_path: Path) -> None:
    paths = [clip.path for clip in make_clips(tmp_path, 3, 1)]
    with pytest.raises(CacheFull, match=r"more than 0\.00015 GB"):
        AudioCache(tmp_path / "cache", RATE, 150_000).add(paths)
    cached = list((tmp_path / "cache").glob("*.npy"))
    assert sum(path.stat().st_size for path in cached) <= 150_000


@pytest.mark.parametrize("seconds", [1.0, 3.0, 10.3])
def test_a_clip_is_judged_by_the_segments_a_build_would_hear(
    tmp_path: Path, seconds: float
) -> None:
    rng = np.random.default_rng(0)
    samples = rng.uniform(-0.5, 0.5, int(RATE * seconds))
    path = write_wav(tmp_path / "a.wav", samples)
    places, _ = AudioCache(tmp_path / "cache", RATE, 10**7).add([path])
    grid = segment_grid(MelConfig())
    for n in (None, 2):
        expected = read_segments(path, inspect(path).duration, grid, n).waveforms
        segments = all_segments(read(places[path]), grid, n)
        assert segments.shape == expected.shape
        np.testing.assert_allclose(segments[:, 256:-256], expected[:, 256:-256], atol=2e-5)


def test_segments_hang_on_seed_epoch_and_number_alone(tmp_path: Path) -> None:
    paths = [clip.path for clip in make_clips(tmp_path, 2, 1)]
    places, _ = AudioCache(tmp_path / "cache", RATE, 10**7).add(paths)
    wanted = torch.eye(2)

    def segments(seed: int, epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        data = RandomSegments([places[path] for path in paths], wanted, 1000, 3, seed)
        data.epoch = epoch
        return [data[number] for number in reversed(range(len(data)))]

    first, again = segments(0, 1), segments(0, 1)
    assert len(first) == 6
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert [target.tolist() for _, target in first] == [[0, 1], [1, 0]] * 3
    for other in (segments(0, 2), segments(1, 1)):
        assert not any(torch.equal(a[0], b[0]) for a, b in zip(first, other, strict=True))


def tone(frequency: float, n: int = 3 * RATE) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(n) / RATE)[None]


def pitch(waveforms: torch.Tensor) -> float:
    return float(torch.fft.rfft(waveforms[0]).abs().argmax()) * RATE / waveforms.shape[1]


def test_pitch_and_tempo_change_apart_from_one_another() -> None:
    higher = shift(tone(440.0), 2.0)
    assert higher.shape == (1, 3 * RATE)
    assert pitch(higher) == pytest.approx(440 * 2 ** (2 / 12), rel=0.005)
    faster = stretch(tone(440.0), 1.25)
    assert faster.shape == (1, round(3 * RATE / 1.25))
    assert pitch(faster) == pytest.approx(440.0, rel=0.005)


def test_each_augmentation_does_what_it_says() -> None:
    torch.manual_seed(0)
    sound, wanted = tone(440.0, RATE).repeat(64, 1), torch.eye(64)
    plain = Augmentation()
    assert plain.n_samples(RATE) == RATE
    same, targets_ = plain.waveforms(sound, wanted, RATE)
    assert torch.equal(same, sound)
    assert torch.equal(targets_, wanted)
    louder, _ = Augmentation(gain=6).waveforms(sound, wanted, RATE)
    gains = 20 * torch.log10(louder.abs().amax(dim=1) / sound.abs().amax(dim=1))
    assert gains.abs().max() <= 6.001
    assert gains.std() > 2
    noisy, _ = Augmentation(noise=10).waveforms(sound, wanted, RATE)
    ratio = 10 * torch.log10(sound.square().mean(dim=1) / (noisy - sound).square().mean(dim=1))
    assert 9.5 < ratio.min() < 15
    assert 30 < ratio.max() < 40.5
    mixed, shares = mix(tone(440.0, RATE) * torch.arange(1.0, 65.0)[:, None], wanted, 0.3)
    np.testing.assert_allclose(shares.sum(dim=1), 1.0, atol=1e-5)
    assert (shares.diagonal() >= 0.5).all()
    levels = mixed[:, 100] / tone(440.0, RATE)[0, 100]
    np.testing.assert_allclose(levels, shares @ torch.arange(1.0, 65.0), rtol=1e-3)
    everything = Augmentation(pitch=2, time=0.1, gain=6, noise=20, spec=2, mixup=0.3)
    longer = tone(440.0, everything.n_samples(RATE)).repeat(4, 1)
    changed, _ = everything.waveforms(longer, torch.eye(4), RATE)
    assert changed.shape == (4, RATE)
    assert torch.isfinite(changed).all()


def test_masks_hide_bands_and_frames_behind_the_mean() -> None:
    torch.manual_seed(0)
    spectrograms = torch.rand(16, 187, 96)
    masked = Augmentation(spec=1).masks()(spectrograms)
    hidden = masked != spectrograms
    assert 0 < hidden.float().mean() < 0.25
    assert len({tuple(clip.any(dim=1).tolist()) for clip in ~hidden}) > 4  # drawn for each
    means = spectrograms.mean(dim=(1, 2), keepdim=True).expand_as(spectrograms)
    np.testing.assert_allclose(masked[hidden], means[hidden], atol=1e-6)
    waveforms = torch.rand(4, 1000)
    assert torch.equal(Augmentation(spec=1).masks()(waveforms), waveforms)


def test_augmentation_refuses_what_is_no_music_any_more() -> None:
    with pytest.raises(ValueError, match="0 to 12 semitones"):
        Augmentation(pitch=13)
    with pytest.raises(ValueError, match="at least 0"):
        Augmentation(mixup=-1)
