"""The official OpenAPI description in one document, with nothing but what it names allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[4] / "shared" / "reference" / "opensubsonic" / "openapi"
OFFERED = [
    "ping",
    "getLicense",
    "getOpenSubsonicExtensions",
    "tokenInfo",
    "getUser",
    "getMusicFolders",
    "getIndexes",
    "getMusicDirectory",
    "getArtists",
    "getArtist",
    "getAlbum",
    "getSong",
    "getAlbumList",
    "getAlbumList2",
    "getGenres",
    "getSongsByGenre",
    "getRandomSongs",
    "search2",
    "search3",
    "getStarred",
    "getStarred2",
    "star",
    "unstar",
    "setRating",
    "getSimilarSongs",
    "getSimilarSongs2",
    "getTopSongs",
    "getArtistInfo",
    "getArtistInfo2",
    "getAlbumInfo",
    "getAlbumInfo2",
    "getPlaylists",
    "getPlaylist",
    "createPlaylist",
    "updatePlaylist",
    "deletePlaylist",
    "scrobble",
    "getNowPlaying",
    "reportPlayback",
    "savePlayQueue",
    "getPlayQueue",
    "savePlayQueueByIndex",
    "getPlayQueueByIndex",
    "stream",
    "download",
    "getCoverArt",
    "getLyrics",
    "getLyricsBySongId",
    "getSonicSimilarTracks",
    "findSonicPath",
    "startScan",
    "getScanStatus",
]
IDS = frozenset(
    ["id", "albumId", "artistId", "songId", "songIdToAdd", "playlistId", "mediaId", "current"]
) | {
    "startSongId",
    "endSongId",
}


class Bundle:
    """Collects what the description refers to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        """Return the description of the endpoints that are offered."""
        paths = {}
        for name in OFFERED:
            path = SHARED / "endpoints" / f"{name}.json"
            found = self.resolve(json.loads(path.read_text(encoding="utf-8")), path)
            for operation in found.values():
                operation.pop("security", None)
                for parameter in operation.get("parameters", ()):
                    self._name_ids(parameter)
            paths[f"/rest/{name}"] = found
        return {
            "openapi": "3.1.0",
            "info": {"title": "OpenSubsonic", "version": "1.16.1"},
            "paths": paths,
            "components": {"schemas": self.schemas},
        }

    @staticmethod
    def _name_ids(parameter: dict[str, Any]) -> None:
        schema = parameter["schema"]
        if parameter["name"] in IDS:
            (schema.get("items") or schema)["format"] = "thing"

    def resolve(self, value: Any, path: Path) -> Any:
        """Replace references to files: schemas by their names, everything else by what it is."""
        if isinstance(value, list):
            return [self.resolve(one, path) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" not in value:
            resolved = {key: self.resolve(one, path) for key, one in value.items()}
            return self._strict(resolved) if "type" in resolved or "allOf" in resolved else resolved
        target = (path.parent / value["$ref"]).resolve()
        if "responses" in target.parts[-2:]:
            return self.resolve(json.loads(target.read_text(encoding="utf-8")), target)
        name = target.stem
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = self.resolve(json.loads(target.read_text("utf-8")), target)
        return {"$ref": f"#/components/schemas/{name}"}

    def _strict(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Join what an object is composed of, and let it have no other names."""
        parts = schema.get("allOf")
        if parts is None and "properties" not in schema:
            return schema
        joined: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        for part in parts or [schema]:
            whole = self._whole(part)
            if "properties" not in whole:
                return schema  # a description alone
            joined["properties"] |= whole["properties"]
            joined["required"] += whole.get("required", [])
        return {**joined, "additionalProperties": False}

    def _whole(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in part:
            found: dict[str, Any] = self.schemas[part["$ref"].rpartition("/")[2]]
            return found
        return part
