"""What might please many: tracks that nobody has played, by what their sound says."""

from __future__ import annotations

from flask import Response
from pydantic import Field
from werkzeug.exceptions import Conflict

from webui.api.openapi import answer, blueprint, problems
from webui.api.parameters import Count, Described, Parameters
from webui.api.schemas import TrackSchema
from webui.served import current

api = blueprint("popularity")
NOT_TOLD = (
    "It is not known what might please many. Builds and imports learn it where enough is played: "
    "`earshot evaluate popularity` says whether sound tells it in this library."
)


class ExpectedQuery(Parameters):
    """How many tracks."""

    limit: Count = 20


class ExpectedTrack(TrackSchema):
    """A track that nobody has played."""

    share_below: float = Field(
        ge=0,
        le=1,
        description="The share of the library's tracks that are expected to please fewer.",
        examples=[0.97],
    )


class Expected(Described):
    """What might please many, and how sure that is."""

    spearman: float = Field(
        description="Rank correlation with what is played, on artists that were not learned from.",
        examples=[0.21],
    )
    spearman_low: float = Field(description="Its lower bound, of 95 %.", examples=[0.14])
    spearman_high: float = Field(description="Its upper bound, of 95 %.", examples=[0.28])
    sentence: str = Field(description="The same in words.")
    tracks: list[ExpectedTrack] = Field(description="Those most expected to please first.")


@api.get("/might-please-many", responses={200: Expected, **problems(409)})
def might_please_many(query: ExpectedQuery) -> Response:
    """List tracks that nobody has played and that might please many, by their sound."""
    served = current()
    expected = served.recommender.expected_popularity()
    if expected is None:
        raise Conflict(NOT_TOLD)
    table = served.recommender.track_table()
    rows = expected.of_unplayed(served.recommender.popularity(), table)[: query.limit]
    shares = [expected.share_below(row) for row in rows.tolist()]
    tracks = served.catalog.tracks(table.ids[rows].tolist())
    one = expected.correlation
    return answer(
        Expected(
            spearman=one.value,
            spearman_low=one.low,
            spearman_high=one.high,
            sentence=expected.words,
            tracks=[
                ExpectedTrack(**vars(TrackSchema.of(track)), share_below=share)
                for track, share in zip(tracks, shares, strict=True)
            ],
        )
    )
