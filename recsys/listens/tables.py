"""Tables: CSV and its relatives with any columns, and Parquet.

A row says who played what, and how often or when. What its columns mean, and how its times and
numbers are written, is decided for the whole file before the first row is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from recsys.listens import columns, times
from recsys.listens.choice import FormatChoice
from recsys.listens.delimited import Dialect, dialect_of, rows
from recsys.listens.notes import Notes
from recsys.listens.numbers import AmbiguousNumbers, decimal_mark
from recsys.listens.repeated import added_up
from recsys.listens.sources import BadLine, DamagedFile, FormatError, Source
from recsys.listens.table_rows import Event, NoPlay, TableRow
from recsys.listens.times import AmbiguousTimes
from recsys.listens.values import BadValue

_ROWS_AT_ONCE = 20_000
_SAMPLE = 500  # rows that say what the columns hold
_HEADER_WITHIN = 6  # rows: some exporters put a title above it


@dataclass(frozen=True)
class Table:
    """A table whose columns are known by name.

    rows  gives (number, cells or what is wrong with them) from the first row below the header, anew
          at each call
    """

    source: Source
    header: Sequence[str]
    rows: Callable[[], Iterator[tuple[int, Sequence[object] | str]]]


def csv_table(source: Source, choice: FormatChoice) -> Table | None:
    """Return the table in a text, None where it has no columns that are known."""
    dialect = dialect_of(source)
    if dialect is None:
        return None
    if isinstance(choice.columns, list):
        return Table(source, choice.columns, lambda: rows(source, dialect))
    first = [
        (number, cells)
        for number, cells in itertools.islice(rows(source, dialect), _HEADER_WITHIN)
        if isinstance(cells, list)
    ]
    for number, cells in first:
        roles = columns.named_roles(cells)
        is_header = columns.names_tracks(roles) or choice.columns
        if is_header and not any(times.looks_like_time(cell) for cell in cells):
            exact = Dialect(dialect.delimiter, len(cells), dialect.skipped)
            return Table(source, cells, partial(_below, source, exact, number))
    if first and (order := columns.usual_order(first[0][1])):
        return Table(source, order, lambda: rows(source, dialect))
    return None


def _below(source: Source, dialect: Dialect, header: int) -> Iterator[tuple[int, list[str] | str]]:
    """Give the rows below the header, whose line number is given."""
    below = rows(source, dialect)
    for number, _ in below:
        if number >= header:
            break
    return below


def first_row(source: Source) -> Sequence[str]:
    """Return the cells of the first row, none of a text that is no table."""
    dialect = dialect_of(source)
    first = next(rows(source, dialect), (0, "")) if dialect else (0, "")
    return first[1] if isinstance(first[1], list) else []


def has_no_header(source: Source) -> str | None:
    """Return the --columns that would fit a table of plays without a header, None for no such."""
    cells = first_row(source)
    if len(cells) < 2:
        return None
    found = [times.looks_like_time(cell) for cell in cells]
    if not any(found):
        return None
    rest = iter(["artist", "title", "album"])
    return ",".join("time" if is_time else next(rest, "-") for is_time in found)


def read_csv(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read rows of text. Raises FormatError."""
    table = csv_table(source, choice)
    if table is None:
        raise FormatError(
            f"{source.name} has no header with columns that are known: name them with --columns."
        )
    yield from read_table(table, choice, notes)


def read_table(table: Table, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read the rows of a table. Raises FormatError."""
    row = plan(table, choice, notes)
    events = _events(table, row, notes)
    yield from added_up(events) if row.is_counted else events


def _events(table: Table, row: TableRow, notes: Notes) -> Iterator[Event | BadLine]:
    width = row.width
    for number, cells in table.rows():
        try:
            if isinstance(cells, str):
                raise BadValue(cells)
            if len(cells) < width:
                raise BadValue(f"It has {len(cells)} columns, not {len(table.header)}.")
            yield row.event(cells)
        except NoPlay as no_play:
            notes.leave_out(str(no_play))
        except BadValue as error:
            yield BadLine(number, str(error), table.source.member)


def plan(table: Table, choice: FormatChoice, notes: Notes) -> TableRow:
    """Decide what a table's columns hold and how its values are written. Raises FormatError."""
    source, header = table.source, table.header
    sample = [
        cells for _, cells in itertools.islice(table.rows(), _SAMPLE) if not isinstance(cells, str)
    ]
    roles = _roles(table, choice, sample)
    if not columns.names_tracks(roles):
        raise FormatError(
            f"{source.name} has no columns that name tracks among {', '.join(header)}: say which "
            "do with --columns artist=COLUMN,title=COLUMN."
        )
    loved = "loved" in source.file_name.casefold() and "count" not in roles
    if "time" not in roles and "count" not in roles and "kind" not in roles and not loved:
        if not choice.columns:
            _refuse_unknown_counts(table, sample, roles)
        notes.say("There is no column of times or counts: each row counts as one play.")
    if loved:
        notes.say("Loved tracks are likes, and no plays.")
    if names := columns.unused(header, sample, roles.values()):
        notes.say(f"Columns not used: {', '.join(names)}.")
    if "time" in roles and columns.plain_name(header[roles["time"]]) not in columns.COLUMNS["time"]:
        notes.say(f"Times are read from the column {header[roles['time']]!r}.")
    listener = choice.listener
    if "time" in roles and not listener:
        listener = header[roles["time"]].partition("#")[2].strip()  # "Date#ann" of lastfmstats
    if "user" not in roles and not listener:
        raise FormatError(
            f"{source.name} has no column of listeners among {', '.join(header)}: "
            "name one with --columns user=COLUMN, or the listener with --listener."
        )
    try:
        written = _time_format(table, roles, choice, sample)
        decimal = choice.decimal or _decimal(table, roles, sample)
    except (AmbiguousTimes, AmbiguousNumbers) as error:
        raise FormatError(f"{source.name} is ambiguous: {error}") from error
    if written.day_numbers:
        notes.say("Its times are day numbers of a spreadsheet, counted from 1900 and in UTC.")
    return TableRow(roles, listener, written, decimal, loved=loved)


def _roles(
    table: Table, choice: FormatChoice, sample: Sequence[Sequence[object]]
) -> dict[str, int]:
    """Return the place of each role's column."""
    if isinstance(choice.columns, list) or list(table.header) == columns.usual_order(
        [str(cell) for cell in sample[0]] if sample else []
    ):
        return {role: place for place, role in enumerate(table.header) if role != "-"}
    chosen = choice.columns or {}
    roles = columns.named_roles(table.header)
    named_time = roles.pop("time", None)
    roles = columns.chosen_roles(table.header, chosen, roles, table.source)
    if "time" not in roles:
        place = columns.time_column(table.header, sample, roles.values(), table.source)
        if place is not None:
            roles = {role: n for role, n in roles.items() if n != place}
            roles["time"] = place
        elif named_time is not None and sample and "count" not in roles:
            _refuse_times(table, sample, named_time)
    if "time" in roles and "clock" not in roles:
        clock = columns.clock_column(table.header, sample, roles["time"])
        if clock is not None:
            roles["clock"] = clock
    return roles


def _refuse_times(table: Table, sample: Sequence[Sequence[object]], place: int) -> None:
    """Raise FormatError for a column that is called after times and holds other things."""
    cells = (str(row[place]) for row in sample if len(row) > place)
    example = next((cell for cell in cells if cell.strip()), None)
    if example is not None:
        raise FormatError(
            f"{table.source.name}: the column {table.header[place]!r} holds no times that can be "
            f"read, such as {example[:40]!r}. Name another with --columns time=COLUMN, or the "
            "column of counts with --columns count=COLUMN."
        )


def _refuse_unknown_counts(
    table: Table, sample: Sequence[Sequence[object]], roles: dict[str, int]
) -> None:
    """Raise FormatError where a column may hold counts of plays, and nobody says so."""
    names = columns.unknown_numbers(table.header, sample, roles.values())
    if names:
        raise FormatError(
            f"{table.source.name} has no column of times or counts that is known, and "
            f"{' and '.join(repr(name) for name in names)} may be one: say so with "
            f"--columns count={names[0]}, or that each row is one play with "
            f"--columns {_each_row(table, roles)}."
        )


def _each_row(table: Table, roles: dict[str, int]) -> str:
    """Return the --columns that name the roles, and no counts."""
    return ",".join(f"{role}={table.header[place]}" for role, place in roles.items())


def _cells(table: Table, place: int) -> Iterator[str]:
    """Give the texts of a column."""
    for _, cells in table.rows():
        if not isinstance(cells, str) and len(cells) > place and isinstance(cells[place], str):
            yield str(cells[place]).strip()


def _time_format(
    table: Table,
    roles: dict[str, int],
    choice: FormatChoice,
    sample: Sequence[Sequence[object]],
) -> times.TimeFormat:
    """Return how the times are written: from all rows where the first ones leave it open."""
    if "time" not in roles:
        return times.TimeFormat(choice.dates)
    place = roles["time"]
    first = [str(row[place]) for row in sample if len(row) > place]
    is_settled = all(
        len(times.possible_orders(text)) == 0 and not _may_be_days(text) for text in first
    )
    return times.format_of(first if is_settled else _cells(table, place), choice.dates)


def _may_be_days(text: str) -> bool:
    return times.is_number(text) and float(text.replace(",", ".")) < 100_000


def _decimal(table: Table, roles: dict[str, int], sample: Sequence[Sequence[object]]) -> str:
    """Return the decimal mark, from all rows where some of the first have one."""

    def texts(role: str, rows_: Iterable[Sequence[object]] | None) -> Iterator[str]:
        if role not in roles:
            return iter(())
        if rows_ is None:
            return _cells(table, roles[role])
        return (str(r[roles[role]]) for r in rows_ if len(r) > roles[role])

    marked = any(
        "," in text or "." in text
        for role in ("count", "duration", "duration_ms")
        for text in texts(role, sample)
    )
    rows_ = None if marked else sample
    lengths = [("duration", 1.0), ("duration_ms", 1e-3)]
    return decimal_mark(
        texts("count", rows_), ((t, unit) for role, unit in lengths for t in texts(role, rows_))
    )


def read_parquet(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read a Parquet file in bounded memory; rows count from 1. Raises FormatError."""
    if isinstance(choice.columns, list):
        raise FormatError(f"{source.name} names its columns: use --columns role=COLUMN.")
    try:
        with source.open() as file, pyarrow.parquet.ParquetFile(file) as parquet:
            header = parquet.schema_arrow.names

        def parquet_rows() -> Iterator[tuple[int, Sequence[object]]]:
            number = 0
            with source.open() as file, pyarrow.parquet.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(_ROWS_AT_ONCE):
                    values = (column.to_pylist() for column in batch.columns)
                    for cells in zip(*values, strict=True):
                        number += 1
                        yield number, cells

        yield from read_table(Table(source, header, parquet_rows), choice, notes)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DamagedFile(f"{source.name} is a damaged Parquet file: {reason}.") from error
