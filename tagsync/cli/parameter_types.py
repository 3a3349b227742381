"""What the values of options mean; each raises click.BadParameter for one that means nothing."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click

from tagsync.model import GuardId, Part
from tagsync.planning.filter import select_fault
from tagsync.planning.guards import Ack
from tagsync.reporting import FORMATS, Format
from tagsync.reporting.markdown import safe_address

_DIGEST = re.compile("sha256:[0-9a-f]{64}")


def reports(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[tuple[Format, Path]]:
    """Return formats and files."""
    reports = []
    for value in values:
        name, _, path = value.partition("=")
        kind = next((known for known in FORMATS if known == name), None)
        if kind is None or not path:
            raise click.BadParameter(f"{value!r} is not FORMAT=FILE; formats are {', '.join(FORMATS)}.")
        reports.append((kind, Path(path)))
    return reports


def link(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the address of a web page."""
    if value and safe_address(value) is None:
        raise click.BadParameter(f"{value!r} is no address of a web page: write one like https://ci.example/run/1.")
    return value


def endpoint(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the base of an API's addresses."""
    if value == "":
        raise click.BadParameter("it is empty: give a URL, or leave it out for ImageKit's own.")
    return value


class _Lines(click.types.StringParamType):
    """Text, of which an environment variable may hold several, one a line: a path may have spaces."""

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the lines without white space around them."""
        return [text for line in rv.splitlines() if (text := line.strip())]


LINES = _Lines()


def select(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return globs that can match a path."""
    for value in values:
        if fault := select_fault(value):
            raise click.BadParameter(f"{fault}.")
    return values


def shard(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Part | None:
    """Return a shard."""
    if value is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", value)
    index, of = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= of:
        raise click.BadParameter(f"{value!r} is no shard: write I/N, from 1/N to N/N.")
    return Part(index, of)


def duration(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """Return seconds."""
    if value is None:
        return None
    match = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8}(?:\.\d{1,3})?)s?)?", value, re.ASCII)
    if not match or not any(match.groups()):
        raise click.BadParameter(f"{value!r} is no duration: write seconds, or 90s, 15m, 1h30m.")
    hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def acks(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[Ack]:
    """Return guards and the plans that they are to let pass."""
    acks = []
    for value in values:
        guard, _, digest = value.partition("@")
        if guard not in tuple(GuardId) or not _DIGEST.fullmatch(digest):
            raise click.BadParameter(
                f"{value!r} is not GUARD@DIGEST, as the plan prints it; guards are {', '.join(GuardId)}."
            )
        acks.append(Ack(GuardId(guard), digest))
    return acks


def digest(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return a plan's digest."""
    if value is not None and not _DIGEST.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no digest: write sha256: and 64 hex digits, as the plan prints it.")
    return value


def day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    """Return a day."""
    try:
        return None if value is None else datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - a day alone
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no day: write one like 2026-12-31.") from error
