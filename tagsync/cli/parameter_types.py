"""Parse the values of options; each function raises click.BadParameter for a value that it cannot parse."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from tagsync.escape import quoted
from tagsync.model import GuardId, Part
from tagsync.planning.filter import folder_fault, select_fault
from tagsync.planning.guards import Ack
from tagsync.reporting import Format, InventoryFormat
from tagsync.reporting.markdown import safe_address

_DIGEST = re.compile("(?:sha256:)?([0-9a-f]{12,64})")
SUFFIXES: dict[str, Format] = {
    ".html": "html",
    ".json": "json",
    ".md": "markdown",
    ".prom": "prometheus",
    ".txt": "text",
    ".xml": "junit",
}
INVENTORY_SUFFIXES: dict[str, InventoryFormat] = {".csv": "csv", ".html": "html", ".json": "json", ".txt": "text"}

F = TypeVar("F", Format, InventoryFormat)


POSITIVE = click.FloatRange(0, min_open=True)
POSITIVE.name = "number"


def integer(least: int, most: int | None = None) -> click.IntRange:
    """Return the type of a whole number in a range; click calls it an "integer range" in errors."""
    found = click.IntRange(least, most)
    found.name = "integer"
    return found


class FormatChoice(click.Choice):  # type: ignore[type-arg]  # the oldest supported click has none
    """The name of a format; the suffix of its files, such as md, is an error that names the format."""

    def __init__(self, formats: Sequence[str], suffixes: Mapping[str, str]) -> None:
        super().__init__(formats)
        self._suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name of a format."""
        meant = self._suffixes.get(f".{value}")
        if value not in self.choices and meant:
            self.fail(f"{value!r} is not a format: use {meant}.", param, ctx)
        return super().convert(value, param, ctx)


def reports(
    formats: Sequence[F], suffixes: Mapping[str, F]
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], list[tuple[F, Path]]]:
    """Return a function that returns the format and path of each output file."""
    return lambda _context, _parameter, values: [_report(value, formats, suffixes) for value in values]


def _report(value: str, formats: Sequence[F], suffixes: Mapping[str, F]) -> tuple[F, Path]:
    name, equals, path = value.partition("=")
    if not equals:
        kind = suffixes.get(Path(value).suffix.lower())
        if kind is None:
            raise click.BadParameter(
                f"{value!r} has none of the suffixes {', '.join(suffixes)}: add one, or write FORMAT=FILE."
            )
        return kind, Path(value)
    named = next((known for known in formats if known == name), None)
    if named is None or not path:
        raise click.BadParameter(f"{value!r} is not FORMAT=FILE; formats are {', '.join(formats)}.")
    return named, Path(path)


def link(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the address of a web page."""
    if value and safe_address(value) is None:
        raise click.BadParameter(f"{value!r} is not a web address: write one like https://ci.example/run/1.")
    return value


def endpoint(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the base URL of an API."""
    if value == "":
        raise click.BadParameter("the URL is empty: give one, or omit it to use ImageKit.")
    return value


def state_dir(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    """Return the state directory; by default, it is next to `tagsync.yaml`, so that all folders below share it."""
    if value is not None:
        return value
    from tagsync.manifest.config import find_config  # noqa: PLC0415 - start-up

    place = find_config()
    folder = place.file.parent if place else Path()
    return Path(os.path.relpath(folder / ".tagsync"))


class _Lines(click.types.StringParamType):
    """Text; an environment variable has one value a line, because paths may have spaces."""

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the stripped lines."""
        return [text for line in rv.splitlines() if (text := line.strip())]


LINES = _Lines()


def select(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return globs, each of which can match a path."""
    for value in values:
        if fault := select_fault(value):
            raise click.BadParameter(f"{fault}.")
    return values


def glob(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return a glob that can match a path."""
    if value is not None and (fault := select_fault(value)):
        raise click.BadParameter(f"{fault}.")
    return value


def folder(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return the path of a folder."""
    if fault := folder_fault(value):
        raise click.BadParameter(f"{fault}.")
    return value


def file_path(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the path of a file in the library."""
    if value is not None and not value.startswith("/"):
        raise click.BadParameter(f"{quoted(value, 200)} is not the path of a file: paths start with /, as in /a/b.jpg.")
    return value


def shard(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Part | None:
    """Return a shard."""
    if value is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", value)
    index, of = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= of:
        raise click.BadParameter(f"{value!r} is not a shard: write I/N, from 1/N to N/N.")
    return Part(index, of)


def duration(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """Return seconds."""
    if value is None:
        return None
    match = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8}(?:\.\d{1,3})?)s?)?", value, re.ASCII)
    if not match or not any(match.groups()):
        raise click.BadParameter(f"{value!r} is not a duration: write seconds, or 90s, 15m, 1h30m.")
    hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def acks(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[Ack]:
    """Return guards to pass, each with the digest of a plan or its start."""
    acks = []
    for value in values:
        guard, _, digest = value.partition("@")
        if guard not in tuple(GuardId) or not digest:
            raise click.BadParameter(f"{value!r} is not GUARD@DIGEST; guards are {', '.join(GuardId)}.")
        acks.append(Ack(GuardId(guard), _digest(digest)))
    return acks


def digest(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the digest of a plan or its start."""
    return None if value is None else _digest(value)


def _digest(text: str) -> str:
    match = _DIGEST.fullmatch(text)
    if not match:
        raise click.BadParameter(f"{text!r} is not a digest: copy at least 12 hex digits of it from the plan.")
    return f"sha256:{match[1]}"


def day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    """Return a date."""
    try:
        return None if value is None else datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - only a date
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a date: write one like 2026-12-31.") from error


def complete_paths(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete a path."""
    return [CompletionItem(incomplete, type="file")]
