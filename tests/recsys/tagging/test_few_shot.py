"""Taught tags: what is learned, how honest its score is, whose it is, and what it outlives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from encoders.features import AudioInfo
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, TagExamples, Tags
from recsys.home.tag_table import TagTable
from recsys.home.track_table import TrackTable
from recsys.tagging.few_shot import Lesson, TooFew, honest_score, learn
from recsys.tagging.personal_tags import PersonalTags

DIM = 20


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def lesson(
    seed: int, likeness: float, n_artists: int = 60, each: int = 5
) -> tuple[Lesson, np.ndarray]:
    """Tracks of artists who sound like themselves, a third of whom fit by `likeness`."""
    rng = np.random.default_rng(seed)
    fits = np.arange(n_artists) % 3 == 0
    artist = rng.standard_normal((n_artists, DIM))
    artist[:, 0] += likeness * fits
    owner = np.repeat(np.arange(n_artists), each)
    vectors = unit(artist[owner] + 0.3 * rng.standard_normal((len(owner), DIM)))
    truth = fits[owner]
    names = np.array([f"artist {number}" for number in owner])
    examples = np.flatnonzero(truth)[: 6 * each : 2]
    rest = np.setdiff1d(np.arange(len(owner)), examples)
    order = np.concatenate([examples, rest])
    none = np.zeros((0, DIM), np.float32)
    return Lesson(vectors[examples], none, vectors[rest], names[order]), truth[order]


def test_a_planted_tag_is_learned_and_its_score_is_true() -> None:
    made, truth = lesson(0, 3.0)
    values = made.vectors @ learn(made)
    others = made.kinds == 2
    unseen = roc_auc_score(truth[others], values[others])
    score = honest_score(made, 1.0)
    assert unseen > 0.9
    assert score["roc_auc"].low > 0.5
    # The rest holds fitting tracks too, which count against it: the score is a lower bound.
    assert unseen - 0.25 < score["roc_auc"].value <= unseen + 0.05
    assert score["recall"].value > 0.6


def test_a_tag_that_means_nothing_gets_no_score_for_knowing_its_artists() -> None:
    """Six artists at random: a tag learned from some of their tracks knows the others by voice."""
    honest, by_voice = [], []
    for seed in range(6):
        made, _ = lesson(seed, 0.0)
        honest.append(honest_score(made, 1.0)["roc_auc"].value)
        own = set(made.artists[made.kinds == 0])
        hit = np.array([name in own for name in made.artists])[made.kinds == 2]
        by_voice.append(roc_auc_score(hit, made.rest @ learn(made)))
    assert np.mean(by_voice) > 0.85
    assert 0.35 < np.mean(honest) < 0.65


def test_what_was_said_not_to_fit_counts() -> None:
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((60, DIM)) + np.eye(DIM)[0] * 1.5)
    fitting, unfitting = unit(rows[:10] + np.eye(DIM)[1]), unit(rows[10:20] - np.eye(DIM)[1])
    names = np.array([str(number) for number in range(60)])
    told = learn(Lesson(fitting, unfitting, rows[20:], names))
    untold = learn(Lesson(fitting, np.zeros((0, DIM), np.float32), rows[20:], names[10:]))
    assert told[1] / np.linalg.norm(told) > untold[1] / np.linalg.norm(untold)
    score = honest_score(Lesson(fitting, unfitting, rows[20:], names), 0.0)
    assert score["average_precision"].chance == 0.5  # told from what does not fit, not the rest


def test_too_few_examples_are_said_to_be_too_few() -> None:
    made, _ = lesson(0, 3.0)
    few = Lesson(made.fitting[:4], made.unfitting, made.rest, made.artists[: 4 + len(made.rest)])
    assert learn(few).shape == (DIM,)
    with pytest.raises(TooFew, match=r"4 examples by .* 5 by 3 artists are needed"):
        honest_score(few, 1.0)
    with pytest.raises(TooFew, match="No track that is indexed"):
        Lesson(made.fitting[:0], made.unfitting, made.rest, made.artists)


@pytest.fixture
def library(catalog: Catalog) -> Catalog:
    catalog.record_files([scanned_file(number) for number in range(12)])
    return catalog


def scanned_file(number: int) -> ScannedFile:
    info = AudioInfo(180.0, 44_100, 2, "mp3float", f"{number:032x}")
    tags = Tags(f"Song {number}", f"Artist {number // 2}")
    return ScannedFile(None, Path(f"/music/{number}.mp3"), 1, 1, info, tags)


def test_examples_are_kept_by_listener_and_can_be_taken_back(library: Catalog) -> None:
    ann, bob = (library.listener(name, create=True) for name in ("ann", "bob"))
    assert ann and bob
    before = library.listens_revision
    library.teach(ann.id, "Rainy Sunday", [(3, True), (1, True), (2, False)])
    library.teach(ann.id, "rainy  sunday", [(4, True), (1, None), (3, False)])
    library.teach(bob.id, "rainy sunday", [(5, True)])
    assert library.listens_revision > before
    (found,) = library.examples(ann.id)
    assert (found.fitting, found.unfitting) == ((4,), (2, 3))
    assert library.examples(bob.id) == [TagExamples("rainy sunday", (5,), ())]
    library.set_presence(gone=[4])
    assert library.examples(ann.id)[0].fitting == ()
    library.set_presence(back=[4])
    assert library.examples(ann.id)[0].fitting == (4,)
    assert library.forget_tag(ann.id, "RAINY SUNDAY")
    assert not library.forget_tag(ann.id, "rainy sunday")
    assert library.examples(ann.id) == []
    assert len(library.examples(bob.id)) == 1
    for wrong in ((99, 1), (ann.id, 99)):
        with pytest.raises(KeyError):
            library.teach(wrong[0], "x", [(wrong[1], True)])
    with pytest.raises(ValueError, match="printable"):
        library.teach(ann.id, " ", [(1, True)])


def test_a_column_is_the_listeners_own_and_follows_what_is_taught(library: Catalog) -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((12, DIM)) * 0.1 + np.repeat(np.eye(2, DIM), 6, axis=0))
    index = VectorIndex.build(list(range(1, 13)), vectors)
    shelf = TrackTable.read(library, index)
    ann, bob = (library.listener(name, create=True) for name in ("ann", "bob"))
    assert ann and bob
    empty = TagTable({}, {}, np.zeros((12, 0), np.float16))
    taught = PersonalTags(index)

    def column(listener: int | None) -> np.ndarray | None:
        examples = library.examples(listener) if listener else []
        return taught.of(examples, library.track_revision, shelf, lambda: empty).column("First")

    assert column(ann.id) is None
    library.teach(ann.id, "first", [(1, True), (2, True)])
    values = column(ann.id)
    assert values is not None
    assert values[:6].min() > values[6:].max()
    assert values.mean() == pytest.approx(0, abs=1e-2)
    assert values.std() == pytest.approx(1, abs=1e-2)
    assert column(bob.id) is None
    assert column(None) is None
    library.teach(ann.id, "first", [(1, None), (2, None), (11, True), (12, True)])
    values = column(ann.id)
    assert values is not None
    assert values[6:].min() > values[:6].max()
