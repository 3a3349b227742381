"""Write a profile: what `tagsync doctor` found out about an account, without anything that is private."""

from collections.abc import Iterator

from tagsync.documents.canonical import canonical
from tagsync.documents.writer import FORMAT, lay_out
from tagsync.model import Diagnosis, Finding
from tagsync.version import __version__


def profile_document(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield a profile as JSON, in pieces."""
    settings = {item.check: item.reading for item in diagnosis.findings if item.reading is not None}
    yield from lay_out(
        {
            "profileVersion": FORMAT,
            "tool": f"tagsync {__version__}",
            "createdAt": diagnosis.created_at,
            "calls": {"reads": diagnosis.reads, "writes": diagnosis.writes},
            "checks": map(_check, diagnosis.findings),
            "settings": settings,
        }
    )
    yield "\n}\n"


def _check(finding: Finding) -> str:
    members = {"check": finding.check, "verdict": finding.verdict, "seen": finding.seen, "effect": finding.effect}
    return canonical({name: value for name, value in members.items() if value})
