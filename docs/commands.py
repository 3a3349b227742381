"""Write docs/reference/commands.md from the command line itself.

python docs/commands.py           # write the page
python docs/commands.py --check   # exit with 1 if the page is not what would be written
"""

import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tagsync.cli.commands import cli
from tagsync.cli.groups import Command, Group, grouped

PAGE = Path(__file__).parent / "reference" / "commands.md"

HEAD = """\
# Commands

<!-- Written by docs/commands.py from the command line itself: edit the help texts there, then run it. -->

`tagsync COMMAND --help` prints the same text. Options override environment variables, which override `tagsync.yaml`,
which overrides the defaults. To turn on a switch in the environment, set its variable to `1` or `true`. If an option
is repeatable, separate the values of its variable with spaces; in `TAGSYNC_SELECT`, put each on its own line. For
details of the exit codes, see [Exit codes](exit-codes.md).
"""

SHARED = """\
## Shared options

These options belong to several commands. The section of each command lists which ones it has.
"""

ALWAYS = {0: "success", 1: "error, nothing was written to the library", 64: "usage error"}
INTERRUPTED = {130: "Ctrl-C", 143: "SIGTERM"}
EXIT_CODES: dict[str, dict[int, str]] = {
    "plan": {
        **ALWAYS,
        0: "success, with or without changes",
        2: "`--detailed-exitcode`: changes are pending",
        4: "a guard blocks the plan, but output files are written; or `--changed-since` cannot filter it",
        **INTERRUPTED,
    },
    "apply": {
        **ALWAYS,
        0: "every change is verified, or there was none",
        3: "incomplete: run the command again to finish",
        4: "refused, nothing was changed: a guard blocks the plan, a saved plan no longer fits, or you answered n",
        **INTERRUPTED,
    },
    "undo": {
        **ALWAYS,
        3: "the plan leaves something out, and lists it",
        4: "the report is damaged or of another library",
        **INTERRUPTED,
    },
    "doctor": {
        **ALWAYS,
        0: "everything that could be observed is as expected",
        1: "the account could not be examined, for example because of a wrong key",
        3: "something is different",
        **INTERRUPTED,
    },
    "export": {**ALWAYS, **INTERRUPTED},
    "tags": {**ALWAYS, **INTERRUPTED},
    "ls": {**ALWAYS, 0: "success, also if no file meets the conditions", **INTERRUPTED},
    "show": {**ALWAYS, 4: "a file is damaged"},
    "diff": {**ALWAYS, 4: "a plan is damaged"},
    "validate": {**ALWAYS, 0: "the manifests are valid", 1: "the manifests have errors"},
    "sandbox serve": {**ALWAYS, **INTERRUPTED},
}
"""Exit codes by command; all other commands have those of `ALWAYS`."""

_PARAGRAPHS = re.compile(r"\n\s*\n")
_CODE = re.compile(r"(`[^`]*`)")


def main(arguments: list[str]) -> int:
    """Write the page, or check that it is current."""
    text = "\n".join(_page()).rstrip("\n") + "\n"
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{PAGE} is not current: run python docs/commands.py\n")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


def _page() -> Iterator[str]:
    commands = dict(_commands(cli, "tagsync"))
    counts = Counter(_item(option) for command in commands.values() for option in _options(command))
    shared = [item for item, times in counts.items() if times > 1]
    yield HEAD
    for name, command in commands.items():
        yield from _section(name, command, shared)
    yield SHARED
    options = {_item(option): option for command in commands.values() for option in _options(command)}
    for title, found in grouped([options[item] for item in sorted(shared)]).items():
        yield f"### {title}\n"
        yield "\n".join(map(_item, found)) + "\n"


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, in the order of their definition, hidden ones left out."""
    yield name, command
    if isinstance(command, click.Group):
        for inner, found in command.commands.items():
            if not found.hidden:
                yield from _commands(found, f"{name} {inner}")


def _section(name: str, command: click.Command, shared: list[str]) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"```\n{' '.join([name, *_usage(command)])}\n```\n"
    yield from _help(command.help or "")
    if isinstance(command, Command | Group) and command.examples:
        yield "```sh\n" + "\n".join(command.examples) + "\n```\n"
    for title, options in grouped(_options(command)).items():
        yield f"**{title}**\n"
        own = [_item(option) for option in options if _item(option) not in shared]
        names = [f"[`{_longest(option)}`](#{title.lower()})" for option in options if _item(option) in shared]
        yield "\n".join([*own, *([f"- {', '.join(names)}"] if names else [])]) + "\n"
    if isinstance(command, click.Group):
        yield "Commands:\n"
        inner = [found for found in command.commands.values() if not found.hidden]
        yield "\n".join(f"- [`{name} {found.name}`](#{_slug(f'{name} {found.name}')})" for found in inner) + "\n"
    else:
        codes = EXIT_CODES.get(name.removeprefix("tagsync "), ALWAYS)
        yield "Exit codes:\n"
        yield "\n".join(f"- {code}: {words}" for code, words in sorted(codes.items())) + "\n"


def _usage(command: click.Command) -> list[str]:
    if isinstance(command, click.Group):  # not all versions of click show these alike
        return ["[OPTIONS]", "COMMAND", "[ARGS]..."]
    return command.collect_usage_pieces(click.Context(command))


def _slug(heading: str) -> str:
    return heading.replace(" ", "-")


def _help(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that click does not wrap become code blocks."""
    for paragraph in _PARAGRAPHS.split(inspect.cleandoc(text)):
        lines = [line.rstrip() for line in paragraph.replace("\b", "").strip("\n").splitlines()]
        if "\b" in paragraph:
            yield "```\n" + "\n".join(lines) + "\n```\n"
        elif lines:
            yield _text("\n".join(lines)) + "\n"


def _options(command: click.Command) -> list[click.Option]:
    return [
        parameter
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden and "--help" not in parameter.opts
    ]


def _item(option: click.Option) -> str:
    """Return a list item: names and value, environment variables, default, meaning."""
    names = ", ".join([*sorted(option.opts, key=len, reverse=True), *option.secondary_opts])
    parts = [f"`{names}{'' if option.is_flag else ' ' + _value(option)}`"]
    parts += [f"`{variable}`" for variable in _variables(option)]
    if option.required:
        parts.append("required")
    if option.show_default and not option.is_flag:
        default = option.show_default
        parts.append(f"default {default}" if isinstance(default, str) else f"default `{option.default}`")
    return f"- {' · '.join(parts)}<br>\n  {_text(option.help or '')}"


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    if isinstance(option.type, click.Path):
        return {"file": "FILE", "directory": "DIR"}.get(option.type.name, "PATH")
    return "N" if option.type.name.startswith(("integer", "float")) else option.type.name.upper()


def _variables(option: click.Option) -> Iterable[str]:
    if isinstance(option.envvar, str):
        return [option.envvar]
    return option.envvar or []


def _longest(option: click.Option) -> str:
    return max(option.opts, key=len)


def _text(text: str) -> str:
    """Return a help text as Markdown that shows it as it is; code between back-ticks stays code."""
    pieces = _CODE.split(text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([<*\[\]|\\])", r"\\\1", piece) for piece in pieces)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
