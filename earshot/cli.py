"""The command `earshot`: its subcommands, and the way into it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from earshot import __version__
from earshot.group import Group, Subcommand

EARSHOT = Group(
    "earshot",
    "Find music that sounds alike, and make mixes of it.",
    {
        "build": Subcommand("build", "analyse and index music folders"),
        "similar": Subcommand("similar", "find tracks that sound like a track or an audio file"),
        "recommend": Subcommand("recommend", "make a mix"),
        "playlists": Subcommand("playlists", "list playlists, renew those that renew themselves"),
        "import": Subcommand("import_listens", "import listening histories"),
        "serve": Subcommand("serve", "start the web pages and the API"),
        "evaluate": Subcommand("evaluate", "measure similarity, tags and recommendations"),
        "train-head": Subcommand("train_head", "learn similarity from the library's own labels"),
        "train-tagger": Subcommand("train_tagger", "train a tagger on labelled music"),
        "teach": Subcommand("teach", "make a tag of your own from examples"),
        "tags": Subcommand("tags", "take along tags, tempo and key: as a table, or in the files"),
        "account": Subcommand("account", "manage the accounts of a server"),
        "weights": Subcommand("weights", "list and install pretrained taggers"),
        "mcp": Subcommand("mcp", "offer the library's tools to an assistant"),
        "plot": Subcommand("plot", "draw the library, tracks, and what a tagger responds to"),
    },
    version=f"earshot {__version__}",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    return EARSHOT.main(sys.argv[1:] if arguments is None else arguments)
