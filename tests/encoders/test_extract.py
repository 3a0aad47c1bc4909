"""The pipeline, with a real tagger: every file in, one value out, and nothing left behind."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from child_processes import own_children
from synthesis import AAC, FLAC, MP3, VORBIS, WAV_16K, write_sound

from encoders.bundles import BUNDLES
from encoders.errors import AudioError
from encoders.extract import Extractor, load_extractor, load_known_extractor
from encoders.features import AudioSpan, TrackFeatures
from encoders.tagger import Tagger

pytestmark = pytest.mark.timeout(100)  # instead of waiting for ever

MODEL = "MSD_musicnn"
N_SEGMENTS = 3
SECONDS = 13.0  # four segments


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def tagger(cache: Path) -> Tagger:
    return Tagger(BUNDLES[MODEL], cache)


@pytest.fixture(params=[1, 2])
def extractor(tagger: Tagger, request: pytest.FixtureRequest) -> Iterator[Extractor]:
    """One with one worker, and one with two; it leaves no process and no thread behind."""
    n_threads = threading.active_count()
    yield Extractor([tagger], n_segments=N_SEGMENTS, workers=request.param)
    assert own_children() == []
    while threading.active_count() > n_threads:  # a cancelled watchdog takes a moment to end
        time.sleep(0.01)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tracks of several formats and lengths, some of which are none."""
    folder = tmp_path_factory.mktemp("music")
    for index, form in enumerate([FLAC, MP3, AAC, VORBIS, WAV_16K]):
        write_sound(folder / f"{index} {form.name}", form, SECONDS - 2.5 * index)
    write_sound(folder / "1 again.flac", replace(FLAC, rate=48_000), SECONDS - 2.5)
    (folder / "2 text.mp3").write_text("No sound in here. " * 100)
    (folder / "0 empty.mp3").touch()
    return folder


@pytest.fixture
def tracks(folder: Path) -> list[AudioSpan]:
    """With the durations that `inspect` finds, and one for those that it would refuse."""
    return [
        AudioSpan(path, max(SECONDS - 2.5 * int(path.name[0]), 1.0))
        for path in sorted(folder.iterdir())
    ]


def assert_equal(some: Sequence[TrackFeatures], others: Sequence[TrackFeatures]) -> None:
    assert len(some) == len(others) == 1
    for field in ("starts", "tags", "penultimate", "pooled"):
        np.testing.assert_array_equal(getattr(some[0], field), getattr(others[0], field))


def test_inspect_keeps_the_order_and_failures_are_values(
    extractor: Extractor, folder: Path
) -> None:
    paths = 3 * sorted(folder.iterdir(), reverse=True)
    results = list(extractor.inspect(paths))
    assert [path for path, _ in results] == paths
    for path, info in results:
        if path.name in ("2 text.mp3", "0 empty.mp3"):
            assert isinstance(info, AudioError)
            assert str(path) in str(info)
        else:
            assert not isinstance(info, AudioError)
            assert info.duration > 1
    assert extractor.in_progress() == []


def test_extract_is_features_of_each_file(extractor: Extractor, tracks: list[AudioSpan]) -> None:
    results = {track.path: result for track, result in extractor.extract(tracks)}
    assert sorted(results) == [path for path, *_ in tracks]
    n_failed = 0
    for path, result in results.items():
        if isinstance(result, AudioError):
            n_failed += 1
            with pytest.raises(AudioError) as raised:
                extractor.features(path)
            assert str(raised.value) == str(result)
        else:
            assert_equal(result, extractor.features(path))
            (features,) = result
            assert features.tags.shape == (len(features.starts), 50)
            assert len(features.starts) == {"2": 2, "3": 1, "4": 1}.get(path.name[0], N_SEGMENTS)
    assert n_failed == 2
    assert extractor.in_progress() == []


def test_the_number_of_workers_changes_nothing(tagger: Tagger, tracks: list[AudioSpan]) -> None:
    one, two = (
        dict(Extractor([tagger], n_segments=N_SEGMENTS, workers=workers).extract(tracks))
        for workers in (1, 2)
    )
    assert sorted(one) == sorted(two)
    for path, result in one.items():
        other = two[path]
        if isinstance(result, AudioError):
            assert str(result) == str(other)
        else:
            assert not isinstance(other, AudioError)
            assert_equal(result, other)


def test_no_tracks_no_results(extractor: Extractor) -> None:
    assert list(extractor.extract([])) == []
    assert list(extractor.inspect([])) == []


def test_stopping_midway_ends_everything(extractor: Extractor, tracks: list[AudioSpan]) -> None:
    for n_taken in (1, 3):
        results = extractor.extract(20 * tracks)
        for _ in range(n_taken):
            next(results)
        results.close()
        assert own_children() == []
        assert extractor.in_progress() == []
        inspected = extractor.inspect([path for path, *_ in 20 * tracks])
        for _ in range(n_taken):
            next(inspected)
        inspected.close()
        assert own_children() == []
        assert extractor.in_progress() == []


def test_an_exception_of_the_consumer_ends_everything(
    extractor: Extractor, tracks: list[AudioSpan]
) -> None:
    def consume() -> None:
        for _ in extractor.extract(20 * tracks):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()


def test_an_interrupt_while_a_thread_starts_stays_one(
    extractor: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(_: threading.Thread) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()  # as a condition does whose waiting was interrupted

    monkeypatch.setattr(threading.Thread, "start", torn)
    with pytest.raises(KeyboardInterrupt):
        list(extractor.extract([AudioSpan(folder / "a.wav", 1.0)]))


def test_an_interrupt_just_before_a_wait_is_heard(tagger: Tagger, tracks: list[AudioSpan]) -> None:
    rescued = threading.Event()
    timers: list[threading.Timer] = []

    def jobs() -> Iterator[AudioSpan]:
        (decoder,) = own_children()

        def rescue() -> None:
            rescued.set()
            decoder.kill()

        decoder.suspend()  # no result ends the wait
        timers.extend((threading.Timer(0.5, interrupt), threading.Timer(30.0, rescue)))
        for timer in timers:
            timer.start()
        yield from tracks

    def interrupt() -> None:
        _thread.interrupt_main(signal.SIGTERM)  # like a signal, but it wakes nobody

    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(Extractor([tagger], n_segments=N_SEGMENTS, workers=1).extract(jobs()))
    finally:
        signal.signal(signal.SIGTERM, handler)
        for timer in timers:
            timer.cancel()
            timer.join()
    assert not rescued.is_set()


def test_an_exception_of_the_jobs_reaches_the_consumer(
    extractor: Extractor, tracks: list[AudioSpan]
) -> None:
    def jobs() -> Iterator[AudioSpan]:
        yield from tracks
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(extractor.extract(jobs()))
    with pytest.raises(ZeroDivisionError):
        list(extractor.inspect(path for path, *_ in jobs()))


def test_an_unexpected_exception_reaches_the_consumer(
    extractor: Extractor, tracks: list[AudioSpan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(extractor, "_analyse", fail)
    with pytest.raises(ZeroDivisionError):
        list(extractor.extract(20 * tracks))


def test_a_dying_decoder_costs_at_most_one_file(
    extractor: Extractor, tracks: list[AudioSpan]
) -> None:
    completed = []
    sentences = []
    for number, (track, result) in enumerate(extractor.extract(3 * tracks)):
        completed.append(track.path)
        if number == 2:
            own_children()[0].kill()
        if isinstance(result, AudioError):
            sentences.append(str(result))
    assert sorted(completed) == sorted(path for path, *_ in 3 * tracks)
    assert sum("ended the decoder" in sentence for sentence in sentences) <= 1
    assert len(sentences) <= 3 * 2 + 1  # two of the files are no audio


def test_in_progress_tells_what_is_being_worked_on(tagger: Tagger, tracks: list[AudioSpan]) -> None:
    extractor = Extractor([tagger], n_segments=N_SEGMENTS, workers=1)
    paths = [path for path, *_ in tracks]
    seen: list[list[tuple[Path, float]]] = []

    def jobs() -> Iterator[AudioSpan]:
        for track in tracks:
            seen.append(extractor.in_progress())
            yield track

    list(extractor.extract(jobs()))
    assert seen[0] == []
    for index, now in enumerate(seen[1:]):
        seconds = [n for _, n in now]
        assert paths[index] in [path for path, _ in now]  # the one asked for before
        assert min(seconds) >= 0
        assert seconds == sorted(seconds, reverse=True)
    assert extractor.in_progress() == []


def test_features_of_a_relative_path(
    extractor: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    path = Path(f"0 {FLAC.name}")
    assert_equal(extractor.features(path), extractor.features(folder / path))


def test_without_a_budget_the_whole_track_is_heard(tagger: Tagger, folder: Path) -> None:
    path = folder / f"0 {FLAC.name}"
    (features,) = Extractor([tagger], n_segments=None).features(path)
    np.testing.assert_allclose(features.starts, np.arange(4) * 187 * 256 / 16_000, atol=1e-6)


def test_names_tell_model_precision_and_budget(tagger: Tagger, cache: Path) -> None:
    extractor = Extractor([tagger], n_segments=N_SEGMENTS)
    assert extractor.names == ("MSD_musicnn-float32-3",)
    assert extractor.tags == tagger.bundle.tags
    assert Extractor([tagger], n_segments=None).names == ("MSD_musicnn-float32-all",)
    assert load_known_extractor(extractor.names, cache).names == extractor.names


def test_features_in_bfloat16_are_joined_under_their_key(tagger: Tagger, cache: Path) -> None:
    """Those of the same model and segments, which earlier versions computed."""
    known = ["MSD_musicnn-bfloat16-20", "MTT_vgg-float32-20", "MTT_vgg-bfloat16-7"]
    taggers = [tagger, Tagger(BUNDLES["MTT_vgg"], cache)]
    for n_segments, names in (
        (20, ("MSD_musicnn-bfloat16-20", "MTT_vgg-float32-20")),
        (7, ("MSD_musicnn-float32-7", "MTT_vgg-bfloat16-7")),
        (None, ("MSD_musicnn-float32-all", "MTT_vgg-float32-all")),
    ):
        extractor = Extractor(taggers, n_segments=n_segments, known=known)
        assert extractor.names == names
        assert extractor.continues_bfloat16 == any("bfloat16" in name for name in names)
    loaded = load_extractor([MODEL], cache, known=known)
    assert loaded.names == load_known_extractor(loaded.names, cache).names == (known[0],)


def test_unknown_models_and_no_models_are_refused(cache: Path) -> None:
    for models in (["MSD_resnet"], []):
        with pytest.raises(ValueError, match="wanted models out of MTT_musicnn, "):
            load_extractor(models, cache)
