"""Put figures and places into words, the same in all formats."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from tagsync.escape import shown
from tagsync.model import (
    SANDBOX_ACCOUNT,
    Cause,
    Coverage,
    Diagnostic,
    Guard,
    Inputs,
    Level,
    Op,
    Origin,
    Plan,
    Report,
    Status,
    Summary,
    TargetName,
    TestFailure,
    TestResult,
    counted,
)

Names = Mapping[str, str]
"""How to show a manifest: from its name in documents to the path that the user gave."""

NO_NAMES: Names = MappingProxyType({})


IN_PART = "changed in part"

LONG = 10.0
"""Seconds of an apply from which its reads are worth a word."""

MIN_WAIT = 0.05
"""Seconds of waiting that are worth a word; less is shown as 0.0 s."""


def plan_title(plan: Plan) -> str:
    """Return the result of a plan in a few words."""
    if plan.errors:
        return f"No plan: {counted(plan.count('error'), 'error')}"
    if not plan.changes:
        return "Nothing to undo" if plan.undoes else "Nothing to do"
    return f"{counted(plan.summary.files_changed, 'file')} to change"


def target_words(target: TargetName, show: Callable[[str], str] = shown) -> str:
    """Return which library a plan is for, and for which environment; `show` makes each name safe."""
    details = []
    if target.sandbox is None:
        words = f"{show(target.account)} at {show(target.endpoint)}"
    else:
        words = f"sandbox {show(target.sandbox)}"
        if target.account not in (SANDBOX_ACCOUNT, target.environment):
            details.append(f"account {show(target.account)}")
    if target.environment:
        details.append(f"environment {show(target.environment)}")
    return f"{words} ({', '.join(details)})" if details else words


def missing_sentence(plan: Plan) -> str | None:
    """Return how many declared files were not found in the library, if any."""
    count = plan.summary.missing
    return f"{counted(count, 'declared file')} not found in the library" if count else None


def change_counts(add: int, remove: int, remove_ai: int) -> str:
    """Return how many tags change, without what does not: '+390 -47 tags, -219 AI tags'."""
    signed = [*([f"+{add:,}"] if add else []), *([f"-{remove:,}"] if remove else [])]
    noun = "tag" if add + remove == 1 else "tags"
    tags = [f"{' '.join(signed)} {noun}"] if signed else []
    return ", ".join([*tags, *([f"-{counted(remove_ai, 'AI tag')}"] if remove_ai else [])])


def tag_counts(totals: Mapping[Op, int]) -> str:
    """Return how many tags change, given the number of changes of each kind."""
    return change_counts(totals.get(Op.ADD, 0), totals.get(Op.REMOVE, 0), totals.get(Op.REMOVE_AI, 0))


def plan_summary(plan: Plan) -> str:
    """Return a plan in one line: '8 files: +9 -4 tags, -2 AI tags · 5 files lose tags · 3 API calls, about 1 s'."""
    summary, estimate = plan.summary, plan.estimate
    changes = change_counts(summary.add_tags, summary.remove_tags, summary.remove_ai_tags)
    seconds = f", about {duration(estimate.seconds)}" if estimate.seconds else ""
    calls = [f"{counted(estimate.write_requests, 'API call')}{seconds}"] if estimate.write_requests else []
    return f"{counted(summary.files_changed, 'file')}: {' · '.join([changes, *_losses(summary), *calls])}"


def _losses(summary: Summary) -> Iterator[str]:
    """Yield how many files lose tags, unless the counts of tags show it."""
    losing = summary.files_losing
    if losing and summary.add_tags and summary.files_changed > 1:
        files = counted(losing, "file")
        if losing == summary.files_changed:
            files = "both files" if losing == 2 else f"all {files}"  # noqa: PLR2004 - English has a word for two
        yield f"{files} {'loses' if losing == 1 else 'lose'} tags"


def why_words(cause: Cause | None, commit: str | None) -> list[str]:
    """Return why a change is necessary, as far as it is known.

    Args:
        cause: why it is necessary again.
        commit: the commit that declared a tag which no rule declares any more.
    """
    words = [f"no longer declared since {shown(commit)}"] if commit else []
    # That a manifest changed is clear from the commit.
    return words if cause is None or (words and cause is Cause.MANIFEST) else [*words, cause]


def cause_counts(plan: Plan) -> list[str]:
    """Return each cause that occurs, with the number of changes that it has made necessary."""
    counts = Counter(item.cause for item in plan.drift)
    return [f"{cause} ({counts[cause]:,})" for cause in Cause if counts[cause]]


def common_cause(plan: Plan) -> Cause | None:
    """Return the cause of all changes, if all have the same."""
    causes = {item.cause for item in plan.drift}
    return causes.pop() if len(causes) == 1 and not _unknown_causes(plan) else None


def _unknown_causes(plan: Plan) -> int:
    summary = plan.summary
    return summary.add_tags + summary.remove_tags + summary.remove_ai_tags - len(plan.drift)


def cause_sentence(plan: Plan) -> str | None:
    """Return why changes are necessary again, as far as it is known."""
    if cause := common_cause(plan):
        return f"Cause of all changes: {cause}"
    counts = cause_counts(plan)
    unknown = _unknown_causes(plan)
    return f"Causes: {', '.join([*counts, *([f'unknown ({unknown:,})'] if unknown else [])])}" if counts else None


def reading_sentence(inputs: Inputs) -> str:
    """Return how many files were read, with how many API calls, and why by searches if it was by searches."""
    way, why = inputs.reading
    read = f"Read {counted(inputs.files, 'file')} in {counted(inputs.read_requests, 'API call')}"
    return read if way == "listing" else f"{read} by searches: {shown(why, 200)}"


def filter_sentence(inputs: Inputs) -> str | None:
    """Return what filters a plan, if anything does."""
    by = [
        *(["--select"] if inputs.select else []),
        *([f"--shard {inputs.part.index}/{inputs.part.of}"] if inputs.part else []),
        *([f"--changed-since {inputs.changed_since[:12]}"] if inputs.changed_since else []),
        *(["missing shards"] if inputs.partial else []),
    ]
    return f"Filtered by {', '.join(by)}: other changes are left out" if by else None


def call_sentence(plan: Plan) -> str:
    """Return how many API calls a plan takes, compared with the lower bound and with single calls for each file."""
    estimate = plan.estimate
    calls, least = estimate.write_requests, estimate.lower_bound
    time = f", about {duration(estimate.seconds)}" if estimate.seconds else ""
    best = "the fewest possible" if calls == least else f"at least {least:,} are needed"
    return f"{counted(calls, 'API call')}{time} ({best}; {estimate.per_file:,} without batching)"


def sent_sentence(report: Report) -> str:
    """Return how many API calls an apply sent, in what time, and what delayed them.

    Reads are counted if there are more of them, and they took a while.
    """
    requests, timing = report.requests, report.timing
    delays = [
        *([f"{requests.retried:,} retried"] if requests.retried else []),
        *([f"{requests.throttled:,} rate-limited"] if requests.throttled else []),
        *([f"{duration(timing.waited)} waiting"] if timing.waited >= MIN_WAIT else []),
    ]
    words = f" ({', '.join(delays)})" if delays else ""
    with_reads = requests.reads > requests.sent and timing.seconds >= LONG
    reads = f" and {counted(requests.reads, 'read')}" if with_reads else ""
    return f"{counted(requests.sent, 'API call')}{reads} in {duration(timing.seconds)}{words}"


LEVEL_WORDS: Mapping[Level, str] = {"error": "error", "warning": "warning", "info": "notice"}
"""How users read the levels of diagnostics."""

_STATUS_WORDS = {Status.CONFIRMED: "verified", Status.ACCEPTED: "unverified", Status.MISSING: "not found"}


def status_words(status: Status) -> str:
    """Return a file's status as users read it."""
    return _STATUS_WORDS.get(status, str(status))


def outcome_words(status: Status, *, in_part: bool) -> str:
    """Return a file's status, and whether some of its changes were made."""
    return f"{status_words(status)}, {IN_PART}" if in_part else status_words(status)


def status_counts(counts: Sequence[tuple[Status, int]]) -> str:
    """Return how many files have each status: '134 files verified, 50 skipped'."""
    if not counts:
        return "nothing to do"
    (first, files), *others = counts
    words = [f"{count:,} {status_words(status)}" for status, count in others]
    return ", ".join([f"{counted(files, 'file')} {status_words(first)}", *words])


def reason_words(status: Status, error: str | None, *, in_part: bool = False) -> str:
    """Return why a file was not changed: 'not sent, the run was interrupted' or 'failed: file is locked'.

    Args:
        status: the file's status.
        error: the error message, if there is one.
        in_part: whether some of the file's changes were made.
    """
    if status is Status.SKIPPED and error:
        words = shown(error.replace("not sent: ", "not sent, ", 1))
        return f"{IN_PART}: {words}" if in_part else words
    words = outcome_words(status, in_part=in_part)
    return f"{words}: {shown(error)}" if error else words


def guard_count(guard: Guard) -> str:
    """Return what a guard counts, as a share if it has a total."""
    share = f" of {guard.of:,}" if guard.of and guard.observed else ""
    return f"{guard.id} {guard.observed:,}{share}"


def guard_limit(guard: Guard) -> str:
    """Return the limit of a guard."""
    above, percent = guard.limit
    share = [f"{percent:g} %"] if percent is not None else []
    number = [f"{above:,}"] if above or not share else []
    return f"more than {' and '.join([*number, *share])}"


def usual_calls(plan: Plan) -> list[tuple[str, int]]:
    """Return how many calls a plan, the usual ways and the lower bound take, each with its name."""
    estimate = plan.estimate
    return [
        ("this plan", estimate.write_requests),
        ("one call per tag", estimate.per_tag),
        ("one call per tag set", estimate.per_tag_set),
        ("without batching", estimate.per_file),
        ("lower bound", estimate.lower_bound),
    ]


def coverage_sentence(coverage: Coverage, files: int) -> str:
    """Return how many of a library's files are selected."""
    count = len(coverage.unselected) + coverage.more_unselected
    return f"{files - count:,} of {counted(files, 'file')} selected, {count:,} without a rule"


def notices_listed(count: int) -> str:
    """Return how many notices there are, and how to see them."""
    return f"{counted(count, 'notice')} (-v lists {'it' if count == 1 else 'them'})"


def duration(seconds: float) -> str:
    """Return seconds in a readable unit."""
    if seconds < 90:  # noqa: PLR2004 - up to here seconds read best
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004 - one digit is enough above
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 - likewise


def shown_names(plan: Plan) -> Names:
    """Return how a plan's manifests are shown."""
    return {manifest.path: manifest.shown_as for manifest in plan.inputs.manifests}


def named(origin: Origin, names: Names) -> Origin:
    """Return a place in a manifest as a path that the user can open."""
    return origin._replace(file=names.get(origin.file, origin.file))


def shown_origin(origin: Origin, names: Names) -> str:
    """Return a place in a manifest, safe to print, as a path that the user can open."""
    return shown(str(named(origin, names)))


def worst_first(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return diagnostics with errors first, else in their order."""
    return sorted(diagnostics, key=lambda diagnostic: ("error", "warning", "info").index(diagnostic.level))


def label_of_test(result: TestResult) -> str:
    """Return the place of a test, with its name if it has one."""
    return f"{result.origin} {result.name}".rstrip()


def failure_lines(failure: TestFailure) -> Iterator[str]:
    """Yield why a test fails, as lines that are safe to print."""
    yield f"{shown(str(failure.origin))}: {shown(failure.message)}"
    for line in failure.lines:
        yield f"  {line.sign} {shown(line.text)}{f'  ({shown(line.why)})' if line.why else ''}"
    if failure.more:
        yield f"  … and {failure.more:,} more"
