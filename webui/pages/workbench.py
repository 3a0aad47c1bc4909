"""The workbench, where mixes are made."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from recsys.catalog import Track
from recsys.durations import clock
from recsys.recommendation.query import Reason
from recsys.served_home import Unavailable
from recsys.tagging.moods import MOODS
from webui import current_listener, mix_list
from webui.mix_form import controls_of
from webui.mix_query import SIDES, SIDES_OF, Mix, Ref
from webui.pages.made_for_you import made_for_you
from webui.pages.start import invitation, is_unknown
from webui.pages.welcome import welcome
from webui.reason_shares import SOURCES, reason_shares, source_of
from webui.served import current, label
from webui.uploads import read_sound

LENGTHS = (10, 20, 30, 50, 100, 200)
N_HUES = 8  # of the placeholders of covers

pages = Blueprint("pages", __name__)


@pages.get("/")
def workbench() -> AnyResponse | str:
    """Show the mix of the address."""
    try:
        served = current()
    except Unavailable as error:
        return welcome(error)
    mix = Mix.parse(request.args)
    typed = request.args.get("q", "").strip()
    completions = (
        served.completer.complete(typed, 1, current_listener.listener(served)) if typed else []
    )
    if completions:  # a search sent off without scripts
        return redirect("/" + mix.adding("like", completions[0].kind, completions[0].ref))
    if typed:
        return redirect("/words?" + urlencode({"q": typed}))
    listener_id = current_listener.listener(served)
    invited = None if request.args or not is_unknown(served, listener_id) else invitation(served)
    is_first = not request.args and invited is None
    listing = mix_list.EMPTY if invited else mix_list.answer(served, mix, listener_id)
    bars = [reason_shares(row.recommendation.reasons) for row in listing.rows]
    in_bars = {share.source for bar in bars if len(bar) > 1 for share in bar}
    return render_template(
        "workbench.html",
        mix=mix,
        invitation=invited,
        home=made_for_you(served) if is_first else None,
        listing=listing,
        chips=[(side, ref, _name(ref, listing)) for side in SIDES for ref in getattr(mix, side)],
        n_tracks=served.n_indexed,
        lengths=sorted({*LENGTHS, mix.length}),
        controls=controls_of(mix),
        sides_of=SIDES_OF,
        has_sounding_seed=any(ref.kind != "tag" for ref in mix.like),
        sources={source: words for source, (words, _) in SOURCES.items() if source in in_bars},
        title=title_of(mix, listing),
        is_mood=all(ref.kind == "tag" and ref.name in MOODS for ref in mix.like),
        renewing=[] if listener_id is None else served.catalog.renewals.all(listener_id),
    )


pages.add_app_template_filter(reason_shares)
pages.add_app_template_filter(source_of)


@pages.app_template_filter("clock")
def length(seconds: float | None) -> str:
    """Write a length, empty where it is not known."""
    return "" if seconds is None else clock(seconds)


@pages.app_template_filter("hue")
def hue(track: Track) -> int:
    """Return the number of a colour, the same for all tracks of one album."""
    return hue_of(track.album or track.artist)


@pages.app_template_filter("hue_of")
def hue_of(name: str) -> int:
    """Return the number of a name's colour."""
    return sum(name.encode()) % N_HUES


@pages.app_template_filter("share")
def share(reason: Reason, reasons: tuple[Reason, ...]) -> int:
    """Return how great a reason is beside the greatest, in percent."""
    return round(100 * abs(reason.amount) / max(abs(other.amount) for other in reasons))


def _name(ref: Ref, listing: mix_list.Listing) -> str:
    if ref.kind in ("artist", "tag", "genre"):
        return ref.name
    if ref.kind == "sound":
        return read_sound(ref.name).name
    track = listing.tracks.get(ref.track_id)
    if track is None:
        return f"{ref.kind} {ref.name}"
    if ref.kind == "album":
        return track.album or track.title
    return label(track)


def title_of(mix: Mix, listing: mix_list.Listing) -> str:
    """Name a list as its seeds do, "" where it has none."""
    names = [_name(ref, listing) for ref in mix.like]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
