"""What the segment budget costs: embeddings and neighbours, on labelled clips.

    python -m benchmarks.segments CLIPS --tracks FOLDER

CLIPS holds labelled clips (a `labels.csv` with the columns path, artist and genre), FOLDER full
tracks. The projection is fitted on the whole clips, and frozen.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from encoders.audio import inspect
from encoders.bundles import BUNDLES, DEFAULT_MODELS
from encoders.errors import AudioError
from encoders.extract import Extractor
from encoders.features import AudioSpan, TrackFeatures
from encoders.tagger import Tagger
from index.arrays import Float32Array
from recsys.evaluation.metrics import paired_bootstrap
from recsys.evaluation.retrieval import Retrieval, evaluate_retrieval, rank
from recsys.library.scanning import scan

Track = tuple[TrackFeatures, ...]
TRACK_BUDGETS = (5, 10, 20, 30)
CLIP_BUDGETS = (3, 5, 8)
K = 10


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--tracks", type=Path, required=True)
    parser.add_argument("--models", default=",".join(DEFAULT_MODELS))
    args = parser.parse_args()
    labels = pd.read_csv(args.clips / "labels.csv", dtype=str)
    clips = [args.clips / name for name in labels["path"]]
    tracks = [file.path for file in scan([args.tracks]).files]
    with tempfile.TemporaryDirectory() as cache:
        taggers = [Tagger(BUNDLES[m], Path(cache)) for m in args.models.split(",")]
    clip_features = analyse(taggers, clips, None)
    projection = Extractor(taggers, n_segments=None).fit_projection(
        clip_features, len(clip_features)
    )
    whole_tracks = projection.embed(analyse(taggers, tracks, None))
    print(f"\nEmbeddings of {len(tracks)} full tracks beside those of the whole track:\n")
    print("| segments | seconds | median cosine | smallest |\n|---:|---:|---:|---:|")
    for budget in TRACK_BUDGETS:
        cosines = (projection.embed(analyse(taggers, tracks, budget)) * whole_tracks).sum(axis=1)
        print(f"| {budget} | {3 * budget} | {np.median(cosines):.4f} | {cosines.min():.4f} |")
    whole = projection.embed(clip_features)
    print_header(f"{len(clips)} clips beside all of their segments:")
    print_row("all", whole, whole, labels)
    for budget in CLIP_BUDGETS:
        print_row(
            f"{budget} segments", projection.embed(analyse(taggers, clips, budget)), whole, labels
        )


def analyse(
    taggers: Sequence[Tagger], paths: Sequence[Path], n_segments: int | None
) -> list[Track]:
    """Analyse files, in the order given."""
    extractor = Extractor(taggers, n_segments=n_segments, workers=psutil.cpu_count() or 1)
    features_of: dict[Path, Track] = {}
    spans = (AudioSpan(path, inspect(path).duration) for path in paths)
    for span, features in extractor.extract(spans):
        if isinstance(features, AudioError):
            raise SystemExit(str(features))
        features_of[span.path] = features
    return [features_of[path] for path in paths]


def print_header(title: str) -> None:
    """Print the head of the table of clips."""
    print(f"\n{title}\n")
    print(
        f"| | median cosine | same {K} neighbours | genre P@{K} | difference, 95 % interval "
        "| artist P@5 | difference, 95 % interval |\n|---|---:|---:|---:|---:|---:|---:|"
    )


def print_row(name: str, vectors: Float32Array, whole: Float32Array, labels: pd.DataFrame) -> None:
    """Print one setting of the clips beside the whole clips."""
    cosine = np.median((vectors * whole).sum(axis=1))
    queries = np.arange(len(whole))
    pairs = zip(rank(vectors, queries, K, None), rank(whole, queries, K, None), strict=True)
    overlap = np.mean([len(np.intersect1d(a, b)) / K for a, b in pairs])
    columns = []
    for k, mean, (got, best) in (
        (K, "macro", [by_genre(v, labels) for v in (vectors, whole)]),
        (5, "micro", [by_artist(v, labels) for v in (vectors, whole)]),
    ):
        metric = f"P@{k}"
        change = paired_bootstrap(got.per_query[metric], best.per_query[metric], got.artists)
        columns.append(f"{got.summary()[metric][mean]:.3f}")
        columns.append(f"{change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}]")
    print(f"| {name} | {cosine:.4f} | {overlap:.1%} | {' | '.join(columns)} |")


def by_genre(vectors: Float32Array, labels: pd.DataFrame) -> Retrieval:
    """Retrieve by genre, the query's artist left out."""
    return evaluate_retrieval(vectors, labels, "genre", [K], exclude_same="artist")


def by_artist(vectors: Float32Array, labels: pd.DataFrame) -> Retrieval:
    """Retrieve by artist, for artists with at least two clips."""
    return evaluate_retrieval(vectors, labels, "artist", [5], min_group=2)


if __name__ == "__main__":
    main()
