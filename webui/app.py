"""The web application."""

from __future__ import annotations

from flask import Flask, Response, jsonify

from recsys.serving import ServedHome
from recsys.settings import Settings
from webui.api import api
from webui.safety import protect


def create_app(settings: Settings) -> Flask:
    """Make the application for one home. It has one user, on this machine, and only reads."""
    app = Flask(__name__, static_folder=None)
    home = app.extensions["served_home"] = ServedHome(settings)
    protect(app)
    app.register_blueprint(api)

    @app.get("/healthz")
    def health() -> Response:
        """Say how much can be answered from; 503 where nothing can."""
        return jsonify(status="ok", n_indexed=len(home.current().index))

    return app
