"""Effect of re-ranking controls on features that neither model nor re-ranking knows."""

from __future__ import annotations

import numpy as np
import pytest
from tastes import kinds

from recsys.evaluation.recommenders.sweep import LEVELS, halves, sweep
from recsys.evaluation.recommenders.systems import System
from recsys.interactions import Content
from recsys.models.baselines import ItemKnn


def test_halves_share_nothing() -> None:
    _, content = kinds()
    some = Content(content.vectors, np.arange(300) > 0, content.artists)
    given, measure = halves(some)
    assert (given.vectors == content.vectors[:, ::2]).all()
    expected = content.vectors[1:, 1::2] - content.vectors[1:, 1::2].mean(axis=0)
    assert measure[1:] == pytest.approx(expected, abs=1e-5)
    assert not measure[0].any()


@pytest.mark.parametrize(("control", "sign"), [("consistency", 1), ("diversity", -1)])
def test_a_control_does_what_it_says_to_features_held_out(control: str, sign: int) -> None:
    listens, content = kinds(dim=16)
    levels = sweep(listens, content, System(ItemKnn), control, "warm", 1)
    assert [level["level"] for level in levels] == list(LEVELS)
    for measure in ("intra-list similarity", "held-out similarity"):
        alike = [level[measure]["mean"] for level in levels]
        assert (sign * np.diff(alike) >= 0).all(), alike
        last = levels[-1][measure]
        assert sign * last["diff"] > 0.02, last
        assert last["diff"] == pytest.approx(alike[-1] - alike[0])
        assert (sign * np.array(last["diff_ci"]) > 0).all()
        assert last["ci"][0] < last["mean"] < last["ci"][1]
    recall = [level["R@20"]["mean"] for level in levels]
    assert levels[-1]["R@20"]["diff"] == pytest.approx(recall[-1] - recall[0])
    assert recall[-1] < recall[0]  # what it costs
    with pytest.raises(ValueError, match="consistency"):
        sweep(listens, content, System(ItemKnn), "length", "warm", 1)
