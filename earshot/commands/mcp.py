"""Offer a library's tools to an assistant: an MCP server on standard input and output.

    earshot mcp
    earshot mcp --listener ann --write

For programs that speak the Model Context Protocol: they start this command themselves. Without
--write nothing can be changed; with it, playlists and opinions of the listener can.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from earshot import __version__
from earshot.arguments import new_parser
from earshot.assistant_tools import AssistantTools, ToolRefused
from earshot.command import DONE, Command, UsageError
from earshot.query_arguments import find_listener
from recsys.catalog import CatalogError
from recsys.home.home import open_home
from recsys.home.settings import load_settings

INSTRUCTIONS = (
    "A person's own music library, analysed by how it sounds. Tracks are named by ids: find them "
    "with search (by name) or find_by_words (by sound). Make lists with mix, similar and path; "
    "describe and why_similar give reasons. Durations are seconds, tempos beats a minute."
)


@dataclass(frozen=True)
class McpOptions:
    """The arguments of `earshot mcp`."""

    home: Path | None
    listener: str | None
    write: bool


def parse(arguments: Sequence[str]) -> McpOptions:
    """Parse the arguments."""
    parser = new_parser(
        "mcp", "Offer the library's tools to an assistant (MCP, on standard input and output)."
    )
    parser.add_argument("--listener", metavar="NAME", help="the person whose history counts")
    parser.add_argument(
        "--write",
        action="store_true",
        help="allow to create and extend playlists of the listener, and to rate tracks",
    )
    args = parser.parse_args(arguments)
    return McpOptions(args.home, args.listener, args.write)


def run(options: McpOptions) -> int:
    """Serve until the assistant closes the connection."""
    settings = load_settings(options.home)
    with open_home(settings) as home:  # what is wrong with it is said before anything is offered
        if options.listener is not None:
            find_listener(home.catalog, options.listener)
        elif options.write:
            raise UsageError("--write needs --listener NAME: whose playlists and opinions?")
    with closing(AssistantTools(settings, options.listener)) as tools:
        server_of(tools, write=options.write).run()
    return DONE


def server_of(tools: AssistantTools, *, write: bool) -> MCPServer:
    """Return a server of the tools, those that write only if asked."""
    server = MCPServer(
        "earshot", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for tool in tools.reading():
        server.add_tool(_explained(tool), annotations=ToolAnnotations(read_only_hint=True))
    for tool in tools.writing() if write else []:
        server.add_tool(_explained(tool), annotations=ToolAnnotations(read_only_hint=False))
    return server


def _explained(tool: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return the tool with its refusals, and the catalogue's, as the protocol's errors."""

    @functools.wraps(tool)
    def call(*args: Any, **named: Any) -> dict[str, Any]:
        try:
            return tool(*args, **named)
        except (ToolRefused, CatalogError) as error:
            raise ToolError(str(error)) from error

    return call


COMMAND = Command(parse, run)
