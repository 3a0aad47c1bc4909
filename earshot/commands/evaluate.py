"""Evaluate what a home finds: against labels, and against what people hear.

    python scripts/evaluate.py content --by genre --exclude-same artist -k 1,5,10
    python scripts/evaluate.py content --labels labels.csv --by artist -k 5 --min-group 2 --json
    python scripts/evaluate.py tags --labels labels.csv --by tags
    python scripts/evaluate.py regression --labels labels.csv --columns power,calmness
    python scripts/evaluate.py triplets judgements.csv
    python scripts/evaluate.py listening --interactions I.csv --items J.csv --protocol cold-item
    python scripts/evaluate.py exposure

The last figures of each kind are kept in the home's folder reports, for the pages of serve.py.

Exit status: 0 done, 1 nothing to evaluate, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from earshot.commands.evaluation import content, exposure, listening, regression, tags, triplets
from earshot.commands.evaluation.shared import NOTHING, STOPPED, USAGE, parents, say
from encoders.errors import AudioError
from encoders.projection import ProjectionError
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import CatalogError
from recsys.evaluation.embeddings import UnknownSystem
from recsys.evaluation.labels import LabelsError
from recsys.evaluation.recommenders.data import NoListens, TablesError
from recsys.evaluation.recommenders.splits import NothingHeldOut
from recsys.home.home import NotIndexed
from recsys.home.settings import SettingsError


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Evaluate what a home finds.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (content, exposure, tags, triplets, regression, listening):
        command.add_to(commands, parents())
    args = parser.parse_args(arguments)
    args.check(args)
    given = sys.argv[1:] if arguments is None else arguments
    args.command_line = shlex.join(["python", "scripts/evaluate.py", *given])
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    try:
        status: int = args.run(args)
        return status
    except (LabelsError, SettingsError, TablesError, UnknownSystem) as error:
        say(str(error))
        return USAGE
    except OSError as error:
        say(f"{error.filename or 'The output'} cannot be written: {error.strerror}.")
        return USAGE
    except (
        *(AudioError, CatalogError, DamagedIndex),
        *(NoListens, NotIndexed, NothingHeldOut, ProjectionError, StaleIndex),
    ) as error:
        say(str(error))
        return NOTHING
    except KeyboardInterrupt:
        say("Stopped.")
        return STOPPED
