"""The last evaluation figures of a home, one file for each kind of evaluation."""

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

Kind = Literal["content", "tags", "triplets", "listening", "exposure", "duplicates", "popularity"]
KINDS: Sequence[Kind] = get_args(Kind)


@dataclass(frozen=True)
class EvaluationReport:
    """Figures of an evaluation.

    at       Unix seconds
    command  the command line that measured them
    state    of the evaluated index: its projection and its catalogue revision
    figures  as the command's --json prints them
    """

    kind: Kind
    at: int
    command: str
    state: str
    figures: Mapping[str, Any]


def state_of(index: VectorIndex) -> str:
    """Return a text that changes with the content of an index."""
    manifest = index.manifest
    return f"{manifest.projection} {manifest.catalogue_revision}" if manifest else ""


def save_report(
    home: Path, kind: Kind, command: str, index: VectorIndex, figures: Mapping[str, Any]
) -> None:
    """Save figures, replacing the last ones of their kind.

    In a home that cannot be written to nothing is saved: the command has printed the figures.
    """
    report = EvaluationReport(kind, int(time.time()), command, state_of(index), figures)
    with suppress(OSError):
        (home / FOLDER).mkdir(exist_ok=True)
        with replacing(home / FOLDER / f"{kind}.json") as file:
            file.write(json.dumps(asdict(report)).encode())


def read_report(home: Path, kind: Kind) -> EvaluationReport | None:
    """Read the last figures of a kind, None where there is no file or a damaged one."""
    try:
        values = json.loads((home / FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
        return EvaluationReport(**values)
    except (OSError, ValueError, TypeError):
        return None
