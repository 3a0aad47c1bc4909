"""Counts of the library, and the files that failed."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from webui.api.openapi import NOT_MODIFIED, answer, blueprint, problems, tagged
from webui.api.parameters import Described, Page, Paged, Revalidating, write_cursor
from webui.api.schemas import TrackDetails
from webui.current_listener import require_owner
from webui.served import current

api = blueprint("library_api", tag="library")


class Library(Described):
    """What the library holds."""

    n_ready: int = Field(description="Tracks that are analysed.", examples=[72])
    n_pending: int = Field(description="Tracks not analysed yet.")
    n_failed: int = Field(description="Tracks whose file cannot be analysed.")
    n_removed: int = Field(description="Tracks whose file is gone.")
    n_indexed: int = Field(description="Tracks in the index.", examples=[72])
    dim: int = Field(description="Dimensions of an embedding.", examples=[64])
    projection: str = Field(description="Identity of the embedding that the index holds.")


class Failed(TrackDetails):
    """A track whose file cannot be analysed."""

    error: str | None = Field(description="Why it could not be analysed; names the file.")


class Failures(Paged):
    """Tracks whose files cannot be analysed, by id."""

    tracks: list[Failed]


@api.get("/library", responses={200: Library, **NOT_MODIFIED})
def library(header: Revalidating) -> Response:
    """Count the tracks by what is known of them."""
    served = current()
    counts = served.catalog.counts()
    return tagged(
        answer(
            Library(
                n_ready=counts.ready,
                n_pending=counts.pending,
                n_failed=counts.failed,
                n_removed=counts.removed,
                n_indexed=served.n_indexed,
                dim=served.recommender.index.dim,
                projection=served.projection_id,
            )
        )
    )


@api.get("/library/failures", responses={200: Failures, **NOT_MODIFIED, **problems(403)})
def failures(query: Page, header: Revalidating) -> Response:
    """List the tracks whose files cannot be analysed, and say why: to an owner."""
    require_owner()
    after = query.cursor[0] if query.cursor else 0
    failed = current().catalog.failures(after=after, limit=query.limit + 1)
    page = failed[: query.limit]
    next_cursor = write_cursor(page[-1].id, 0) if len(failed) > len(page) else None
    return tagged(answer(Failures(tracks=[Failed.of(track) for track in page], next=next_cursor)))
