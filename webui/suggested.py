"""Commands that pages and answers suggest, for the home that the server was started with."""

from __future__ import annotations

from flask import current_app

from recsys.home.named_home import naming_home
from webui.current_listener import for_owner


def suggesting(sentence: str) -> str:
    """Return a sentence whose commands, between backticks, name the served home, for an owner.

    As it is where the server was started without `--home`.
    """
    return for_owner(naming_home(sentence, current_app.config["NAMED_HOME"]), sentence)


def typed(command: str) -> str:
    """Return a command as an owner types it for the served home."""
    return suggesting(f"`{command}`").strip("`")
