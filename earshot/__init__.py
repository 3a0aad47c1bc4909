"""Earshot: music that sounds alike, and mixes of it for a listener."""
