"""The test command: run the tests among manifests, or write one from a plan."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tagsync.api.drafting import DraftedTest, draft_test_async
from tagsync.api.testing import run_tests
from tagsync.cli.configuration import Chosen, for_plan
from tagsync.cli.connection import workspace_of
from tagsync.cli.options import LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.cli.run import MANIFESTS, NO_REPORT, declared, plan_options, planned
from tagsync.cli.signals import until_signal
from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.manifest.config import find_config
from tagsync.manifest.files import is_manifest_name
from tagsync.model import counted
from tagsync.workspace.atomic import atomic_write, umask_mode

NO_TESTS = "there are no tests: add a manifest with kind: Test"


def test(
    paths: Sequence[str], library: LibrarySettings, settings: OutputSettings, *, as_of: date | None, write: Path | None
) -> int:
    """Run the tests, and write which of them failed and why; or write a test to a file."""
    if not paths and library.env is None and find_config() is None:
        paths = ["."]
    how = PlanSettings(policy=None, as_of=as_of, last=NO_REPORT)
    chosen, library, how = for_plan(paths, library, how, settings)
    if write:
        return _write(write, chosen, library, settings, how)
    output = Output(settings, reads=chosen.reads)
    with output.failures_written():
        run = run_tests(chosen.manifests, account=chosen.account, as_of=as_of)
    code = 1 if run.failed or not run.results else 0
    output.tests(run, code)
    if not run.results:
        output.error(NO_TESTS)
    return code


def _write(file: Path, chosen: Chosen, library: LibrarySettings, settings: OutputSettings, how: PlanSettings) -> int:
    """Plan, and write a test of some of the changed files."""
    _check_new(file, settings)
    output = Output(settings, reads=[*chosen.reads, *library.reads])
    with output.failures_written(), workspace_of(library, output.warn) as unnamed:
        desired = declared(chosen.manifests, library, how)
        workspace = unnamed.for_account(desired.account, MANIFESTS)
        made = planned(desired, workspace, plan_options(library, how), output)
        if made.errors or not made.changes:
            names = {manifest.path: manifest.shown_as for manifest in desired.manifests}
            output.diagnostics(made.diagnostics, names, made.unlisted)
            reason = "the plan has errors" if made.errors else "the plan changes no files"
            output.error(f"no test was written: {reason}")
            return 1
        draft = until_signal(lambda: draft_test_async(desired, made, target=workspace.target, as_of=how.as_of))
    return _save(draft, file, len(made.changes), output)


def _check_new(file: Path, settings: OutputSettings) -> None:
    """Check that a test can be written to a file.

    Raises:
        UsageError: it cannot.
    """
    name = shown(str(file))
    if settings.report or settings.format != "text":
        raise UsageError("--write writes a test and runs none: leave out --format and --report")
    if not is_manifest_name(file.name):
        raise UsageError(f"--write: {name} would not be read as a manifest: choose a name that ends in .yaml")
    if file.is_symlink() or file.exists():
        raise UsageError(f"--write: {name} exists: choose another name, or delete it")
    if not file.parent.is_dir():
        raise UsageError(f"--write: the folder of {name} does not exist: create it")


def _save(draft: DraftedTest, file: Path, changed: int, output: Output) -> int:
    for path in draft.left_out:
        output.warn(f"{path} is left out: the test cannot give the data of the library that its rules use")
    if not draft.text:
        output.error("no test was written: no changed file can be given in a test")
        return 1
    with atomic_write(file, overwrite=False, mode=umask_mode()) as stream:
        stream.write(draft.text)
    output.say(f"Wrote a test with {draft.files:,} of {counted(changed, 'changed file')}: {file}")
    output.say("Review it: it expects what the manifests do now.")
    return 0
