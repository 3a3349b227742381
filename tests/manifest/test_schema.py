from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import manifest

from tagsync import schemas
from tagsync.errors import ManifestError
from tagsync.manifest.explanations import EXPLANATIONS
from tagsync.manifest.read import read_manifests
from tagsync.manifest.schema import errors, is_valid
from tagsync.manifest.yaml import REFUSED, Map

Faults = Callable[..., list[tuple[str, str, str]]]


@pytest.mark.parametrize(
    ("entry", "place", "code", "words"),
    [
        # unknown keys
        ("- path: /a\n  tag: [x]", "6:7", "unknown-key", "unknown key 'tag' (did you mean 'tags'?)"),
        ("- path: /a\n  Tags: [x]", "6:7", "unknown-key", "did you mean 'tags'?"),
        ("- path: /a\n  TAGS: [x]", "6:7", "unknown-key", "did you mean 'tags'?"),
        ("- path: /a\n  aiTag: {}", "6:7", "unknown-key", "did you mean 'aiTags'?"),
        ("- path: /a\n  iffMissing: warn", "6:7", "unknown-key", "did you mean 'ifMissing'?"),
        ("- match: /a\n  exclude: [/b]", "6:7", "unknown-key", "unknown key 'exclude' (did you mean 'except'?)"),
        ("- path: /a\n  zzz: 1", "6:7", "unknown-key", "known keys: absent, aiTags, except"),
        ("- path: /a\n  no: 1", "6:7", "unknown-key", "unknown key 'no'"),
        ("- path: /a\n  aiTags: {minconfidence: 5}", "6:16", "unknown-key", "did you mean 'minConfidence'?"),
        ("- path: /a\n  exclusive: {only: [x], onyl: [x]}", "6:30", "unknown-key", "did you mean 'only'?"),
        ("- match: /a\n  tags: [x]\n  expect: {mix: 5}", "7:16", "unknown-key", "did you mean"),
        # fields of later versions
        ("- path: /a\n  tags: [x]\n  until: 2026-12-32", "7:14", "day", "2026-12-32 is not a date in the calendar"),
        (
            '- path: /a\n  tags: [x]\n  until: "2026-12-31\\n"',
            "7:14",
            "day",
            "2026-12-31\\x0a is not a date in the calendar",
        ),
        ("- path: /a\n  tags: [x]\n  until: tomorrow", "7:14", "day", "until is 'tomorrow': write a day as YYYY-MM-DD"),
        ("- path: /a\n  absent: [x]\n  until: 2026-12-31", "7:14", "missing-key", "which has none: add tags"),
        ("- path: /a\n  aiTags: {promote: {}}", "6:25", "missing-key", "missing key 'minConfidence' in promote"),
        # types
        ("- red", "5:7", "type", "is 'red': it must be a mapping"),
        ("- [path, /a]", "5:7", "type", "is a list: it must be a mapping"),
        ("-", "5:6", "type", "is empty: it must be a mapping"),
        ("- path: /a\n  tags: red", "6:13", "type", "tags is 'red': it must be a list"),
        ("- path: /a\n  tags: no", "6:13", "type", "tags is no: it must be a list"),
        ("- path: /a\n  tags: {red: 1}", "6:13", "type", "tags is a mapping: it must be a list"),
        ("- path: /a\n  tags:", "6:12", "type", "tags is empty: it must be a list"),
        ("- path: /a\n  tags: [[red]]", "6:14", "type", "it must be text, so remove the inner brackets"),
        ("- path: /a\n  tags: a, red", "6:13", "type", "it must be a list, so write tags: [a, red]"),
        ("- path: /a\n  tags: 'a: b'", "6:13", "type", "it must be a list, so write tags: [...]"),
        ("- path: /a\n  tags: 'no'", "6:13", "type", "it must be a list, so write tags: [...]"),
        ("- match: /a\n  except: /x/**\n  tags: [x]", "6:15", "type", "so write except: [/x/**]"),
        # placeholders without quotation marks
        (
            "- match: '/{a}/*'\n  tags: [{a}]",
            "6:14",
            "quote",
            '{a} without quotation marks is a YAML mapping: write "{a}"',
        ),
        ("- match: '/{a}/*'\n  tags: [{a:lower}]", "6:14", "quote", 'write "{a:lower}"'),
        ("- match: '/{a}/*'\n  tags: {a}", "6:13", "type", 'it must be a list, so write tags: ["{a}"]'),
        ("- path: /a\n  tags: [x]\n  absent: draft", "7:15", "type", "absent is 'draft': it must be a list"),
        ("- path: [/a]\n  tags: [x]", "5:13", "type", "path is a list: it must be text"),
        ("- match: /a\n  except: /b\n  tags: [x]", "6:15", "type", "except is '/b': it must be a list"),
        (
            "- path: /a\n  exclusive: yes",
            "6:18",
            "type",
            "exclusive is yes: it must be true, false or a mapping, so write exclusive: true",
        ),
        ("- path: /a\n  exclusive: 'true'", "6:18", "type", "exclusive is 'true': it must be true, false or a mapping"),
        ("- path: /a\n  aiTags: all", "6:15", "type", "aiTags is 'all': it must be a mapping"),
        ("- path: /a\n  aiTags: [all]", "6:15", "type", "aiTags is a list: it must be a mapping"),
        ("- path: /a\n  aiTags: 70", "6:15", "type", "aiTags is 70: it must be a mapping"),
        ("- path: /a\n  aiTags: no", "6:15", "type", "aiTags is no: it must be a mapping"),
        ("- path: /a\n  aiTags:", "6:14", "type", "aiTags is empty: it must be a mapping"),
        ("- path: /a\n  aiTags: {remove: {a: b}}", "6:24", "type", "remove is a mapping: it must be a list"),
        ("- path: /a\n  aiTags: {minConfidence: '70'}", "6:31", "type", "minConfidence is '70': it must be a number"),
        ("- path: /a\n  aiTags: {minConfidence: 1e1}", "6:31", "type", "minConfidence is 1e1: it must be a number"),
        ("- path: /a\n  aiTags: {minConfidence: true}", "6:31", "type", "minConfidence is true: it must be a number"),
        ("- match: /a\n  tags: [x]\n  expect: 5", "7:15", "type", "as in expect: {min: 5} or expect: {max: 5}"),
        ("- match: /a\n  tags: [x]\n  expect: {min: 1.5}", "7:21", "type", "min is 1.5: it must be a whole number"),
        # what an unquoted scalar may mean
        ("- path: /a\n  tags: [no]", "6:14", "quote", 'quote it, "no"'),
        ("- path: /a\n  tags: [red, 1944]", "6:19", "quote", 'quote it, "1944"'),
        ("- path: /a\n  tags: [1.10]", "6:14", "quote", 'quote it, "1.10"'),
        ("- path: /a\n  tags: [true]", "6:14", "quote", 'quote it, "true"'),
        ("- path: /a\n  tags: [~]", "6:14", "quote", 'quote it, "~"'),
        ("- path: /a\n  absent: [2024-01-01]", "6:16", "quote", 'quote it, "2024-01-01"'),
        ("- path: /a\n  aiTags: {remove: [1e3]}", "6:25", "quote", 'quote it, "1e3"'),
        ("- path: /a\n  aiTags: {keep: [null]}", "6:23", "quote", 'quote it, "null"'),
        ("- path: /a\n  exclusive: {only: [0x1F]}", "6:26", "quote", 'quote it, "0x1F"'),
        ("- fileId: 123456789012345678901234\n  tags: [x]", "5:15", "quote", 'quote it, "123456789012345678901234"'),
        ("- query: 12:30:45\n  tags: [x]", "5:14", "quote", 'quote it, "12:30:45"'),
        # what is empty
        ("- path: /a\n  tags: ['']", "6:14", "empty", "this tag is empty: add a value, or remove it"),
        ("- path: /a\n  tags: [season: summer]", "6:14", "quote", 'a YAML mapping: write "season: summer"'),
        ("- path: /a\n  tags:\n    - size: 42", "7:11", "quote", 'a YAML mapping: write "size: 42"'),
        ("- path: /a\n  tags: [{season: summer}]", "6:14", "type", "so put it in quotation marks"),
        ("- path: /a\n  tags: 12", "6:13", "type", 'it must be a list, so write tags: ["12"]'),
        ("- path: /a\n  tags: ~", "6:13", "type", "so add an item, or remove the key"),
        ("- path: /a\n  tags: [x]\n  until: [5]", "7:14", "type", "until is a list: it must be text"),
        ("- path: /a\n  tags: [x]\n  exclusive: []", "7:18", "type", "exclusive is a list: it must be true, false or"),
        ("- path: [/a, /b]\n  tags: [x]", "5:13", "type", "it must be text, so write one rule for each"),
        ("- match:/a", "5:7", "type", "this rule is 'match:/a': it must be a mapping, so write a space after match:"),
        ("- path: /a\n  aiTags: Boot", "6:15", "type", "as in aiTags: {remove: [Boot]} or aiTags: {keep: [Boot]}"),
        ("- path: /a\n  aiTags: {remove: Boot}", "6:24", "value", "so write remove: [Boot]"),
        ("- path: /a\n  aiTags: {minConfidence: 70%}", "6:31", "type", "so write minConfidence: 70"),
        ("- path: /a\n  aiTags: {minConfidence: 0,7}", "6:33", "unknown-key", "write decimals with a point"),
        ("- path: /a\n  exclusive: [shoe*]", "6:18", "type", "it must be true, false or a mapping"),
        ("- path: /a\n  minConfidence: 70", "6:7", "unknown-key", "write aiTags: above it, and indent it to column 9"),
        ("- match:/a\n  tags: [x]", "5:13", "yaml", "a space is missing after the colon: write match: and a space"),
        # what a comment hides
        ("- path: /a\n  tags:\n    - #sale", "7:10", "empty", 'write "#sale" in quotation marks'),
        ("- match: #x\n  tags: [x]", "5:13", "empty", 'write "#x" in quotation marks'),
        ("- path: /a\n  tags: #sale, new", "6:12", "type", 'write "#sale" in quotation marks'),
        ("- path: /a\n  tags: # all of them", "6:12", "type", "tags is empty: it must be a list, so add an item"),
        # what is indented too far
        ("- path: /a\n  tags:\n  - a\n   - b", "7:9", "yaml", "YAML joins this line and the next into 'a - b'"),
        ("- path: /a\n  tags: [&new]", "6:14", "anchor", 'remove &new, or write "&new" if it is text'),
        ("- path: /a\n  tags: [*new]", "6:14", "alias", 'or write "*new" if it is text'),
        ("- path: /a\n  tags:\n  - !new", "7:9", "explicit-tag", 'remove !new, or write "!new" if it is text'),
        ("- path: /a\n  tags:\n    -", "7:10", "empty", "tags has no value: write one"),
        ("- path: /a\n  absent: ['']", "6:16", "empty", "this tag is empty"),
        ("- path:\n  tags: [x]", "5:12", "empty", "path has no value: write one"),
        ("- fileId: ''\n  tags: [x]", "5:15", "empty", "fileId is empty"),
        ("- query: ''\n  tags: [x]", "5:14", "empty", "query is empty"),
        ("- path: /a\n  aiTags: {}", "6:15", "empty", "aiTags is empty"),
        ("- path: /a\n  aiTags: {keep: ['']}", "6:23", "empty", "an item of keep is empty"),
        ("- path: /a\n  exclusive: {only: []}", "6:25", "empty", "only is empty"),
        ("- match: /a\n  tags: [x]\n  expect: {}", "7:15", "empty", "expect is empty"),
        # selectors
        ("- tags: [x]", "5:7", "selector", "this rule has no selector: add path, fileId, match or query"),
        ("- path: /a\n  fileId: b\n  tags: [x]", "5:7", "selector", "this rule has path and fileId"),
        ("- path: /a\n  match: /b\n  tags: [x]", "5:7", "selector", "this rule has path and match"),
        ("- fileId: a\n  query: b\n  tags: [x]", "5:7", "selector", "this rule has fileId and query"),
        (
            "- path: /a\n  match: /b\n  query: c\n  tags: [x]",
            "5:7",
            "selector",
            "path, match and query: keep one of them, as only",
        ),
        ("- path: /a\n  except: [/b]\n  tags: [x]", "5:7", "selector", "except cannot be combined with path"),
        ("- fileId: a\n  expect: {min: 1}\n  tags: [x]", "5:7", "selector", "expect cannot be combined with fileId"),
        # values
        ("- path: a.jpg\n  tags: [x]", "5:13", "path", "'a.jpg' does not start with /: write '/a.jpg'"),
        ("- match: '*.jpg'\n  tags: [x]", "5:14", "path", "'*.jpg' does not start with /: write '/**/*.jpg'"),
        ("- path: ''\n  tags: [x]", "5:13", "path", "this path is empty"),
        ("- path: https://x/a.jpg\n  tags: [x]", "5:13", "path", "is a URL: write the file's path in the library"),
        ("- path: 2024/a.jpg\n  tags: [x]", "5:13", "path", "write '/2024/a.jpg'"),
        (
            "- match: '!/a/**'\n  tags: [x]",
            "5:14",
            "path",
            "'!/a/**' starts with !: to leave files out, list '/a/**' in except",
        ),
        ("- match: /**\n  except: ['!a/*']\n  tags: [x]", "6:16", "path", "list '/a/*' in except"),
        ("- path: 2024\n  tags: [x]", "5:13", "path", "'2024' does not start with /: write '/2024'"),
        ("- path: /a\n  tags: [x]\n  until: 20261231", "7:14", "day", "write a day as YYYY-MM-DD"),
        ("- match: '**/a'\n  tags: [x]", "5:14", "path", "'**/a' does not start with /"),
        ("- match: /**\n  except: [a]\n  tags: [x]", "6:16", "path", "'a' does not start with /"),
        ("- path: /a\n  tags: [x]\n  ifMissing: ignore", "7:18", "value", "ignore': use error, warn or skip"),
        ("- path: /a\n  tags: [x]\n  ifOverLimit: no", "7:20", "value", "ifOverLimit is no: use error, warn or skip"),
        ("- path: /a\n  aiTags: {remove: al}", "6:24", "value", "remove is 'al': use all or a list of names"),
        ("- path: /a\n  aiTags: {source: google, keep: [a]}", "6:24", "value", "google-auto-tagging or aws-auto-tag"),
        ("- path: /a\n  aiTags: {minConfidence: -1}", "6:31", "range", "minConfidence is -1: it must be at least 0"),
        ("- path: /a\n  aiTags: {minConfidence: 100.5}", "6:31", "range", "is 100.5: it must be at most 100"),
        ("- match: /a\n  tags: [x]\n  expect: {min: -1}", "7:21", "range", "min is -1: it must be at least 0"),
        (
            "- path: /a\n  aiTags: {minConfidence: 70, remove: all}",
            "6:31",
            "contradiction",
            "minConfidence cannot be combined with remove: all",
        ),
        # tags
        ("- path: /a\n  tags: [50%]", "6:14", "tag-text", "'50%' contains %"),
        ("- path: /a\n  tags: [' red']", "6:14", "tag-text", "' red' starts or ends with white space"),
        ("- path: /a\n  tags: ['red ']", "6:14", "tag-text", "'red ' starts or ends with white space"),
        ('- path: /a\n  tags: ["\\u00a0red"]', "6:14", "tag-text", "starts or ends with white space"),
        ('- path: /a\n  tags: ["a\\tb"]', "6:14", "tag-text", "'a\\x09b' contains an invisible control"),
        ('- path: /a\n  tags: ["a\\nb"]', "6:14", "tag-text", "'a\\x0ab' contains an invisible control"),
        ('- path: /a\n  tags: ["a\\0b"]', "6:14", "tag-text", "'a\\x00b' contains an invisible control"),
        ('- path: /a\n  tags: ["a\\x7fb"]', "6:14", "tag-text", "'a\\x7fb' contains an invisible control"),
        ('- path: /a\n  tags: ["a\\u202eb"]', "6:14", "tag-text", "'a\\u202eb' contains an invisible control"),
        ('- path: /a\n  tags: ["a\\u2066b"]', "6:14", "tag-text", "contains an invisible control character"),
        ('- path: /a\n  tags: ["a\\u200fb"]', "6:14", "tag-text", "contains an invisible control character"),
        ('- path: /a\n  tags: ["a\\u061cb"]', "6:14", "tag-text", "contains an invisible control character"),
        ('- path: /a\n  tags: ["\\u200b"]', "6:14", "tag-text", "'\\u200b' has no visible character"),
        ('- path: /a\n  tags: ["a\\u200b"]', "6:14", "tag-text", "ends with an invisible character (U+200B)"),
        ('- path: /a\n  tags: ["\\ufeffa"]', "6:14", "tag-text", "starts with an invisible character (U+FEFF)"),
    ],
)
def test_schema_errors_of_entry_are_explained(faults: Faults, entry: str, place: str, code: str, words: str) -> None:
    [found] = faults(manifest(entry))

    assert found[:2] == (place, code)
    assert words in found[2]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("- tag: [x]\n  path: a", ["5:7 unknown-key", "6:13 path"]),
        ("- tags: [no, ' x', '', [a]]", ["5:7 selector", "5:14 quote", "5:18 tag-text", "5:24 empty", "5:28 type"]),
        ("- path: /a\n  aiTags: {remove: al, minConfidence: 101, keep: {}, source: x}",
         ["6:24 value", "6:43 range", "6:54 type", "6:66 value"]),
        ("- path: /a\n  b: 1\n  c: 2\n  until: 3",
         ["6:7 unknown-key", "7:7 unknown-key", "8:14 missing-key", "8:14 day"]),
        ("- match: x\n  expect: {min: a, max: b}\n  tags: [x]", ["5:14 path", "6:21 type", "6:29 type"]),
    ],
)  # fmt: skip
def test_schema_errors_of_entry_are_all_reported(faults: Faults, entry: str, found: list[str]) -> None:
    assert [f"{place} {code}" for place, code, _ in faults(manifest(entry))] == found


@pytest.mark.parametrize(
    ("spec", "place", "code", "words"),
    [
        ("defaults: [x]", "4:13", "type", "defaults is a list: it must be a mapping"),
        ("defaults:", "4:12", "type", "defaults is empty: it must be a mapping"),
        ("defaults: {path: /a}", "4:14", "unknown-key", "defaults apply to all rules: write it in each rule instead"),
        ("defaults: {expect: {min: 1}}", "4:14", "unknown-key", "unknown key 'expect'"),
        ("defaults: {tag: [x]}", "4:14", "unknown-key", "did you mean 'tags'?"),
        ("defaults: {until: '2026-12-31'}", "4:14", "unknown-key", "unknown key 'until'"),
        ("defaults: {tags: [no]}", "4:21", "quote", 'quote it, "no"'),
        ("defaults: {tags: ['%']}", "4:21", "tag-text", "contains %"),
        ("defaults: {aiTags: {minConfidence: 101}}", "4:38", "range", "at most 100"),
        ("default: {tags: [x]}", "4:3", "unknown-key", "did you mean 'defaults'?"),
    ],
)
def test_schema_errors_outside_entries_are_explained(
    faults: Faults, spec: str, place: str, code: str, words: str
) -> None:
    [found] = faults(manifest("- path: /a\n  tags: [x]", spec=spec))

    assert found[:2] == (place, code)
    assert words in found[2]


@pytest.mark.parametrize(
    ("text", "place", "code", "words"),
    [
        ("spec: {files: []}\nmeta: {name: a}", "4:1", "unknown-key", "did you mean 'metadata'?"),
        ("metadata: {name: a}", "1:1", "missing-key", "missing key 'spec'"),
        ("spec: {}", "3:7", "missing-key", "missing key 'files' in spec: add files or filesFrom"),
        ("spec: []", "3:7", "type", "spec is a list: it must be a mapping, so put the rules under spec: files:"),
        ("spec:", "3:6", "type", "spec is empty: it must be a mapping"),
        ("spec: {files: {}}", "3:15", "type", "files is a mapping: it must be a list, so start each rule with a dash"),
        ("spec: {files: ~}", "3:15", "type", "files is ~: it must be a list"),
        ("spec: {files: []}\nmetadata: a", "4:11", "type", "metadata is 'a': it must be a mapping"),
        ("spec: {files: []}\nmetadata: {nam: a}", "4:12", "unknown-key", "did you mean 'name'?"),
        ("spec: {files: []}\nmetadata: {name: 2024}", "4:18", "quote", 'quote it, "2024"'),
        ("spec: {files: []}\nmetadata: {account: ''}", "4:21", "empty", "account is empty"),
    ],
)
def test_schema_errors_of_document_are_explained(faults: Faults, text: str, place: str, code: str, words: str) -> None:
    [found] = faults(f"apiVersion: tagsync/v1\nkind: TagSet\n{text}\n")

    assert found[:2] == (place, code)
    assert words in found[2]


LEVEL = "is at the wrong level: "
RULES = "files:\n    - match: /a/**"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("files: []", "3:1", f"{LEVEL}write spec: above it, and indent it to column 3"),
        ("spec:\nfiles: []", "4:1", f"{LEVEL}indent it below spec (line 3), to column 3"),
        ("spec:\n    defaults: {tags: [a]}\nfiles: []", "5:1", f"{LEVEL}indent it below spec (line 3), to column 5"),
        ("spec: {values: {}}\nfiles: []", "4:1", f"{LEVEL}indent it below spec (line 3), to column 3"),
        ("{spec: {}, files: []}", "3:12", f"{LEVEL}move it into spec"),
        ("name: x\nspec: {files: []}", "3:1", f"{LEVEL}write metadata: above it, and indent it to column 3"),
        (f"spec:\n  {RULES}\ntags: [a]", "6:1", f"{LEVEL}it belongs in a rule: indent it to column 7"),
        (f"spec:\n  {RULES}\n  tags: [a]", "6:3", f"{LEVEL}it belongs in a rule: indent it to column 7"),
        (f"spec:\n  {RULES}\n      aiTags:\n      keep: [a]", "7:7", "indent it below aiTags (line 6), to column 9"),
        (f"spec:\n  {RULES}\n      aiTags:\n      remove: all", "7:7", "indent it below aiTags (line 6), to column 9"),
        (f"spec:\n  {RULES}\n      aiTags:\n        tags: [a]", "7:9", "it belongs in the rule, so indent it less"),
        (f"spec:\n  {RULES}\n      tags: [a]\n      defaults: {{}}", "7:7", "it belongs in spec, so indent it less"),
        (f"spec:\n  {RULES}\n      tags: [a]\n      kind: x", "7:7", "it belongs at the top level, so indent it less"),
        ("spec:\n  match: /a", "4:3", "it belongs in a rule: write files: above it, and a dash before the first key"),
        # Names of keys that are wrong, and nothing that follows from them.
        ("spec:\n  files:\n    - mach: /a/**\n      tags: [a]", "5:7", "did you mean 'match'?"),
        ("spec:\n  files:\n    - glob: /a/**\n      tags: [a]", "5:7", "did you mean 'match'?"),
        (f"spec:\n  {RULES}\n      tag: [a]\n      until: 2027-01-01", "6:7", "did you mean 'tags'?"),
        ("specs: {files: []}", "3:1", "did you mean 'spec'?"),
        ("spec: {file: []}", "3:8", "did you mean 'files'?"),
        (f"spec:\n  default: {{tags: [a]}}\n  {RULES}", "4:3", "did you mean 'defaults'?"),
    ],
)
def test_schema_key_with_wrong_name_or_level_is_only_error(faults: Faults, text: str, place: str, words: str) -> None:
    head = "apiVersion: tagsync/v1\nkind: TagSet\n"
    if text.startswith("{"):
        head, text = "\n\n", f"{text[:-1]}, apiVersion: tagsync/v1, kind: TagSet}}"

    [found] = faults(f"{head}{text}\n")

    assert found[:2] == (place, "unknown-key")
    assert words in found[2]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("Policy", "guards: {}", "write spec: above it"),
        ("Policy", "spec:\n  removedTags: {above: 1}", "write guards: above it, and indent it to column 5"),
        ("Policy", "spec: {guard: {}}", "did you mean 'guards'?"),
        ("Vocabulary", "allowed: [a]", "write spec: above it"),
    ],
)
def test_schema_key_at_wrong_level_in_other_kinds(faults: Faults, kind: str, text: str, words: str) -> None:
    [found] = faults(f"apiVersion: tagsync/v1\nkind: {kind}\n{text}\n")

    assert words in found[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiversion: tagsync/v1\nkind: TagSet", "has 'apiversion' instead of apiVersion: rename the key"),
        ("apiVersion: tagsync/v1\nKind: TagSet", "has 'Kind' instead of kind: rename the key"),
        ("apiVersion: tagsync/v1\nfind: TagSet\nkind: x", "has kind 'x'"),
    ],
)
def test_schema_misspelled_first_keys_are_named(faults: Faults, text: str, words: str) -> None:
    [found] = faults(f"{text}\nspec: {{files: []}}\n")

    assert words in found[2]


CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus" / "manifest"
WRONG: tuple[Any, ...] = (None, True, 7, "", "x", [None], {"x": None})


def with_wrong_values(tree: Any) -> Iterator[Any]:
    """Yield copies of a tree in which one value, at any depth, is replaced by each of `WRONG`."""
    yield from WRONG
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        for changed in with_wrong_values(tree[key]):
            copy = tree.copy()
            copy[key] = changed
            yield copy


@pytest.mark.parametrize("name", ["entry", "match", "policy", "test"])
def test_schema_wrong_value_at_any_place_is_explained(name: str, tmp_path: Path) -> None:
    changed = tmp_path / "tags.yaml"
    trees = yaml.safe_load_all((CORPUS / f"{name}.yaml").read_text())
    wrong = [copy for tree in trees for copy in with_wrong_values(tree)]
    for tree in wrong:
        text = yaml.safe_dump(tree)
        changed.write_text(text.replace(": null", ":"))
        try:
            read_manifests([str(changed)], with_tests=True)
        except ManifestError as error:
            assert error.diagnostics, text  # noqa: PT017 - some of these values are valid
    assert len(wrong) > 100


def test_schema_skips_refused_value() -> None:
    tree = Map()
    tree["path"] = REFUSED

    assert list(errors("entry", tree, 0, {})) == []
    assert list(errors("entry", REFUSED, 0, {})) == []


@pytest.mark.parametrize(("tree", "valid"), [({"tags": ["x"]}, True), ({"path": "/x"}, False)])
def test_schema_has_definition_of_defaults(tree: Any, valid: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_valid("defaults", tree) is valid


def keywords(schema: Any) -> Iterator[str]:
    """Yield every keyword of a schema that can refuse a value."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in ("properties", "patternProperties", "$defs"):
            if keyword == "properties" and False in value.values():
                yield "oneOf"  # a selector that refuses a field is an error of the selector
            for inner in value.values():
                yield from keywords(inner)
        elif keyword in ("oneOf", "anyOf"):
            yield keyword
        elif keyword in ("items", "then"):
            yield from keywords(value)
        elif keyword == "allOf":
            yield "enum"  # an unknown kind; a known one has its own part of the schema
        elif keyword not in ("$schema", "$id", "$ref", "title", "description", "if"):
            yield keyword


def test_schema_keywords_all_have_explanations() -> None:
    # A keyword without an explanation would crash for the first user who meets it.
    assert set(keywords(schemas.load("manifest"))) == set(EXPLANATIONS)


def test_schema_errors_escape_and_cut_values(faults: Faults) -> None:
    [(_, _, message)] = faults(manifest(f'- path: "{"x" * 5000}\\e[31m"\n  tags: [x]'))
    [(_, _, key)] = faults(manifest('- path: /a\n  "a\\e[31mb": 1'))
    values = 'values: {a: {"b\\e[31mc": [5, 6]}}'
    [(_, _, name)] = faults(manifest("- path: /a\n  tags: [x]", spec=values))

    assert len(message) < 250
    assert "\x1b" not in message + key + name
    assert r"b\x1b[31mc is a list" in name
    assert "'a\\x1b[31mb'" in key


@pytest.mark.parametrize("key", ["endpoint", "key", "url", "proxy"])
def test_schema_has_no_endpoint(faults: Faults, key: str) -> None:
    line = f"{key}: https://elsewhere.example\n"
    texts = [
        line + manifest("- path: /a\n  tags: [x]"),
        f"metadata: {{{line.strip()}}}\n" + manifest("- path: /a\n  tags: [x]"),
        manifest("- path: /a\n  tags: [x]", spec=line),
        manifest(f"- path: /a\n  tags: [x]\n  {line}"),
        f"apiVersion: tagsync/v1\nkind: Policy\n{line}spec: {{guards: {{newTags: {{above: 1}}}}}}\n",
    ]
    assert [[code for _, code, _ in faults(text)] for text in texts] == [["unknown-key"]] * len(texts)
