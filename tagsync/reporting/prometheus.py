"""Write metrics in Prometheus' text format, for node_exporter's textfile collector or a Pushgateway.

A run lasts minutes, so nothing scrapes it. Counters go on from the previous file, and a run that fails keeps what the
file says of the library and of the last success.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from tagsync.escape import shown
from tagsync.events import ApiCalls
from tagsync.model import Op
from tagsync.reporting.plan_view import PlanView
from tagsync.reporting.report_view import ReportView
from tagsync.reporting.view import View

_LONGEST_LABEL = 200
_GREATEST = 2**53
"""Up to here, a float counts whole numbers exactly."""

_SUCCESS = (0, 2)
"""Exit codes of runs that did what they should; 2 says that changes are pending."""

_LAST_SUCCESS = "tagsync_last_success_timestamp_seconds"
_LAST_RUN_SUCCESS = "tagsync_last_run_success"

METRICS: Mapping[str, tuple[Literal["gauge", "counter"], str]] = {
    "tagsync_last_run_timestamp_seconds": ("gauge", "When the last run ended, in Unix time."),
    "tagsync_last_run_duration_seconds": ("gauge", "How long the last run took."),
    _LAST_RUN_SUCCESS: ("gauge", "Whether the last run succeeded (exit code 0 or 2)."),
    "tagsync_last_run_exit_code": ("gauge", "The exit code of the last run."),
    _LAST_SUCCESS: ("gauge", "When the last run that succeeded ended, in Unix time."),
    "tagsync_pending_changes": ("gauge", "Pairs of file and tag that differ from the manifests, by operation."),
    "tagsync_pending_files": ("gauge", "Files that differ from the manifests."),
    "tagsync_managed_files": ("gauge", "Files that a rule selects."),
    "tagsync_missing_files": ("gauge", "Declared files that were not found in the library."),
    "tagsync_warnings": ("gauge", "Warnings of the plan."),
    "tagsync_guard_blocked": ("gauge", "Whether a guard blocks the plan."),
    "tagsync_runs_total": ("counter", "Runs."),
    "tagsync_failed_runs_total": ("counter", "Runs that failed."),
    "tagsync_applied_files_total": ("counter", "Files of all applies, by the status of their changes."),
    "tagsync_api_calls_total": ("counter", "API calls sent, including retries, by kind."),
    "tagsync_api_call_retries_total": ("counter", "Retries of API calls that failed."),
    "tagsync_api_calls_throttled_total": ("counter", "API calls that ImageKit refused with 429."),
    "tagsync_rate_limit_wait_seconds_total": ("counter", "How long ImageKit asked tagsync to wait."),
}
"""The type and the help text of each metric, in their order."""

_OPERATIONS = {Op.ADD: "add_tags", Op.REMOVE: "remove_tags", Op.REMOVE_AI: "remove_ai_tags"}

_LABELS = r'(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))*'
_SAMPLE = re.compile(rf"(tagsync_[a-z_]+)(?:\{{({_LABELS})\}})? ([0-9]+(?:\.[0-9]+)?)")


class Run(NamedTuple):
    """What metrics show of a run, apart from its result.

    Attributes:
        command: the name of the command.
        exit_code: its exit code.
        seconds: how long it took.
        ended: when it ended, in Unix time.
        calls: its API calls.
    """

    command: str
    exit_code: int
    seconds: float
    ended: float
    calls: ApiCalls

    @property
    def succeeded(self) -> bool:
        """Whether the exit code is that of a run that did what it should."""
        return self.exit_code in _SUCCESS


class _Samples(dict[tuple[str, str], float]):
    """Values of metrics by the name of the metric and the text of the labels.

    Args:
        base: the labels of all samples.
    """

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def put(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self[name, self._text(labels)] = value

    def count(self, name: str, value: float, **labels: str) -> None:
        """Increase a counter; start again if it has become too large."""
        key = name, self._text(labels)
        before = self.get(key, 0)
        self[key] = value + (before if before + value <= _GREATEST else 0)

    def _text(self, labels: Mapping[str, str]) -> str:
        return ",".join(filter(None, [self._base, _labels(labels)]))

    def lines(self) -> Iterator[str]:
        """Yield the samples of each metric below its help text and type."""
        for name, (kind, words) in METRICS.items():
            found = [(labels, value) for (metric, labels), value in self.items() if metric == name]
            if found:
                yield f"# HELP {name} {words}\n# TYPE {name} {kind}\n"
            for labels, value in found:
                yield f"{name}{f'{{{labels}}}' if labels else ''} {_number(value)}\n"


def prometheus(view: View, run: Run | None = None, previous: str = "") -> Iterator[str]:
    """Yield the lines of a file of metrics.

    Args:
        view: the result of the run.
        run: the run; None to leave out what is not in a saved plan or report.
        previous: the text of the file that this one replaces.
    """
    before = _read(previous) if run else {}
    base = _labels(_identity(view, run))
    if not view.target:
        # A run that failed early does not know its account. The previous run of the same command did.
        known = (labels for name, labels in before if name == _LAST_RUN_SUCCESS)
        base = next((labels for labels in known if _begins(labels, base)), base)
    samples = _Samples(base)
    for (name, labels), value in before.items():
        # What a plan counts anew is not kept; a run without a plan keeps everything.
        is_kept = not isinstance(view, PlanView) or METRICS[name][0] == "counter" or name == _LAST_SUCCESS
        if is_kept and _begins(labels, base):
            samples[name, labels] = value
    if isinstance(view, PlanView):
        _put_plan(view, samples)
    if isinstance(view, ReportView):
        for status, files in view.statuses:
            samples.count("tagsync_applied_files_total", files, status=status.value)
    if run:
        _put_run(run, samples)
    yield from samples.lines()


def _identity(view: View, run: Run | None) -> dict[str, str]:
    """Return the labels that tell the files of several jobs apart."""
    found = {"command": run.command} if run else {}
    if view.target:
        found["account"] = view.target.account
        if view.target.environment is not None:
            found["environment"] = view.target.environment
    if isinstance(view, PlanView) and (part := view.plan.inputs.part):
        found["shard"] = f"{part.index}/{part.of}"
    return found


def _begins(labels: str, base: str) -> bool:
    return labels == base or labels.startswith(f"{base},")


def _put_plan(view: PlanView, samples: _Samples) -> None:
    summary = view.plan.summary
    pending, files = view.pending
    for op, name in _OPERATIONS.items():
        samples.put("tagsync_pending_changes", pending[op], operation=name)
    samples.put("tagsync_pending_files", files)
    samples.put("tagsync_managed_files", summary.files_changed + summary.unchanged)
    samples.put("tagsync_missing_files", summary.missing)
    samples.put("tagsync_warnings", summary.warnings)
    # After an apply, none of the view's guards blocks: those that did were acknowledged.
    blocking = {guard.guard for guard in view.blocking}
    for guard in view.plan.guards:
        samples.put("tagsync_guard_blocked", guard.id in blocking, guard=guard.id)


def _put_run(run: Run, samples: _Samples) -> None:
    succeeded = run.succeeded
    samples.put("tagsync_last_run_timestamp_seconds", run.ended)
    samples.put("tagsync_last_run_duration_seconds", run.seconds)
    samples.put(_LAST_RUN_SUCCESS, succeeded)
    samples.put("tagsync_last_run_exit_code", run.exit_code)
    if succeeded:
        samples.put(_LAST_SUCCESS, run.ended)
    samples.count("tagsync_runs_total", 1)
    samples.count("tagsync_failed_runs_total", not succeeded)
    samples.count("tagsync_api_calls_total", run.calls.reads, kind="read")
    samples.count("tagsync_api_calls_total", run.calls.batches, kind="write")
    samples.count("tagsync_api_call_retries_total", run.calls.retried)
    samples.count("tagsync_api_calls_throttled_total", run.calls.throttled)
    samples.count("tagsync_rate_limit_wait_seconds_total", run.calls.waited)


def _read(text: str) -> dict[tuple[str, str], float]:
    """Return the samples of a file that `prometheus` has written; leave out every other line."""
    found = {}
    for line in text.splitlines():
        match = _SAMPLE.fullmatch(line)
        if match and match[1] in METRICS and float(match[3]) <= _GREATEST:
            found[match[1], match[2] or ""] = float(match[3])
    return found


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return shown(value, _LONGEST_LABEL).replace("\\", r"\\").replace('"', r"\"")


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
