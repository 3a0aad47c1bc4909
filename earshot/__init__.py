"""Earshot: find music that sounds alike, and make mixes of it for a listener.

The names below load their packages when they are first used, so that `import earshot` is light:

    from pathlib import Path

    from earshot import Query, Recommender, Seed, load_settings, open_home

    with open_home(load_settings(Path("my-home"))) as home:
        mix = Recommender(home).recommend(Query(seeds=(Seed("tag", "jazz"),)), 20)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.vector_index import VectorIndex as VectorIndex
    from recsys.home.home import open_home as open_home
    from recsys.home.settings import load_settings as load_settings
    from recsys.recommendation.query import Query as Query
    from recsys.recommendation.query import Seed as Seed
    from recsys.recommendation.recommender import Recommender as Recommender

__version__ = "0.1.0"

_MODULES = {
    "Query": "recsys.recommendation.query",
    "Recommender": "recsys.recommendation.recommender",
    "Seed": "recsys.recommendation.query",
    "VectorIndex": "index.vector_index",
    "load_settings": "recsys.home.settings",
    "open_home": "recsys.home.home",
}
__all__ = ["__version__", *_MODULES]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
