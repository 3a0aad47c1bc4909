"""Steps of fits of the same listens that several settings share, each done once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

N_KEPT = 3  # results of each step

T = TypeVar("T")


class Steps:
    """The last results of each step, by the settings that it depends on.

    For fits of one matrix of listens with one content and one seed: neither is compared.
    """

    def __init__(self) -> None:
        self._results: dict[str, dict[Hashable, Any]] = {}

    def once(self, step: str, settings: Hashable, make: Callable[[], T], n_kept: int = N_KEPT) -> T:
        """Return the step's result with these settings, made now or before."""
        results = self._results.setdefault(step, {})
        if settings not in results:
            results[settings] = make()
        result: T = results.pop(settings)
        results[settings] = result  # the last used is the last dropped
        while len(results) > n_kept:
            del results[next(iter(results))]
        return result
