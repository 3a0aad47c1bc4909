"""Learn what a home's popularity is told by, if it is told at all."""

from __future__ import annotations

import numpy as np

from recsys.evaluation.recommenders.data import of_home as listening_of
from recsys.home.files import POPULARITY_NAME
from recsys.home.home import Home
from recsys.popularity.data import of_home
from recsys.popularity.measure import RANKING, PopularityReport, choose, measure
from recsys.popularity.stored import save_popularity

_SEED = 0


def learn_popularity(home: Home) -> PopularityReport:
    """Measure whether a home's popularity is told by sound, and store what tells it.

    Where it cannot be told from chance nothing is stored, and what was stored before is deleted.
    Raises NoListens, TooFewPlayedArtists, ProjectionError, StaleIndex, OSError.
    """
    data = of_home(home, listening_of(home))
    path = home.settings.home / POPULARITY_NAME
    try:
        report = measure(data, _SEED)
    except ValueError:
        path.unlink(missing_ok=True)
        raise
    if not report.is_told:
        path.unlink(missing_ok=True)
        return report
    settings = choose(data, np.arange(len(data.popularity)), RANKING, _SEED)
    scorer = settings.fit(data.features, data.popularity, _SEED)
    save_popularity(home, scorer, report.as_json())
    return report
