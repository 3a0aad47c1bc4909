"""Listening histories in, and their matching to the tracks of the library."""
