"""The web application."""

from __future__ import annotations

import secrets

from flask import Flask, Response, jsonify

from recsys.serving import ServedHome
from recsys.settings import Settings
from webui.api import (
    document,
    library,
    listening,
    media,
    playlist_files,
    playlists,
    recommending,
    searching,
    sounds,
    tracks,
)
from webui.api.describing import described_app
from webui.api.media import Transcode
from webui.api_page import api_page
from webui.metrics import Metrics
from webui.pages import pages
from webui.safety import MAX_BODY, protect
from webui.sounds import Hear

DEFAULT_LISTENER = "me"
RESOURCES = (
    searching,
    tracks,
    media,
    recommending,
    sounds,
    playlist_files,
    playlists,
    listening,
    library,
    document,
)


def create_app(
    settings: Settings,
    *,
    listener: str = DEFAULT_LISTENER,
    hear: Hear | None = None,
    transcode: Transcode | None = None,
) -> Flask:
    """Make the application for one home and one listener, by name: whoever sits at this machine.

    `hear` analyses files that are dropped on the page, `transcode` turns those of the library into
    what every browser plays. With None there is no such thing.
    """
    app = described_app(__name__)
    app.config.update(
        HEAR=hear,
        LISTENER=listener,
        TRANSCODE=transcode,
        MAX_CONTENT_LENGTH=MAX_BODY,
        WRITE_TOKEN=secrets.token_urlsafe(32),
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    home = app.extensions["served_home"] = ServedHome(settings)
    metrics = app.extensions["metrics"] = Metrics(home)
    metrics.watch(app)
    protect(app)
    for resource in RESOURCES:
        app.register_api(resource.api)
    app.register_blueprint(pages)
    app.register_blueprint(api_page)

    @app.get("/healthz", doc_ui=False)
    def health() -> Response:
        """Say how much can be answered from; 503 where nothing can."""
        return jsonify(status="ok", n_indexed=home.current().n_indexed)

    return app
