"""Evaluate a home: against labels, people's judgements, and what listeners played.

    earshot evaluate content --by genre --exclude-same artist -k 1,5,10
    earshot evaluate content --labels labels.csv --by artist -k 5 --min-group 2 --json
    earshot evaluate tags --labels labels.csv --by tags
    earshot evaluate regression --labels labels.csv --columns power,calmness
    earshot evaluate triplets judgements.csv
    earshot evaluate listening --interactions I.csv --items J.csv --protocol cold-item
    earshot evaluate popularity
    earshot evaluate exposure

The last figures of each kind are stored in the home's folder reports, for the evaluation page of
`earshot serve`.
"""

from earshot.group import Group, Subcommand

COMMAND = Group(
    "earshot evaluate",
    "Evaluate a home.",
    {
        "content": Subcommand("evaluation.content", "do tracks that sound alike share a label?"),
        "exposure": Subcommand("evaluation.exposure", "which tracks are in the most lists?"),
        "tags": Subcommand("evaluation.tags", "do the taggers' tags agree with labels?"),
        "triplets": Subcommand("evaluation.triplets", "which of three is the odd one out?"),
        "regression": Subcommand("evaluation.regression", "do features predict numeric ratings?"),
        "popularity": Subcommand("evaluation.popularity", "does sound tell what many people play?"),
        "listening": Subcommand(
            "evaluation.listening", "do recommendations predict what people play next?"
        ),
    },
)
