"""Read the rows of a CSV file as rules, with the line and column of each cell."""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from tagsync.escape import quoted
from tagsync.manifest.csv_header import LISTS, SELECTORS, delimiter_of, header_errors
from tagsync.manifest.document_check import DocumentCheck
from tagsync.manifest.encoding import NOT_UTF8, not_utf8_at, place_of_byte
from tagsync.manifest.entries import are_plain_tags
from tagsync.manifest.entry_rows import read_row
from tagsync.manifest.entry_store import FILE_ID, PATH, EntryRow, encode_declaration
from tagsync.manifest.error_list import MAX_ERRORS, ErrorList
from tagsync.manifest.files import Located
from tagsync.manifest.yaml import GivenUpError, Map, Seq
from tagsync.model import Declaration, Diagnostic, Texts, counted, packed, unpacked
from tagsync.model.cells import is_escaped_cell

_MAX_ROW = 1 << 20
"""The most characters in a row, which bounds memory."""

_NUL = "this is a NUL character: save the file as CSV in UTF-8"
_AT_ONCE = 1_000
_REMEMBERED = 10_000
"""The most ways to write what follows a path that are remembered."""

# What spreadsheets make of codes like 12E5, and of formulas that fail.
_DAMAGED = re.compile(r"[0-9]+(?:[.,][0-9]+)?E[+-][0-9]+|#(?:N/A|NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!)")

_Cell = tuple[str, int]
"""A cell as it is written, without its quotes, and the offset in its row."""


class CsvReader:
    """Read the rows of one file.

    Args:
        located: the file, for its names.
        data: its bytes.
        separator: what separates the values in a cell.
        check: the check of the document that names the file.
    """

    def __init__(self, located: Located, data: bytes, *, separator: str, check: DocumentCheck) -> None:
        self.errors = ErrorList()
        self.warnings: list[Diagnostic] = []
        self._located = located
        self._data = data
        self._separator = separator
        self._check = check.for_rows(located.name, self._report)
        self._header: list[str] = []
        self._tags_at: int | None = None
        """The position of the column of tags."""
        self._lines: list[str] = []
        """The lines of the row that is being read."""
        self._starts: list[int] = []
        """The offsets in the row at which its lines start."""
        self._line = 0
        """The number of the row's first line."""
        self._known: dict[tuple[str, int, str], bytes] = {}
        """Encoded declarations by the text before the selector, its length, and the text after it."""

    def batches(self) -> Iterator[list[EntryRow]]:
        """Yield the valid rows; afterwards, `errors` and `warnings` are complete."""
        place, message = not_utf8_at(self._data), NOT_UTF8
        if place is None and (at := self._data.find(b"\0")) >= 0:
            place, message = (
                place_of_byte(self._data, at),
                _NUL,
            )
        try:
            if place is not None:
                self._report(place, "encoding", message)
                return
            yield from self._batches()
        except GivenUpError:
            return  # why was reported; the rest of the file is not read
        finally:
            # The check refers to this reader, so both stay until the next garbage collection, which may come late.
            self._data = b""
            self._known.clear()

    def _batches(self) -> Iterator[list[EntryRow]]:
        text = io.TextIOWrapper(io.BytesIO(self._data), encoding="utf-8-sig", newline="")
        self._delimiter = delimiter = delimiter_of(text.readline(_MAX_ROW))
        text.seek(0)
        self._cell = re.compile(rf'"[^"]*(?:""[^"]*)*"|[^"{delimiter}\r\n][^{delimiter}\r\n]*|')
        records = self._records(text, delimiter)
        header = next(records, None)
        if header is None:
            self._report(0, "empty", "this file is empty: add a header such as path,tags")
            return
        at = self._read_header(header)
        cell = self._cell.pattern
        selected = re.compile(rf"((?:(?:{cell}){delimiter}){{{at}}})({cell})(.*)", re.DOTALL)
        rows: list[EntryRow] = []
        for cells in records:
            row = self._row(cells, at, selected)
            if row:
                rows.append(row)
            if len(rows) == _AT_ONCE:
                yield rows
                rows = []
        yield rows

    def _records(self, text: io.TextIOWrapper, delimiter: str) -> Iterator[list[str]]:
        """Yield the cells of each row that has some, while `_lines` are its lines."""
        lines = self._lines
        reader = csv.reader(self._read_lines(text), delimiter=delimiter, strict=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                self._report_syntax(error)
                raise GivenUpError from None
            if cells is None:
                return
            # Spreadsheets write rows without any value after the last one.
            if any(cells):
                yield cells
            self._line += len(lines)
            lines.clear()
            self._starts.clear()

    def _read_lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        size = 0
        lines = self._lines
        while line := text.readline(_MAX_ROW + 1):
            size = size + len(line) if lines else len(line)
            if size > _MAX_ROW:
                message = f"this row has more than {_MAX_ROW:,} characters: split it, or close the open quotation mark"
                self._report(packed(self._line, 0), "csv", message)
                raise GivenUpError
            lines.append(line)
            yield line

    def _report_syntax(self, error: csv.Error) -> None:
        """Report the cell that the parser refused: the one that does not end in a delimiter, or is too long."""
        raw, at = "".join(self._lines), 0
        end = self._end(raw, at)
        while raw[end : end + 1] == self._delimiter and end - at < csv.field_size_limit():
            at = end + 1
            end = self._end(raw, at)
        if end == at:
            message = 'this quotation mark is not closed: close it, and write "" for a quotation mark inside'
        elif "limit" in str(error):
            message = f"this cell has more than {csv.field_size_limit():,} characters: shorten it"
        else:
            message = 'text follows the closing quotation mark: write "" for a quotation mark inside'
        self._report(self._place(at), "csv", f"{message} (the rest of this file was not read)")

    def _end(self, raw: str, at: int) -> int:
        """Return where the cell that starts at an offset ends; the same offset if its quote is not closed."""
        found = self._cell.match(raw, at)
        return found.end() if found else at

    def _read_header(self, names: Sequence[str]) -> int:
        """Check the header, and return the position of the column that selects files."""
        self._header = list(names)
        places = [self._place(at) for _, at in self._written(len(names))]
        for position, message in header_errors(names):
            self._report(packed(self._line, 0) if position is None else places[position], "csv-header", message)
        if self.errors.count:
            raise GivenUpError
        self._tags_at = names.index("tags") if "tags" in names else None
        return next(position for position, name in enumerate(names) if name in SELECTORS)

    def _row(self, cells: Sequence[str], at: int, selected: re.Pattern[str]) -> EntryRow | None:
        """Return the row of a rule; None if it has errors."""
        name, key = self._header[at], None
        is_cacheable = name != "match" and at < len(cells) and len(self._lines) == 1
        if is_cacheable and (found := selected.match(self._lines[0])):
            value, (before, written, after) = cells[at], found.groups()
            key = before, len(written), after
            data = self._known.get(key)
            # A row that is written like an earlier one has no other errors than that one.
            if data and _is_plain_selector(name, value):
                self._warn_if_damaged(value, found.start(2))
                return (PATH if name == "path" else FILE_ID), value, self._line, data
        count = self.errors.count
        row = (self._plain_row(cells, at) if key else None) or self._checked_row(cells, at)
        if self.errors.count > count or row is None:
            return None
        if key:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = row[3]
        return row

    def _plain_row(self, cells: Sequence[str], at: int) -> EntryRow | None:
        """Return the row of a rule with nothing but tags in plain text; None for any other, which takes much longer."""
        line, tags_at, value = self._lines[0], self._tags_at, cells[at]
        if tags_at is None or '"' in line or len(cells) != len(self._header) or len(cells) - cells.count("") != 2:  # noqa: PLR2004 - selector and tags
            return None
        name, cell = self._header[at], cells[tags_at]
        tags = tuple(cell.split(self._separator))
        if not _is_plain_selector(name, value) or "{" in cell or is_escaped_cell(cell) or not are_plain_tags(tags):
            return None
        column, place = (sum(map(len, cells[:position])) + position for position in (at, tags_at))
        self._warn_if_damaged(value, column)
        places = []
        for tag in tags:
            self._warn_if_damaged(tag, place)
            places.append(place)
            place += len(tag) + 1
        declaration = Declaration(column, Texts(tags, tuple(places)))
        data = encode_declaration(declaration)
        row = PATH if name == "path" else FILE_ID, value, self._line, data
        if not self._check.is_plain(declaration):
            self._check([row])
        return row

    def _checked_row(self, cells: Sequence[str], at: int) -> EntryRow | None:
        """Read and check a row as if it were a rule in YAML."""
        if len(cells) != len(self._header):
            surplus = self._written(min(len(cells), len(self._header) + 1))[-1]
            place = surplus[1] if len(cells) > len(self._header) else 0
            fix = "add the missing cells"
            if len(cells) > len(self._header):
                delimiter = "a tab" if self._delimiter == "\t" else self._delimiter
                fix = f"remove cells, or put a cell that contains {delimiter} in quotation marks"
            message = f"this row has {counted(len(cells), 'cell')}, and the header has {len(self._header)}: {fix}"
            self._report(self._place(place), "csv", message)
            return None
        tree, start = Map(), packed(self._line, 0)
        if not cells[at]:
            message = f"this row has no {self._header[at]}: fill in the cell, or delete the row"
            self._report(start, "selector", message)
            return None
        for name, value, (written, offset) in zip(self._header, cells, self._written(len(cells)), strict=True):
            if value:
                tree[name] = self._value(name, value, written, offset)
                tree.key_places[name] = tree.places[name] = self._place(offset)
        place = tree.places.get(self._header[at], start)
        # Places count from the first line of the rule, so it cannot start after one of its cells.
        row = read_row(tree, place if place >> 32 == self._line else start, {}, self._report)
        if row:
            self._check([row])
        return row

    def _value(self, name: str, value: str, written: str, offset: int) -> str | Seq:
        if is_escaped_cell(value):
            value, written, offset = value[1:], written[1:], offset + 1
        if name not in LISTS:
            self._warn_if_damaged(value, offset)
            return value
        values = Seq()
        # Quotes in a quoted cell are doubled, so that later places are found in the cell as it is written.
        for item, source in zip(value.split(self._separator), written.split(self._separator), strict=True):
            at = offset + len(source) - len(source.lstrip(" "))
            item = item.strip(" ")  # noqa: PLW2901 - the trimmed text is what counts
            if item:
                self._warn_if_damaged(item, at)
                values.append(item)
                values.places.append(self._place(at))
            else:
                message = f"a value is empty in this list: remove the {self._separator} before or after it"
                self._report(self._place(at), "empty", message)
            offset += len(source) + 1
        return values

    def _written(self, count: int) -> list[_Cell]:
        """Return the first cells of the current row as they are written."""
        raw, at = "".join(self._lines), 0
        cells = list[_Cell]()
        for _ in range(count):
            found = self._cell.match(raw, at)
            assert found  # noqa: S101 - the expression matches any text
            is_quoted = found[0].startswith('"')
            cells.append((found[0][1:-1], at + 1) if is_quoted else (found[0], at))
            at = found.end() + 1
        return cells

    def _place(self, offset: int) -> int:
        """Return the packed place of an offset in the current row."""
        # A cell may have very many lines and values, so no value may go through all lines.
        if len(self._starts) != len(self._lines):
            self._starts = [0, *accumulate(map(len, self._lines[:-1]))]
        index = bisect_right(self._starts, offset) - 1
        return packed(self._line + index, offset - self._starts[index])

    def _warn_if_damaged(self, text: str, offset: int) -> None:
        if not self.warnings and ("E" in text or "#" in text) and _DAMAGED.fullmatch(text):
            message = f"a spreadsheet may have changed {quoted(text)}: check it and others like it in this file"
            origin = unpacked(self._located.name, self._place(offset))
            self.warnings.append(Diagnostic("warning", "csv-value", message, origin))

    def _report(self, place: int, code: str, message: str) -> None:
        self.errors.add(unpacked(self._located.shown_as, place), code, message)
        if self.errors.count == MAX_ERRORS:
            message = f"{MAX_ERRORS:,} errors: the rest of this file was not read"
            self.errors.add(unpacked(self._located.shown_as, place), "too-many", message)
            raise GivenUpError


def _is_plain_selector(name: str, value: str) -> bool:
    """Return whether a path or file ID is certainly valid, without a warning."""
    return value[:1] == "/" and "*" not in value if name == "path" else value[:1].isalnum()
