"""Show what `tagsync doctor` found as a table in text; `documents.profile` writes it as JSON."""

from itertools import groupby

from tagsync.escape import shown
from tagsync.model import CheckVerdict, Diagnosis, Finding, counted
from tagsync.reporting.console import Lines, padded

_WORDS = {
    CheckVerdict.EXPECTED: ("as expected", "green"),
    CheckVerdict.DIFFERENT: ("different", "bold yellow"),
    CheckVerdict.NOT_OBSERVED: ("not observed", "dim"),
}
_VERDICT_COLUMNS = max(len(words) for words, _ in _WORDS.values())
_MOST_PRIVATE = 200

_SEARCHES = ("searchId", "searchName", "searchNameInFolder", "searchFolder", "folderListing")
"""The searches that replace a listing of the whole library."""


def diagnosis_text(diagnosis: Diagnosis, lines: Lines) -> None:
    """Write a row for each check, what tagsync does about each difference, totals, and a conclusion."""
    topics = {topic: tuple(found) for topic, found in groupby(diagnosis.findings, key=lambda finding: finding.topic)}
    tried = {topic: found for topic, found in topics.items() if len({finding.seen for finding in found}) > 1}
    columns = max((len(finding.title) for found in tried.values() for finding in found), default=0)
    for topic, found in topics.items():
        if topic in tried:
            lines.write((topic, "bold"))
            for finding in found:
                _write(finding, columns, lines)
        else:
            # Nothing of this topic was tried, always for the same reason.
            lines.write_sentence((topic, "bold"), (f"  {found[0].seen}", "dim"))
    totals = ", ".join(f"{diagnosis.count(verdict)} {words}" for verdict, (words, _) in _WORDS.items())
    if diagnosis.untried:
        totals += f", {diagnosis.untried} not tried"
    calls = f"{counted(diagnosis.reads, 'read')}, {counted(diagnosis.writes, 'write')}"
    lines.write_sentence(("Checks: ", "bold"), f"{totals} · {calls}")
    lines.write_sentence((conclusion(diagnosis), "bold"))


def conclusion(diagnosis: Diagnosis) -> str:
    """Return whether tagsync works with the account, and how many API calls a plan takes."""
    readings = {finding.check: finding.reading for finding in diagnosis.findings}
    ends_early = readings.get("deepestSkip") in ("refused", "empty")
    if readings.get("addedTags") == "replaced":
        return "Do not run apply with this account: each call that adds tags would remove other tags."
    if readings.get("listingScope") == "root-only":
        return "tagsync works only in part with this account: globs find only files in /."
    if ends_early and readings.get("searchCreatedAt") in ("refused", "ignored", "misses"):
        return "tagsync works only in part with this account: it cannot read the whole library."
    if readings.get("writes") == "refused":
        works = "tagsync can plan with this key, but not apply: use a key that can write."
    else:
        works = "tagsync works with this account."
        works += " Writes were not tested." if readings.get("writes") is None else ""
    searches = all(readings.get(check) in ("works", None) for check in _SEARCHES)
    whole = "whole listing, one API call per 1,000 files"
    reads = f"A plan for few files searches for them; other plans read the {whole}." if searches else ""
    return f"{works} {reads or f'Plans read the {whole}.'}"


def _write(finding: Finding, columns: int, lines: Lines) -> None:
    words, style = _WORDS[finding.verdict]
    reading = finding.reading if isinstance(finding.reading, str) else ""
    private = f" ({shown(finding.private, _MOST_PRIVATE)})" if finding.private else ""
    seen = ": ".join(part for part in (reading, finding.seen) if part)
    lines.write_sentence(
        ("  ", ""),
        (padded(finding.title, columns) + "  ", ""),
        (padded(words, _VERDICT_COLUMNS) + "  ", style),
        (seen, ""),
        (private, "dim"),
    )
    if finding.effect:
        lines.write_sentence(("    → ", style), (finding.effect, ""))
