"""How loud tracks are over their length, by audio."""

from __future__ import annotations

from small_catalog import MODEL, heard, seen

from recsys.catalog import Catalog


def test_levels_are_missing_once_for_each_analysed_audio(catalog: Catalog) -> None:
    catalog.record_files([seen("a"), seen("copy of a", "a"), seen("b"), seen("not analysed")])
    assert catalog.without_levels() == []
    catalog.store_features(MODEL, [(1, heard()), (3, heard())])
    assert catalog.without_levels() == [1, 3]
    assert catalog.levels("a") is None
    catalog.store_levels({"a": bytes([1, 255]), "gone": b""})
    assert catalog.without_levels() == [3]
    catalog.store_levels({"a": b"of another program", "b": b""})
    assert [catalog.levels(name) for name in ("a", "b", "gone")] == [bytes([1, 255]), b"", b""]
    assert catalog.without_levels() == []
    catalog.store_levels({})
