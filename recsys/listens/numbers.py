"""Which decimal mark the numbers of a file have."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARK = re.compile(r"[.,]")
_LONGEST_TRACK = 3 * 3600  # seconds


class AmbiguousNumbers(Exception):
    """The numbers of a file have two decimal marks; the message says which."""


def decimal_mark(counts: Iterable[str], lengths: Iterable[tuple[str, float]]) -> str:
    """Return "." or ",", from counts of plays and (length, its unit in seconds).

    "1,5" and "1.234,0" say that it is the comma, "1.5" and "1,234.0" that it is the point. Where
    all have exactly three digits behind the mark, it is one of thousands in counts, which are
    whole, and in lengths whatever makes tracks of a likely length. Raises AmbiguousNumbers.
    """
    proofs: dict[str, str] = {}
    hints: dict[str, int] = {".": 0, ",": 0}
    for text in counts:
        _weigh(text.strip(), proofs)
        if mark := _three_digits(text.strip()):
            hints["," if mark == "." else "."] += 1
    for text, unit in lengths:
        _weigh(text.strip(), proofs)
        if mark := _three_digits(text.strip()):
            other = "," if mark == "." else "."
            whole = float(re.sub(r"[.,]", "", text)) * unit
            hints[other if 1 <= whole <= _LONGEST_TRACK else mark] += 1
    if len(proofs) > 1:
        raise AmbiguousNumbers(
            f"its numbers have the decimal mark '.' (as in {proofs['.']!r}) and ',' (as in "
            f"{proofs[',']!r}): say which with --decimal . or --decimal ,"
        )
    return next(iter(proofs), "," if hints[","] > hints["."] else ".")


def _three_digits(text: str) -> str | None:
    """Return the one mark of a number with three digits behind it, None for any other number."""
    found = re.fullmatch(r"[1-9]\d{0,2}([.,])\d{3}", text)
    return found[1] if found else None


def _weigh(text: str, proofs: dict[str, str]) -> None:
    """Note the decimal mark that a number proves."""
    if not re.fullmatch(r"-?\d[\d.,]*", text) or not _MARK.search(text) or _three_digits(text):
        return
    marks = _MARK.findall(text)
    last = marks[-1]
    if len(marks) > 1 and len(set(marks)) == 1:  # 1.234.567
        last = "," if last == "." else "."
    proofs.setdefault(last, text)
