"""The page of a home without an index: choose a music folder, follow the first build."""

from __future__ import annotations

from flask import current_app, render_template

from recsys.home.files import INDEX_NAME
from recsys.library.build_state import BuildState, read_state
from recsys.served_home import Unavailable
from webui.api.builds import Build
from webui.current_listener import person
from webui.music_folders import roots
from webui.served import current_or_catalog

N_FIRST = 50  # tracks that can be played during the first build


def welcome(error: Unavailable) -> str:
    """Welcome the owner of a new home; raise `error` for others, and for an unusable index."""
    home = current_app.config["HOME"]
    if not person().is_owner or (home / INDEX_NAME).exists():
        raise error
    state = read_state(home)
    return render_template(
        "welcome.html",
        person=person(),
        build=Build.of(state),
        has_ended=state is not None and not state.running,
        folder=_folder(state),
        can_choose=bool(current_app.config["BUILD"] and roots()),
        can_build=bool(current_app.config["BUILD"]),
        tracks=current_or_catalog().catalog.available_after(0, N_FIRST) if state else [],
    )


def _folder(state: BuildState | None) -> str:
    """Return the folder that is proposed: that of the last build, or where people keep music."""
    if state is not None and state.folders:
        return state.folders[0]
    usual = next((root / "Music" for root in roots() if (root / "Music").is_dir()), None)
    return str(usual or next(iter(roots()), ""))
