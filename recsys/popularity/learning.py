"""Learn what a home's popularity is told by, if it is told at all."""

from __future__ import annotations

import numpy as np

from encoders.projection import ProjectionError
from recsys.evaluation.recommenders.data import NoListens
from recsys.evaluation.recommenders.data import of_home as listening_of
from recsys.home.evaluation_reports import read_report, save_report, state_of
from recsys.home.files import POPULARITY_NAME
from recsys.home.home import Home
from recsys.popularity.data import of_home, sample
from recsys.popularity.measure import (
    RANKING,
    PopularityReport,
    TooFewPlayedArtists,
    choose,
    measure,
)
from recsys.popularity.stored import save_popularity

GROWTH = 1.5  # of the listens, after which a build learns again
MAX_TRACKS = 4000  # a sample of the artists of a home with more played tracks bounds the time
_SEED = 0


def learn_popularity(home: Home, command: str) -> PopularityReport:
    """Measure whether a home's popularity is told by sound, and store what tells it.

    Where it cannot be told from chance it is not stored, and what was stored before is deleted. The
    figures are kept for the evaluation page, as those of `command`.
    Raises NoListens, TooFewPlayedArtists, ProjectionError, StaleIndex, OSError.
    """
    n_listens = _n_listens(home)
    data = sample(of_home(home, listening_of(home)), MAX_TRACKS, _SEED)
    path = home.settings.home / POPULARITY_NAME
    try:
        report = measure(data, _SEED)
    except TooFewPlayedArtists:
        path.unlink(missing_ok=True)
        raise
    if report.is_told:
        settings = choose(data, np.arange(len(data.popularity)), RANKING, _SEED)
        scorer = settings.fit(data.features, data.popularity, _SEED)
        save_popularity(home, scorer, report.as_json())
    else:
        path.unlink(missing_ok=True)
    figures = {**report.as_json(), "listens": n_listens}
    save_report(home.settings.home, "popularity", command, home.index, figures)
    return report


def renew_popularity(home: Home, command: str) -> PopularityReport | None:
    """Learn the popularity where that is due: never yet, another embedding, or half more listens.

    None where it is not due, too few artists are played to tell anything, or the embedding cannot
    be read. Raises StaleIndex, OSError.
    """
    last = read_report(home.settings.home, "popularity")
    if (
        last is not None
        and last.state.split(" ")[0] == state_of(home.index).split(" ")[0]
        and _n_listens(home) < GROWTH * last.figures.get("listens", 0)
    ):
        return None
    try:
        return learn_popularity(home, command)
    except (NoListens, TooFewPlayedArtists, ProjectionError):
        return None


def _n_listens(home: Home) -> int:
    return sum(listener.n_listens for listener in home.catalog.listeners())
