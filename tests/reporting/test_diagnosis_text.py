"""The table of doctor ends with what the user can do with the account."""

import pytest

from tagsync.examining.checks import CHECKS
from tagsync.model import Diagnosis
from tagsync.reporting.diagnosis_text import conclusion

LISTS = "Plans read the whole listing, one API call per 1,000 files."
SEARCHES = "A plan for few files searches for them; other plans read the whole listing, one API call per 1,000 files."


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        ({"writes": "accepted"}, f"tagsync works with this account. {SEARCHES}"),
        ({"searchId": "works"}, f"tagsync works with this account. Writes were not tested. {SEARCHES}"),
        ({"searchName": "refused", "writes": "accepted"}, f"tagsync works with this account. {LISTS}"),
        ({"folderListing": "misses", "writes": "accepted"}, f"tagsync works with this account. {LISTS}"),
        (
            {"writes": "refused"},
            f"tagsync can plan with this key, but not apply: use a key that can write. {SEARCHES}",
        ),
        (
            {"writes": "accepted", "addedTags": "replaced"},
            "Do not run apply with this account: each call that adds tags would remove other tags.",
        ),
        (
            {"listingScope": "root-only"},
            "tagsync works only in part with this account: globs find only files in /.",
        ),
        (
            {"deepestSkip": "empty", "searchCreatedAt": "ignored"},
            "tagsync works only in part with this account: it cannot read the whole library.",
        ),
        (
            {"deepestSkip": "empty", "searchCreatedAt": "works", "writes": "accepted"},
            f"tagsync works with this account. {SEARCHES}",
        ),
    ],
)
def test_doctor_conclusion_follows_from_the_worst_reading(readings: dict[str, str], words: str) -> None:
    findings = [CHECKS[check].found(reading, "") for check, reading in readings.items()]
    assert conclusion(Diagnosis(findings, "2026-01-01T00:00:00Z", 1)) == words
