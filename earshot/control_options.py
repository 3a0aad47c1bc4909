"""Command line options of a list's controls, one for each field of their model."""

from __future__ import annotations

import argparse
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recsys.recommendation.controls import Controls, Several, value_type, values_of


def add_controls(group: argparse._ArgumentGroup, controls: type[BaseModel]) -> None:
    """Add an option for each control; its value is None where it is not given."""
    for name, field in controls.model_fields.items():
        group.add_argument(_option(name, field), dest=name, help=_help(field), **_kind(field))


def given_controls(args: argparse.Namespace) -> dict[str, Any]:
    """Return the controls that were given, by name."""
    values = {name: getattr(args, name) for name in Controls.model_fields}
    return {name: value for name, value in values.items() if value is not None}


def _option(name: str, field: FieldInfo) -> str:
    """Return the option's name: in the singular, where it is given once for each of several."""
    values = values_of(field)
    if isinstance(values, Several):
        return f"--exclude-{values.kind}"
    return "--" + name.replace("_", "-")


def _help(field: FieldInfo) -> str:
    text = (field.description or "").removesuffix(".")
    default = "yes" if field.default is True else field.default
    return text[:1].lower() + text[1:] + (f" (default: {default})" if default else "")


def _kind(field: FieldInfo) -> dict[str, Any]:
    """Return how the option's values are read."""
    values = values_of(field)
    if values is None:
        return {"action": argparse.BooleanOptionalAction}
    action = "append" if isinstance(values, Several) else "store"
    return {"type": value_type(field), "metavar": values.metavar, "action": action}
