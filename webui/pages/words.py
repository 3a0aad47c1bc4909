"""The page of the tracks found by words."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from recsys.catalog.search import MAX_QUERY
from webui import current_listener
from webui.served import current

N_FOUND = 50

words_page = Blueprint("words_page", __name__)


@words_page.get("/words")
def show() -> str:
    """Show the tracks that the words of the address find."""
    served = current()
    words = request.args.get("q", "").strip()[:MAX_QUERY]
    listener = current_listener.listener(served)
    return render_template(
        "words.html",
        words=words,
        answer=served.words.search(words, N_FOUND, listener) if words else None,
        n_tracks=served.n_indexed,
        person=current_listener.person(),
    )
