"""The web application."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection

from flask import Flask, Response, g, jsonify

from recsys.accounts import Accounts
from recsys.serving import ServedHome
from recsys.settings import Settings
from webui.accounts import accounts as accounts_pages
from webui.api import (
    builds,
    document,
    library,
    listening,
    maps,
    media,
    playlist_files,
    playlists,
    recommending,
    searching,
    sounds,
    tracks,
)
from webui.api.builds import StartBuild
from webui.api.describing import described_app
from webui.api.media import Transcode
from webui.api_page import api_page
from webui.artist_page import artist_page
from webui.evaluation_page import evaluation_page
from webui.library_page import library_page
from webui.limits import Limits
from webui.map_page import map_page
from webui.metrics import Metrics
from webui.pages import pages
from webui.playlist_pages import playlist_pages
from webui.safety import MAX_BODY, protect
from webui.sounds import Hear
from webui.track_page import track_page

DEFAULT_LISTENER = "me"
RESOURCES = (
    searching,
    tracks,
    maps,
    media,
    recommending,
    sounds,
    playlist_files,
    playlists,
    listening,
    library,
    builds,
    document,
)
PAGES = (
    pages,
    track_page,
    artist_page,
    map_page,
    playlist_pages,
    library_page,
    evaluation_page,
    api_page,
)


def create_app(
    settings: Settings,
    *,
    listener: str = DEFAULT_LISTENER,
    accounts: Accounts | None = None,
    public_names: Collection[str] = (),
    hear: Hear | None = None,
    transcode: Transcode | None = None,
    build: StartBuild | None = None,
    closing: threading.Event | None = None,
) -> Flask:
    """Make the application for one home.

    With `accounts` everybody logs in; with None there is one listener, by name: whoever sits at
    this machine. It answers to loopback names, and to `public_names`, in lower case.
    `hear` analyses files that are dropped on the page, `transcode` turns those of the library into
    what every browser plays, `build` starts builds. With None there is no such thing.
    Streams end when `closing` is set.
    """
    app = described_app(__name__)
    app.config.update(
        BUILD=build,
        HEAR=hear,
        HOME=settings.home,
        LISTENER=listener,
        TRANSCODE=transcode,
        PUBLIC_NAMES=frozenset(public_names),
        MAX_CONTENT_LENGTH=MAX_BODY,
        WRITE_TOKEN=secrets.token_urlsafe(32),
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    home = app.extensions["served_home"] = ServedHome(settings)
    app.extensions.update(accounts=accounts, limits=Limits(), closing=closing or threading.Event())
    metrics = app.extensions["metrics"] = Metrics(home)
    metrics.watch(app)
    protect(app)
    app.context_processor(lambda: {"person": g.person})
    for resource in RESOURCES:
        app.register_api(resource.api)
    for page in PAGES:
        app.register_blueprint(page)
    if accounts is not None:
        app.register_blueprint(accounts_pages)

    @app.get("/healthz", doc_ui=False)
    def health() -> Response:
        """Say how much can be answered from; 503 where nothing can."""
        return jsonify(status="ok", n_indexed=home.current().n_indexed)

    return app
