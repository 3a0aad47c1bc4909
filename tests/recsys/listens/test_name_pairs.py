"""The table of name pairs that are one recording, and of those that are not."""

from __future__ import annotations

import pytest

from benchmarks.matching import Pair, is_matched, pairs

PAIRS = pairs()


def test_the_table_is_large_and_has_both_kinds() -> None:
    assert len(PAIRS) >= 200
    assert min(sum(pair.is_same for pair in PAIRS), sum(not pair.is_same for pair in PAIRS)) >= 80


@pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda pair: f"{pair.kind}: {pair.recording.artist} - {pair.recording.title}"
)
def test_a_pair_is_matched_if_it_is_one_recording(pair: Pair) -> None:
    assert is_matched(pair) is pair.is_same
