"""List all checks: what is checked, which readings tagsync expects, and what it does about each other one."""

from collections.abc import Mapping
from typing import NamedTuple

from tagsync.model import WITHOUT_NO_OPS, CheckVerdict, Finding, Observed

LISTS_INSTEAD = "tagsync does not use such searches, and lists the library instead."
QUERIES_WRONG = "Do not use such a query in a rule: it may select the wrong files."

_SEARCH = {"refused": LISTS_INSTEAD, "ignored": LISTS_INSTEAD, "misses": LISTS_INSTEAD}
_QUERY = {"refused": QUERIES_WRONG, "ignored": QUERIES_WRONG, "misses": QUERIES_WRONG}

_NO_OP = {
    "refused": WITHOUT_NO_OPS,
    "error": "tagsync reads the file again, and reports what its details show.",
}
_MISSING = {
    "404-without-ids": "tagsync sends the call again in smaller parts to find the file, which takes more calls.",
    "207": "tagsync reports the missing file, and changes the others.",
}


ABSENT, MALFORMED = "0" * 24, "tagsync-doctor"
"""IDs that no file has: one like ImageKit's, and another one."""


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

    def found_if_known(self, reading: str, seen: str, private: str = "") -> Finding:
        """Return the finding for a reading; that of a check that could not be made if it is none of the readings."""
        return self.found(reading, seen, private) if reading in self.readings else self.unobserved(seen)

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
    Check(
        "writes",
        "Writes",
        "calls that change tags",
        ("accepted",),
        {"refused": "apply cannot work with this key. Use one that can write."},
    ),
    Check("writeLimits", "Writes", "limits for these calls"),
    Check(
        "addedTags",
        "Writes",
        "tags that a file had before others are added",
        ("merged",),
        {"replaced": "Do not run apply: each call that adds tags would remove the other tags of its files."},
    ),
    Check("updatedAt", "Writes", "updatedAt after a change of tags", ("moves", "stays")),
    Check("detailsLag", "Writes", "time until details show a change"),
    Check("indexLag", "Writes", "time until searches show a change"),
    Check("repeatedTag", "Writes", "adding a tag that is there", ("succeeds",), _NO_OP),
    Check("absentTag", "Writes", "removing a tag that is not there", ("succeeds",), _NO_OP),
    Check("missingFile", "Writes", "an ID that does not exist, in addTags", ("404-with-ids",), _MISSING),
    Check(
        "missingFileAi",
        "Writes",
        "an ID that does not exist, in removeAITags",
        ("404-with-ids", "404-without-ids"),
        {"207": _MISSING["207"]},
    ),
    Check("malformedId", "Writes", "a malformed ID in addTags", ("404", "400")),
    Check(
        "tagCase",
        "Writes",
        "tags that differ only in case",
        ("distinct",),
        {"merged": "A file cannot have both. Declare tags in one spelling only, for example with a Vocabulary."},
    ),
    Check("tagSpace", "Writes", "spaces around a tag", ("kept", "trimmed", "refused")),
    Check(
        "commaTag",
        "Writes",
        "a tag with a comma",
        ("kept",),
        dict.fromkeys(("split", "refused"), "Do not declare tags with a comma: apply would report them as failed."),
    ),
    Check("percentTag", "Writes", "a tag with a percent sign", ("accepted", "refused")),
    Check("callLength", "Writes", "500 characters of a call", ("sum", "joined", "unchecked")),
    Check(
        "fileLength",
        "Writes",
        "500 characters of a file",
        ("sum", "unchecked"),
        {"joined": "tagsync sends such a change with a warning, and reports the files that ImageKit refuses."},
    ),
    Check("overLimit", "Writes", "response for a file that would have more", ("207", "400")),
)

CHECKS = {check.name: check for check in _CHECKS}
"""All checks by name, in the order in which they are shown."""
