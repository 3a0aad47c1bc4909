"""How loud tracks are over their length, by audio."""

from __future__ import annotations

from recsys.catalog import Catalog


def test_levels_are_kept_once_for_each_audio(catalog: Catalog) -> None:
    assert catalog.levels("a") is None
    catalog.store_levels({"a": bytes([1, 255]), "gone": b""})
    catalog.store_levels({"a": b"of another program", "b": b""})
    assert [catalog.levels(name) for name in ("a", "b", "gone")] == [bytes([1, 255]), b"", b""]
    catalog.store_levels({})
