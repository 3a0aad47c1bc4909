"""Text of rows and cells: CSV and its relatives, with the delimiter decided for the file."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recsys.listens.sources import LONGEST_LINE, Source, lines

_DELIMITERS = "\t,;|"
_LINES_OF_A_ROW = 5  # that a quoted text may go over
_SAMPLE = 1 << 18  # bytes
_SAMPLE_ROWS = 2000


@dataclass(frozen=True)
class Dialect:
    """How a file is cut into cells.

    width    of most rows
    skipped  how many lines before the first row say something else, such as "sep=;"
    """

    delimiter: str
    width: int
    skipped: int = 0


def dialect_of(source: Source) -> Dialect | None:
    """Return how a file is cut into cells, None for a text that is no table."""
    text = source.head_text(_SAMPLE)
    all_lines = text.splitlines()
    if len(text.encode()) >= _SAMPLE - 4 and len(all_lines) > 1:
        all_lines.pop()  # cut off
    sample = [line for line in all_lines[:_SAMPLE_ROWS] if line.strip()]
    if not sample or "\0" in text:
        return None
    if sample[0].strip(' "').lower().startswith("sep=") and len(sample) > 1:
        delimiter = sample[0].strip(' "')[4:5] or "\t"
        return Dialect(delimiter, _width(sample[1:], delimiter)[1], 1)
    scored = [(_width(sample, delimiter), delimiter) for delimiter in _DELIMITERS]
    (_, width), delimiter = max(scored, key=lambda one: (one[0][0] * (one[0][1] > 1), one[0][1]))
    return Dialect(delimiter, width) if width > 1 else None


def _width(sample: Sequence[str], delimiter: str) -> tuple[float, int]:
    """Return which share of the lines has the most frequent number of cells, and that number."""
    widths = Counter(len(cells_of(line, delimiter) or line.split(delimiter)) for line in sample)
    width, n = max(widths.items(), key=lambda item: (item[1], item[0]))
    return round(n / len(sample), 1), width


def rows(source: Source, dialect: Dialect) -> Iterator[tuple[int, list[str] | str]]:
    """Give each row's first line number and its cells, or what is wrong with it.

    A quotation mark that is not closed takes a few more lines, not the whole rest of the file; one
    that belongs to a title is a letter of it.
    """
    with source.open_text() as file:
        numbered = enumerate(lines(file), start=1)
        for _ in range(dialect.skipped):
            next(numbered, None)
        yield from _rows(numbered, dialect)


def _rows(
    numbered: Iterator[tuple[int, bytes | None]], dialect: Dialect
) -> Iterator[tuple[int, list[str] | str]]:
    delimiter, width = dialect.delimiter, dialect.width
    waiting: list[tuple[int, bytes | None]] = []
    while (taken := waiting.pop(0) if waiting else next(numbered, None)) is not None:
        number, line = taken
        text = _decoded(line)
        if line is not None and not line.strip():
            continue
        if text is None:
            yield number, "It is not UTF-8." if line is not None else "The line is too long."
            continue
        literal = text.split(delimiter)
        if '"' not in text:
            yield number, literal
            continue
        cells = cells_of(text, delimiter)
        if len(literal) == width and (cells is None or len(cells) != width):
            yield number, literal  # the marks are letters: "Heroes" (live), 12" mix
            continue
        more: list[tuple[int, bytes | None]] = []
        while cells is None and len(more) < _LINES_OF_A_ROW:
            following = waiting.pop(0) if waiting else next(numbered, None)
            if following is None:
                break
            more.append(following)
            if (added := _decoded(following[1])) is None or len(text) > LONGEST_LINE:
                break
            text += "\n" + added
            cells = cells_of(text, delimiter)
        if cells is None:
            waiting = more + waiting
            yield number, "A quote is not closed."
        else:
            yield number, cells


def _decoded(line: bytes | None) -> str | None:
    """Return the text of a line, None where it has none."""
    try:
        return None if line is None else line.decode()
    except UnicodeDecodeError:
        return None


def cells_of(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a row, None where one is not closed."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None
