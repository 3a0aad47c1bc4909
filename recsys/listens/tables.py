"""Tables: CSV and TSV with any columns, and Parquet.

A row says who heard what, and how often or when.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator

import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from recsys.listens.columns import Event, TableRow, check_user, order_of, roles_of
from recsys.listens.sources import BadLine, FormatError, Source, lines
from recsys.listens.values import BadValue

_ROWS_AT_ONCE = 20_000
_LINES_OF_A_ROW = 5  # that a quoted text may go over


def read_csv(
    source: Source, listener: str, columns: dict[str, str] | list[str] | None
) -> Iterator[Event | BadLine]:
    """Read comma-, semicolon- or tab-separated rows. Raises FormatError."""
    with source.open() as file:
        numbered = enumerate(lines(file), start=1)
        delimiter = sniff_delimiter(source.head())
        rows: Iterator[tuple[int, list[str] | str]] = _csv_rows(numbered, delimiter)
        if columns is None and isinstance(first := next(rows, (0, ""))[1], list):
            columns = order_of(first)
            rows = itertools.chain([(1, first)], rows)
        if isinstance(columns, list):
            header = columns
            roles: dict[str, int] | None = {
                role: place for place, role in enumerate(columns) if role != "-"
            }
        else:
            header = next((cells for _, cells in rows if isinstance(cells, list)), [])
            roles = roles_of(header, columns, source)
        if roles is None:
            raise FormatError(
                f"{source.name} has no header with columns that are known ({', '.join(header)}): "
                "name them with --columns."
            )
        check_user(roles, listener, header, source)
        row, width = TableRow(roles, listener), max(roles.values()) + 1
        for number, cells in rows:
            try:
                if not isinstance(cells, list):
                    raise BadValue(cells)
                if len(cells) < width:
                    raise BadValue(f"It has {len(cells)} columns, not {len(header)}.")
                yield row.event(cells)
            except BadValue as error:
                yield BadLine(number, str(error), source.member)


def sniff_delimiter(head: bytes) -> str:
    """Return what stands most often in the first line of tab, comma and semicolon."""
    first = head.partition(b"\n")[0].decode("utf-8", "replace")
    return max("\t,;", key=first.count)


def _csv_rows(
    numbered: Iterator[tuple[int, bytes | None]], delimiter: str
) -> Iterator[tuple[int, list[str] | str]]:
    """Give each row's first line number and its cells, or what is wrong with it.

    A quote that is not closed takes a few more lines, not the whole rest of the file.
    """
    waiting: list[tuple[int, bytes | None]] = []

    def following() -> tuple[int, bytes | None] | None:
        return waiting.pop(0) if waiting else next(numbered, None)

    while (taken := following()) is not None:
        number, line = taken
        text = _decoded(line)
        if line is not None and not line.strip():
            continue
        if text is None:
            yield number, "It is not UTF-8." if line is not None else "The line is too long."
            continue
        if '"' not in text:
            yield number, text.split(delimiter)
            continue
        more: list[tuple[int, bytes | None]] = []
        while (cells := cells_of(text, delimiter)) is None and len(more) < _LINES_OF_A_ROW:
            if (taken := following()) is None:
                break
            more.append(taken)
            if (added := _decoded(taken[1])) is None:
                break
            text += "\n" + added
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


def read_parquet(
    source: Source, listener: str, columns: dict[str, str] | list[str] | None
) -> Iterator[Event | BadLine]:
    """Read a Parquet file in bounded memory; rows count from 1. Raises FormatError."""
    if isinstance(columns, list):
        raise FormatError(f"{source.name} names its columns: use --columns role=COLUMN.")
    try:
        with source.open() as file, pyarrow.parquet.ParquetFile(file) as table:
            header = table.schema_arrow.names
            roles = roles_of(header, columns, source)
            if roles is None:
                raise FormatError(
                    f"{source.name} has no columns that are known ({', '.join(header)}): "
                    "name them with --columns."
                )
            check_user(roles, listener, header, source)
            names = sorted({header[place] for place in roles.values()}, key=header.index)
            row = TableRow(
                {role: names.index(header[place]) for role, place in roles.items()}, listener
            )
            number = 0
            for batch in table.iter_batches(_ROWS_AT_ONCE, columns=names):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    try:
                        yield row.event(cells)
                    except BadValue as error:
                        yield BadLine(number, str(error), source.member)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise FormatError(f"{source.name} is a damaged Parquet file: {reason}.") from error
