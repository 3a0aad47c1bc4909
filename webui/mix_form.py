"""The form of a mix's controls: one input for each field of their model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from recsys.durations import clock
from recsys.recommendation.controls import (
    CAP,
    PERCENT,
    SECONDS,
    SPACING,
    TEMPO,
    Controls,
    Share,
    Values,
    values_of,
)
from webui.mix_query import ADDRESS_NAMES, DEFAULTS, Mix, written


@dataclass(frozen=True)
class Choices:
    """Values that a select offers, and the words for one and for the default."""

    values: tuple[int, ...]
    words: Callable[[float], str]
    default: str


COMMON = ("discovery", "diversity", "artist_cap", "exclude_played")  # visible at once
CHOICES: Mapping[Values, Choices] = {
    CAP: Choices((1, 2, 3, 5), "at most {:.0f}".format, "any number"),
    SPACING: Choices((1, 2, 3, 5), "at least {:.0f} others".format, "any number"),
    SECONDS: Choices((180, 300, 480, 720, 1200), clock, "any length"),
    TEMPO: Choices((60, 80, 100, 120, 140, 160), "{:.0f} BPM".format, "any tempo"),
    PERCENT: Choices((2, 4, 6, 10, 20), "{:g} %".format, "any change"),
}


@dataclass(frozen=True)
class Option:
    """A value of a select, as the address has it, and its words."""

    value: str
    words: str


@dataclass(frozen=True)
class Control:
    """An input of the form.

    name     in the address
    value    as the address has it, "" for the default of a select
    ends     words for both ends of a slider
    options  of a select
    checked  whether a switch differs from its default; `value` is what it then sends
    common   whether it is visible at once, not under "More"
    changed  whether its value differs from the default
    """

    name: str
    title: str
    kind: Literal["slider", "select", "number", "switch"]
    value: str
    ends: tuple[str, str] = ("", "")
    options: tuple[Option, ...] = ()
    checked: bool = False
    common: bool = False
    changed: bool = False


def controls_of(mix: Mix) -> list[Control]:
    """Return the inputs for a mix's controls, in the order of the model's fields."""
    return [
        replace(
            _control(mix, name, address_name),
            common=name in COMMON,
            changed=getattr(mix.controls, name) != getattr(DEFAULTS, name),
        )
        for name, address_name in ADDRESS_NAMES.items()
    ]


def _control(mix: Mix, name: str, address_name: str) -> Control:
    field = Controls.model_fields[name]
    title, values = field.title or name, values_of(field)
    value, default = getattr(mix.controls, name), getattr(DEFAULTS, name)
    if values is None:
        other = written(not default)
        return Control(address_name, title, "switch", other, checked=value != default)
    if isinstance(values, Share):
        ends = values.low, values.high
        return Control(address_name, title, "slider", written(value), ends=ends)
    choices = CHOICES.get(values)
    if choices is None:
        return Control(address_name, title, "number", written(value))
    chosen = "" if value == default else written(value)
    options = _options(choices, [] if value == default else [value])
    return Control(address_name, title, "select", chosen, options=options)


def _options(choices: Choices, chosen: Iterable[float]) -> tuple[Option, ...]:
    """Return the default, the choices, and what is chosen beside them."""
    numbers = sorted({*map(float, choices.values), *map(float, chosen)})
    words = [Option(written(number), choices.words(number)) for number in numbers]
    return (Option("", choices.default), *words)
