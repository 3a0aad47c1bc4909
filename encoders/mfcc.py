"""MFCCs, the classic description of timbre: a baseline that needs no learning."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing

import numpy as np
import torch
from torchaudio.transforms import MFCC

from encoders.audio import SegmentGrid, Segments
from encoders.decoding import DecoderProcess
from encoders.errors import AudioError
from encoders.extract import N_SEGMENTS, DecoderPool
from encoders.features import AudioSpan, TrackFeatures
from encoders.frontends import segment_grid
from encoders.melspec import MelConfig

N_MFCC = 20
_N_MELS = 40


class MfccExtractor:
    """Extracts means and standard deviations of MFCCs from audio files.

    As TrackFeatures: `penultimate` (n_segments, 20) holds each segment's mean, `pooled` (40,) mean
    next to standard deviation over all frames; there are no tags. Tracks are cut and decoded as for
    the taggers, in processes of their own.
    """

    def __init__(self, *, n_segments: int | None = N_SEGMENTS, workers: int = 1) -> None:
        """`n_segments` are read of each track, or all of them where it is None."""
        config = MelConfig()
        self.n_segments = n_segments
        self.workers = workers
        self.grid: SegmentGrid = segment_grid(config)
        self.mfcc = MFCC(
            sample_rate=config.sample_rate,
            n_mfcc=N_MFCC,
            melkwargs={
                "n_fft": config.n_fft,
                "hop_length": config.hop_length,
                "n_mels": _N_MELS,
                "center": False,
            },
        )

    @property
    def names(self) -> tuple[str]:
        """The key of the features: coefficients, precision, segment budget."""
        budget = "all" if self.n_segments is None else str(self.n_segments)
        return (f"mfcc{N_MFCC}-float32-{budget}",)

    def extract(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, tuple[TrackFeatures, ...] | AudioError], None, None]:
        """Analyse tracks; results come as they are ready."""

        def request(decoder: DecoderProcess, track: AudioSpan) -> None:
            decoder.request_segments(track, self.grid, self.n_segments)

        def receive(decoder: DecoderProcess, track: AudioSpan) -> Segments:
            return decoder.receive_segments(track.path)

        pool = DecoderPool(self.workers, 0, request, receive, self._analyse)
        with closing(pool.run(tracks)) as results:
            for _, track, result in results:
                yield track, result

    @torch.inference_mode()
    def _analyse(self, segments: Segments) -> tuple[TrackFeatures, ...]:
        torch.set_num_threads(1)  # tracks run side by side
        coefficients = self.mfcc(torch.from_numpy(segments.waveforms))  # (n_segments, 20, n_frames)
        std, mean = torch.std_mean(coefficients, dim=(0, 2))
        features = TrackFeatures(
            starts=segments.starts,
            tags=np.zeros((len(segments.starts), 0), np.float16),
            penultimate=coefficients.mean(dim=2).half().numpy(),
            pooled=torch.cat([mean, std]).half().numpy(),
            segment_seconds=self.grid.seconds,
        )
        return (features,)
