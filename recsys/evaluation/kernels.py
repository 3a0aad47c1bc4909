"""Tags of a tagger's first-layer kernels: those of the tracks with the highest activations.

Nam et al. 2019, figure 3: a kernel's score for a tag is its average activation over the tracks with
the tag. Here tracks are weighted by the tagger's probability of the tag, and activations are
compared with their mean over the library, in standard deviations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from index.arrays import Float32Array

_COLUMNS = 6  # of pictures


class KernelTags(NamedTuple):
    """One kernel by its number, and the tags of its highest scores, the highest first."""

    kernel: int
    tags: tuple[str, ...]
    score: float  # of the first tag


def kernel_scores(activations: Float32Array, probabilities: Float32Array) -> Float32Array:
    """Score every kernel for every tag: (n_kernels, n_tags), in standard deviations.

    activations    (n_tracks, n_kernels)
    probabilities  (n_tracks, n_tags)
    """
    spread = activations.std(axis=0)
    standardised = (activations - activations.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    shares = probabilities / np.maximum(probabilities.sum(axis=0), 1e-12)
    scores: Float32Array = standardised.T @ shares
    return scores


def choose_kernels(
    scores: Float32Array, tags: Sequence[str], n_kernels: int, n_tags: int = 4
) -> list[KernelTags]:
    """Choose, for each tag that is best for some kernel, its highest scoring kernel; best first."""
    first = scores.argmax(axis=1)
    best: dict[int, int] = {}
    for kernel in np.argsort(-scores.max(axis=1), kind="stable"):
        if scores[kernel].max() > 0:  # else its activation is the same on every track
            best.setdefault(int(first[kernel]), int(kernel))
    chosen = []
    for tag, kernel in list(best.items())[:n_kernels]:
        order = np.argsort(-scores[kernel], kind="stable")[:n_tags]
        score = float(scores[kernel, tag])
        chosen.append(KernelTags(kernel, tuple(tags[i] for i in order), score))
    return chosen


def draw_kernels(
    path: Path,
    chosen: Sequence[KernelTags],
    kernels: Sequence[Float32Array],
    title: str,
) -> None:
    """Draw kernels (n_mels, n_frames), low frequencies below, each over its tags.

    Raises OSError where the file cannot be written, ValueError for an unknown kind of file.
    """
    n_rows = -(-len(chosen) // _COLUMNS)
    figure = Figure(figsize=(2.1 * _COLUMNS, 3.4 * n_rows + 0.4), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(n_rows, _COLUMNS, squeeze=False).flat
    for number, plot in enumerate(axes):
        if number >= len(chosen):
            plot.set_axis_off()
            continue
        kernel = kernels[chosen[number].kernel]
        limit = float(np.abs(kernel).max())
        plot.imshow(kernel, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit)
        plot.set_xticks([])
        plot.set_yticks([0, kernel.shape[0] - 1], labels=["1", str(kernel.shape[0])])
        plot.set_xlabel("\n".join(chosen[number].tags), fontsize=9)
    figure.savefig(path, dpi=100)
