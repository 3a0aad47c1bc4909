// The page of a path: play all, save, change its ends.

import { itemOf, rows } from "./page.js";
import { playAll } from "./player.js";
import "./saving.js";
import "./search.js";
import "./track_menu.js";
import "./path_form.js";

document.getElementById("play-all")?.addEventListener("click", () => playAll(rows().map(itemOf)));
