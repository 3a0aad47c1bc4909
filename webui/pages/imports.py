"""The page where listening histories are imported, and given to the person whose they are."""

from __future__ import annotations

from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from recsys.catalog import AccountError, Listener
from recsys.listens.formats import FORMATS
from recsys.listens.import_state import read_import
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served
from webui.api.imports import ImportSchema
from webui.current_listener import accounts, person, require_owner, writing_listener
from webui.served import CatalogOnly, current_or_catalog
from webui.texts import read_whole

N_HISTORIES = 20  # with the most listens; others by their names

import_page = Blueprint("import_page", __name__)


@import_page.get("/import")
def page() -> str:
    """Show what can be imported, how far an import is, and whose histories there are."""
    claimed = "The history is added." if request.args.get("said") == "claimed" else ""
    return _page(message=claimed)


@import_page.post("/import/claim")
def claim() -> AnyResponse:
    """Give a history in the library to the person who asks, or to an account."""
    require_owner()
    catalog = current_or_catalog().catalog
    try:
        catalog.people.claim(request.form.get("listener", "").strip(), _receiver())
    except AccountError as error:
        return make_response(_page(error=str(error)), 400)
    return redirect(url_for(".page", said="claimed"), 303)


def others_histories(served: Served | CatalogOnly) -> list[Listener]:
    """Return the histories in the library that are nobody's yet, most listens first.

    Only owners are told: a name may be a person's.
    """
    if not person().is_owner:
        return []
    mine = person().listener
    found = served.catalog.people.unclaimed()
    return [one for one in found if one.name != mine and one.n_listens]


def n_others_histories(served: Served | CatalogOnly) -> int:
    """Return how many there are, without counting their listens."""
    return served.catalog.people.n_unclaimed(person().listener) if person().is_owner else 0


def _receiver() -> int:
    """Return the listener of the account that the form names, one's own where it names none."""
    served = current_or_catalog()
    number = read_whole(request.form.get("account", "") or "0", 0, LARGEST_ID)
    if not number:
        return writing_listener(served)
    account = served.catalog.people.account(number)
    if account is None:
        raise AccountError("There is no such account: load this page again.")
    return account.listener_id


def _page(*, message: str = "", error: str = "") -> str:
    served = current_or_catalog()
    me = served.catalog.listener(person().listener)
    histories = others_histories(served)
    has_accounts = person().is_owner and accounts() is not None
    return render_template(
        "import.html",
        n_listens=me.n_listens if me else 0,
        can_import=current_app.config["IMPORT"] is not None,
        formats=FORMATS,
        histories=histories[:N_HISTORIES],
        n_more=max(len(histories) - N_HISTORIES, 0),
        accounts=served.catalog.people.accounts() if has_accounts else (),
        importing=ImportSchema.of(read_import(current_app.config["HOME"])),
        message=message,
        error=error,
    )
