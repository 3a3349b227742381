"""Explanations of files as text; what won is decided in `planning`."""

from collections.abc import Iterable, Iterator, Sequence

from tagsync.escape import quoted, shown
from tagsync.model import CurrentFile, Explanation, Reason, Verdict
from tagsync.reporting.console import Lines, Segment
from tagsync.reporting.phrases import Names, shown_origin
from tagsync.reporting.text import diagnostics_text

_OUTCOMES = {
    (False, True): ("+ ", "is added", "green"),
    (True, False): ("- ", "is removed", "red"),
    (True, True): ("  ", "stays", ""),
    (False, False): ("  ", "is not there", "dim"),
}


def explanation_text(explanations: Sequence[Explanation], names: Names, lines: Lines) -> None:
    """Write for each file what its entries say, and then tag by tag what becomes of it and why."""
    for number, found in enumerate(explanations):
        if number:
            lines.write()
        _write(found, names, lines)


def _write(found: Explanation, names: Names, lines: Lines) -> None:
    if found.file is None:
        lines.write((shown(found.path), "bold"), f" is not in the library: {found.hint}")
        return
    lines.write((shown(found.path), "bold"), (f"  {shown(found.file.file_id)}", "dim"))
    if not found.contributions:
        lines.write("  no rule selects this file, so tagsync never changes it")
        return
    for contribution in found.contributions:
        lines.write()
        lines.write((f"  {shown_origin(contribution.origin, names)}", "bold"), f"  {shown(contribution.selector)}")
        for name, value in contribution.values:
            lines.write(f"      {{{shown(name)}}} is {quoted(value) if value else 'not set'}")
        for rule in contribution.rules:
            lines.write(f"      {shown(rule)}")
        rows = [(_named(vote.kind, vote.tag), vote) for vote in contribution.votes]
        width = min(40, max((len(name) for name, _ in rows), default=0))
        for name, vote in rows:
            wants = "present" if vote.present else "absent "
            lines.write(f"      {name.ljust(width)}  {wants}", *_place(vote.reason, names))
    lines.write()
    for verdict in found.verdicts:
        _write_verdict(verdict, found.file, names, lines)
    if found.diagnostics:
        lines.write()
        diagnostics_text(found.diagnostics, lines, names=names, limit=len(found.diagnostics))


def _write_verdict(verdict: Verdict, file: CurrentFile, names: Names, lines: Lines) -> None:
    sign, words, style = _OUTCOMES[verdict.now, verdict.then]
    because = _listed("because of", verdict.won, names)
    against = _listed("against", verdict.lost, names)
    if verdict.now and not (because or against):
        because = "  no rule is against it"
    name = _named(verdict.kind, verdict.tag)
    lines.write((f"  {sign}{name}{_confidences(verdict, file)} {words}", style), (f"{because}{against}", "dim"))


def _named(kind: str, tag: str) -> str:
    return f"{'AI ' if kind == 'AI tag' else ''}{shown(tag)}"


def _confidences(verdict: Verdict, file: CurrentFile) -> str:
    """Return how sure its sources are of an AI tag."""
    if verdict.kind != "AI tag":
        return ""
    found = [
        f"{'no confidence' if tag.confidence is None else f'{tag.confidence:g}'}, {shown(tag.source)}"
        for tag in file.ai_tags
        if tag.name == verdict.tag
    ]
    return f" ({'; '.join(found)})"


def _listed(word: str, reasons: Iterable[Reason], names: Names) -> str:
    texts = ", ".join(f"{reason.rule} {shown_origin(reason.origin, names)}" for reason in reasons)
    return f"  {word} {texts}" if texts else ""


def _place(reason: Reason, names: Names) -> Iterator[Segment]:
    yield f"  {reason.rule} {shown_origin(reason.origin, names)}", "dim"
