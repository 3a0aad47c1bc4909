"""What was last measured of a home, a file for each kind: derived, for the pages that show it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from index.storage import replacing
from index.vector_index import VectorIndex

FOLDER = "reports"

Kind = Literal["content", "tags", "triplets", "listening", "exposure", "duplicates"]
KINDS: Sequence[Kind] = get_args(Kind)


@dataclass(frozen=True)
class EvaluationReport:
    """Figures, and what they are of.

    at       Unix seconds
    command  that measured them
    state    of the index they are of: its projection and its catalogue revision
    figures  as the command's --json prints them
    """

    kind: Kind
    at: int
    command: str
    state: str
    figures: Mapping[str, Any]


def state_of(index: VectorIndex) -> str:
    """Return what changes with an index."""
    made = index.manifest
    return f"{made.projection} {made.catalogue_revision}" if made else ""


def keep_report(
    home: Path, kind: Kind, command: str, index: VectorIndex, figures: Mapping[str, Any]
) -> None:
    """Keep figures in the place of the last ones of their kind.

    A home that cannot be written to keeps none: whoever measured has printed them.
    """
    report = EvaluationReport(kind, int(time.time()), command, state_of(index), figures)
    with suppress(OSError):
        (home / FOLDER).mkdir(exist_ok=True)
        with replacing(home / FOLDER / f"{kind}.json") as file:
            file.write(json.dumps(asdict(report)).encode())


def read_report(home: Path, kind: Kind) -> EvaluationReport | None:
    """Read the last figures of a kind, None where there are none, or only a damaged file."""
    try:
        values = json.loads((home / FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
        return EvaluationReport(**values)
    except (OSError, ValueError, TypeError):
        return None
