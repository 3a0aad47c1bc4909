"""The web application."""

from __future__ import annotations

import secrets

from flask import Flask, Response, jsonify

from recsys.serving import ServedHome
from recsys.settings import Settings
from webui.api import api
from webui.artist_page import artist_page
from webui.builds import StartBuild, builds
from webui.evaluation_page import evaluation_page
from webui.library import library
from webui.media import Transcode, media
from webui.pages import pages
from webui.safety import MAX_BODY, protect
from webui.sounds import Hear, sounds
from webui.taggrams import taggrams
from webui.track_page import track_page
from webui.writes import writes

DEFAULT_LISTENER = "me"


def create_app(
    settings: Settings,
    *,
    listener: str = DEFAULT_LISTENER,
    hear: Hear | None = None,
    transcode: Transcode | None = None,
    build: StartBuild | None = None,
) -> Flask:
    """Make the application for one home and one listener, by name: whoever sits at this machine.

    `hear` analyses files that are dropped on the page, `transcode` turns those of the library into
    what every browser plays, `build` starts builds. With None there is no such thing.
    """
    app = Flask(__name__)
    app.config.update(
        BUILD=build,
        HEAR=hear,
        HOME=settings.home,
        LISTENER=listener,
        TRANSCODE=transcode,
        MAX_CONTENT_LENGTH=MAX_BODY,
        WRITE_TOKEN=secrets.token_urlsafe(32),
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    home = app.extensions["served_home"] = ServedHome(settings)
    protect(app)
    apis = api, media, writes, sounds, taggrams, builds
    for blueprint in (*apis, pages, track_page, artist_page, library, evaluation_page):
        app.register_blueprint(blueprint)

    @app.get("/healthz")
    def health() -> Response:
        """Say how much can be answered from; 503 where nothing can."""
        return jsonify(status="ok", n_indexed=home.current().n_indexed)

    return app
