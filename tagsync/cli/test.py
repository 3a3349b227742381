"""The test command: run the tests among manifests."""

from collections.abc import Sequence
from datetime import date

from tagsync.api.testing import run_tests
from tagsync.cli.configuration import choose, need_paths
from tagsync.cli.options import OutputSettings
from tagsync.cli.output import Output

NO_TESTS = "there are no tests: add a manifest with kind: Test"


def test(
    paths: Sequence[str], settings: OutputSettings, *, env: str | None, account: str | None, as_of: date | None
) -> int:
    """Run the tests, and write which of them failed and why."""
    chosen = choose(settings, env=env, account=account, paths=paths)
    if not chosen.config:
        chosen = chosen._replace(paths=chosen.paths or ["."])
    need_paths(chosen)
    output = Output(settings, reads=chosen.reads)
    with output.failures_written():
        run = run_tests(chosen.manifests, account=chosen.account, as_of=as_of)
    code = 1 if run.failed or not run.results else 0
    output.tests(run, code)
    if not run.results:
        output.error(NO_TESTS)
    return code
