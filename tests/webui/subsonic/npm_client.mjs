// Walks through a server with npm's subsonic-api, and prints what it got as JSON.
//
//     node npm_client.mjs FOLDER ADDRESS '{"username": "ann", "password": "…"}' get|post

import { strict as assert } from "node:assert";
import { pathToFileURL } from "node:url";

const [folder, url, auth, how] = process.argv.slice(2);
const { SubsonicAPI } = await import(pathToFileURL(`${folder}/node_modules/subsonic-api/lib/index.js`));
const api = new SubsonicAPI({ url, auth: JSON.parse(auth), post: how === "post" });

const base64 = async (response) => Buffer.from(await response.arrayBuffer()).toString("base64");
const ids = (songs) => songs.map((song) => song.id);

assert.equal((await api.ping()).status, "ok");
const extensions = (await api.getOpenSubsonicExtensions()).openSubsonicExtensions.map((one) => one.name);
const { artists } = await api.getArtists();
const everybody = artists.index.flatMap((letter) => letter.artist);
const { artist } = await api.getArtist({ id: everybody[0].id });
const { album } = await api.getAlbum({ id: artist.album[0].id });
const listed = (await api.getAlbumList2({ type: "alphabeticalByName", size: 3 })).albumList2.album;
const found = (await api.search3({ query: "song 7" })).searchResult3.song;
const genres = (await api.getGenres()).genres.genre.map((one) => one.value);

const sounds = {
  file: await base64(await api.download({ id: "9" })),
  mp3: await base64(await api.stream({ id: "9", format: "mp3" })),
  smaller: await base64(await api.stream({ id: "9", maxBitRate: 64 })),
};

const similar = (await api.getSimilarSongs2({ id: everybody[0].id, count: 5 })).similarSongs2.song;
const sonic = (await api.customJSON("getSonicSimilarTracks", { id: "1", count: 5 })).sonicMatch;
const path = (await api.customJSON("findSonicPath", { startSongId: "1", endSongId: "24", count: 6 })).sonicMatch;

await api.createPlaylist({ name: "Evening", songId: ["1", "5"] });
const [{ id: playlist }] = (await api.getPlaylists()).playlists.playlist;
await api.updatePlaylist({ playlistId: playlist, name: "Night", songIdToAdd: ["9"], songIndexToRemove: [0] });
const kept = (await api.getPlaylist({ id: playlist })).playlist;
await api.deletePlaylist({ id: playlist });
const left = (await api.getPlaylists()).playlists.playlist ?? [];

await api.star({ id: "3", albumId: album.id });
await api.setRating({ id: "4", rating: 5 });
const starred = (await api.getStarred2()).starred2;
await api.unstar({ id: "3", albumId: album.id });
await api.scrobble({ id: "6", submission: true });
await api.reportPlayback({ mediaId: "7", mediaType: "song", positionMs: 0, state: "starting", ignoreScrobble: false });
await api.savePlayQueue({ id: ["1", "2", "1"], current: "2", position: 1500 });
const queue = (await api.getPlayQueue()).playQueue;

console.log(JSON.stringify({
  extensions,
  artists: everybody.map((one) => one.name),
  album: [album.name, album.song.map((song) => song.title)],
  listed: listed.length,
  found: found[0].title,
  genres,
  sounds,
  similar: similar.length,
  sonic: sonic.map((one) => one.similarity),
  path: ids(path.map((one) => one.entry)),
  kept: [kept.name, ids(kept.entry)],
  left: left.length,
  starred: [ids(starred.song), ids(starred.album)],
  rating: (await api.getSong({ id: "4" })).song.userRating,
  plays: (await api.getSong({ id: "6" })).song.playCount,
  queue: [ids(queue.entry), queue.current, queue.position],
  scanned: (await api.getScanStatus()).scanStatus.count,
}));
