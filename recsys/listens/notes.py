"""What a reader of a file tells the person who imports it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Notes:
    """Sentences about how a file was read, and counts of what was left out of it on purpose.

    sentences  each once, in their order
    left_out   how many of each kind, by a plural such as "podcast episodes"
    """

    sentences: dict[str, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def say(self, sentence: str) -> None:
        """Add a sentence."""
        self.sentences[sentence] = None

    def leave_out(self, what: str, count: int = 1) -> None:
        """Count what is left out."""
        self.left_out[what] += count
