"""Standardised tag activations of the indexed tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.arrays import Float16Array, Float32Array
from recsys.catalog.search import fold


@dataclass(frozen=True, eq=False)
class TagTable:
    """Standardised tag activations of the indexed tracks, for all tags of the taggers.

    columns  the column of each tag, by its folded name
    names    the spelling of each folded name
    values   log-odds, standardised over the library: float16 (n, n_tags)
    """

    columns: Mapping[str, int]
    names: Mapping[str, str]
    values: Float16Array

    @classmethod
    def of(cls, means: Float32Array, tags: Sequence[str]) -> TagTable:
        """Average the tags of all models, those of one name together, over each track.

        `means` are the tracks' mean log-odds, (n, n_tags), NaN for a track without features;
        `tags` are the models' tags joined.
        """
        distinct, joined = join_tags(tags)
        columns = {fold(tag): number for number, tag in enumerate(distinct)}
        logits = means @ joined
        has_tags = ~np.isnan(logits[:, 0]) if columns else np.zeros(len(means), bool)
        if has_tags.any():
            logits -= logits[has_tags].mean(axis=0)
            logits /= np.maximum(logits[has_tags].std(axis=0), 1e-6)
        values = np.nan_to_num(logits).astype(np.float16)
        return cls(columns, {fold(tag): tag for tag in distinct}, values)

    def column(self, tag: str) -> Float32Array | None:
        """Return the standardised log-odds of a tag, (n,); None for one that no tagger knows."""
        number = self.columns.get(fold(tag))
        return None if number is None else self.values[:, number].astype(np.float32)


def join_tags(tags: Sequence[str]) -> tuple[list[str], Float32Array]:
    """Return the distinct names of all models' tags, and what averages those of one name.

    The matrix is float32 (len(tags), n_names): log-odds of the tags times it are the names'.

    >>> join_tags(["Rock", "calm", "rock"])[0]
    ['Rock', 'calm']
    """
    names: dict[str, str] = {}
    for tag in tags:
        names.setdefault(fold(tag), tag)
    columns = {folded: number for number, folded in enumerate(names)}
    joined = np.zeros((len(tags), len(columns)), np.float32)
    joined[np.arange(len(tags)), [columns[fold(tag)] for tag in tags]] = 1
    return list(names.values()), joined / joined.sum(axis=0)
