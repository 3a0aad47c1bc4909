"""What `earshot evaluate` measured, as charts."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from made_home import N_TRACKS
from playwright.sync_api import Browser, expect

from earshot import cli
from recsys.catalog import Catalog
from recsys.home.evaluation_reports import FOLDER, KINDS, read_report
from webui.pages.charts import Bar, Chart, charts, plain


@pytest.fixture(scope="module")
def evaluated(library: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A home that was evaluated, and its figures by kind, as `earshot evaluate` prints them."""
    folder = tmp_path_factory.mktemp("evaluated")
    home = shutil.copytree(library / "home", folder / "home")
    with Catalog(home) as catalog:
        for number in range(12):
            someone = catalog.listener(f"listener {number}", create=True)
            assert someone
            listens = [(1 + (number + 2 * i) % N_TRACKS, 1_764_000_000 + i) for i in range(8)]
            catalog.record_listens(someone.id, listens)
    labels = folder / "labels.csv"
    rows = [f"{library}/music/{n}.wav,{('rock', 'piano')[n % 3 == 0]}" for n in range(N_TRACKS)]
    labels.write_text("\n".join(["path,genre", *rows]))
    commands = {
        "content": ["--by", "artist", "-k", "3", "--systems", "logits,random"],
        "tags": ["--labels", str(labels), "--by", "genre"],
        "listening": ["--systems", "popularity,random"],
        "exposure": ["-k", "5"],
    }
    reports = {}
    for kind, options in commands.items():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert cli.main(["evaluate", kind, *options, "--home", str(home), "--json"]) == 0
        reports[kind] = json.loads(printed.getvalue())
    return home, reports


@pytest.fixture
def measured(evaluated: tuple[Path, Any], home: Path) -> dict[str, Any]:
    """Figures by kind; the home has them as if it were the one that was evaluated."""
    evaluated_home, reports = evaluated
    shutil.copytree(evaluated_home / FOLDER, home / FOLDER)
    return dict(reports)


def test_what_was_printed_is_drawn(
    client: FlaskClient, home: Path, measured: dict[str, Any]
) -> None:
    page = " ".join(client.get("/evaluation").get_data(as_text=True).split())
    home_p = measured["content"]["systems"]["home"]["P@3"]
    low, high = home_p["ci_macro"]
    assert f'{plain(home_p["macro"])} <span class="soft">{plain(low)} to {plain(high)}' in page
    assert "Of the first 3 places, the share that are hits." in page
    assert f"Attainable: {plain(home_p['ceiling']['macro'])}." in page
    assert f"n = {home_p['n']}." in page
    listened = measured["listening"]["systems"]["popularity"]["MAP"]["mean"]
    exposed = measured["exposure"]["hubs"]["home"]["max_in_degree"]
    tagged = measured["tags"]["taggers"]["MTT_musicnn-float32-2"]["roc_auc"]
    for value in (listened, exposed, tagged):
        assert f">{plain(value)}" in page
    assert "--by artist -k 3 --systems logits,random" in page  # how it was asked
    assert page.count("Not measured yet") == 2
    assert "earshot evaluate triplets judgements.csv" in page
    assert "before the index was rebuilt" not in page


def test_nothing_measured_names_the_commands(client: FlaskClient, home: Path) -> None:
    assert client.get("/evaluation").get_data(as_text=True).count("Not measured yet") == 6
    (home / FOLDER).mkdir()
    for kind in KINDS:
        report = {"kind": kind, "at": 0, "command": "x", "state": "", "figures": {"systems": {}}}
        (home / FOLDER / f"{kind}.json").write_text(json.dumps(report))
    answer = client.get("/evaluation")
    assert answer.status_code == 200
    assert answer.get_data(as_text=True).count("was written by another version") == 6
    (home / FOLDER / "content.json").write_text("[]")
    assert read_report(home, "content") is None


def test_bars_stand_where_their_values_are() -> None:
    bars = (Bar("home", 0.5, True, 0.25, 0.75), Bar("other", -0.25))
    chart = Chart("x", "", bars, (("attainable", 1.0),))
    assert chart.domain == (-0.25, 1.0)
    assert [chart.at(v) for v in (-0.25, 0.0, 0.5, 1.0)] == [0.0, 20.0, 60.0, 100.0]
    assert Chart("x", "", (Bar("home", 0.0),)).at(0.0) == 0.0
    ci = [0.1, 0.3]
    value = {"mean": 0.2, "ci": ci, "n": 9, "chance": 0.33, "ceiling": 0.9}
    figures = {
        "systems": {"home": {"majority": value}, "mfcc": {"majority": value}},
        "paired": {"mfcc": {"majority": {"diff": -0.05, "ci": [-0.1, 0.0002], "p": 0.1}}},
    }
    (drawn,) = charts("triplets", figures)
    assert drawn.marks == (("chance", 0.33), ("attainable", 0.9))
    assert (drawn.bars[1].difference, drawn.bars[1].between) == ("−.050", "−.100 to .000")
    assert (drawn.bars[0].ours, drawn.bars[1].ours) == (True, False)
    cold = {
        "by_user_seeds": {
            str(n): {"systems": {"blend": {"cold R@20": {"mean": float("nan")}, "MAP": value}}}
            for n in (1, 5)
        }
    }
    shown_charts = charts("listening", cold)
    assert [chart.metric for chart in shown_charts] == [
        "1 tracks given: MAP",
        "5 tracks given: MAP",
    ]
    assert shown_charts[0].bars[0].ours


def test_no_barrier_is_found(browser: Browser, address: str, measured: dict[str, Any]) -> None:
    for scheme, width in (("light", 390), ("dark", 1200)):
        context = browser.new_context(
            base_url=address,
            color_scheme=scheme,  # type: ignore[arg-type]
            bypass_csp=True,
            viewport={"width": width, "height": 800},
        )
        page = context.new_page()
        page.goto("/evaluation")
        expect(page.get_by_role("table", name="P@3")).to_be_visible()
        bar = page.locator(".ours .value").first.bounding_box()
        assert bar
        assert bar["width"] > 10
        axe = Axe().run(page)
        assert not axe.response["violations"], axe.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        context.close()


def test_popularity_is_drawn_beside_chance() -> None:
    one = {"value": 0.2, "low": 0.1, "high": 0.3, "chance": 0.0}
    figures = {
        "k": 12,
        "spearman": {"ranking loss": one, "artist's mean": one},
        "ndcg": {"ranking loss": {**one, "chance": 0.05}},
    }
    correlation, gain = charts("popularity", figures)
    assert [bar.name for bar in correlation.bars] == ["ranking loss", "artist's mean"]
    assert (correlation.bars[0].ours, correlation.bars[0].low) == (True, 0.1)
    assert (gain.metric, gain.marks) == ("nDCG@12", (("chance", 0.05),))
