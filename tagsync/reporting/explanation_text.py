"""Write explanations of files as aligned text; `planning` decides which rule wins."""

from collections.abc import Iterable, Iterator, Sequence

from tagsync.escape import quoted, shown, shown_tag
from tagsync.model import CurrentFile, Explanation, Reason, Verdict, Vote
from tagsync.reporting.console import Lines, Segment, columns, padded
from tagsync.reporting.phrases import Names, shown_origin
from tagsync.reporting.text import diagnostics_text

_OUTCOMES = {
    (False, True): ("+ ", "added", "green"),
    (True, False): ("- ", "removed", "red"),
    (True, True): ("  ", "stays", ""),
    (False, False): ("  ", "absent", "dim"),
}
"""What a tag's line starts with, its outcome and its style, by whether the file has the tag now and then."""

_OUTCOME_COLUMNS = max(len(word) for _, word, _ in _OUTCOMES.values())

MAX_COLUMNS = 40
"""The widest that a column gets; longer text moves the rest of its own line."""


def explanation_text(explanations: Sequence[Explanation], names: Names, lines: Lines) -> None:
    """Write for each file what its rules ask for, then what happens to each tag and why."""
    for number, found in enumerate(explanations):
        if number:
            lines.write()
        _write(found, names, lines)


def _write(found: Explanation, names: Names, lines: Lines) -> None:
    if found.file is None:
        lines.write_sentence((shown(found.path), "bold"), f" is not in the library: {found.hint}")
        return
    lines.write((shown(found.path), "bold"), (f"  {shown(found.file.file_id)}", "dim"))
    if not found.contributions:
        lines.write_sentence("  no rule selects this file, so tagsync never changes it")
        diagnostics_text(found.diagnostics, lines, names=names, limit=len(found.diagnostics))
        return
    for contribution in found.contributions:
        lines.write()
        lines.write_sentence(
            (f"  {shown_origin(contribution.origin, names)}", "bold"), f"  {shown(contribution.selector)}"
        )
        for name, value in contribution.values:
            lines.write_sentence(f"      {{{shown(name)}}} is {quoted(value) if value else 'not set'}")
        for rule in contribution.rules:
            lines.write_sentence(f"      {shown(rule)}")
        _write_votes(contribution.votes, names, lines)
    lines.write()
    _write_verdicts(found.verdicts, found.file, names, lines)
    if found.diagnostics:
        lines.write()
        diagnostics_text(found.diagnostics, lines, names=names, limit=len(found.diagnostics))


def _write_votes(votes: Sequence[Vote], names: Names, lines: Lines) -> None:
    tags = [_named(vote.kind, vote.tag) for vote in votes]
    tag_columns, rule_columns = _widest(tags), _widest(str(vote.reason.rule) for vote in votes)
    for tag, vote in zip(tags, votes, strict=True):
        wants = "present" if vote.present else "absent "
        rule = padded(str(vote.reason.rule), rule_columns)
        place = shown_origin(vote.reason.origin, names)
        lines.write_sentence(f"      {padded(tag, tag_columns)}  {wants}", (f"  {rule}  {place}", "dim"))


def _write_verdicts(verdicts: Sequence[Verdict], file: CurrentFile, names: Names, lines: Lines) -> None:
    tags = [_named(verdict.kind, verdict.tag) for verdict in verdicts]
    width = _widest(tags)
    for tag, verdict in zip(tags, verdicts, strict=True):
        sign, outcome, style = _OUTCOMES[verdict.now, verdict.then]
        head = f"  {sign}{padded(tag, width)}  {outcome:{_OUTCOME_COLUMNS}}", style
        lines.write_sentence(head, *_reasons(verdict, names), *_confidences(verdict, file))


def _widest(texts: Iterable[str]) -> int:
    return min(MAX_COLUMNS, max(map(columns, texts), default=0))


def _named(kind: str, tag: str) -> str:
    return f"{'AI ' if kind == 'AI tag' else ''}{shown_tag(tag)}"


def _confidences(verdict: Verdict, file: CurrentFile) -> Iterator[Segment]:
    """Yield the confidence of an AI tag, for each of its sources."""
    tags = [tag for tag in file.ai_tags if tag.name == verdict.tag] if verdict.kind == "AI tag" else []
    found = [f"{'none' if tag.confidence is None else f'{tag.confidence:g}'} ({shown(tag.source)})" for tag in tags]
    if found:
        yield f"  confidence {', '.join(found)}", "dim"


def _reasons(verdict: Verdict, names: Names) -> Iterator[Segment]:
    if verdict.won:
        yield f"  because of {_listed(verdict.won, names)}", "dim"
    if verdict.lost:
        yield f"  against {_listed(verdict.lost, names)}", "dim"
    if verdict.now and not (verdict.won or verdict.lost):
        yield "  no rule removes it", "dim"


def _listed(reasons: Iterable[Reason], names: Names) -> str:
    return ", ".join(f"{reason.rule} {shown_origin(reason.origin, names)}" for reason in reasons)
