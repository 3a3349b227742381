"""Describe what a guard found, for messages and reports."""

from tagsync.escape import quoted
from tagsync.model.policy import Guard, GuardId, Limit
from tagsync.model.texts import counted

_FINDINGS = {
    GuardId.REMOVED_TAGS: ("removes {}", "tag"),
    GuardId.REMOVED_AI_TAGS: ("removes {}", "AI tag"),
    GuardId.CHANGED_FILES: ("changes {}", "file"),
    GuardId.EMPTIED_FILES: ("leaves {} without ordinary tags", "file"),
    GuardId.NEW_TAGS: ("adds {} that the library does not have yet", "tag"),
}


def guard_finding(guard: Guard) -> str:
    """Return what the plan does, in the guard's figures: 'removes 5,327 of 6,501 tags (82 %)'."""
    words, noun = _FINDINGS[guard.id]
    if not guard.of:
        return words.format(counted(guard.observed, noun))
    share = f"{100 * guard.observed / guard.of:.0f} %"
    return words.format(f"{guard.observed:,} of {counted(guard.of, noun)} ({share})")


def guard_limit(guard: Guard) -> str:
    """Return the limit: '30 % and 100 tags'. A guard blocks a plan that exceeds both figures."""
    above, percent = guard.limit
    share = [f"{percent:g} %"] if percent is not None else []
    number = [counted(above, _FINDINGS[guard.id][1])] if above or not share else []
    return " and ".join([*share, *number])


def is_near_limit(guard: Guard) -> bool:
    """Return whether a guard would block the plan at half of its limit."""
    above, percent = guard.limit
    half = Limit(above // 2, None if percent is None else percent / 2)
    return half.is_exceeded(guard.observed, guard.of)


def near_limit(guard: Guard) -> str:
    """Return what a guard allows, with how far the plan is from its limit."""
    both = "both " if guard.limit.percent is not None and guard.limit.above else ""
    return (
        f"Below the limit of guard {guard.id}: the plan {guard_finding(guard)}. "
        f"Only plans above {both}{guard_limit(guard)} are blocked"
    )


def examples_label(guard: Guard) -> str:
    """Return what the paths and tags that a guard names are: all of its files, or examples."""
    counts_files = guard.id in (GuardId.CHANGED_FILES, GuardId.EMPTIED_FILES)
    if counts_files and guard.observed == len(guard.files):
        return "File" if guard.observed == 1 else "Files"
    return "Examples"


def objection(guard: Guard, digest: str, outside: int = 0) -> str:
    """Return why a guard blocks the plan with a digest, some examples, and the option that allows it.

    Args:
        guard: the guard.
        digest: the plan's digest.
        outside: how much of what it counts is not in this plan, because the plan is filtered.
    """
    number = f"{counted(outside, _FINDINGS[guard.id][1])} {'is' if outside == 1 else 'are'}"
    filtered = f"Of these, {number} outside the selection: guards check the whole plan. " if outside > 0 else ""
    examples = ", ".join(quoted(text, 120) for text in (*guard.tags, *guard.files))
    hint = " (-v lists all)" if guard.id is GuardId.EMPTIED_FILES and guard.observed > len(guard.files) else ""
    return (
        f"Blocked by guard {guard.id}: the plan {guard_finding(guard)}; the limit is {guard_limit(guard)}. "
        f"{filtered}{examples_label(guard)}{hint}: {examples}. "
        f"If this is intended, apply it with: --ack {guard.id}@{digest}"
    )
