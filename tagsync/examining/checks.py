"""List all checks: what is checked, which readings tagsync expects, and what it does about each other one."""

from collections.abc import Mapping
from typing import NamedTuple

from tagsync.model import CheckVerdict, Finding, Observed

LISTS_INSTEAD = "tagsync does not use such searches, and lists the library instead."
QUERIES_WRONG = "Do not use such a query in a rule: it may select the wrong files."

_SEARCH = {"refused": LISTS_INSTEAD, "ignored": LISTS_INSTEAD, "misses": LISTS_INSTEAD}
_QUERY = {"refused": QUERIES_WRONG, "ignored": QUERIES_WRONG, "misses": QUERIES_WRONG}


class Check(NamedTuple):
    """One check.

    Attributes:
        name: its name in profiles.
        topic: the heading under which it is shown.
        title: what is checked.
        expected: the readings that tagsync expects; several where the documentation allows several.
        different: the other readings, each with what tagsync does about it.
    """

    name: str
    topic: str
    title: str
    expected: tuple[str, ...] = ()
    different: Mapping[str, str] = {}

    @property
    def readings(self) -> tuple[str, ...]:
        """All readings."""
        return (*self.expected, *self.different)

    def found(self, reading: str, seen: str, private: str = "") -> Finding:
        """Return the finding for one of the readings."""
        effect = self.different.get(reading, "")
        verdict = CheckVerdict.EXPECTED if reading in self.expected else CheckVerdict.DIFFERENT
        return Finding(self.name, self.topic, self.title, verdict, seen, reading, effect, private)

    def measured(self, seen: str, *, reading: Observed | None = None, problem: str = "", private: str = "") -> Finding:
        """Return the finding of a check without fixed readings.

        Args:
            seen: what was seen.
            reading: the figures for a profile.
            problem: what tagsync does about it, or how to fix it; empty if it is as expected.
            private: details for the terminal only.
        """
        verdict = CheckVerdict.DIFFERENT if problem else CheckVerdict.EXPECTED
        return Finding(self.name, self.topic, self.title, verdict, seen, reading, problem, private)

    def unobserved(self, why: str, private: str = "") -> Finding:
        """Return the finding for a check that could not be made."""
        return Finding(self.name, self.topic, self.title, CheckVerdict.NOT_OBSERVED, why, private=private)


_CHECKS = (
    Check("key", "Connection", "private key"),
    Check("endpoint", "Connection", "endpoint"),
    Check("route", "Connection", "proxy and TLS"),
    Check("clock", "Connection", "clocks of ImageKit and this machine"),
    Check("readLimits", "Rate limits", "limits for reads"),
    Check("rateHeaders", "Rate limits", "responses that announce the limit", ("every-response", "not-on-success")),
    Check("tieOrder", "Listing", "order of files with equal createdAt", ("same", "varies")),
    Check(
        "deepestSkip",
        "Listing",
        "deepest skip",
        ("unlimited",),
        {
            "refused": "tagsync continues with searches for files created later.",
            "empty": "tagsync continues with searches for files created later.",
        },
    ),
    Check(
        "listingScope",
        "Listing",
        "listing without a path",
        ("whole-library",),
        {"root-only": "Globs find only files in /. Declare other files by path or fileId."},
    ),
    Check("folderListing", "Listing", "listing of one folder", ("works",), _SEARCH),
    Check("rowTypes", "Searches", "rows of a search without type", ("files-only", "mixed")),
    Check("searchId", "Searches", "search by id", ("works",), _SEARCH),
    Check("searchName", "Searches", "search by name", ("works",), _SEARCH),
    Check("searchNameInFolder", "Searches", "search by name in a folder", ("works",), _SEARCH),
    Check("searchFolder", "Searches", "search below a folder", ("works",), _SEARCH),
    Check("searchTag", "Searches", "search by tag", ("works",), _QUERY),
    Check("searchAiTag", "Searches", "search by AI tag", ("works",), _QUERY),
    Check(
        "searchCreatedAt",
        "Searches",
        "search by createdAt",
        ("works",),
        dict.fromkeys(_SEARCH, "If the listing also ends early, tagsync cannot read the whole library, and says so."),
    ),
    Check("searchUpdatedAt", "Searches", "search by updatedAt", ("works",), _QUERY),
    Check("details", "Details", "details compared with the listing"),
    Check(
        "absentFile",
        "Details",
        "details of an ID that does not exist",
        ("404",),
        {"other": "tagsync reports a deleted file as an error instead of as not found."},
    ),
    Check("malformedFile", "Details", "details of a malformed ID", ("400", "404")),
)

CHECKS = {check.name: check for check in _CHECKS}
"""All checks by name, in the order in which they are shown."""
