"""What makes the pages a web app: its manifest, its service worker, a page for being offline."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, render_template, url_for

ENDPOINTS = ("web_app.manifest", "web_app.worker", "web_app.offline")  # nothing of a person
ICONS = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"),
         ("icon-maskable.png", "512x512", "maskable"))  # fmt: skip

web_app = Blueprint("web_app", __name__)


@web_app.get("/manifest.webmanifest")
def manifest() -> Response:
    """Describe the app to browsers that install it (W3C Web Application Manifest)."""
    answer = jsonify(
        id="/",
        name="Earshot",
        description="Mixes, radio and similar music of your own library.",
        start_url="/",
        scope="/",
        display="standalone",
        background_color="#15131b",
        theme_color="#5b3fd0",
        icons=[
            {"src": url_for("static", filename=name), "sizes": size, "purpose": purpose,
             "type": "image/png"}
            for name, size, purpose in ICONS
        ],
        shortcuts=[
            {"name": "Browse", "url": "/albums"},
            {"name": "Map", "url": "/map"},
            {"name": "Playlists", "url": "/playlists"},
        ],
    )  # fmt: skip
    answer.mimetype = "application/manifest+json"
    return answer


@web_app.get("/service-worker.js")
def worker() -> Response:
    """Send the service worker, which may act for every page only from here."""
    return current_app.send_static_file("service-worker.js")


@web_app.get("/offline")
def offline() -> str:
    """Say that the server cannot be reached: kept in browsers for when that is so."""
    return render_template("offline.html")
