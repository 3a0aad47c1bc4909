"""The evaluation page: the last evaluation reports, as charts."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, current_app, render_template

from recsys.home.evaluation_reports import EvaluationReport, Kind, read_report, state_of
from webui.current_listener import person, require_owner
from webui.pages.charts import Chart, charts, plain
from webui.served import current

_MEASURE = "earshot evaluate"


@dataclass(frozen=True)
class EvaluationKind:
    """What one kind of evaluation asks, and the command that answers it."""

    kind: Kind
    title: str
    explained: str
    command: str


QUESTIONS = (
    EvaluationKind(
        "content",
        "Do similar tracks share a label?",
        "Every labelled track is a query once, and the others are ranked by how alike they sound: "
        "one with the query's label is a hit. Means over labels, so that a large one counts no "
        "more than a small one.",
        f"{_MEASURE} content --by genre --exclude-same artist",
    ),
    EvaluationKind(
        "listening",
        "Do recommendations find what people played next?",
        "Part of each listener's history is hidden, and searched for among the recommendations.",
        f"{_MEASURE} listening",
    ),
    EvaluationKind(
        "tags",
        "Do the taggers agree with people?",
        "For each labelled tag, how well the taggers rank all tracks by it.",
        f"{_MEASURE} tags --labels labels.csv --by genre",
    ),
    EvaluationKind(
        "triplets",
        "Do people choose the same odd one out?",
        "Of three clips, the one that is least like the other two.",
        f"{_MEASURE} triplets judgements.csv",
    ),
    EvaluationKind(
        "popularity",
        "Does sound tell what many people play?",
        "How many play a track, told by models that know no track of its artist. Where that cannot "
        "be told from chance, nothing is shown by it.",
        f"{_MEASURE} popularity",
    ),
    EvaluationKind(
        "exposure",
        "Which tracks are in many lists?",
        "The list of similar tracks of every track, and how often each track is in one.",
        f"{_MEASURE} exposure",
    ),
)


@dataclass(frozen=True)
class Answered:
    """A question with its last report; `charts` is None for one of another form.

    is_current  whether the index that it is of answers now
    """

    question: EvaluationKind
    report: EvaluationReport | None
    charts: list[Chart] | None
    is_current: bool


evaluation_page = Blueprint("evaluation_page", __name__)
evaluation_page.add_app_template_filter(plain, "plain")


@evaluation_page.get("/evaluation")
def page() -> str:
    """Show what was measured."""
    require_owner()
    served = current()
    state = state_of(served.recommender.index)
    return render_template(
        "evaluation.html",
        person=person(),
        n_tracks=served.n_indexed,
        answered=[_answered(question, state) for question in QUESTIONS],
    )


def _answered(question: EvaluationKind, state: str) -> Answered:
    report = read_report(current_app.config["HOME"], question.kind)
    report_charts: list[Chart] | None = []
    if report is not None:
        try:
            report_charts = charts(question.kind, report.figures)
        except (LookupError, TypeError, ValueError, AttributeError):
            report_charts = None
    return Answered(question, report, report_charts, report is not None and report.state == state)
