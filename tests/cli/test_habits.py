"""Command lines of people who come from other tools."""

import re
import shlex

import click
import pytest
from cli.command import Command

from tagsync.cli.habits import HABITS
from tagsync.cli.main import cli


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("apply --dry-run manifests/", "plan manifests/"),
        ("apply --dry-run=server manifests/", "plan manifests/"),
        ("plan --dry-run manifests/", "plan manifests/"),
        ("plan --json manifests/", "plan --format json manifests/"),
        ("apply -y manifests/", "apply --yes manifests/"),
        ("apply -auto-approve manifests/", "apply --yes manifests/"),
        ("apply --doit manifests/", "apply --yes manifests/"),
        ("apply manifests/ --auto-approve", "apply manifests/ --yes"),
        ("plan --yes manifests/", "plan manifests/"),
        ("plan -o plan.json manifests/", "plan --out plan.json manifests/"),
        ("plan -out=plan.json manifests/", "plan --out plan.json manifests/"),
        ("apply -o report.html plan.json", "apply --report report.html plan.json"),
        ("plan -target=/shop/** manifests/", "plan --select '/shop/**' manifests/"),
        ("plan -detailed-exitcode manifests/", "plan --detailed-exitcode manifests/"),
        ("apply -f manifests/", "apply manifests/"),
        ("validate --file=tags.yaml", "validate tags.yaml"),
        ("plan --debug manifests/", "plan --verbose manifests/"),
        ("diff manifests/", "plan manifests/"),
        ("diff one/ 'two three/'", "plan one/ 'two three/'"),
        ("help", "--help"),
        ("help plan", "plan --help"),
        ("version", "--version"),
        ("-V", "--version"),
        ("lint manifests/", "validate manifests/"),
        ("sync -y manifests/", "apply --yes manifests/"),
        ("rollback", "undo"),
        ("init", "init ."),
        ("import manifests/", "export -o manifests/"),
        ("undo --select '/a b/**'", "undo --out undo.json && tagsync apply undo.json --select GLOB"),
        ("undo --out=u.json --select=/a/* r.json", "undo --out undo.json && tagsync apply undo.json --select GLOB"),
    ],
)
def test_habit_is_answered_in_one_line_with_the_right_command(tagsync: Command, typed: str, right: str) -> None:
    result = tagsync(*shlex.split(typed))
    assert (result.code, result.out) == (64, "")
    assert result.err.startswith("error: ")
    assert result.err.endswith(f", run: tagsync {right}\n")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("typed", ["plan help", "sandbox serve help"])
def test_help_without_dashes_is_answered_with_the_option(tagsync: Command, typed: str) -> None:
    result = tagsync(*typed.split())
    assert (result.code, result.out) == (64, "")
    assert result.err.endswith(f"error: for help, run: tagsync {typed.replace('help', '--help')}\n")


@pytest.mark.parametrize(
    ("option", "near"),
    [
        ("--config-file=x", ""),
        ("--var=a", ""),
        ("--repot=x.md", "--report"),
        ("--detailed-exit-code", "--detailed-exitcode"),
    ],
)
def test_unknown_option_suggests_only_similar_ones(tagsync: Command, option: str, near: str) -> None:
    last = tagsync("plan", option, "manifests/").err.splitlines()[-1]
    named = [option.partition("=")[0], *([near] if near else [])]
    assert last.startswith("error: No such option")  # click's words differ from version to version
    assert re.findall(r"--[a-z-]+", last) == named


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ("apply -y manifests/ --dry-run", "-y and --dry-run"),
        ("apply --dry-run=server --yes manifests/", "--yes and --dry-run=server"),
        ("apply --auto-approve -n manifests/", "--auto-approve and -n"),
    ],
)
def test_habit_of_contradictory_options_gets_a_command_for_each(tagsync: Command, typed: str, options: str) -> None:
    result = tagsync(*shlex.split(typed))
    assert result.code == 64
    assert result.err == (
        f"error: {options} contradict each other: to see the changes, run: tagsync plan manifests/; to apply without a "
        "prompt, run: tagsync apply --yes manifests/\n"
    )


@pytest.mark.parametrize(
    "typed", ["plan --key private_x m/", "apply --private-key=private_x m/", "plan --json --token private_x"]
)
def test_habit_of_a_key_option_does_not_show_the_key(tagsync: Command, typed: str) -> None:
    result = tagsync(*shlex.split(typed))
    assert result.code == 64
    assert "run: export IMAGEKIT_PRIVATE_KEY=private_...\n" in result.err
    assert "private_x" not in result.err


@pytest.mark.parametrize("typed", ["plan --nonsense m/", "plan -- --json", "plan --format=--json m/"])
def test_habit_is_ignored_in_paths_and_values(tagsync: Command, typed: str) -> None:
    assert ", run: " not in tagsync(*shlex.split(typed)).err


def test_habit_names_no_option_or_command_that_exists() -> None:
    for habit in HABITS:
        for name in habit.commands.split():
            known = {each for option in cli.commands[name].params for each in option.opts}
            assert not known & set(habit.words.split()), habit
        if not habit.commands:
            assert not set(cli.commands) & set(habit.words.split())


def test_habit_leads_to_an_option_that_exists() -> None:
    for habit in HABITS:
        names = [habit.command] if habit.command else habit.commands.split()
        for name in names:
            command = cli.commands[name]
            known = {each for option in command.params if isinstance(option, click.Option) for each in option.opts}
            assert {word for word in habit.instead.split() if word.startswith("-")} <= known, habit
