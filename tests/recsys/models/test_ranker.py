"""The fitted ranker: its terms, its file, and what becomes of it where it cannot be used."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from scipy import sparse

from index.shared_copy import shared_folder
from recsys.interactions import Content
from recsys.models import model_file
from recsys.models.als import Als
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.model_file import DamagedModel
from recsys.models.ranker.groups import EASE_PENALTY, TrackGroups, artist_affinity, track_groups
from recsys.models.ranker.pairs import KINDS, LENGTHS, Pairs, RankedLibrary
from recsys.models.ranker.ranked_model import RankedModel
from recsys.models.ranker.ranker import (
    TREES,
    Ranker,
    RankerUnusable,
    Trees,
    column_name,
    sha256,
)
from recsys.models.ranker.terms import TERMS, term_values

ARTISTS = np.array([0, 0, 0, 1, 1, 2, 2, -1])
ALBUMS = np.array([0, 0, 1, 2, 2, -1, -1, -1])
CELLS = len(KINDS), len(LENGTHS)


def listens() -> tuple[sparse.csr_matrix, Content]:
    """Eight tracks of three artists; nobody plays the last two artists' last tracks."""
    table = np.array(
        [[1, 4, 0, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 2, 1, 0, 0, 0]], np.float32
    )
    vectors = np.eye(8, dtype=np.float32)
    content = Content(vectors, np.ones(8, bool), ARTISTS, ALBUMS)
    return sparse.csr_matrix(table), content


def library() -> RankedLibrary:
    counts, content = listens()
    model = HybridSettings(Als(3, 1.0, 1.0)).fit(counts, content, 0)
    artists, albums = track_groups(counts, content)
    return RankedLibrary(model, artists, albums, artist_affinity(counts, artists), counts.shape[0])


def trees(rounds: int = 5) -> Trees:
    """Trees that know the tracks by the same artist, and the length of the history."""
    rng = np.random.default_rng(0)
    names = ["tracks by the same artist", "length of the history"]
    terms = rng.random((400, 2)) * 2
    parameters = {"objective": "binary", "verbose": -1, "num_leaves": 4}
    data = lightgbm.Dataset(
        terms, terms[:, 0] + terms[:, 1] > 2, feature_name=[column_name(name) for name in names]
    )
    text = lightgbm.train(parameters, data, rounds).model_to_string()
    return Trees(text, sha256(text))


def ranked(adopted: bool = True) -> RankedModel:
    made = trees()
    ranker = Ranker(
        (made, made),
        np.full(len(KINDS), 0.5),
        np.full(CELLS, 0.1),
        np.full(CELLS, adopted),
        np.zeros(CELLS),
        {"sha256": made.digest},
    )
    return RankedModel(library(), ranker, card=ranker.card)


def pairs_of(model: RankedModel, listener: int) -> Pairs:
    history = listens()[0][[listener]]
    return model.pairs(model.hybrid.profile(history), history, np.arange(8))


def test_terms_are_what_their_names_say() -> None:
    values = dict(
        zip([t.name for t in TERMS], term_values(pairs_of(ranked(), 0)).T.tolist(), strict=True)
    )
    log, near = np.log1p, partial(pytest.approx, abs=1e-4)
    assert values["tracks by the same artist"] == near(log([2, 2, 2, 1, 1, 0, 0, 0]).tolist())
    third = 1 / 3
    assert values["share of the same artist"] == near([2 * third] * 3 + [third] * 2 + [0] * 3)
    assert values["plays of the same artist"] == near([5 / 6] * 3 + [1 / 6] * 2 + [0] * 3)
    assert values["part of the artist's tracks"] == near([2 * third] * 3 + [0.5] * 2 + [0] * 3)
    assert values["tracks from the same album"] == near(log([2, 2, 0, 1, 1, 0, 0, 0]).tolist())
    assert values["part of the album's tracks"] == near([1, 1, 0, 0.5, 0.5, 0, 0, 0])
    assert values["the artist's tracks"] == near(log([3, 3, 3, 2, 2, 2, 2, 0]).tolist())
    assert values["length of the history"] == near([np.log(3)] * 8)
    assert values["tracks per artist"] == near([log(1.5)] * 8)
    assert values["kind of candidate"] == [0, 0, 0, 0, 0, 2, 2, 2]
    entropy = -(2 * third * np.log(2 * third) + third * np.log(third)) / np.log(3)
    assert values["variety of artists"] == near([entropy] * 8)
    scores = ranked().hybrid.scores(listens()[0][[0]])[0]
    artists = [scores[:3], scores[:3], scores[:3], scores[3:5], scores[3:5]]  # the third has none
    assert values["mean score of the artist"] == near([*(s.mean() for s in artists), 0, 0, 0])
    assert values["best score of the artist"] == near([*(s.max() for s in artists), 0, 0, 0])
    assert values["the artist's known tracks"] == near(log([3, 3, 3, 2, 2, 0, 0, 0]).tolist())
    played_by = np.log([2, 2, 1, 2, 1]) - np.log([2, 2, 1, 2, 1]).mean()
    assert values["the track's listeners"] == near([*played_by, -5, -5, -5])
    means = [played_by[:3].mean()] * 3 + [played_by[3:].mean()] * 2
    assert values["mean listeners of the artist's tracks"] == near([*means, -5, -5, 0])
    greatest = [played_by.max()] * 5
    assert values["listeners of the artist's best track"] == near([*greatest, -5, -5, 0])
    best = values["most similar sound"]
    assert best[:2] == near([1, 1])
    assert max(best[4:]) < 0.1


def test_recency_is_the_place_of_an_artists_last_listen() -> None:
    """Among the times that are known; unknown without any."""
    (place,) = [n for n, t in enumerate(TERMS) if t.name == "recency of the same artist"]
    model, (counts, _) = ranked(), listens()
    history = counts[[0]]  # tracks 0, 1 and 3: artists 0, 0 and 1
    profile, every = model.hybrid.profile(history), np.arange(8)

    def recency(*times: float) -> list[float]:
        dated = sparse.csr_matrix((np.array(times), history.indices, history.indptr), (1, 8))
        return term_values(model.pairs(profile, history, every, dated))[:, place].tolist()

    assert recency(5, 30, 20) == pytest.approx([1] * 3 + [2 / 3] * 2 + [0] * 3, abs=1e-4)
    assert recency(5, 10, 20) == pytest.approx([2 / 3] * 3 + [1] * 2 + [0] * 3, abs=1e-4)
    assert recency(5, 20, 20) == pytest.approx([1] * 3 + [1] * 2 + [0] * 3)
    assert recency(5, 0, 20) == pytest.approx([0.5] * 3 + [1] * 2 + [0] * 3)
    assert np.isnan(recency(0, 0, 0)[:7]).all()
    assert np.isnan(term_values(pairs_of(model, 0))[:7, place]).all()


def test_groups_count_listeners() -> None:
    artists, albums = track_groups(*listens())
    assert artists.sizes.tolist() == [3, 2, 2]
    mean = np.log([3, 2]).mean()
    assert artists.popularity == pytest.approx([np.log(3) - mean, np.log(2) - mean, -5])
    assert artists.has_listens.tolist() == [1, 1, 0]
    assert albums.sizes.tolist() == [2, 1, 2]
    assert len(TrackGroups.of(listens()[0], None)) == 0


def test_affinity_of_artists_is_ease() -> None:
    """Against the closed form, on the artists that anybody plays."""
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix((rng.random((40, 24)) < 0.3).astype(np.float32))
    groups = TrackGroups.of(counts, np.arange(24) // 4)
    played = np.log1p(counts.toarray().reshape(40, 6, 4).sum(axis=2))
    inverse = np.linalg.inv(played.T @ played + EASE_PENALTY * np.eye(6))
    wanted = -inverse / np.diag(inverse)
    np.fill_diagonal(wanted, 0)
    assert artist_affinity(counts, groups).toarray() == pytest.approx(wanted, abs=1e-5)


def test_a_written_ranker_ranks_the_same(tmp_path: Path) -> None:
    path, model, histories = tmp_path / "listening.safetensors", ranked(), listens()[0]
    model.save(path, state="now")
    loaded = RankedModel.load(path)
    assert np.array_equal(loaded.scores(histories), model.scores(histories))
    assert not np.array_equal(loaded.scores(histories), loaded.hybrid.scores(histories))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["ranker"]["sha256"] == trees().digest
    assert HybridModel.load(path).scores(histories) == pytest.approx(model.hybrid.scores(histories))


@pytest.mark.skipif(sys.platform == "win32", reason="each process has its own there")
def test_processes_of_a_server_share_the_arrays_of_a_model(tmp_path: Path) -> None:
    path, model, histories = tmp_path / "listening.safetensors", ranked(), listens()[0]
    model.save(path)
    with shared_folder() as folder:
        assert folder is not None
        one, other = (RankedModel.load(path, folder) for _ in range(2))
        assert len(list(folder.glob("listening-*"))) == 1
        model.save(path, state="later")
        later = RankedModel.load(path, folder)
        assert len(list(folder.glob("listening-*"))) == 1
    for loaded in (one, other, later):
        assert np.array_equal(loaded.scores(histories), model.scores(histories))
        assert not loaded.hybrid.item_factors.flags.writeable


def test_rankers_of_before_have_the_same_trees_for_all_candidates(tmp_path: Path) -> None:
    """And know nothing of how many listeners there were, which no term of theirs needs."""
    path, model, histories = tmp_path / "listening.safetensors", ranked(), listens()[0]
    model.save(path)
    tensors, manifest = model_file.read(path)
    assert manifest["ranker"]["sha256"] == trees().digest  # as it was written then
    del tensors["ranker_trees_of_new"], tensors["ranker_n_listeners"]
    model_file.write(path, tensors, manifest)
    assert np.array_equal(RankedModel.load(path).scores(histories), model.scores(histories))


def test_each_regime_has_trees_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "listening.safetensors"
    model, other = ranked(), Trees(flat := trees(rounds=1).text, sha256(flat))
    assert model.ranker
    digests = dict(zip(TREES, (model.ranker.trees[0].digest, other.digest), strict=True))
    both = replace(model.ranker, trees=(model.ranker.trees[0], other), card={"sha256": digests})
    replace(model, ranker=both, card=both.card).save(path)
    loaded = RankedModel.load(path)
    assert loaded.ranker
    pairs = pairs_of(loaded, 0)
    known = loaded.library.kinds[pairs.tracks] == 0
    before, after = model.ranker.corrections(pairs), loaded.ranker.corrections(pairs)
    assert np.array_equal(before[known], after[known])
    assert not np.isclose(before[~known], after[~known]).any()
    assert loaded.ranker.parts(pairs).sum(axis=1) == pytest.approx(after, abs=1e-5)


def test_a_model_without_a_ranker_goes_on_as_it_was(tmp_path: Path) -> None:
    """What homes have that were written before there was one."""
    path, model, histories = tmp_path / "listening.safetensors", library().model, listens()[0]
    model.save(path)
    loaded = RankedModel.load(path)
    assert loaded.ranker is None
    assert loaded.notice is None
    assert np.array_equal(loaded.scores(histories), model.scores(histories))


def test_a_ranker_that_is_adopted_nowhere_changes_nothing() -> None:
    model, histories = ranked(adopted=False), listens()[0]
    assert np.array_equal(model.scores(histories), model.hybrid.scores(histories))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("trees", "have changed"), ("codes", "of other tracks"), ("offsets", "shapes")],
)
def test_a_damaged_ranker_is_refused_in_a_sentence(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / "listening.safetensors"
    ranked().save(path)
    tensors, manifest = model_file.read(path)
    key = {"trees": "ranker_trees", "codes": "ranker_albums_codes", "offsets": "ranker_offsets"}
    damaged = tensors[key[name]][1:].copy()
    model_file.write(path, {**tensors, key[name]: damaged}, manifest)
    with pytest.raises(DamagedModel, match=f"cannot be used .*{reason}"):
        RankedModel.load(path)


def test_trees_that_know_other_terms_are_not_used(tmp_path: Path) -> None:
    """As those of earlier versions, which had co-listening."""
    path, model, histories = tmp_path / "listening.safetensors", ranked(), listens()[0]
    text = trees().text.replace("length_of_the_history", "shared_listeners")
    with pytest.raises(RankerUnusable, match="shared_listeners"):
        Trees(text, sha256(text))
    model.save(path)
    tensors, manifest = model_file.read(path)
    stored = np.frombuffer(text.encode(), np.uint8).copy()
    manifest["ranker"] = {"sha256": sha256(text)}
    model_file.write(
        path, {**tensors, "ranker_trees": stored, "ranker_trees_of_new": stored}, manifest
    )
    loaded = RankedModel.load(path)
    assert "trained it again" in (loaded.notice or "")
    assert np.array_equal(loaded.scores(histories), model.hybrid.scores(histories))


def test_without_lightgbm_the_listening_model_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, histories = tmp_path / "listening.safetensors", listens()[0]
    ranked().save(path)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    loaded = RankedModel.load(path)
    assert loaded.notice
    assert "LightGBM, which cannot be loaded here" in loaded.notice
    assert np.array_equal(loaded.scores(histories), loaded.hybrid.scores(histories))
