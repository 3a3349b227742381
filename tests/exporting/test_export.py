import gzip
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from builders import current_file, current_state, examples, plan_for
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.exporting.export import Exported, export
from tagsync.exporting.manifest_text import ManifestDraft, RuleDraft, joined, manifest_text
from tagsync.library.imagekit.file_objects import FileReader
from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentFile, Plan, is_declarable
from tagsync.planning.merge import merge
from tagsync.planning.select import Selection

MAX_EXCEPTS = 10
MIN_FILES = 5

TATE = Path(__file__).parents[3] / "shared" / "tate" / "library.jsonl.gz"
HEAD = 200
"""More characters than a small manifest has outside its entries."""
ID_INSTEAD_OF_PATH = len('fileId: "0123456789abcdef01234567"') - len("path: /")
"""The most additional characters of an entry that names its file by ID."""


def drafts_of(found: Exported) -> list[ManifestDraft]:
    return [draft for drafts in found.manifests.values() for draft in drafts]


def text_of(found: Exported) -> str:
    """Return all manifests of an export as documents of one file."""
    return "---\n".join(
        "".join(manifest_text(draft, "a test")) for draft in drafts_of(found) or [ManifestDraft((), ())]
    )


def whole_text_of(found: Exported) -> str:
    """Return an export as written to standard output."""
    return "".join(manifest_text(joined(drafts_of(found)), "a test"))


def planned(folder: Path, text: str, *files: CurrentFile) -> Plan:
    (folder / "tags.yaml").write_text(text, encoding="utf-8")
    desired = read_manifests([str(folder / "tags.yaml")])
    return plan_for(desired, current_state(*files))


def entries(text: str) -> str:
    return text.partition("spec:\n")[2]


def plain_length(files: list[CurrentFile]) -> int:
    drafts = tuple(RuleDraft("path", file.path, file.tags) for file in files if file.tags)
    return len("".join(manifest_text(ManifestDraft((), drafts), "a test")).partition("files:\n")[2])


SHOP = [
    current_file("/shop/shoes/1.jpg", ["catalog", "shoes"]),
    current_file("/shop/shoes/2.jpg", ["catalog", "shoes"]),
    current_file("/shop/shoes/3.jpg", ["catalog", "red", "shoes"]),
    current_file("/shop/shoes/4.jpg", ["catalog", "shoes"]),
    current_file("/shop/shoes/5.jpg", ["catalog", "shoes"]),
    current_file("/shop/hats/1.jpg", ["catalog"]),
    current_file("/shop/hats/2.jpg", ["catalog"]),
    current_file("/logo.png", ["brand"]),
    current_file("/empty.png"),
]


def test_export_writes_common_tags_of_folder_once(tmp_path: Path) -> None:
    text = text_of(export(SHOP))
    assert entries(whole_text_of(export(SHOP))) == (
        "  defaults:\n"
        "    ifMissing: warn\n"
        "  files:\n"
        "    - path: /logo.png\n"
        "      tags: [brand]\n"
        "    - match: /shop/**\n"
        "      tags: [catalog]\n"
        "    - match: /shop/shoes/**\n"
        "      tags: [shoes]\n"
        "    - path: /shop/shoes/3.jpg\n"
        "      tags: [red]\n"
    )
    plan = planned(tmp_path, text, *SHOP)
    assert (plan.changes, plan.errors, plan.summary.unchanged) == ((), (), 8)


def test_export_match_stays_in_its_folder(tmp_path: Path) -> None:
    text = text_of(export(SHOP, "/shop/shoes/"))
    assert "/shop/**" not in text
    assert "    - match: /shop/shoes/**\n      tags: [catalog, shoes]\n" in text
    assert planned(tmp_path, text, *SHOP).summary.unchanged == 5


def test_export_matches_no_folder_with_untagged_file() -> None:
    assert "match" not in text_of(export([*SHOP[:5], current_file("/shop/shoes/6.jpg")], "/shop/shoes/"))


@pytest.mark.parametrize("lacking", [0, 1])
@pytest.mark.parametrize("folder", ["/shop", "/shop/shoes"])
def test_export_matches_folder_with_at_least_five_files(tmp_path: Path, folder: str, lacking: int) -> None:
    tags = ["a" * 90, "b" * 90]  # long enough that a match of four files would pay
    without = [current_file(f"{folder}/without.jpg")][:lacking]
    four, five = (
        [*without, *(current_file(f"{folder}/{n}.jpg", tags) for n in range(MIN_FILES - less))] for less in (1, 0)
    )
    assert ("match" in text_of(export(four)), "match" in text_of(export(five))) == (False, True)
    plan = planned(tmp_path, text_of(export(four)), *four, current_file(f"{folder}/new.jpg"))
    assert plan.changes == ()


def test_export_counts_files_with_one_path_once() -> None:
    files = [CurrentFile(f"{n:024}", "/shop/twin.jpg", ("a-long-tag-for-all-of-a-folder",), ()) for n in range(9)]
    assert "match" not in text_of(export(files))


def test_export_still_plans_after_a_file_was_deleted(tmp_path: Path) -> None:
    common = ["a-rather-long-tag", "another-rather-long-tag", "one-more-rather-long-tag"]
    files = [current_file(f"/x/{n % 7}/{n}.jpg", [*common, f"t{n}"] if n % 2 else [f"t{n}"]) for n in range(60)]
    files += [CurrentFile(digit * 24, "/x/twin.jpg", ("x",), ()) for digit in "56"]
    found = export(files)
    for text in (text_of(found), whole_text_of(found)):
        plan = planned(tmp_path, text, *files[2:-1])
        assert (plan.errors, plan.changes, plan.summary.missing) == ((), (), 3)


def test_export_omits_if_missing_without_single_files() -> None:
    text = text_of(export([current_file(f"/shop/{n}.jpg", ["catalog-of-all"]) for n in range(20)]))
    assert entries(text) == "  files:\n    - match: /shop/**\n      tags: [catalog-of-all]\n"


def test_export_writes_one_document_per_manifest(tmp_path: Path) -> None:
    common = ["a-rather-long-tag", "another-rather-long-tag", "one-more-rather-long-tag"]
    files = [current_file(f"/x/{n % 7}/{n}.jpg", [*common, f"t{n}"] if n % 2 else [f"t{n}"]) for n in range(200)]
    found = export(files)
    assert len(found.manifests["x"]) > 1
    for text in ("".join(manifest_text(draft, "a test")) for draft in drafts_of(found)):
        assert (text.count("kind: TagSet"), "---" in text) == (1, False)
    whole = whole_text_of(found)
    assert (whole.count("kind: TagSet"), "---" in whole) == (1, False)
    plan = planned(tmp_path, whole, *files)
    assert (plan.changes, plan.errors) == ((), ())
    assert declared(tmp_path, whole, files) == {(file.file_id, tag) for file in files for tag in file.tags}


def test_export_matches_with_exceptions(tmp_path: Path) -> None:
    files = [current_file(f"/shop/{n:02}/{k}.jpg", ["catalog", f"t{n}{k}"]) for n in range(9) for k in range(9)]
    files += [current_file("/shop/04/what?.jpg", ["own"]), current_file("/shop/old*/1.jpg")]
    text = text_of(export(files))
    assert (
        '    - match: /shop/**\n      except: ["/shop/04/what\\\\?.jpg", "/shop/old\\\\*/**"]\n      tags: [catalog]\n'
    ) in text
    assert planned(tmp_path, text, *files).changes == ()


def test_export_shares_match_with_equal_exceptions() -> None:
    files = [current_file(f"/shop/{n:02}.jpg", ["catalog", "season", f"t{n}"]) for n in range(20)]
    assert "      except: [/shop/none.jpg]\n      tags: [catalog, season]\n" in text_of(
        export([*files, current_file("/shop/none.jpg")])
    )


def test_export_limits_number_of_exceptions() -> None:
    files = [current_file(f"/shop/{n:03}.jpg", ["a-long-tag-for-many-files", f"t{n}"]) for n in range(300)]
    none = [current_file(f"/shop/none-{n}.jpg") for n in range(MAX_EXCEPTS + 1)]
    assert "except" not in text_of(export([*files, *none]))
    assert "except" in text_of(export([*files, *none[1:]]))


def test_export_match_with_exceptions_stays_in_its_folder() -> None:
    files = [current_file(f"/shop/shoes/{n:02}.jpg", ["catalog", f"t{n}"]) for n in range(20)]
    files += [current_file(f"/shop/hats/{n:02}.jpg", ["catalog"]) for n in range(20)]
    text = text_of(export([*files, current_file("/shop/shoes/none.jpg")], "/shop/shoes/"))
    assert "    - match: /shop/shoes/**\n      except: [/shop/shoes/none.jpg]\n" in text
    assert text.count("match") == 1


@pytest.mark.parametrize("tagged", ["5", "6"])
def test_export_matches_common_tags_of_files_with_one_path(tmp_path: Path, tagged: str) -> None:
    files = [current_file(f"/shop/{n:02}.jpg", ["catalog", f"t{n}"]) for n in range(20)]
    files += [
        CurrentFile(digit * 24, "/shop/twin.jpg", ("catalog",) if digit == tagged else (), ()) for digit in ("5", "6")
    ]
    text = text_of(export(files))
    assert "      except: [/shop/twin.jpg]\n" in text
    assert f'    - fileId: "{tagged * 24}"\n      tags: [catalog]\n' in text
    assert planned(tmp_path, text, *files).changes == ()


def test_export_groups_files_across_folders(tmp_path: Path) -> None:
    common = ["a-rather-long-tag", "another-rather-long-tag", "one-more-rather-long-tag"]
    files = [current_file(f"/x/{n % 7}/{n}.jpg", common if n % 2 else []) for n in range(60)]
    text = text_of(export(files))
    assert f"  defaults:\n    tags: [{', '.join(sorted(common))}]\n" in text
    assert "\n    - path: /x/1/1.jpg\n    - path: /x/1/15.jpg\n" in text
    assert len(text) < plain_length(files) / 2
    assert planned(tmp_path, text, *files).changes == ()


def test_export_groups_files_without_most_frequent_tag() -> None:
    pair = ["on-one-of-the-two", "on-the-other-of-the-two"]
    files = [current_file(f"/x/{n:03}.jpg", ["often", f"own-{n}"]) for n in range(40)]
    files += [current_file(f"/x/pair-{n}.jpg", [*pair, f"p{n}", *(["often"] if n % 2 else [])]) for n in range(40)]
    assert text_of(export(files)).count(pair[0]) == 1


def test_export_shares_defaults_only_if_it_pays() -> None:
    tags = ["a-rather-long-tag", "another-rather-long-tag"]
    few, many = (
        text_of(export([current_file(f"/x/{n:03}.jpg", [*tags, f"t{n}"] if n % 2 else []) for n in range(count)]))
        for count in (44, 60)
    )
    assert (few.count("kind: TagSet"), many.count("kind: TagSet")) == (1, 1)
    assert ("  defaults:\n    tags" in few, "  defaults:\n    tags" in many) == (False, True)


def test_export_dissolves_group_that_no_longer_pays() -> None:
    tags = ["wide-tag-of-them-all", "a-tag-of-half-of-them-that-is-long", "a-tag-of-the-others-that-is-long"]
    files = [current_file(f"/x/{n:03}.jpg", [tags[0], tags[1 + n % 2], f"t{n}"]) for n in range(180)]
    files += [current_file("/x/last.jpg", [tags[0], "by-itself"])]
    files += [current_file(f"/x/none-{n}.jpg") for n in range(20)]  # too many for an except
    found = [draft.defaults for drafts in export(files).manifests.values() for draft in drafts]
    assert found == [(), (tags[1], tags[0]), (tags[2], tags[0])]


def test_export_is_deterministic() -> None:
    assert text_of(export(SHOP)) == text_of(export(reversed(SHOP)))


@pytest.mark.parametrize("tag", ["50%", " x", "a\tb", "a\u202eb", "hats\u200b", "\u3164"])
def test_export_names_tag_that_cannot_be_declared(tmp_path: Path, tag: str) -> None:
    file = current_file("/a.jpg", [tag, "x"])
    found = export([file])
    assert [(item.level, item.code) for item in found.diagnostics] == [("warning", "not-exported")]
    assert "'/a.jpg' is left out: a manifest cannot declare it" in found.diagnostics[0].message
    assert planned(tmp_path, text_of(found), file).changes == ()


def test_export_leaves_out_second_spelling(tmp_path: Path) -> None:
    file = current_file("/a.jpg", ["cafe\u0301", "caf\u00e9"])
    found = export([file])
    assert "is left out: the file has it in two spellings" in found.diagnostics[0].message
    plan = planned(tmp_path, text_of(found), file)
    assert (plan.changes, plan.errors) == ((), ())


def test_export_accepts_tags_over_500_characters(tmp_path: Path) -> None:
    tags = [f"{letter * 90}" for letter in "abcdef"]
    files = [current_file("/x/1.jpg", tags), current_file("/x/2.jpg", tags), current_file("/z.jpg", tags)]
    plan = planned(tmp_path, text_of(export(files)), *files)
    assert (plan.changes, plan.errors, plan.summary.unchanged) == ((), (), 3)


def test_export_names_files_with_one_path_by_id(tmp_path: Path) -> None:
    files = [
        CurrentFile("5" * 24, "/a.jpg", ("x",), ()),
        CurrentFile("6" * 24, "/a.jpg", ("z",), ()),
    ]
    text = text_of(export(files))
    assert f'fileId: "{"5" * 24}"' in text
    assert planned(tmp_path, text, *files).changes == ()


def test_export_of_untagged_library_has_no_entries(tmp_path: Path) -> None:
    text = text_of(export([current_file("/a.jpg")]))
    assert entries(text) == "  files: []\n"
    assert planned(tmp_path, text, current_file("/a.jpg")).errors == ()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("shoes", "shoes"),
        ("/shop/red shoe.jpg", "/shop/red shoe.jpg"),
        ("/shop/**", "/shop/**"),
        ("No", '"No"'),
        ("1944", '"1944"'),
        ("1e3", '"1e3"'),
        ("~", '"~"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("a,b", '"a,b"'),
        ("-a", '"-a"'),
        ("a\nb", '"a\\nb"'),
        ("a\x85b\x7f", '"a\\x85b\\x7f"'),
        ("a\u2028b\ufeff", '"a\\u2028b\\ufeff"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\U0001f600\u00e9", '"\U0001f600\u00e9"'),
        ('"\\', '"\\"\\\\"'),
        ("##[error]x", '"\\x23#[error]x"'),
        ("a ##vso[task.complete]", '"a \\x23#vso[task.complete]"'),
        ("###[x", '"#\\x23#[x"'),
        ("## [x]", '"## [x]"'),
    ],
)
def test_export_quotes_ambiguous_text(text: str, written: str) -> None:
    path = "".join(manifest_text(ManifestDraft((), (RuleDraft("path", text, ("x",)),)), "a test"))
    assert f"path: {written}\n" in path


def test_braces_of_tags_and_folders_are_escaped(tmp_path: Path) -> None:
    files = [current_file(f"/{{shop}}/{number}.jpg", ["{season}"]) for number in range(20)]
    text = text_of(export(files))
    assert 'match: "/\\\\{shop}/**"' in text
    assert 'tags: ["\\\\{season}"]' in text
    plan = planned(tmp_path, text, *files)
    assert (plan.changes, plan.diagnostics) == ((), ())


words = st.sampled_from(
    [
        "no",
        "1944",
        "a",
        "b",
        "shoe red",
        "x" * 120,
        "w" * 190,
        "caf\u00e9",
        "cafe\u0301",
        "a,b",
        "50%",
        "{a}",
        r"\{b",
        "}{",
    ]
)
odd = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
paths = st.lists(st.sampled_from(["a", "b", "*", "?", "x y", "no", "{a}", "{"]) | odd, min_size=1, max_size=4).map(
    lambda steps: "/" + "/".join(step.replace("/", "") or "_" for step in steps)
)
libraries = st.lists(
    st.tuples(paths, st.lists(words | odd, max_size=5, unique=True)), max_size=14
).map(
    lambda rows: [
        CurrentFile(f"{number:024x}", path, tuple(sorted(tags)), ()) for number, (path, tags) in enumerate(rows)
    ]
)  # fmt: skip


crowds = st.lists(
    st.tuples(
        st.sampled_from(["/a", "/a/b", "/a/b/c", "/a/*", "/z"]),
        st.sampled_from([(), ("t" * 40,)] * 1 + [("t" * 40, "own")] * 4),
    ),
    max_size=40,
).map(
    lambda rows: [
        CurrentFile(f"{n:024x}", f"{folder}/{n % 30}?.jpg", tags, ()) for n, (folder, tags) in enumerate(rows)
    ]
)


@settings(max_examples=examples(50), deadline=None)
@given(files=libraries | crowds, folder=st.sampled_from(["/", "/a/"]))
def test_export_plans_to_no_change_and_is_complete(
    tmp_path_factory: pytest.TempPathFactory, files: list[CurrentFile], folder: str
) -> None:
    found = export(files, folder)
    text = text_of(found)
    plan = planned(tmp_path_factory.mktemp("export"), text, *files)
    assert (plan.changes, plan.errors) == ((), ())
    within = [file for file in files if file.path.startswith(folder)]
    left_out = len(found.diagnostics)
    assert found.tags == sum(len(file.tags) for file in within) - left_out
    assert declared(tmp_path_factory.mktemp("export"), text, files) == {
        (file.file_id, tag) for file in within for tag in file.tags if is_declarable(tag)
    } - twins(within)
    few = len({file.path.split("/")[1] for file in within}) + 1
    paths = Counter(file.path for file in within)
    by_id = sum(ID_INSTEAD_OF_PATH for file in within if paths[file.path] > 1)
    lenient = sum(28 for file in within if is_long(file))
    assert len(text) <= plain_length(within) + HEAD * few + by_id + lenient


def declared(folder: Path, text: str, files: list[CurrentFile]) -> set[tuple[str, str]]:
    """Return the tags of each file that an apply would add if it had none."""
    bare = [CurrentFile(file.file_id, file.path, (), ()) for file in files]
    (folder / "tags.yaml").write_text(text, encoding="utf-8")
    desired = read_manifests([str(folder / "tags.yaml")])
    state = current_state(*bare)
    return {
        (selected.file.file_id, change.tag)
        for selected in Selection(desired.entries, state.files, state.answers)
        for change in merge(selected.file, selected.entries).changes
    }


def twins(files: list[CurrentFile]) -> set[tuple[str, str]]:
    """Return the second spelling of each tag that a file has in two."""
    found = set()
    for file in files:
        seen: set[str] = set()
        for tag in file.tags:
            key = unicodedata.normalize("NFC", tag)
            if key in seen:
                found.add((file.file_id, tag))
            seen.add(key)
    return found


def is_long(file: CurrentFile) -> bool:
    return len(",".join(file.tags)) > 500


@pytest.mark.slow
@pytest.mark.skipif(not TATE.exists(), reason="the real library is not beside this checkout")
def test_export_of_real_library_is_short_and_plans_to_no_change(tmp_path: Path) -> None:
    reader = FileReader()
    with gzip.open(TATE, "rt", encoding="utf-8") as lines:
        rows: list[Any] = list(map(json.loads, lines))
    files = sorted(map(reader.file, rows), key=lambda file: file.path)
    text = text_of(export(files))
    assert len(text) <= 0.6 * plain_length(files)
    plan = planned(tmp_path, text, *files)
    assert (plan.changes, plan.errors) == ((), ())
    assert plan.summary.unchanged == sum(bool(file.tags) for file in files)
