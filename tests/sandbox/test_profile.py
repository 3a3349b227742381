"""Profiles are checked when they are read, and each setting changes the sandbox as its name says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import Sandbox, ai, file_object, id_of, run
from pages import DOCS
from sandbox.asking import post

from tagsync import schemas
from tagsync.sandbox.profile import CHOICES, LAGS, LIMITS, ProfileError, built_in, read_profile

Make = Callable[..., Sandbox]
A, B, ABSENT = "/a.jpg", "/b.jpg", "f" * 24


def kebab(setting: str, value: str) -> str:
    return re.sub("([A-Z])", lambda letter: "-" + letter[1].lower(), setting) + "-" + value


def test_profile_is_built_in_for_each_reading() -> None:
    singles = {kebab(setting, value): {setting: value} for setting, values in CHOICES.items() for value in values[1:]}
    others = {"strict", "lenient", "index-lag", "details-lag", "read-limits", "write-limits"}
    assert {name: found for name, found in built_in().items() if name not in others} == singles


def test_profile_settings_of_doctor_are_those_of_the_sandbox() -> None:
    known = schemas.load("profile")["properties"]["settings"]["properties"]
    assert {name: tuple(known[name]["enum"]) for name in known if name in CHOICES} == {
        name: values for name, values in ordered(known).items() if name in known
    }
    assert set(known) <= {*CHOICES, *LAGS, *LIMITS}


def ordered(known: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the sandbox's values in the order of the schema, which lists the expected ones first."""
    return {
        name: tuple(sorted(values, key=known[name]["enum"].index)) for name, values in CHOICES.items() if name in known
    }


@pytest.mark.parametrize("name", sorted(built_in()))
def test_profile_that_is_built_in_can_be_saved_and_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"profileVersion": "1.0", "settings": built_in()[name]}), encoding="utf-8")
    assert vars(read_profile(str(path))) == vars(read_profile(name))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a profile"),
        ("{}", "is not a profile"),
        ('{"profileVersion": "2.0", "settings": {}}', "is not a profile"),
        ('{"profileVersion": "1.0", "settings": {"x": 1}}', "settings.x is unknown"),
        ('{"profileVersion": "1.0", "settings": {"tieOrder": 1}}', "must be one of same, varies"),
        ('{"profileVersion": "1.0", "settings": {"tieOrder": []}}', "must be one of same, varies"),
        ('{"profileVersion": "1.0", "settings": {"indexLag": true}}', "a number of seconds"),
        ('{"profileVersion": "1.0", "settings": {"indexLag": 1e9}}', "a number of seconds"),
        ('{"profileVersion": "1.0", "settings": {"readLimits": [1]}}', "a list of limits"),
        ('{"profileVersion": "1.0", "settings": {"readLimits": ["0/1"]}}', "a list of limits"),
    ],
)
def test_profile_that_is_invalid_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=words):
        read_profile(str(path))


def test_profile_settings_are_documented() -> None:
    text = (DOCS / "reference" / "sandbox.md").read_text("utf-8")
    assert [name for name in (*CHOICES, *LAGS, *LIMITS) if f"`{name}`" not in text] == []
    for name, values in CHOICES.items():
        assert f"| {', '.join(f'`{value}`' for value in values)} |" in text, name


def changed(library: Sandbox, endpoint: str, tags: list[str], *paths: str, key: str = "tags") -> tuple[int, Any]:
    ids = [path if len(path) == 24 else id_of(path) for path in paths]
    response = post(library, endpoint, {"fileIds": ids, key: tags})
    return response.status_code, response.json()


@pytest.mark.parametrize(
    ("profile", "tags", "status", "kept"),
    [
        ("added-tags-replaced", ["new"], 200, {"new"}),
        ("repeated-tag-refused", ["new", "red"], 400, {"red"}),
        ("repeated-tag-error", ["red"], 207, {"red"}),
        ("tag-case-merged", ["RED", "new"], 200, {"red", "new"}),
        ("tag-space-trimmed", [" new "], 200, {"red", "new"}),
        ("tag-space-refused", [" new"], 400, {"red"}),
        ("comma-tag-split", ["a,b"], 200, {"red", "a", "b"}),
        ("comma-tag-refused", ["a,b"], 400, {"red"}),
        ("percent-tag-refused", ["50%"], 400, {"red"}),
        ("call-length-joined", ["a" * 250, "b" * 250], 400, {"red"}),
        ("file-length-joined", ["a" * 248, "b" * 248], 207, {"red"}),
        ("file-length-unchecked", ["a" * 249, "b" * 249], 200, {"red", "a" * 249, "b" * 249}),
        ("over-limit-400", ["a" * 249, "b" * 249], 400, {"red"}),
        ("writes-refused", ["new"], 403, {"red"}),
        ("lenient", ["a" * 300, "b" * 300], 200, {"red", "a" * 300, "b" * 300}),
    ],
)
def test_profile_changes_what_add_tags_does(
    sandbox: Make, profile: str, tags: list[str], status: int, kept: set[str]
) -> None:
    library = sandbox(file_object(A, ["red"]), profile=profile)
    assert changed(library, "addTags", tags, A)[0] == status
    assert library.tags(A) == kept


def test_profile_changes_what_calls_with_unknown_files_do(sandbox: Make) -> None:
    def answers(profile: str, path: str, endpoint: str = "addTags", key: str = "tags") -> tuple[int, Any]:
        return changed(sandbox(file_object(A), profile=profile), endpoint, ["x"], A, path, key=key)

    status, body = answers("missing-file-404-without-ids", ABSENT)
    assert (status, "missingFileIds" in body) == (404, False)
    status, body = answers("missing-file-207", ABSENT)
    assert (status, [item["fileId"] for item in body["errors"]]) == (207, [ABSENT])
    status, body = answers("missing-file-ai-404-without-ids", ABSENT, "removeAITags", "AITags")
    assert (status, "missingFileIds" in body) == (404, False)
    assert answers("malformed-id-400", "tagsync-not-an-id-123456")[0] == 400
    assert answers("strict", ABSENT)[0] == 404


def test_profile_index_and_details_lag(sandbox: Make) -> None:
    clock = [100.0]
    library = sandbox(file_object(A, ["red"], [ai("Dog")]), profile="details-lag", clock=lambda: clock[0])

    async def seen() -> tuple[set[str], set[str]]:
        async with library_of(library) as client:
            page = await client.page(skip=0)
            details = await client.details(id_of(A))
            assert details
            return set(page.files[0].tags), set(details.tags)

    changed(library, "addTags", ["new"], A)
    changed(library, "removeTags", ["red"], A)
    assert library.tags(A) == {"new"}
    assert run(seen()) == ({"red"}, {"red"})
    clock[0] = 102.9
    assert run(seen()) == ({"red"}, {"red"})
    clock[0] = 103.0
    assert run(seen()) == ({"new"}, {"new"})


def test_profile_index_lags_more_than_details(sandbox: Make) -> None:
    clock = [100.0]
    library = sandbox(file_object(A, ["red"]), profile="index-lag", clock=lambda: clock[0])
    changed(library, "addTags", ["new"], A)

    async def seen() -> tuple[set[str], set[str]]:
        async with library_of(library) as client:
            page, details = await client.page(skip=0), await client.details(id_of(A))
            assert details
            return set(page.files[0].tags), set(details.tags)

    assert run(seen()) == ({"red"}, {"red", "new"})
    clock[0] = 110.0
    assert run(seen()) == ({"red", "new"}, {"red", "new"})


def library_of(library: Sandbox) -> Any:
    from tagsync.library.target import connect  # noqa: PLC0415

    return connect(library.target, lambda _event: None)


def test_profile_limits_reads_and_writes(sandbox: Make) -> None:
    library = sandbox(file_object(A), profile="strict", clock=lambda: 100.0)
    statuses = [post(library, "addTags", {"fileIds": [id_of(A)], "tags": [f"t{n}"]}) for n in range(6)]
    assert [response.status_code for response in statuses] == [200] * 5 + [429]
    assert ["x-ratelimit-limit" in response.headers for response in statuses] == [False] * 5 + [True]


def test_profile_keeps_updated_at(sandbox: Make) -> None:
    library = sandbox(file_object(A), profile="updated-at-stays")
    changed(library, "addTags", ["new"], A)
    details = json.loads(library.store.details(id_of(A)) or "")
    assert (details["tags"], details["updatedAt"]) == (["new"], "2024-01-01T00:00:00.000Z")
