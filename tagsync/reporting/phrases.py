"""Figures and places in words, as several formats show them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from tagsync.escape import shown
from tagsync.model import Cause, Coverage, Diagnostic, Guard, Inputs, Op, Origin, Plan, Report, TargetName

Names = Mapping[str, str]
"""How to show a manifest: from its name in documents to the path that the user gave."""

NO_NAMES: Names = MappingProxyType({})


def plan_title(plan: Plan) -> str:
    """Return what a plan comes to, in a few words."""
    if plan.errors:
        return f"No plan: {counted(plan.count('error'), 'error')}"
    if not plan.changes:
        return "Nothing to undo" if plan.undoes else "Nothing to do"
    return f"{counted(plan.summary.files_changed, 'file')} to change"


def target_words(target: TargetName, show: Callable[[str], str] = shown) -> str:
    """Return which library a plan is for, and for which environment; `show` makes each name safe."""
    environment = f" (environment {show(target.environment)})" if target.environment else ""
    return f"{show(target.account)} at {show(target.endpoint)}{environment}"


def missing_sentence(plan: Plan) -> str | None:
    """Return how many declared files the library does not have, if any."""
    count = plan.summary.missing
    return f"{counted(count, 'declared file')} not in the library" if count else None


def total_sentences(plan: Plan) -> list[tuple[Op, str]]:
    """Return one sentence for each op that the plan holds."""
    summary = plan.summary
    sentences = [
        (Op.ADD, summary.add_tags, "to add"),
        (Op.REMOVE, summary.remove_tags, "to remove"),
        (Op.REMOVE_AI, summary.remove_ai_tags, "to remove, which cannot be undone"),
    ]
    nouns = {Op.REMOVE_AI: "AI tag"}
    return [(op, f"{counted(count, nouns.get(op, 'tag'))} {what}") for op, count, what in sentences if count]


def cause_counts(plan: Plan) -> list[str]:
    """Return how many changes each cause has made necessary, those that occur."""
    counts = Counter(item.cause for item in plan.drift)
    words = {
        Cause.MANIFEST: "as a manifest changed",
        Cause.UPLOADED: "where all tags are gone after an upload",
        Cause.CAME_BACK: f"AI {'tag' if counts[Cause.CAME_BACK] == 1 else 'tags'} came back",
    }
    return [f"{counts[cause]:,} {words.get(cause, cause)}" for cause in Cause if counts[cause]]


def reading_sentence(inputs: Inputs) -> str | None:
    """Return how a library was read, unless all of it was listed."""
    way, why = inputs.reading
    if way == "listing":
        return None
    read = f"{counted(inputs.files, 'file')} read in {counted(inputs.read_requests, 'call')}"
    return f"{read} by searches: {shown(why, 200)}"


def filter_sentence(inputs: Inputs) -> str | None:
    """Return what filters a plan, if anything does."""
    by = [
        *(["--select"] if inputs.select else []),
        *([f"--shard {inputs.part.index}/{inputs.part.of}"] if inputs.part else []),
        *([f"--changed-since {inputs.changed_since[:12]}"] if inputs.changed_since else []),
        *(["shards that are missing"] if inputs.partial else []),
    ]
    return f"narrowed by {', '.join(by)}: other changes are left out" if by else None


def call_sentence(plan: Plan) -> str:
    """Return how many calls a plan takes, compared with the lower bound and the usual ways."""
    estimate = plan.estimate
    time = f", about {duration(estimate.seconds)}" if estimate.seconds else ""
    return (
        f"{counted(estimate.write_requests, 'call')}{time} (never fewer than {estimate.lower_bound:,}; one per file "
        f"would be {estimate.per_file:,}, one per tag set {estimate.per_tag_set:,}, one per tag {estimate.per_tag:,})"
    )


def sent_sentence(report: Report) -> str:
    """Return how many calls an apply sent, and in what time."""
    requests, timing = report.requests, report.timing
    return (
        f"{counted(requests.sent, 'call')} in {duration(timing.seconds)} ({requests.retried:,} retried, "
        f"{requests.throttled:,} throttled, {duration(timing.waited)} waited)"
    )


def guard_count(guard: Guard) -> str:
    """Return what a guard counts, as a share where it is one."""
    share = f" of {guard.of:,}" if guard.of and guard.observed else ""
    return f"{guard.id} {guard.observed:,}{share}"


def guard_limit(guard: Guard) -> str:
    """Return where a guard blocks."""
    percent = f" and {guard.limit.percent:g} %" if guard.limit.percent is not None else ""
    return f"more than {guard.limit.above:,}{percent}"


def usual_calls(plan: Plan) -> list[tuple[str, int]]:
    """Return how many calls a plan, the usual ways and the lower bound take, each with its name."""
    estimate = plan.estimate
    return [
        ("this plan", estimate.write_requests),
        ("one call per tag", estimate.per_tag),
        ("one call per tag set", estimate.per_tag_set),
        ("one call per file", estimate.per_file),
        ("never fewer than", estimate.lower_bound),
    ]


def coverage_sentence(coverage: Coverage, files: int) -> str:
    """Return how many of a library's files are selected."""
    count = len(coverage.unselected) + coverage.more_unselected
    return f"{files - count:,} of {counted(files, 'file')} selected, {count:,} by no entry"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number and its noun; without a plural of its own, the noun takes an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Return seconds in a unit that a person would choose."""
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
