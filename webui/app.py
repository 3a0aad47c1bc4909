"""The web application."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

from flask import Flask, Response, g, jsonify

from recsys.accounts import Accounts
from recsys.home.settings import Settings
from recsys.library.covers import SmallCovers
from recsys.served_home import ServedHome
from webui.accounts import accounts as accounts_pages
from webui.api import (
    builds,
    document,
    folders,
    imports,
    library,
    listeners,
    maps,
    media,
    moods,
    playlist_files,
    playlists,
    popularity,
    radio,
    recommendations,
    renewals,
    search,
    sounds,
    tracks,
    waveforms,
    words,
)
from webui.api.builds import StartBuild
from webui.api.imports import StartImport
from webui.api.media import Transcode
from webui.api.openapi import described_app
from webui.api.waveforms import ReadLevels
from webui.audiomuse import audiomuse
from webui.compression import compress_answers
from webui.listening import Listenings
from webui.metrics import Metrics
from webui.pages.album import album_page
from webui.pages.api_reference import api_page
from webui.pages.artist import artist_page
from webui.pages.browse import browse_pages
from webui.pages.evaluation import evaluation_page
from webui.pages.history import history_page
from webui.pages.imports import import_page
from webui.pages.library import library_page
from webui.pages.links import links
from webui.pages.map import map_page
from webui.pages.playlists import playlist_pages
from webui.pages.track import track_page
from webui.pages.web_app import web_app
from webui.pages.wheel import wheel_page
from webui.pages.words import words_page
from webui.pages.workbench import pages
from webui.radio import HandedOut
from webui.rate_limits import Limits
from webui.security import MAX_BODY, protect
from webui.subsonic import (
    annotation,
    browsing,
    lists,
    playback,
    queue,
    scanning,
    searching,
    similarity,
    system,
)
from webui.subsonic import media as player_media
from webui.subsonic import playlists as player_playlists
from webui.suggested import typed
from webui.texts import AsciiInteger
from webui.uploads import AnalyseFile

DEFAULT_LISTENER = "me"
RESOURCES = (
    search,
    words,
    tracks,
    maps,
    moods,
    media,
    waveforms,
    recommendations,
    sounds,
    playlist_files,
    playlists,
    renewals,
    radio,
    popularity,
    listeners,
    library,
    builds,
    folders,
    imports,
    document,
)
PLAYERS = (
    system,
    browsing,
    lists,
    searching,
    player_media,
    player_playlists,
    annotation,
    similarity,
    queue,
    scanning,
)
PAGES = (
    pages,
    track_page,
    artist_page,
    album_page,
    browse_pages,
    history_page,
    words_page,
    map_page,
    wheel_page,
    playlist_pages,
    links,
    library_page,
    import_page,
    evaluation_page,
    api_page,
    web_app,
)


def create_app(  # noqa: PLR0913
    settings: Settings,
    *,
    listener: str = DEFAULT_LISTENER,
    accounts: Accounts | None = None,
    public_names: Collection[str] = (),
    analyse_file: AnalyseFile | None = None,
    transcode: Transcode | None = None,
    read_levels: ReadLevels | None = None,
    build: StartBuild | None = None,
    import_history: StartImport | None = None,
    music_roots: Sequence[Path] = (),
    closing: threading.Event | None = None,
) -> Flask:
    """Make the application for one home.

    With `accounts` everybody logs in; with None there is one listener, by name: whoever sits at
    this machine. It answers to loopback names, and to `public_names`, in lower case.
    `analyse_file` analyses uploaded files, `transcode` turns files of the library into what every
    browser plays, `read_levels` reads the waveforms that no build has read, `build` starts builds,
    `import_history` starts imports of listening histories. With None there is no such thing.
    Music folders are chosen on pages below `music_roots`. Streams end when `closing` is set.
    """
    app = described_app(__name__)
    app.config.update(
        BUILD=build,
        ANALYSE_FILE=analyse_file,
        HOME=settings.home,
        IMPORT=import_history,
        LISTENER=listener,
        NAMED_HOME=settings.named,
        MUSIC_ROOTS=tuple(music_roots),
        READ_LEVELS=read_levels,
        TRANSCODE=transcode,
        PUBLIC_NAMES=frozenset(public_names),
        MAX_CONTENT_LENGTH=MAX_BODY,
        WRITE_TOKEN=secrets.token_bytes(32),
    )
    app.url_map.converters["int"] = AsciiInteger
    app.jinja_env.filters["typed"] = typed
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    home = app.extensions["served_home"] = ServedHome(settings)
    app.extensions.update(accounts=accounts, limits=Limits(), closing=closing or threading.Event())
    compress_answers(app)
    metrics = app.extensions["metrics"] = Metrics(home)
    metrics.watch(app)
    protect(app)
    app.context_processor(lambda: {"person": g.person})
    for resource in RESOURCES:
        app.register_api(resource.api)
    app.extensions.update(
        media_server=None,  # a `webui.media_server.MediaServer`, by whose ids plugins ask
        handed_out=HandedOut(),
        listenings=Listenings(),
        playbacks=playback.Playbacks(),
        small_covers=SmallCovers(),
    )
    for group in PLAYERS:
        app.register_blueprint(group.api)
    app.register_blueprint(audiomuse)
    for page in PAGES:
        app.register_blueprint(page)
    if accounts is not None:
        app.register_blueprint(accounts_pages)

    @app.get("/livez", doc_ui=False)
    def life() -> Response:
        """Say that this process answers, whether there is anything to answer from or not."""
        return jsonify(status="ok")

    @app.get("/healthz", doc_ui=False)
    def health() -> Response:
        """Say how much can be answered from; 503 where nothing can."""
        return jsonify(status="ok", n_indexed=home.current().n_indexed)

    return app
