"""Commands that sentences suggest, for the home that a person has named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

# `earshot train-tagger` makes no home, and trains on one only where it is told to.
_COMMAND = re.compile(r"`(earshot (?!train-tagger)[a-z][^`]*)`")


def naming_home(sentence: str, home: Path | None) -> str:
    """Return a sentence in which each command, between backticks, has `--home`; as it is for None.

    >>> naming_home("Run `earshot build` again.", Path("/b"))
    'Run `earshot build --home /b` again.'
    """
    if home is None:
        return sentence
    option = f" --home {shlex.quote(str(home))}"
    return _COMMAND.sub(
        lambda found: found[0] if "--home" in found[1] else f"`{found[1]}{option}`", sentence
    )
