"""The topics that terms of the ranker belong to, by which their parts of a score are told."""

from typing import Literal, get_args

Topic = Literal["listeners", "own artist", "own album", "artists", "sound", "popularity", "habits"]
TOPICS: tuple[Topic, ...] = get_args(Topic)
