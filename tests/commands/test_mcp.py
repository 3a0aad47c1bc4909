"""The tools for assistants, called by the protocol's own client over a real process's pipes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from made_home import N_TRACKS, make_home
from mcp import Client, StdioServerParameters

from earshot.assistant_tools import AssistantTools, ToolRefused
from earshot.commands.mcp import server_of
from recsys.catalog import Catalog, RenewalPlan
from recsys.home.settings import Settings


@pytest.fixture
def earshot(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    make_home(tmp_path / "home", tmp_path / "music")
    return Commands(tmp_path / "home", capfdbinary)


READING = {
    "overview", "search", "find_by_words", "tags", "describe", "similar", "why_similar", "mix",
    "path", "history", "playlists", "playlist",
}  # fmt: skip
WRITING = {"create_playlist", "extend_playlist", "rate"}


def session(home: Path, *arguments: str, use: Callable[[Client], Awaitable[None]]) -> None:
    """Start the server as an assistant does, and use it."""

    async def talk() -> None:
        command = ["-m", "earshot", "mcp", "--home", str(home), *arguments]
        server = StdioServerParameters(command=sys.executable, args=command)
        async with Client(server) as client:
            await use(client)

    asyncio.run(talk())


async def ask(client: Client, tool: str, /, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refusal(client: Client, tool: str, /, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


def test_an_assistant_reads_and_writes(earshot: Commands) -> None:
    with Catalog(earshot.home) as catalog:
        catalog.listener("ann", create=True)

    async def use(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READING | WRITING
        assert all(tool.description for tool in tools.values())
        assert tools["mix"].annotations and tools["mix"].annotations.read_only_hint
        assert (await ask(client, "overview"))["tracks"] == N_TRACKS
        (found,) = (await ask(client, "search", words="song 3", limit=1))["tracks"]
        one = found["track_id"]
        described = await ask(client, "describe", track_id=one)
        assert described["title"] == "Song 3" and described["tags"] and described["plays"] == 0
        alike = (await ask(client, "similar", like=[one], limit=3))["tracks"]
        assert len(alike) == 3 and one not in {track["track_id"] for track in alike}
        other = alike[0]["track_id"]
        why = await ask(client, "why_similar", track_id=one, other_id=other)
        assert [track["track_id"] for track in why["tracks"]] == [one, other]
        bounded = await ask(
            client, "mix", tracks=[one], controls={"min_tempo": 90, "max_tempo": 95}, limit=5
        )
        assert bounded["tracks"]
        assert all(90 <= track["tempo"] <= 95 for track in bounded["tracks"])
        assert bounded["tracks"][0]["because"]
        way = (await ask(client, "path", start=one, end=other, length=4))["tracks"]
        assert [way[0]["track_id"], way[-1]["track_id"], len(way)] == [one, other, 4]
        words = await ask(client, "find_by_words", words="rock around 95 bpm", limit=2)
        assert words["tracks"] and "around 95 bpm" in words["understood"]
        assert (await ask(client, "tags"))["tags"]
        made = await ask(client, "create_playlist", name="Evening", track_ids=[one])
        await ask(client, "extend_playlist", playlist_id=made["playlist_id"], track_ids=[other])
        read = await ask(client, "playlist", playlist_id=made["playlist_id"])
        assert [track["track_id"] for track in read["tracks"]] == [one, other]
        assert (await ask(client, "playlists"))["playlists"][0]["n_tracks"] == 2
        await ask(client, "rate", track_id=one, opinion="like")
        assert (await ask(client, "describe", track_id=one))["opinion"] == "like"
        assert (await ask(client, "history"))["opinions"] == [{"track_id": one, "opinion": "like"}]
        assert "no track 999" in await refusal(client, "describe", track_id=999)
        assert "limit" in await refusal(client, "search", words="song", limit=100_000)
        assert "max_tempo: wanted at least min_tempo" in await refusal(
            client, "mix", controls={"min_tempo": 95, "max_tempo": 90}
        )

    session(earshot.home, "--listener", "ann", "--write", use=use)


def test_without_leave_nothing_is_written(earshot: Commands) -> None:
    async def use(tools: AssistantTools) -> None:
        async with Client(server_of(tools, write=False)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == READING
            assert "--listener NAME" in await refusal(client, "history")

    with closing(AssistantTools(Settings(earshot.home))) as tools:
        asyncio.run(use(tools))


def test_a_playlist_that_renews_itself_is_not_extended(earshot: Commands) -> None:
    with Catalog(earshot.home) as catalog:
        ann = catalog.listener("ann", create=True)
        assert ann
        stored = catalog.save_playlist(ann.id, "Daily", [1])
        catalog.renewals.plan(ann.id, stored.id, RenewalPlan("?like=tag:rock"))
    with closing(AssistantTools(Settings(earshot.home), "ann")) as tools:
        with pytest.raises(ToolRefused, match="renews itself"):
            tools.extend_playlist(stored.id, [2])
        assert [one["track_id"] for one in tools.playlist(stored.id)["tracks"]] == [1]


def test_what_has_just_been_deleted_is_said(
    earshot: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalog(earshot.home) as catalog:
        ann = catalog.listener("ann", create=True)
        assert ann
        stored = catalog.save_playlist(ann.id, "Evening", [1])
        catalog.set_feedback(ann.id, 2, "dislike", 7)
        with closing(AssistantTools(Settings(earshot.home), "ann")) as tools:
            assert tools.describe(2)["opinion"] == "dislike"
            assert tools.describe(1)["opinion"] is None
            read = tools._playlist

            def read_and_lose(*arguments: Any) -> Any:
                found = read(*arguments)
                catalog.delete_playlist(ann.id, stored.id)
                return found

            monkeypatch.setattr(tools, "_playlist", read_and_lose)
            with pytest.raises(ToolRefused, match="has just been deleted"):
                tools.extend_playlist(stored.id, [2])


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--write",), 2, "--write needs --listener NAME"),
        (("--listener", "nobody"), 1, 'There is no listener "nobody"'),
    ],
)
def test_what_cannot_be_served_is_said(
    earshot: Commands, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    result = earshot.run("mcp", *arguments)
    assert result.status == status and sentence in result.err
