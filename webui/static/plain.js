// A page that needs no more than every page has: the player and the search.

import "./player.js";
import "./search.js";
