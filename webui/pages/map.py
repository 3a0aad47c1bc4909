"""The page of the map."""

from __future__ import annotations

from flask import Blueprint, render_template

from webui.served import current

map_page = Blueprint("map_page", __name__)


@map_page.get("/map")
def show() -> str:
    """Show the library in two dimensions."""
    served = current()
    track_map = served.map.read()
    return render_template(
        "map.html",
        n_drawn=0 if track_map is None else len(track_map.ids),
        tags=[] if track_map is None else served.map.tags(),
        n_tracks=served.n_indexed,
    )
