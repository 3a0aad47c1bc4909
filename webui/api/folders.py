"""The folders of the server's machine, from which an owner chooses where the music lies."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from webui.api.openapi import answer, blueprint, problems
from webui.api.parameters import Described, Parameters, Text
from webui.current_listener import require_owner
from webui.music_folders import MAX_LISTED, allowed_folder, require_presence, roots, subfolders

api = blueprint("folders", tag="builds")


class FolderQuery(Parameters):
    """Which folder to list."""

    path: Text = Field(
        "", description="Full path; without it the folders to begin with are listed."
    )


class FolderSchema(Described):
    """A folder."""

    name: str = Field(examples=["Music"])
    path: str = Field(examples=["/home/ann/Music"])


class FolderList(Described):
    """The folders in a folder."""

    path: str = Field(description="The real path of the folder; empty above the first ones.")
    parent: str = Field(description="The folder above; empty where none may be chosen.")
    folders: list[FolderSchema]
    n_more: int = Field(description="How many more there are.")


@api.get("/folders", responses={200: FolderList, **problems(403)})
def folders(query: FolderQuery) -> Response:
    """List folders that may be chosen as music folders."""
    require_owner()
    require_presence()
    if not query.path:
        allowed = [FolderSchema(name=str(root), path=str(root)) for root in roots()]
        return answer(FolderList(path="", parent="", folders=allowed, n_more=0))
    folder = allowed_folder(query.path)
    found = subfolders(folder)
    listed = [FolderSchema(name=_text(path.name), path=_text(str(path))) for path in found]
    return answer(
        FolderList(
            path=_text(str(folder)),
            parent="" if folder in roots() else str(folder.parent),
            folders=listed[:MAX_LISTED],
            n_more=max(len(listed) - MAX_LISTED, 0),
        )
    )


def _text(path: str) -> str:
    """Return a path as JSON can hold it; one of other bytes cannot be chosen."""
    return path.encode("utf-8", "replace").decode()
