// The page of a way: played, kept, asked anew.

import { itemOf, rows } from "./page.js";
import { playAll } from "./player.js";
import "./saving.js";
import "./search.js";
import "./way.js";

document.getElementById("play-all")?.addEventListener("click", () => playAll(rows().map(itemOf)));
