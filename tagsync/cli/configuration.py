"""Combine the command line with `tagsync.yaml`: options and their variables come first, then the file."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click
from click.core import ParameterSource

from tagsync.api.gather import Paths
from tagsync.cli.groups import Option
from tagsync.cli.options import LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.manifest.config import find_config, read_config
from tagsync.manifest.files import CONFIG_NAME, is_same
from tagsync.model import KEY_VARIABLE, Config

_LIBRARY_OPTIONS = ("sandbox", "profile", "endpoint", "account", "env", "state_dir")

_NO_SETTINGS = frozenset({"quiet", "verbose"})


class Chosen(NamedTuple):
    """The settings that a run uses.

    Attributes:
        paths: the manifests, or a saved plan.
        account: the name of the account.
        policy: a file of policies.
        config: what `tagsync.yaml` sets, with these settings instead of its own; None if there is no such file.
    """

    paths: Sequence[str]
    account: str | None
    policy: str | None
    config: Config | None

    @property
    def manifests(self) -> Paths:
        """The manifests, as the API takes them."""
        return self.config or self.paths

    @property
    def reads(self) -> list[str | Path | None]:
        """The files that the run reads, and must not write over."""
        return [*self.paths, self.policy, self.config.file if self.config else None]


def choose(
    output: OutputSettings,
    *,
    env: str | None,
    account: str | None,
    paths: Sequence[str] = (),
    policy: str | None = None,
) -> Chosen:
    """Return the settings of a run, and show where each came from if the output is verbose.

    Args:
        output: where errors of `tagsync.yaml` go.
        env: the environment that an option or its variable selects.
        account: the account, likewise.
        paths: the paths on the command line.
        policy: the file of policies that an option or its variable names.

    Raises:
        ManifestError: `tagsync.yaml` has errors.
        UsageError: it has no such environment, or none is selected.
    """
    out = Output(output)
    with out.failures_written():
        config = None if env is None and find_config() is None else read_config(env)
    if config is None:
        chosen = Chosen(paths, account, policy, None)
    else:
        # Whoever names the file itself, as a pre-commit hook does, means the manifests that it names.
        named = [path for path in paths if not is_same(path, config.file)]
        given_there = {"manifests": named, "account": account}
        settled = replace(
            config,
            manifests=tuple(named) or config.manifests,
            account=account or config.account,
            policy=policy or config.policy,
            origins={key: places for key, places in config.origins.items() if not given_there.get(key)},
        )
        chosen = Chosen(settled.manifests, settled.account, settled.policy, settled)
    if output.verbose:
        _show_settings([*_sources(chosen, config)], out)
    return chosen


def _show_settings(rows: Sequence[tuple[str, str, str]], output: Output) -> None:
    """Show settings: on a terminal at the end, below the result, which is what people look for."""
    if sys.stdout.isatty():
        click.get_current_context().call_on_close(lambda: output.settings(rows))
    else:
        output.settings(rows)


def need_paths(chosen: Chosen) -> None:
    """Check that there are manifests.

    Raises:
        click.UsageError: neither the command line nor `tagsync.yaml` names any.
    """
    if not chosen.paths:
        start = f"Name manifests, or add a {CONFIG_NAME}. To write the first ones, run: tagsync init manifests"
        words = f"{CONFIG_NAME} names no manifests." if chosen.config else start
        raise click.MissingParameter(words, click.get_current_context(), param_hint="'PATH...'", param_type="argument")


def for_plan(
    paths: Sequence[str], library: LibrarySettings, how: PlanSettings, output: OutputSettings
) -> tuple[Chosen, LibrarySettings, PlanSettings]:
    """Return the settings of a command that plans."""
    chosen = choose(output, env=library.env, account=library.account, paths=paths, policy=how.policy)
    need_paths(chosen)
    return chosen, _with(chosen, library), replace(how, policy=chosen.policy)


def for_library(library: LibrarySettings, output: OutputSettings) -> LibrarySettings:
    """Return the settings of a command that takes no manifests."""
    return _with(choose(output, env=library.env, account=library.account), library)


def library_arguments(library: LibrarySettings) -> list[str]:
    """Return the options with which another command uses the same library.

    A variable still holds for that command, except that of the sandbox, which it is better to see.
    """
    context = click.get_current_context()
    typed = [
        name
        for name in _LIBRARY_OPTIONS
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE or (name == "sandbox" and library.sandbox)
    ]
    return [word for name in typed for word in (f"--{name.replace('_', '-')}", str(context.params[name]))]


def _with(chosen: Chosen, library: LibrarySettings) -> LibrarySettings:
    return replace(library, account=chosen.account, config=chosen.config)


def _sources(chosen: Chosen, config: Config | None) -> Iterator[tuple[str, str, str]]:
    """Yield the name, value and source of each setting that is not a default, and of the key."""
    given = {name: (value, source) for name, value, source in _given()}
    set_there = config.origins if config else {}
    values = {
        "env": config.environment if config else None,
        "manifests": " ".join(chosen.paths),
        "policy": chosen.policy,
        "account": chosen.account,
    }
    for name, value in values.items():
        origins = set_there.get("environment" if name == "env" else name, ())
        _, source = given.pop(name, ("", ", ".join(map(str, origins)) or "default"))
        if name == "manifests" and not (config and chosen.paths is config.manifests):
            source = "command line"
        if value:
            yield name, value, source
    if "sandbox" not in given:
        yield "key", config.key if config else KEY_VARIABLE, ", ".join(map(str, set_there.get("key", ()))) or "default"
    for name, (value, source) in given.items():
        yield name, value, source


def _given() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the value in short, and the source of each option that the command line or a variable sets."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, Option) or name in _NO_SETTINGS:
            continue
        value = context.params.get(name)
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield name, str(value) if isinstance(value, str | float | Path) else "", "command line"
        elif variable := parameter.variable(context):
            yield name, os.environ[variable].strip(), variable
