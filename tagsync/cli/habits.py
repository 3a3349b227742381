"""Answer command lines in the style of other tools with the tagsync command that does the same."""

import os
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple


class Habit(NamedTuple):
    """A word from another tool, and what to type instead.

    Attributes:
        words: patterns of the word; an option also with `=` and a value, which is kept.
        commands: the commands that do not know the word; "" if the word is in the place of a command.
        aim: what people want when they type it.
        instead: what replaces the word; `{}` keeps it.
        command: what replaces the command.
        line: what replaces the whole line; `{before}` and `{after}` are the words around this one.
    """

    words: str
    commands: str
    aim: str
    instead: str = ""
    command: str = ""
    line: str = ""


_READING = "validate plan show diff undo export init"
_RESULTS = "validate plan apply show diff undo"
_DRY_RUN = "--dry-run --dry-run=* --dryrun -n --check"
_YES = "-y --auto-approve -auto-approve --assume-yes --force --doit"
_KEY = "--key --api-key --private-key --token --password"

HABITS = (
    Habit(_DRY_RUN, "apply", "to see the changes without applying them", command="plan"),
    Habit(_DRY_RUN, _READING, "this command never changes the library; without that option"),
    Habit("--json -json", _RESULTS, "for JSON", "--format json"),
    Habit(_YES, "apply", "to apply without a prompt", "--yes"),
    Habit(f"--yes {_YES}", _READING, "this command asks nothing; without that option"),
    Habit("-o -out --output", "plan undo", "to save the plan", "--out"),
    Habit("-o -out --out --output", "validate apply show diff", "to write an output file", "--report"),
    Habit("-target --target", "plan apply", "to process only some files", "--select"),
    Habit(
        "--select -target --target",
        "undo",
        "to undo only some files",
        line="tagsync undo --out undo.json && tagsync apply undo.json --select GLOB",
    ),
    Habit("-detailed-exitcode", "plan", "for exit code 2 when changes are pending", "--detailed-exitcode"),
    Habit("-f --file --filename", "validate plan apply", "to name manifests without an option"),
    Habit("--debug --trace", f"{_RESULTS} export", "for all details", "--verbose"),
    Habit(
        _KEY,
        f"{_RESULTS} export",
        "to pass the key, which no option takes",
        line="export IMAGEKIT_PRIVATE_KEY=private_...",
    ),
    Habit("*/", "diff", "to compare manifests with the library", "{}", command="plan"),
    Habit("version -V -version", "", "for the version", line="tagsync --version"),
    Habit("help", "", "for help", line="tagsync {after} --help"),
    Habit("check lint verify", "", "to check manifests", command="validate"),
    Habit("preview status dry-run", "", "to see the changes", command="plan"),
    Habit("sync push deploy up", "", "to apply manifests", command="apply"),
    Habit("import pull dump", "", "to write the library as manifests", line="tagsync export -o manifests/"),
    Habit("rollback revert", "", "to revert an apply", command="undo"),
)


def answer(arguments: Sequence[str]) -> str | None:
    """Return in one line what to run instead; None for a command line without such words."""
    words, aim = list(arguments), ""
    if words == ["init"]:
        return "to write the first files into this folder, run: tagsync init ."
    if contradiction := _contradiction(words):
        return contradiction
    # A replacement may uncover the next word: `apply --yes --dry-run` becomes `plan --yes`, then `plan`.
    for _ in range(2 * len(words)):
        found = next(_found(words), None)
        if not found:
            break
        habit, place, value = found
        aim = aim or habit.aim
        if habit.line:
            before, after = words[:place], [*value, *words[place + 1 :]]
            line = habit.line.format(before=shlex.join(before), after=shlex.join(after))
            return f"{aim}, run: {' '.join(line.split())}"
        instead = [words[place] if word == "{}" else word for word in habit.instead.split()]
        words[place : place + 1] = [*instead, *value]
        if habit.command:
            words[: 1 if habit.commands else 0] = [habit.command]
    return f"{aim}, run: {shlex.join(['tagsync', *words])}" if aim else None


def _contradiction(words: Sequence[str]) -> str | None:
    """Return both commands that a user may want who asks to apply without a prompt and to change nothing."""
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    dry = [word for word in options if any(fnmatchcase(word, pattern) for pattern in _DRY_RUN.split())]
    yes = [word for word in options if word in ("--yes", *_YES.split())]
    if words[:1] != ["apply"] or not dry or not yes:
        return None
    rest = [word for word in words[1:] if word not in (*dry, *yes)]
    plan, apply = (shlex.join(["tagsync", *command, *rest]) for command in (["plan"], ["apply", "--yes"]))
    return (
        f"{yes[0]} and {dry[0]} contradict each other: to see the changes, run: {plan}; "
        f"to apply without a prompt, run: {apply}"
    )


def _found(words: Sequence[str]) -> Iterator[tuple[Habit, int, list[str]]]:
    """Yield each habit, the place of its word, and the value after the word's `=`."""
    for place, word in enumerate(words):
        if word == "--":
            return
        name, _, value = word.partition("=")
        whole = os.path.join(word, "") if os.path.isdir(word) else word  # noqa: PTH112, PTH118 - words may be no paths
        for habit in HABITS:
            if words[0] not in habit.commands.split() if place else habit.commands:
                continue
            patterns = habit.words.split()
            if any(fnmatchcase(whole, pattern) for pattern in patterns):
                yield habit, place, []
            elif value and name in patterns:
                yield habit, place, [value]
