"""Define what `tagsync doctor` finds out about an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Observed = str | int | tuple[str, ...]
"""What was observed: one of a check's readings, a number of seconds, or rate limits such as `40/1`."""


NOT_TRIED = "not tried: name a file with --write-on"
"""What is seen of checks that write, if no file is named for them."""


class CheckVerdict(StrEnum):
    """The result of a check; the values are those of a profile."""

    EXPECTED = "expected"
    DIFFERENT = "different"
    NOT_OBSERVED = "notObserved"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: the name of the check.
        topic: the group of checks that it belongs to.
        title: what was checked.
        verdict: whether the account behaves as tagsync expects.
        seen: what was seen, without a key, host, path, tag or ID.
        reading: what was observed, for a sandbox to repeat; None if nothing was, or if a sandbox has no such setting.
        effect: for a difference, what tagsync does about it.
        private: details for the terminal only; they may contain a host, path or tag.
    """

    check: str
    topic: str
    title: str
    verdict: CheckVerdict
    seen: str
    reading: Observed | None = None
    effect: str = ""
    private: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings about an account.

    Attributes:
        findings: one for each check.
        created_at: when they were made, UTC.
        reads: the number of API calls that read, including retries.
        writes: the number of API calls that change tags.
        restored: what was restored after an interrupted run; empty if there was none.
    """

    findings: Sequence[Finding]
    created_at: str
    reads: int
    writes: int = 0
    restored: str = ""

    def count(self, verdict: CheckVerdict) -> int:
        """Return the number of checks with a verdict, without those that were not tried."""
        return sum(finding.verdict is verdict and finding.seen != NOT_TRIED for finding in self.findings)

    @property
    def untried(self) -> int:
        """The number of checks that were not tried, because they write."""
        return sum(finding.seen == NOT_TRIED for finding in self.findings)

    @property
    def differs(self) -> bool:
        """Whether the account differs from what tagsync expects in any check."""
        return self.count(CheckVerdict.DIFFERENT) > 0
