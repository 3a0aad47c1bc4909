"""Attention over the segments of a clip: a weighted mean of their outputs tags it.

Y.-S. Huang, S.-Y. Chou, Y.-H. Yang, "Music thumbnailing via neural attention modeling of music
emotion", APSIPA 2017, section 3: each chunk is tagged by itself, and a softmax over the chunks of
what a small network makes of their features weighs their tags.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encoders.models.activations import Activations


class Attention(nn.Module):
    """Weights of the parts of a clip: (batch, n_parts, n_units) -> (batch, n_parts), together 1."""

    def __init__(self, n_units: int, n_hidden: int = 64) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_units, n_hidden)
        self.score = nn.Linear(n_hidden, 1)

    def forward(self, parts: Tensor) -> Tensor:
        """Score each part and compare the scores."""
        scores: Tensor = self.score(self.hidden(parts).tanh()).squeeze(2)
        return scores.softmax(dim=1)


class AttentiveTagger(nn.Module):
    """Any tagger over several segments: (batch, n_segments, *input) -> Activations, one row a clip.

    A clip's probabilities are its segments', weighted by attention, and so are the other layers.
    `n_units` is the length of the tagger's penultimate layer.
    """

    def __init__(self, tagger: nn.Module, n_units: int, n_hidden: int = 64) -> None:
        super().__init__()
        self.tagger = tagger
        self.attention = Attention(n_units, n_hidden)

    def forward(self, segments: Tensor) -> Activations:
        """Tag a batch of clips."""
        return self.attend(segments)[0]

    def attend(self, segments: Tensor) -> tuple[Activations, Tensor]:
        """Tag a batch of clips; return with it each segment's weight (batch, n_segments)."""
        n_clips, n_segments = segments.shape[:2]
        activations: Activations = self.tagger(segments.flatten(0, 1))
        logits, penultimate, pooled = (
            values.view(n_clips, n_segments, -1) for values in activations
        )
        weights = self.attention(penultimate)

        def weighted_sum(values: Tensor) -> Tensor:
            return torch.einsum("bs,bsu->bu", weights, values)

        probabilities = weighted_sum(logits.sigmoid()).clamp(1e-6, 1.0 - 1e-6)
        clip = Activations(probabilities.logit(), weighted_sum(penultimate), weighted_sum(pooled))
        return clip, weights
