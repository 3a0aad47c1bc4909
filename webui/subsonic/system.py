"""The server itself: that it answers, what it can do, and who asks."""

from __future__ import annotations

from flask import Response, current_app, g

from webui.api.media import Transcode
from webui.current_listener import accounts
from webui.subsonic.answers import Tree, failure, present
from webui.subsonic.authentication import username
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import FORBIDDEN, NO_SUCH_WAY, NOT_FOUND, SubsonicError
from webui.subsonic.parameters import required, text

FOLDER = 1  # id of the one folder that the library is to players
_ALWAYS = (
    ("formPost", 1),
    ("indexBasedQueue", 1),
    ("playbackReport", 1),
    ("songLyrics", 1),
    ("sonicSimilarity", 1),
    ("topSongsByArtistId", 1),
)

api = group("system")


@endpoint(api, "ping")
def ping() -> None:
    """Say that the server answers, and that the login is right."""


@endpoint(api, "getLicense")
def get_license() -> Tree:
    """Say that nothing has to be paid."""
    return {"license": {"valid": True}}


@endpoint(api, "getOpenSubsonicExtensions")
def get_extensions() -> Tree:
    """Name the extensions of the protocol that hold here; anybody may ask."""
    extensions = [*_ALWAYS]
    if accounts() is not None:
        extensions.append(("apiKeyAuthentication", 1))
    transcode: Transcode | None = current_app.config["TRANSCODE"]
    if transcode is not None:
        extensions.append(("transcodeOffset", 1))
    return {
        "openSubsonicExtensions": [
            {"name": name, "versions": [version]} for name, version in sorted(extensions)
        ]
    }


@endpoint(api, "tokenInfo")
def token_info() -> Tree:
    """Say whose API key it is."""
    if accounts() is None or text("apiKey") is None:
        raise SubsonicError(NO_SUCH_WAY, "This is about an API key (apiKey), and there is none.")
    return {"tokenInfo": {"username": username()}}


@endpoint(api, "getUser")
def get_user() -> Tree:
    """Say what the person who asks may do; of others nothing is said."""
    name = required("username")
    if accounts() is not None and name.casefold() != username().casefold():
        raise SubsonicError(FORBIDDEN, "Only about yourself can you ask here.")
    may = {
        "scrobblingEnabled": True,
        "adminRole": g.person.is_owner,
        "settingsRole": False,
        "downloadRole": True,
        "uploadRole": False,
        "playlistRole": True,
        "coverArtRole": False,
        "commentRole": True,
        "podcastRole": False,
        "streamRole": True,
        "jukeboxRole": False,
        "shareRole": False,
        "videoConversionRole": False,
    }
    return {"user": present(username=username(), **may, folder=[FOLDER])}


@endpoint(api, "getMusicFolders")
def get_music_folders() -> Tree:
    """Name the one folder that the library is to players."""
    return {"musicFolders": {"musicFolder": [{"id": FOLDER, "name": "Music"}]}}


@api.route("/", defaults={"name": ""}, methods=["GET", "POST"])
@api.route("/<path:name>", methods=["GET", "POST"])
def unknown(name: str) -> Response:
    """Say that something is not offered here."""
    words = f"This server has no {name.removesuffix('.view')[:100] or 'page here'}."
    return failure(NOT_FOUND, words, 404)
