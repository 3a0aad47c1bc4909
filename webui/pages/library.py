"""The library page: counts, failed files, builds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, render_template, request
from werkzeug.exceptions import BadRequest

from recsys.home.evaluation_reports import EvaluationReport, read_report, state_of
from recsys.home.overview import Overview, advice, overview
from recsys.library.build_state import read_state
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served, Unavailable
from webui.api.builds import Build
from webui.current_listener import person, unreadable
from webui.served import current
from webui.texts import read_whole

N_FAILURES = 25  # a page
N_GROUPS = 20  # of copies
_UNITS = ("bytes", "kB", "MB", "GB", "TB")

library_page = Blueprint("library_page", __name__)


@library_page.get("/library")
def page() -> str:
    """Show the library; what names files is for its owner alone."""
    try:
        served = current()
    except Unavailable as error:  # also while the first build runs
        return render_template(
            "library.html", person=person(), nothing=unreadable(error), **_building()
        )
    after = _after()
    failures = served.catalog.failures(after=after, limit=N_FAILURES + 1)
    return render_template(
        "library.html",
        person=person(),
        n_tracks=served.n_indexed,
        nothing="",
        **_building(),
        home=_overview(served),
        failures=failures[:N_FAILURES],
        failed_after=after,
        next_after=failures[N_FAILURES - 1].id if len(failures) > N_FAILURES else None,
        copies=served.catalog.copies(N_GROUPS),
        n_groups=N_GROUPS,
        duplicates=_report(served, "duplicates"),
        exposure=_report(served, "exposure"),
    )


@library_page.app_template_filter("bytes")
def in_bytes(size: int) -> str:
    """Write how much space something takes.

    >>> in_bytes(999), in_bytes(1_396_736)
    ('999 bytes', '1.4 MB')
    """
    amount, power = float(size), 0
    while amount >= 1000 and power < len(_UNITS) - 1:
        amount, power = amount / 1000, power + 1
    return f"{amount:.1f} {_UNITS[power]}" if power else f"{size} bytes"


@library_page.app_template_filter("hours")
def in_hours(seconds: float) -> str:
    """Write how long a library plays.

    >>> in_hours(360), in_hours(90_000)
    ('6 minutes', '25 hours')
    """
    return f"{seconds / 3600:,.0f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"


@library_page.app_template_filter("cosine")
def cosine(value: float) -> str:
    """Write a cosine.

    >>> cosine(-0.031)
    '−0.03'
    """
    return f"{value:.2f}".replace("-", "−")


@library_page.app_template_filter("when")
def when(at: float) -> str:
    """Write a moment, given in Unix seconds."""
    return datetime.fromtimestamp(at).strftime("%d %b %Y, %H:%M")


library_page.add_app_template_filter(advice, "advice")


def _building() -> dict[str, Any]:
    """What the page says of builds."""
    state = read_state(current_app.config["HOME"])
    return {
        "build": Build.of(state),
        "folders": [Path(folder) for folder in state.folders] if state else [],
        "device": (state.result or {}).get("device") if state else None,
        "can_build": bool(current_app.config["BUILD"] and state and state.folders),
    }


def _overview(served: Served) -> Overview:
    index = served.recommender.index
    return overview(current_app.config["HOME"], served.catalog, index, served.similar.hubs)


def _report(served: Served, kind: Any) -> tuple[EvaluationReport, bool] | None:
    """Return what was measured last, and whether it is of the index that answers now."""
    report = read_report(current_app.config["HOME"], kind)
    return None if report is None else (report, report.state == state_of(served.recommender.index))


def _after() -> int:
    after = read_whole(request.args.get("after", "0"), 0, LARGEST_ID)
    if after is None:
        raise BadRequest('"after" takes the id of a track.')
    return after
