"""Describe what a guard found, for messages and reports."""

from typing import NamedTuple

from tagsync.escape import quoted, without_middle
from tagsync.model.policy import Guard, GuardId, Limit
from tagsync.model.texts import counted

_MAX_EXAMPLE = 120


class _Words(NamedTuple):
    """What a plan does that a guard counts, what is counted, and what a plan does that exceeds a number of it."""

    finding: str
    noun: str
    excess: str
    noun_of_excess: str = ""


_WORDS = {
    GuardId.REMOVED_TAGS: _Words("removes {}", "tag", "remove more than {}"),
    GuardId.REMOVED_AI_TAGS: _Words("removes {}", "AI tag", "remove more than {}"),
    GuardId.CHANGED_FILES: _Words("changes {}", "file", "change more than {}"),
    GuardId.EMPTIED_FILES: _Words(
        "leaves {} without ordinary tags", "file", "leave more than {} without ordinary tags"
    ),
    GuardId.NEW_TAGS: _Words("adds {} that the library does not have yet", "tag", "add more than {}", "new tag"),
}


def guard_finding(guard: Guard) -> str:
    """Return what the plan does, in the guard's figures: 'removes 5,327 of 6,501 tags (82 %)'."""
    words = _WORDS[guard.id]
    if not guard.of:
        return words.finding.format(counted(guard.observed, words.noun))
    share = f"{100 * guard.observed / guard.of:.0f} %"
    return words.finding.format(f"{guard.observed:,} of {counted(guard.of, words.noun)} ({share})")


def guard_limit(guard: Guard) -> str:
    """Return the limit: '30 % and 100 tags'. A guard blocks a plan that exceeds both figures."""
    above, percent = guard.limit
    share = [f"{percent:g} %"] if percent is not None else []
    number = [counted(above, _WORDS[guard.id].noun)] if above or not share else []
    return " and ".join([*share, *number])


def is_near_limit(guard: Guard) -> bool:
    """Return whether a guard would block the plan at half of its limit."""
    above, percent = guard.limit
    half = Limit(above // 2, None if percent is None else percent / 2)
    return half.is_exceeded(guard.observed, guard.of)


def near_limit(guard: Guard) -> str:
    """Return what a guard allows, with how far the plan is from its limit."""
    above, percent = guard.limit
    if percent is None:
        words = _WORDS[guard.id]
        excess = words.excess.format(counted(above, words.noun_of_excess or words.noun))
    else:
        excess = f"exceed {'both ' if above else ''}{guard_limit(guard)}"
    return (
        f"Close to the limit of guard {guard.id}: the plan {guard_finding(guard)}. "
        f"Only plans that {excess} are blocked."
    )


def guard_examples(guard: Guard) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the tags and the paths that a guard names, each with a label: whether these are all, or examples."""
    is_complete = guard.observed == len(guard.tags or guard.files)
    plural = "" if guard.observed == 1 else "s"
    tags = f"New tag{plural}" if is_complete else "Example tags"
    counts_files = guard.id in (GuardId.CHANGED_FILES, GuardId.EMPTIED_FILES)
    files = f"File{plural}" if counts_files and is_complete else "Example files" if guard.tags else "Examples"
    return tuple((label, texts) for label, texts in ((tags, guard.tags), (files, guard.files)) if texts)


def objection(guard: Guard, digest: str, outside: int = 0) -> str:
    """Return why a guard blocks the plan with a digest, some examples, and the option that allows it.

    Args:
        guard: the guard.
        digest: the plan's digest.
        outside: how much of what it counts is not in this plan, because the plan is filtered.
    """
    number = f"{counted(outside, _WORDS[guard.id].noun)} {'is' if outside == 1 else 'are'}"
    filtered = f"Of these, {number} outside the selection: guards check the whole plan. " if outside > 0 else ""
    hint = " (-v lists all)" if guard.id is GuardId.EMPTIED_FILES and guard.observed > len(guard.files) else ""
    examples = "".join(f"{label}{hint}: {_listed(texts)}. " for label, texts in guard_examples(guard))
    return (
        f"Blocked by guard {guard.id}: the plan {guard_finding(guard)}; the limit is {guard_limit(guard)}. "
        f"{filtered}{examples}If this is intended, apply it with: --ack {guard.id}@{digest}"
    )


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join(quoted(without_middle(text, _MAX_EXAMPLE), _MAX_EXAMPLE) for text in texts)
