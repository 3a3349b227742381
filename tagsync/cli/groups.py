"""Command-line options in groups with headings, and commands with examples."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tagsync.environment import setting
from tagsync.errors import AuthorisationError, TagsyncError
from tagsync.escape import quoted

_LONGEST = 200
"""Characters of a command's summary, which are more than any has."""

_TELLING = 3
"""Characters of a value that identify it in a message."""

_NEEDLESS = re.compile(r"(?<=\[)env var: |(?<=default: )\((.*)\)(?=[];])")

_RANGE = re.compile(r"(?:(\d+)<=)?x(>=|>|<=)(\d+)(?=\]$)")
"""A range of numbers at the end of an option's help, as click writes it."""

GROUPS = ("Library", "Output", "Selection", "Safety", "Limits")
"""The headings of options in help, in this order, but for that of a command's main option, which comes first."""


class Option(click.Option):
    """An option that belongs to a group; white space around the value of its environment variable is stripped.

    Args:
        declarations: the option's names.
        group: the heading under which help shows it.
        settings: everything that `click.Option` takes.
    """

    def __init__(self, declarations: Sequence[str], *, group: str = "", **settings: Any) -> None:
        super().__init__(declarations, show_envvar=True, **settings)
        self.group = group

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's signature
        """Return the value of the first variable that is set."""
        found = setting(*self.envvar or ())
        return found.value if found else None

    def variable(self, ctx: click.Context | None) -> str | None:
        """Return the environment variable that sets the value; None if something else sets it."""
        is_set = ctx and ctx.get_parameter_source(self.name or "") is ParameterSource.ENVIRONMENT
        found = setting(*self.envvar or ()) if is_set else None
        return found.variable if found else None

    def blamed(self, ctx: click.Context, message: str) -> str | None:
        """Return the environment variable that sets the value, if an error mentions the option or the value."""
        variable = self.variable(ctx)
        if variable is None or self.is_flag or variable in message:
            return None
        # A value may be several, such as "json=a.json text=b.txt". A short one may be in any message by chance.
        parts = [part for part in re.split(r"[\s=]+", os.environ[variable]) if len(part) >= _TELLING]
        return variable if any(part in message for part in (*parts, *self.opts)) else None

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return what help shows: the names, then the text with variables and default in brackets."""
        record = super().get_help_record(ctx)
        # Click writes [env var: TAGSYNC_LINK; default: (the CI run)].
        return record and (record[0], _RANGE.sub(_range_words, _NEEDLESS.sub(lambda match: match[1] or "", record[1])))

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the name of the option in errors: its environment variable if that sets the value."""
        return self.variable(ctx) or super(click.Option, self).get_error_hint(ctx)


class Command(click.Command):
    """A command whose help shows options in groups, then examples.

    Args:
        settings: everything that `click.Command` takes.
        examples: command lines to copy.
    """

    def __init__(self, *settings: Any, examples: Sequence[str] = (), **more: Any) -> None:
        super().__init__(*settings, **more)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group of options under its heading."""
        for title, options in grouped(self.get_params(ctx)).items():
            with formatter.section(title):
                formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; `help` alone would be the name of a file that hardly ever exists."""
        if args == ["help"] and not Path("help").exists():
            raise click.UsageError(f"for help, run: {ctx.command_path} --help", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; name the environment variable whose value an error mentions."""
        try:
            return super().invoke(ctx)
        except TagsyncError as error:
            for option in self.params:
                if isinstance(option, Option) and (variable := option.blamed(ctx, str(error))):
                    value = quoted(os.environ[variable])
                    if isinstance(error, AuthorisationError):
                        error.add_note(f"If that key is right, check {variable}: it is set to {value}")
                    else:
                        error.add_note(f"{variable} is set to {value}: change it or unset it")
            raise


class Group(click.Group):
    """A group that lists its commands in order of definition, with examples."""

    command_class = Command
    group_class = type

    def __init__(self, *settings: Any, examples: Sequence[str] = (), **more: Any) -> None:
        super().__init__(*settings, **more)
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands, in the order in which people use them."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its summary, which click would cut in a narrow terminal."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, each.get_short_help_str(_LONGEST)) for name, each in commands if each and not each.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, formatter)


def _range_words(found: re.Match[str]) -> str:
    least, sign, figure = found.groups()
    if least:
        return f"{least} to {figure}"
    return f"{'at least' if sign == '>=' else 'more than' if sign == '>' else 'at most'} {figure}"


def grouped(parameters: Sequence[click.Parameter]) -> Mapping[str, list[click.Option]]:
    """Return options by the heading under which help shows them.

    The group of the first option comes first: commands declare their main option first. Options of no group come last.
    """
    options = [each for each in parameters if isinstance(each, click.Option) and not each.hidden]
    main = [option.group for option in options[:1] if isinstance(option, Option)]
    groups: dict[str, list[click.Option]] = {title: [] for title in (*main, *GROUPS, "Other options")}
    for option in options:
        groups[getattr(option, "group", "") or "Other options"].append(option)
    return {title: found for title, found in groups.items() if found}


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    # Not wrapped: a terminal's reader copies a whole line.
    if examples:
        with formatter.section("Examples"):
            formatter.write("".join(f"{'':>{formatter.current_indent}}{line}\n" for line in examples))
